//! AssumeRole, as <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html> has it.

use circle_core_common::ErrorKind;
use circle_core_protocol_aws_auth::{AwsCredentialsConfig, RoleBy, RoleConfig};
use circle_core_testkit::{Reply, Telemetry};

use crate::{ARN, CANARY, END, KEY, Machine, body, refusal, session};

fn role() -> AwsCredentialsConfig {
    AwsCredentialsConfig::Role(RoleConfig::new(ARN, AwsCredentialsConfig::Environment))
}

fn role_with(change: impl FnOnce(&mut RoleConfig)) -> AwsCredentialsConfig {
    let mut role = RoleConfig::new(ARN, AwsCredentialsConfig::Environment);
    change(&mut role);
    AwsCredentialsConfig::Role(role)
}

#[tokio::test]
async fn a_role_is_one_signed_form() {
    let machine = Machine::new(&KEY);
    machine.set("AWS_REGION", "eu-west-1");
    machine.canned.always(session("AssumeRole", "ASIAROLE"));
    assert_eq!(machine.load(&role()).await.unwrap(), format!("ASIAROLE {END}"));
    let request = machine.canned.received().remove(0);
    assert_eq!(machine.asked(), ["POST sts.eu-west-1.amazonaws.com/"]);
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        body(&request),
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader&\
         RoleSessionName=circle-core-946684800000"
    );
    let authorization = request.header("authorization").unwrap();
    let scope = "AWS4-HMAC-SHA256 Credential=AKIDENV/20000101/eu-west-1/sts/aws4_request, SignedHeaders=";
    assert!(authorization.starts_with(scope), "{authorization}");
    assert_eq!((request.header("x-amz-security-token"), request.header("traceparent")), (None, None));

    let machine = Machine::new(&KEY);
    machine.canned.always(session("AssumeRole", "ASIAROLE"));
    let config = role_with(|role| {
        role.by = RoleBy::Credentials(Box::new(AwsCredentialsConfig::Environment), Some("a b/ü".to_owned()));
        role.session_name = Some("nightly@acme".to_owned());
        role.session_duration = Some(std::time::Duration::from_secs(900));
        role.region = Some("ap-south-1".to_owned());
    });
    machine.load(&config).await.unwrap();
    assert_eq!(machine.asked(), ["POST sts.ap-south-1.amazonaws.com/"]);
    assert_eq!(
        body(&machine.canned.received()[0]),
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader&\
         RoleSessionName=nightly%40acme&DurationSeconds=900&ExternalId=a+b%2F%C3%BC"
    );
}

