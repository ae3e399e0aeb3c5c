//! Sign-in by IAM Identity Center: <https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html> and
//! <https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html>.

use circle_core_common::ErrorKind;
use circle_core_protocol_aws_auth::AwsCredentialsConfig;
use circle_core_testkit::{Reply, Telemetry};
use serde_json::{Value, json};

use crate::{CANARY, END, Machine, body, session};

const PROFILE: &str = "[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Read Only\n\
                       [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n";
/// Named by the SHA-1 of `corp`.
const CACHE: &str = "/ann/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
const PORTAL: &str =
    "GET portal.sso.eu-west-1.amazonaws.com/federation/credentials?account_id=123456789012&role_name=Read%20Only";
const OIDC: &str = "POST oidc.eu-west-1.amazonaws.com/token";

fn credentials() -> Reply {
    Reply::json(format!(
        r#"{{"roleCredentials":{{"accessKeyId":"ASIASSO","secretAccessKey":"{CANARY}-s","sessionToken":"{CANARY}-t","expiration":946688400000}}}}"#
    ))
}

/// A machine whose user has signed in until then.
fn machine(token: Value) -> Machine {
    let machine = Machine::configured(PROFILE);
    machine.write(CACHE, &token.to_string());
    machine
}

fn token(end: &str) -> Value {
    json!({
        "startUrl": "https://corp.awsapps.com/start",
        "region": "eu-west-1",
        "accessToken": "hunter2canary-first",
        "expiresAt": end,
    })
}

fn refreshable(end: &str) -> Value {
    let mut token = token(end);
    token["refreshToken"] = "hunter2canary-refresh".into();
    token["clientId"] = "client-1".into();
    token["clientSecret"] = "hunter2canary-client".into();
    token["registrationExpiresAt"] = "2000-03-01T00:00:00Z".into();
    token["somethingNew"] = json!({"kept": true});
    token
}

fn dev() -> AwsCredentialsConfig {
    AwsCredentialsConfig::profile("dev")
}

