//! Credentials of containers: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>.

use circle_core_common::ErrorKind;
use circle_core_protocol_aws_auth::AwsCredentialsConfig;
use circle_core_testkit::{Reply, Telemetry};

use crate::{CANARY, CONFIG, END, Machine, body, document, session};

const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

#[tokio::test]
async fn ecs_is_asked_for_the_path_that_it_names() {
    let machine = Machine::new(&[(RELATIVE, "/v2/credentials/b0f5?id=1"), (FULL, "https://example.org/other")]);
    machine.canned.always(document("ASIATASK"));
    assert_eq!(machine.found().await.unwrap(), format!("ASIATASK {END}"));
    assert_eq!(machine.asked(), ["GET 169.254.170.2/v2/credentials/b0f5?id=1"]);
    let request = machine.canned.received().remove(0);
    assert_eq!((request.header("accept"), request.header("authorization")), (Some("application/json"), None));
}

#[tokio::test]
async fn a_full_address_is_asked_with_its_token_which_is_read_anew_each_time() {
    let machine =
        Machine::new(&[(FULL, "http://169.254.170.23/v1/credentials"), (TOKEN_FILE, "/token"), (TOKEN, "hunter2canary-plain")]);
    machine.write("/token", "hunter2canary-1\n");
    machine.canned.always(document("ASIAPOD"));
    let cache = machine.cache(&AwsCredentialsConfig::Container);
    machine.ask(&cache).await.unwrap();
    machine.write("/token", "Bearer hunter2canary-2");
    cache.invalidate(cache.get(&machine.cx()).await.unwrap().version());
    machine.ask(&cache).await.unwrap();
    assert_eq!(machine.asked(), ["GET 169.254.170.23/v1/credentials"; 2]);
    let sent: Vec<_> =
        machine.canned.received().iter().map(|request| request.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, ["hunter2canary-1", "Bearer hunter2canary-2"]);

    let machine = Machine::new(&[(FULL, "https://creds.example.org?a=b"), (TOKEN, "hunter2canary-plain")]);
    machine.canned.always(document("ASIAPOD"));
    machine.found().await.unwrap();
    assert_eq!(machine.asked(), ["GET creds.example.org/?a=b"]);
    assert_eq!(machine.canned.received()[0].header("authorization"), Some("hunter2canary-plain"));
}

