//! The default chain: which of several sources is taken.

use std::sync::Arc;

use circle_core_common::credentials::{ChainReport, LOAD};
use circle_core_common::http::{Auth, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{BuildContext, CallContext, CallOptions, ErrorKind};
use circle_core_protocol_aws_auth::{AwsCredentialsConfig, SigV4};
use circle_core_testkit::Reply;

use crate::{ARN, CONFIG, KEY, Machine, document, session};

/// Everything is there, in the order in which it is asked.
const PLACES: [&str; 5] = ["environment", "web identity", "profile", "container", "instance"];

fn machine(places: &[&str]) -> Machine {
    let machine = Machine::new(&[]);
    for place in places {
        match *place {
            "environment" => KEY.iter().for_each(|(name, value)| machine.set(name, value)),
            "web identity" => {
                machine.set("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
                machine.set("AWS_ROLE_ARN", ARN);
                machine.write("/token", "hunter2canary");
                machine.canned.at("/").always(session("AssumeRoleWithWebIdentity", "ASIAWEB"));
            }
            "profile" => machine.write(CONFIG, "[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = hunter2canary"),
            "container" => {
                machine.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/creds");
                machine.canned.at("/creds").always(document("ASIATASK"));
            }
            _ => {
                machine.canned.at("/latest/api/token").always(Reply::ok("hunter2canary"));
                machine.canned.at("/latest/meta-data/iam/security-credentials/").always(Reply::ok("r"));
                machine.canned.at("/latest/meta-data/iam/security-credentials/r").always(document("ASIAEC2"));
            }
        }
    }
    machine
}

#[tokio::test]
async fn the_first_that_is_configured_is_taken_and_no_other_is_asked() {
    let ids = ["AKIDENV", "ASIAWEB", "AKIDFILE", "ASIATASK", "ASIAEC2"];
    let hits = [0, 1, 0, 1, 3];
    for at in 0..PLACES.len() {
        let machine = machine(&PLACES[at..]);
        let found = machine.load(&AwsCredentialsConfig::DefaultChainWithInstance).await.unwrap();
        assert_eq!((found.split(' ').next().unwrap(), machine.canned.hits()), (ids[at], hits[at]), "{:?}", &PLACES[at..]);
    }
}

#[tokio::test]
async fn what_is_broken_stops_the_chain_and_is_named() {
    for (place, variable, value, link) in [
        ("environment", "AWS_SECRET_ACCESS_KEY", "", "environment"),
        ("web identity", "AWS_ROLE_ARN", "", "workload identity"),
        ("profile", "AWS_PROFILE", "none", "profile"),
        ("container", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "creds", "container"),
    ] {
        let at = PLACES.iter().position(|known| *known == place).unwrap();
        let machine = machine(&PLACES[at..]);
        machine.set(variable, value);
        let error = machine.load(&AwsCredentialsConfig::DefaultChainWithInstance).await.unwrap_err();
        assert!(
            error.is(ErrorKind::ConfigInvalid) && error.message().starts_with(&format!("credentials from `{link}`: ")),
            "{error}"
        );
        assert_eq!(error.provider_error::<ChainReport>().unwrap().links().last().unwrap().0, link);
        assert_eq!(machine.canned.hits(), 0, "{link}");
    }
}

#[tokio::test]
async fn a_refusal_of_one_link_is_not_answered_by_the_next() {
    let machine = machine(&PLACES[1..]);
    machine.canned.reset();
    machine.canned.always(crate::refusal(403, "AccessDenied", "No."));
    let error = machine.load(&AwsCredentialsConfig::DefaultChainWithInstance).await.unwrap_err();
    assert!(error.is(ErrorKind::PermissionDenied) && machine.canned.hits() == 1, "{error}");
}

#[tokio::test]
async fn a_thousand_callers_cause_one_exchange() {
    let machine = machine(&["web identity"]);
    let cache = machine.cache(&AwsCredentialsConfig::DefaultChain);
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let (cache, cx) = (cache.clone(), machine.cx());
        waiting.spawn(async move { cache.get(&cx).await.map(|lease| lease.access_key_id().to_owned()) });
    }
    for found in waiting.join_all().await {
        assert_eq!(found.unwrap(), "ASIAWEB");
    }
    assert_eq!(machine.canned.hits(), 1);
}

#[tokio::test]
async fn a_key_that_a_service_refuses_is_fetched_anew_and_the_request_repeated() {
    let machine = machine(&["web identity"]);
    machine.canned.reset();
    machine
        .canned
        .when(|request| request.header("host") == Some("sts.amazonaws.com"))
        .script([session("AssumeRoleWithWebIdentity", "ASIAFIRST"), session("AssumeRoleWithWebIdentity", "ASIASECOND")]);
    let refused = Reply::json(r#"{"code":"ExpiredToken","message":"The provided token has expired."}"#).with_status(403);
    machine.canned.at("/report").script([refused, Reply::ok("content")]);
    let cx = BuildContext::new(machine.environment.clone(), "files");
    let signer = SigV4::s3(machine.cache(&AwsCredentialsConfig::DefaultChain), "eu-west-1");
    let http = cx.http(cx.origin("https://files.example.org").unwrap()).auth(Auth::custom(signer)).build();
    static GET: RemoteOperation = RemoteOperation::new("files.Get", Idempotency::Safe, "/{name}");
    let answer = http.send(&machine.cx(), &GET, Request::get(http.target("/report"))).await.unwrap();
    assert_eq!(&answer.body[..], b"content");
    let sts = "POST sts.amazonaws.com/";
    assert_eq!(machine.asked(), [sts, "GET files.example.org/report", sts, "GET files.example.org/report"]);
    let last = machine.canned.received().remove(3);
    assert!(last.header("authorization").unwrap().contains("Credential=ASIASECOND/"));
    assert_eq!(last.header("x-amz-security-token"), Some("hunter2canary-token-of-ASIASECOND"));
}

#[tokio::test]
async fn tenants_share_what_is_the_machines() {
    for config in
        [AwsCredentialsConfig::DefaultChain, AwsCredentialsConfig::DefaultChainWithInstance, AwsCredentialsConfig::Container]
    {
        let machine = machine(&["container", "instance"]);
        let cache = machine.cache(&config);
        for tenant in ["a", "b", "c"] {
            let options = Some(Arc::new(CallOptions::new().tenant(tenant)));
            cache.get(&CallContext::new(&machine.environment, &LOAD, options)).await.unwrap();
        }
        assert_eq!(machine.canned.hits(), 1, "{config:?}");
    }
}