#[tokio::test]
async fn the_token_of_the_sign_in_gets_the_credentials_of_the_role() {
    let machine = machine(token("2000-01-01T08:00:00Z"));
    machine.canned.always(credentials());
    assert_eq!(machine.load(&dev()).await.unwrap(), format!("ASIASSO {END}"));
    assert_eq!(machine.asked(), [PORTAL]);
    let request = machine.canned.received().remove(0);
    assert_eq!(request.header("x-amz-sso_bearer_token"), Some("hunter2canary-first"));
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn older_profiles_name_no_session_and_may_be_the_source_of_a_role() {
    let machine = Machine::configured(
        "[default]\nrole_arn = arn:r\nsource_profile = old\nregion = eu-central-1\n\
         [profile old]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\n\
         sso_role_name = Read Only\n",
    );
    // Named by the SHA-1 of the start address, with an end as old tools wrote it.
    let path = "/ann/.aws/sso/cache/a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json";
    machine.write(path, &token("2000-01-01T08:00:00UTC").to_string());
    machine.canned.script([credentials(), session("AssumeRole", "ASIAROLE")]);
    assert_eq!(machine.found().await.unwrap(), format!("ASIAROLE {END}"));
    assert_eq!(machine.asked(), [PORTAL, "POST sts.eu-central-1.amazonaws.com/"]);
    let role = machine.canned.received().remove(1);
    assert!(role.header("authorization").unwrap().contains("Credential=ASIASSO/"));
    assert_eq!(role.header("x-amz-security-token"), Some("hunter2canary-t"));
}

#[tokio::test]
async fn a_token_that_ends_is_refreshed_and_kept_where_the_tools_look() {
    for end in ["2000-01-01T00:04:59Z", "1999-12-31T23:00:00Z"] {
        let machine = machine(refreshable(end));
        machine.canned.at("/token").always(Reply::json(
            r#"{"accessToken":"hunter2canary-second","tokenType":"Bearer","refreshToken":"hunter2canary-next","expiresIn":28800}"#,
        ));
        machine.canned.at("/federation/credentials").always(credentials());
        assert_eq!(machine.load(&dev()).await.unwrap(), format!("ASIASSO {END}"));
        assert_eq!(machine.asked(), [OIDC, PORTAL]);
        let [refresh, portal] = &machine.canned.received()[..] else { panic!() };
        assert_eq!(refresh.header("content-type"), Some("application/json"));
        assert_eq!(
            serde_json::from_str::<Value>(body(refresh)).unwrap(),
            json!({
                "clientId": "client-1",
                "clientSecret": "hunter2canary-client",
                "grantType": "refresh_token",
                "refreshToken": "hunter2canary-refresh",
            })
        );
        assert_eq!(portal.header("x-amz-sso_bearer_token"), Some("hunter2canary-second"));
        let mut kept = refreshable("2000-01-01T08:00:00Z");
        kept["accessToken"] = "hunter2canary-second".into();
        kept["refreshToken"] = "hunter2canary-next".into();
        assert_eq!(serde_json::from_str::<Value>(&machine.file(CACHE)).unwrap(), kept);
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_refreshed_is_used_to_its_end() {
    let refused =
        Reply::json(r#"{"error":"invalid_grant","error_description":"No such hunter2canary-refresh"}"#).with_status(400);
    let machine = machine(refreshable("2000-01-01T00:04:00Z"));
    machine.canned.at("/token").always(refused.clone());
    machine.canned.at("/federation/credentials").always(credentials());
    machine.load(&dev()).await.unwrap();
    assert_eq!(machine.asked(), [OIDC, PORTAL]);
    assert_eq!(machine.canned.received()[1].header("x-amz-sso_bearer_token"), Some("hunter2canary-first"));

    // Another process was faster: what it has kept is taken.
    let machine = self::machine(refreshable("1999-12-31T23:00:00Z"));
    let (system, next) = (machine.system.clone(), refreshable("2000-01-01T08:00:00Z"));
    machine.canned.at("/token").always_with(move |_| {
        let mut next = next.clone();
        next["accessToken"] = "hunter2canary-theirs".into();
        system.state().files.insert(CACHE.to_owned(), next.to_string());
        refused.clone()
    });
    machine.canned.at("/federation/credentials").always(credentials());
    machine.load(&dev()).await.unwrap();
    assert_eq!(machine.canned.received()[1].header("x-amz-sso_bearer_token"), Some("hunter2canary-theirs"));
}

#[tokio::test]
async fn a_sign_in_that_has_ended_says_what_to_run() {
    let mut unregistered = refreshable("1999-12-31T23:00:00Z");
    unregistered["registrationExpiresAt"] = "1999-12-31T23:00:00Z".into();
    for kept in [token("1999-12-31T23:00:00Z"), token("2000-01-01T00:00:00Z"), token("soon"), json!({}), unregistered] {
        let machine = machine(kept);
        let error = machine.load(&dev()).await.unwrap_err();
        assert!(error.is(ErrorKind::Unauthenticated) && machine.canned.hits() == 0, "{error}");
        let says = "credentials from `profile dev`: the profile `dev`: run `aws sso login --profile dev`: the sign-in has ended";
        assert_eq!(error.message(), says);
    }
    let machine = Machine::configured(PROFILE);
    let error = machine.load(&dev()).await.unwrap_err();
    assert!(error.message().ends_with("run `aws sso login --profile dev`: nobody has signed in"), "{error}");
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_shows_nothing() {
    let gone =
        |status, code: &str| Reply::json(format!(r#"{{"message":"It is {code} of hunter2canary-first"}}"#)).with_status(status);
    for (reply, kind, hits, says) in [
        (gone(401, "UnauthorizedException"), ErrorKind::Unauthenticated, 1, "run `aws sso login --profile dev`: "),
        (gone(403, "ForbiddenException"), ErrorKind::PermissionDenied, 1, "It is ForbiddenException"),
        (gone(404, "ResourceNotFoundException"), ErrorKind::ConfigInvalid, 1, "It is ResourceNotFoundException"),
        (gone(400, "InvalidRequestException"), ErrorKind::ConfigInvalid, 1, "It is InvalidRequestException"),
        (gone(429, "TooManyRequestsException"), ErrorKind::RateLimited, 3, "It is TooManyRequestsException"),
        (Reply::status(503), ErrorKind::Unavailable, 3, "503"),
        (Reply::json(r#"{"roleCredentials":{"accessKeyId":"hunter2canary"#), ErrorKind::Decode, 1, "the syntax is wrong"),
        (Reply::json(r#"{"roleCredentials":{"accessKeyId":"ASIA"}}"#), ErrorKind::Decode, 1, "a value is missing"),
        (
            Reply::json(
                r#"{"roleCredentials":{"accessKeyId":"ASIA","secretAccessKey":"hunter2canary","sessionToken":"","expiration":1}}"#,
            ),
            ErrorKind::Decode,
            1,
            "has no `secretAccessKey`",
        ),
        (Reply::redirect(302, "https://evil.example.net/"), ErrorKind::ConfigInvalid, 1, "302"),
    ] {
        let (machine, telemetry) = (machine(token("2000-01-01T08:00:00Z")), Telemetry::new());
        machine.canned.always(reply);
        let error = telemetry.within(async { machine.load(&dev()).await.unwrap_err() }).await;
        assert_eq!((error.kind(), machine.canned.hits()), (kind, hits), "{says}: {error}");
        assert!(error.message().contains(says), "{says}: {error}");
        assert!(!telemetry.text().contains(CANARY), "{}", telemetry.text());
    }
    // Neither file nor region lead elsewhere.
    for (config, kept) in [
        (PROFILE.to_owned(), r#"{"accessToken":"hunter2canary"#.to_owned()),
        (PROFILE.replace("eu-west-1", "evil.example.net/"), token("2000-01-01T08:00:00Z").to_string()),
        (PROFILE.to_owned(), token("2000-01-01T08:00:00Z").to_string().replace("-first", "\\n")),
    ] {
        let machine = Machine::configured(&config);
        machine.write(CACHE, &kept);
        let error = machine.load(&dev()).await.unwrap_err();
        assert!(!error.is_retryable() && machine.canned.hits() == 0, "{error}");
    }
}

#[tokio::test]
async fn a_refresh_that_fails_for_now_is_told_as_such() {
    let machine = machine(refreshable("1999-12-31T23:00:00Z"));
    machine.canned.always(Reply::status(503));
    let error = machine.load(&dev()).await.unwrap_err();
    assert!(error.is(ErrorKind::Unavailable) && error.is_retryable(), "{error}");
    // The refresh token may be good for one use: an answer that is lost is not asked for again.
    let machine = self::machine(refreshable("1999-12-31T23:00:00Z"));
    machine.canned.always(Reply::hang_up());
    assert!(machine.load(&dev()).await.is_err());
    assert_eq!(machine.asked(), [OIDC]);
}
