//! AssumeRoleWithWebIdentity, as <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html> has it.

use circle_core_common::ErrorKind;
use circle_core_protocol_aws_auth::{AwsCredentialsConfig, RoleConfig};
use circle_core_testkit::{Reply, Telemetry};

use crate::{ARN, CANARY, CONFIG, END, Machine, body, refusal, session};

const ACTION: &str = "AssumeRoleWithWebIdentity";

fn machine() -> Machine {
    let machine = Machine::new(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
        ("AWS_ROLE_ARN", ARN),
        ("AWS_ROLE_SESSION_NAME", "pod-7"),
        ("AWS_REGION", "eu-west-1"),
    ]);
    machine.write("/token", "hunter2canary.first-token\n");
    machine
}

#[tokio::test]
async fn a_token_is_exchanged_without_a_signature_and_read_anew_each_time() {
    let machine = machine();
    machine.canned.script([session(ACTION, "ASIA1"), session(ACTION, "ASIA2").header("x-ignored", "1")]);
    let cache = machine.cache(&AwsCredentialsConfig::DefaultChain);
    assert_eq!(machine.ask(&cache).await.unwrap(), format!("ASIA1 {END}"));
    // Kubernetes replaces the file while the process lives.
    machine.write("/token", "hunter2canary.second+/");
    let version = cache.get(&machine.cx()).await.unwrap().version();
    cache.invalidate(version);
    assert_eq!(machine.ask(&cache).await.unwrap(), format!("ASIA2 {END}"));
    assert_eq!(machine.asked(), ["POST sts.eu-west-1.amazonaws.com/"; 2]);
    let [first, second] = &machine.canned.received()[..] else { panic!() };
    assert_eq!(
        body(first),
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader&\
         RoleSessionName=pod-7&WebIdentityToken=hunter2canary.first-token"
    );
    assert!(body(second).ends_with("&WebIdentityToken=hunter2canary.second%2B%2F"), "{}", body(second));
    for request in [first, second] {
        assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!((request.header("authorization"), request.header("x-amz-date")), (None, None));
    }
}

#[tokio::test]
async fn the_config_and_a_profile_may_name_the_file_too() {
    let machine = machine();
    machine.canned.always(session(ACTION, "ASIAWEB"));
    let config = AwsCredentialsConfig::Role(RoleConfig::web_identity("arn:config", "~/token"));
    let error = machine.load(&config).await.unwrap_err();
    assert_eq!(error.message(), "credentials from `web identity`: the file `~/token`, which the config names, does not exist");
    machine.write("/ann/token", "hunter2canary.t");
    machine.load(&config).await.unwrap();
    machine.write(CONFIG, "[profile w]\nrole_arn = arn:profile\nweb_identity_token_file = /token\nduration_seconds = 900");
    machine.load(&AwsCredentialsConfig::profile("w")).await.unwrap();
    let [config, profile] = &machine.canned.received()[..] else { panic!() };
    assert!(body(config).contains("RoleArn=arn%3Aconfig&RoleSessionName=circle-core-"), "{}", body(config));
    assert!(
        body(profile).contains("RoleArn=arn%3Aprofile&") && body(profile).contains("&DurationSeconds=900&"),
        "{}",
        body(profile)
    );
}

#[tokio::test]
async fn what_is_half_configured_stops_the_chain() {
    for (machine, says) in [
        (
            Machine::new(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/none")]),
            "there is no file `/none`, which `AWS_WEB_IDENTITY_TOKEN_FILE` names",
        ),
        (
            {
                let machine = Machine::new(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")]);
                machine.write("/token", "hunter2canary");
                machine
            },
            "`AWS_WEB_IDENTITY_TOKEN_FILE` is set, but not `AWS_ROLE_ARN`",
        ),
        (
            {
                let machine = machine();
                machine.write("/token", " \n");
                machine
            },
            "the file `/token` is empty",
        ),
    ] {
        machine.write(CONFIG, "[default]\naws_access_key_id = AKIDKEYS\naws_secret_access_key = x");
        let error = machine.found().await.unwrap_err();
        assert_eq!(error.message(), format!("credentials from `workload identity`: {says}"));
        assert!(error.is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{error}");
    }
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_shows_no_token() {
    let echo = "the token hunter2canary.first-token is wrong";
    for (reply, kind, hits) in [
        (refusal(400, "InvalidIdentityToken", echo), ErrorKind::Unauthenticated, 1),
        (
            refusal(400, "ExpiredTokenException", "Token expired: current date/time 1 must be before 0"),
            ErrorKind::Unauthenticated,
            1,
        ),
        (refusal(403, "IDPRejectedClaim", echo), ErrorKind::Unauthenticated, 1),
        (refusal(400, "IDPCommunicationError", echo), ErrorKind::Unavailable, 3),
        (refusal(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"), ErrorKind::PermissionDenied, 1),
        (Reply::status(500).body("hunter2canary.first-token"), ErrorKind::Internal, 3),
        (Reply::xml("<AssumeRoleWithWebIdentityResponse>hunter2canary.first-token"), ErrorKind::Decode, 1),
        (Reply::redirect(308, "https://evil.example.net/"), ErrorKind::ConfigInvalid, 1),
    ] {
        let (machine, telemetry) = (machine(), Telemetry::new());
        machine.canned.always(reply);
        let error = telemetry.within(async { machine.found().await.unwrap_err() }).await;
        assert_eq!((error.kind(), machine.canned.hits()), (kind, hits), "{error}");
        assert!(error.message().starts_with("credentials from `workload identity`: "), "{error}");
        assert!(!telemetry.text().contains(CANARY), "{}", telemetry.text());
    }
}