/// Which host, and which region the signature is for.
#[tokio::test]
async fn sts_is_asked_in_the_region_that_is_chosen() {
    let profile = "[profile r]\nrole_arn = arn:r\ncredential_source = Environment\nregion = eu-north-1\n";
    for (variables, more, host, region) in [
        (&[][..], "", "sts.eu-north-1.amazonaws.com", "eu-north-1"),
        (&[("AWS_DEFAULT_REGION", "us-west-1")], "", "sts.us-west-1.amazonaws.com", "us-west-1"),
        (&[("AWS_DEFAULT_REGION", "us-west-1"), ("AWS_REGION", "us-west-2")], "", "sts.us-west-2.amazonaws.com", "us-west-2"),
        (&[("AWS_REGION", "cn-north-1")], "", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        (&[], "sts_regional_endpoints = legacy", "sts.amazonaws.com", "us-east-1"),
        (&[], "sts_regional_endpoints = regional", "sts.eu-north-1.amazonaws.com", "eu-north-1"),
        (
            &[("AWS_REGION", "eu-south-2"), ("AWS_STS_REGIONAL_ENDPOINTS", "legacy")],
            "",
            "sts.eu-south-2.amazonaws.com",
            "eu-south-2",
        ),
        (&[], "endpoint_url = https://sts.example.org", "sts.example.org", "eu-north-1"),
        (
            &[("AWS_ENDPOINT_URL", "https://all.example.org")],
            "endpoint_url = https://sts.example.org",
            "all.example.org",
            "eu-north-1",
        ),
        (
            &[("AWS_ENDPOINT_URL", "https://all.example.org"), ("AWS_ENDPOINT_URL_STS", "https://sts.example.net:8443/")],
            "",
            "sts.example.net:8443",
            "eu-north-1",
        ),
        (
            &[("AWS_ENDPOINT_URL_STS", "https://sts.example.net"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
            "",
            "sts.eu-north-1.amazonaws.com",
            "eu-north-1",
        ),
    ] {
        let machine = Machine::new(&KEY);
        variables.iter().for_each(|(name, value)| machine.set(name, value));
        machine.write(crate::CONFIG, &format!("{profile}{more}"));
        machine.canned.always(session("AssumeRole", "ASIAROLE"));
        machine.load(&AwsCredentialsConfig::profile("r")).await.unwrap();
        assert_eq!(machine.asked(), [format!("POST {host}/")], "{variables:?} {more}");
        let request = machine.canned.received().remove(0);
        let scope = format!("/20000101/{region}/sts/aws4_request");
        assert!(request.header("authorization").unwrap().contains(&scope), "{variables:?} {more}");
    }
    // Without any region the global service is there.
    let machine = Machine::new(&KEY);
    machine.canned.always(session("AssumeRole", "ASIAROLE"));
    machine.load(&role()).await.unwrap();
    assert_eq!(machine.asked(), ["POST sts.amazonaws.com/"]);
}

#[tokio::test]
async fn an_address_that_may_not_be_asked_is_refused_before_anything_is_sent() {
    for (variable, value) in [
        ("AWS_ENDPOINT_URL_STS", "http://sts.example.org"),
        ("AWS_ENDPOINT_URL_STS", "https://169.254.169.254"),
        ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:4566"),
        ("AWS_ENDPOINT_URL_STS", "https://hunter2canary@sts.example.org"),
        ("AWS_ENDPOINT_URL", "ftp://sts.example.org"),
        ("AWS_REGION", "eu-west-1.example.org/"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "somewhere"),
    ] {
        let machine = Machine::new(&KEY);
        machine.set(variable, value);
        let error = machine.load(&role()).await.unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid), "{variable}={value}: {error}");
        assert_eq!(machine.canned.hits(), 0, "{variable}={value}");
    }
}

#[tokio::test]
async fn roles_of_profiles_are_assumed_one_by_the_other() {
    let machine = Machine::configured(
        "[profile app]\nrole_arn = arn:app\nsource_profile = hop\nregion = eu-west-1\nrole_session_name = app-session\n\
         [profile hop]\nrole_arn = arn:hop\nsource_profile = keys\nexternal_id = e1\nregion = us-west-2\n\
         [profile keys]\naws_access_key_id = AKIDKEYS\naws_secret_access_key = hunter2canary-of-keys\n",
    );
    machine.canned.script([session("AssumeRole", "ASIAHOP"), session("AssumeRole", "ASIAAPP")]);
    assert_eq!(machine.load(&AwsCredentialsConfig::profile("app")).await.unwrap(), format!("ASIAAPP {END}"));
    // In the region of the profile that was chosen.
    assert_eq!(machine.asked(), ["POST sts.eu-west-1.amazonaws.com/"; 2]);
    let [hop, app] = &machine.canned.received()[..] else { panic!() };
    assert!(hop.header("authorization").unwrap().contains("Credential=AKIDKEYS/"));
    assert!(body(hop).ends_with("&RoleArn=arn%3Ahop&RoleSessionName=circle-core-946684800000&ExternalId=e1"), "{}", body(hop));
    assert!(app.header("authorization").unwrap().contains("Credential=ASIAHOP/"));
    assert_eq!(app.header("x-amz-security-token"), Some("hunter2canary-token-of-ASIAHOP"));
    assert!(body(app).ends_with("&RoleArn=arn%3Aapp&RoleSessionName=app-session"), "{}", body(app));
}

#[tokio::test]
async fn a_session_is_kept_and_renewed_before_it_ends() {
    let machine = Machine::new(&KEY);
    machine.canned.always(session("AssumeRole", "ASIAROLE"));
    let cache = machine.cache(&role());
    for _ in 0..50 {
        machine.ask(&cache).await.unwrap();
    }
    assert_eq!(machine.canned.hits(), 1);
    machine.advance(3600);
    // What comes ends at the same time as what was there: it is none.
    let error = machine.ask(&cache).await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated) && machine.canned.hits() == 2, "{error}");
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_its_hits_and_shows_nothing() {
    let denied = "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: sts:AssumeRole";
    for (reply, kind, hits, says) in [
        (refusal(403, "AccessDenied", denied), ErrorKind::PermissionDenied, 1, denied),
        (
            refusal(403, "InvalidClientTokenId", "The security token is invalid."),
            ErrorKind::Unauthenticated,
            1,
            "token is invalid",
        ),
        (refusal(403, "SignatureDoesNotMatch", "No match."), ErrorKind::Unauthenticated, 1, "No match."),
        (refusal(400, "ExpiredTokenException", "It has expired."), ErrorKind::Unauthenticated, 1, "It has expired."),
        (refusal(400, "ValidationError", "DurationSeconds exceeds"), ErrorKind::ConfigInvalid, 1, "DurationSeconds exceeds"),
        (refusal(403, "RegionDisabledException", "STS is off here"), ErrorKind::ConfigInvalid, 1, "STS is off here"),
        (refusal(404, "SomethingNew", "It is not there"), ErrorKind::ConfigInvalid, 1, "It is not there"),
        (refusal(400, "Throttling", "Rate exceeded"), ErrorKind::RateLimited, 3, "Rate exceeded"),
        (refusal(503, "ServiceUnavailable", "Not now"), ErrorKind::Unavailable, 3, "Not now"),
        (refusal(403, "AccessDenied", "not hunter2canary-of-session"), ErrorKind::PermissionDenied, 1, "not REDACTED"),
        (Reply::redirect(307, "https://evil.example.net/"), ErrorKind::ConfigInvalid, 1, "307"),
        (Reply::xml("<AssumeRoleResponse><AssumeRoleResult>"), ErrorKind::Decode, 1, "it ends in the middle"),
        (Reply::json(r#"{"Token":"hunter2canary"}"#), ErrorKind::Decode, 1, "cannot be read"),
        (Reply::ok(""), ErrorKind::Decode, 1, "cannot be read"),
        (session("AssumeRole", "hunter2canary key"), ErrorKind::Decode, 1, "`AccessKeyId` is missing or has no such value"),
        (session("AssumeRoleWithSAML", "ASIA"), ErrorKind::Decode, 1, "`AssumeRoleResponse` is missing"),
        (Reply::xml("<a>").filled(300 * 1024), ErrorKind::InvalidInput, 1, "body"),
    ] {
        let (machine, telemetry) = (Machine::new(&KEY), Telemetry::new());
        machine.set("AWS_SESSION_TOKEN", "hunter2canary-of-session");
        machine.canned.always(reply);
        let error = telemetry.within(async { machine.load(&role()).await.unwrap_err() }).await;
        assert_eq!((error.kind(), machine.canned.hits()), (kind, hits), "{says}: {error}");
        assert!(error.message().starts_with("credentials from `role`: ") && error.message().contains(says), "{says}: {error}");
        assert!(!telemetry.text().contains(CANARY), "{}", telemetry.text());
        assert!(machine.asked().iter().all(|asked| asked == "POST sts.amazonaws.com/"));
    }
}

#[tokio::test]
async fn a_source_that_is_broken_is_named_within_the_role() {
    let machine = Machine::new(&KEY[..1]);
    let error = machine.load(&role()).await.unwrap_err();
    let half = "`AWS_ACCESS_KEY_ID` is set, but not `AWS_SECRET_ACCESS_KEY`";
    assert_eq!(error.message(), format!("credentials from `role`: credentials from `environment`: {half}"));
    assert_eq!(machine.canned.hits(), 0);
}

/// The service's moments are by its own clock.
#[tokio::test]
async fn an_end_is_told_by_the_clock_of_the_service() {
    for (date, end) in [
        ("Sat, 01 Jan 2000 00:02:00 GMT", Ok("2000-01-01T00:58:00Z")),
        ("Fri, 31 Dec 1999 23:57:00 GMT", Ok("2000-01-01T01:03:00Z")),
        ("Sat, 01 Jan 2000 00:20:00 GMT", Err(ErrorKind::ConfigInvalid)),
    ] {
        let machine = Machine::new(&KEY);
        machine.canned.always(session("AssumeRole", "ASIAROLE").header("date", date));
        match (machine.load(&role()).await, end) {
            (Ok(told), Ok(end)) => assert_eq!(told, format!("ASIAROLE {end}")),
            (Err(error), Err(kind)) => assert!(error.is(kind) && error.message().contains("clock"), "{error}"),
            (told, _) => panic!("{date}: {told:?}"),
        }
    }
}