#[tokio::test]
async fn only_what_may_be_asked_is_asked() {
    for (url, host) in [
        ("https://creds.example.org/a", Some("creds.example.org")),
        ("https://10.1.2.3/a", Some("10.1.2.3")),
        ("https://127.0.0.1:8443/a", Some("127.0.0.1:8443")),
        ("http://127.0.0.1:51679/a", Some("127.0.0.1:51679")),
        ("http://127.9.9.9/a", Some("127.9.9.9")),
        ("http://localhost:1/a", Some("localhost:1")),
        ("http://[::1]/a", Some("[::1]")),
        ("HTTP://169.254.170.2/a", Some("169.254.170.2")),
        ("http://169.254.170.23/a", Some("169.254.170.23")),
        ("http://[fd00:ec2::23]/a", Some("[fd00:ec2::23]")),
        ("http://[fd00:ec2:0:0::23]:80/a", Some("[fd00:ec2::23]")),
        ("http://creds.example.org/a", None),
        ("http://10.1.2.3/a", None),
        ("http://1.1.1.1/a", None),
        ("http://0.0.0.0/a", None),
        ("http://169.254.169.254/a", None),
        ("http://169.254.170.3/a", None),
        ("http://169.254.170.2.example.org/a", None),
        ("http://169.254.170.2@example.org/a", None),
        ("http://2852039170/a", None),
        ("http://[fd00:ec2::254]/a", None),
        ("http://metadata/a", None),
        ("https://169.254.169.254/a", None),
        ("https://user:hunter2canary@example.org/a", None),
        ("ftp://127.0.0.1/a", None),
        ("127.0.0.1/a", None),
        ("/a", None),
        ("https://example.org/a#b", None),
        ("https://example.org/a b", None),
        ("https://example.org\\a", None),
        ("https://", None),
    ] {
        let machine = Machine::new(&[(FULL, url), (TOKEN, "hunter2canary")]);
        machine.canned.always(document("ASIA"));
        match (machine.found().await, host) {
            (Ok(_), Some(host)) => assert_eq!(machine.canned.received()[0].header("host"), Some(host), "{url}"),
            (Err(error), None) => {
                assert!(error.is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{url}: {error}");
                assert!(error.message().starts_with("credentials from `container`: "), "{url}: {error}");
            }
            (found, _) => panic!("{url}: {found:?}"),
        }
    }
    for path in ["v2/credentials", "//example.org/a", "/a b", "/a#b", "/\\example.org", "http://example.org/"] {
        let machine = Machine::new(&[(RELATIVE, path)]);
        assert!(machine.found().await.unwrap_err().is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{path}");
    }
}

#[tokio::test]
async fn a_profile_may_take_its_role_with_them() {
    let machine = Machine::new(&[(RELATIVE, "/creds"), ("AWS_REGION", "eu-west-1")]);
    machine.write(CONFIG, "[default]\nrole_arn = arn:r\ncredential_source = EcsContainer");
    machine.canned.script([document("ASIATASK"), session("AssumeRole", "ASIAROLE")]);
    assert_eq!(machine.found().await.unwrap(), format!("ASIAROLE {END}"));
    assert_eq!(machine.asked(), ["GET 169.254.170.2/creds", "POST sts.eu-west-1.amazonaws.com/"]);
    let role = machine.canned.received().remove(1);
    assert!(role.header("authorization").unwrap().contains("Credential=ASIATASK/") && body(&role).contains("arn%3Ar"));
    let machine = Machine::configured("[default]\nrole_arn = arn:r\ncredential_source = EcsContainer");
    let error = machine.found().await.unwrap_err();
    assert!(error.message().contains("the profile `default` names a credential source that gives nothing: neither "), "{error}");
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_shows_nothing() {
    for (reply, kind, hits, says) in [
        (
            Reply::json(r#"{"code":"Forbidden","message":"not hunter2canary-plain"}"#).with_status(403),
            ErrorKind::PermissionDenied,
            1,
            "REDACTED",
        ),
        (Reply::status(401), ErrorKind::Unauthenticated, 1, "401"),
        (Reply::status(404), ErrorKind::ConfigInvalid, 1, "404"),
        (Reply::status(400).body("hunter2canary-plain"), ErrorKind::ConfigInvalid, 1, "400"),
        (Reply::status(500), ErrorKind::Internal, 3, "500"),
        (Reply::json(r#"{"Code":"Failed","Message":"busy"}"#), ErrorKind::Unavailable, 1, "says Failed: busy"),
        (Reply::json(r#"{"AccessKeyId":"ASIA","SecretAccessKey":"hunter2canary"}"#), ErrorKind::Decode, 1, "has no `Token`"),
        (Reply::json("hunter2canary"), ErrorKind::Decode, 1, "cannot be read as JSON"),
        (Reply::redirect(301, "https://evil.example.net/"), ErrorKind::ConfigInvalid, 1, "301"),
    ] {
        let (machine, telemetry) = (Machine::new(&[(RELATIVE, "/c"), (TOKEN, "hunter2canary-plain")]), Telemetry::new());
        machine.canned.always(reply);
        let error = telemetry.within(async { machine.found().await.unwrap_err() }).await;
        assert_eq!((error.kind(), machine.canned.hits()), (kind, hits), "{says}: {error}");
        assert!(
            error.message().starts_with("credentials from `container`: ") && error.message().contains(says),
            "{says}: {error}"
        );
        assert!(!telemetry.text().contains(CANARY), "{}", telemetry.text());
    }
    for (variable, value) in [(TOKEN_FILE, "/none"), (TOKEN, "hunter2canary\nx: y"), (TOKEN, "hunter2canaryü")] {
        let machine = Machine::new(&[(RELATIVE, "/c"), (variable, value)]);
        let error = machine.found().await.unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{error}");
    }
}
