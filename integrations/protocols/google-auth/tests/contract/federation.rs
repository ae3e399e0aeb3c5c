//! Workload and workforce identity federation.

use circle_core_common::ErrorKind;
use circle_core_protocol_google_auth::GoogleCredentialsConfig;
use circle_core_testkit::Reply;
use serde_json::{Value, json};

use crate::{FILE, Machine, SCOPE, TOKEN, address, body, field, form};

const AUDIENCE: &str = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q";
pub(crate) const IMPERSONATE: &str =
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/robot@shop.iam.gserviceaccount.com:generateAccessToken";

pub(crate) fn account(credential_source: Value) -> Value {
    json!({
        "type": "external_account",
        "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "token_info_url": "https://sts.googleapis.com/v1/introspect",
        "credential_source": credential_source,
    })
}

#[tokio::test]
async fn a_token_in_a_file_is_exchanged_and_read_anew_each_time() {
    let machine = Machine::with(&account(json!({"file": "/run/token"})));
    machine.os.write("/run/token", "hunter2-one\n");
    machine.canned.at("/v1/token").always(Reply::json(TOKEN));
    assert_eq!(machine.token().await.unwrap(), "t1");
    let request = machine.canned.received().remove(0);
    assert_eq!((address(&request).as_str(), request.header("authorization")), ("sts.googleapis.com/v1/token", None));
    let fields: Vec<_> = form(&request).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        fields,
        [
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token=hunter2-one",
            "subject_token_type=urn:ietf:params:oauth:token-type:jwt",
            "requested_token_type=urn:ietf:params:oauth:token-type:access_token",
            &format!("scope={SCOPE}"),
            &format!("audience={AUDIENCE}"),
        ]
    );
    machine.os.write("/run/token", "hunter2-two");
    machine.token().await.unwrap();
    assert_eq!(field(&machine.canned.received()[1], "subject_token").as_deref(), Some("hunter2-two"));
}

#[tokio::test]
async fn a_token_comes_from_an_address_with_the_headers_that_the_file_says() {
    let source = json!({
        "url": "https://ci.example.org/token?audience=x",
        "headers": {"Authorization": "bearer hunter2", "X-Run": "7"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    });
    let machine = Machine::with(&account(source));
    machine.canned.when(|request| request.path() == "/token").always(Reply::json(r#"{"value":"s1","count":1}"#));
    machine.canned.at("/v1/token").always(Reply::json(TOKEN));
    machine.token().await.unwrap();
    let [fetched, exchanged] = &machine.canned.received()[..] else { panic!("two requests") };
    assert_eq!((&*fetched.method, address(fetched).as_str()), ("GET", "ci.example.org/token?audience=x"));
    assert_eq!((fetched.header("authorization"), fetched.header("x-run")), (Some("bearer hunter2"), Some("7")));
    assert_eq!(field(exchanged, "subject_token").as_deref(), Some("s1"));
}

#[tokio::test]
async fn a_client_of_a_workforce_pool_says_who_it_is_and_else_who_pays() {
    let mut file = account(json!({"file": "/run/token"}));
    file["workforce_pool_user_project"] = json!("123");
    let machine = Machine::with(&file);
    machine.os.write("/run/token", "s1");
    machine.canned.at("/v1/token").always(Reply::json(TOKEN));
    machine.token().await.unwrap();
    assert_eq!(field(&machine.canned.received()[0], "options").as_deref(), Some(r#"{"userProject":"123"}"#));

    file["client_id"] = json!("app");
    file["client_secret"] = json!("hunter2");
    machine.os.write(FILE, file.to_string());
    machine.token().await.unwrap();
    let request = machine.canned.received().remove(1);
    assert_eq!((request.header("authorization"), field(&request, "options")), (Some("Basic YXBwOmh1bnRlcjI="), None));
}

#[tokio::test]
async fn the_exchanged_token_may_only_lead_to_a_service_accounts() {
    let mut file = account(json!({"file": "/run/token"}));
    file["service_account_impersonation_url"] = json!(IMPERSONATE);
    file["service_account_impersonation"] = json!({"token_lifetime_seconds": 2800});
    let machine = Machine::with(&file);
    machine.os.write("/run/token", "s1");
    machine.canned.at("/v1/token").always(Reply::json(TOKEN));
    let answer = r#"{"accessToken":"acting","expireTime":"2000-01-01T00:46:40Z"}"#;
    machine.canned.when(|request| request.path().ends_with(":generateAccessToken")).always(Reply::json(answer));
    let lease = machine.load(&GoogleCredentialsConfig::file(FILE)).await.unwrap();
    assert_eq!(lease.expires_at(), Some("2000-01-01T00:46:40Z".parse().unwrap()));
    let [exchanged, acted] = &machine.canned.received()[..] else { panic!("two requests") };
    assert_eq!(field(exchanged, "scope").as_deref(), Some("https://www.googleapis.com/auth/iam"));
    assert_eq!(format!("https://{}", address(acted)), IMPERSONATE);
    assert_eq!((&*acted.method, acted.header("authorization")), ("POST", Some("Bearer t1")));
    assert_eq!(body(acted), format!(r#"{{"scope":["{SCOPE}"],"lifetime":"2800s"}}"#));
}

#[tokio::test]
async fn what_is_no_token_is_told_without_what_it_was() {
    let json_format = json!({"type": "json", "subject_token_field_name": "id"});
    for (source, content, says) in [
        (json!({"file": "/run/none"}), "", "the file `/run/none`, which `credential_source` names, is not there"),
        (json!({"file": "/run/token"}), " \n", "the file `/run/token` gave for a token is empty"),
        (json!({"file": "/run/token", "format": json_format}), "hunter2", "is not JSON"),
        (json!({"file": "/run/token", "format": json_format}), r#"{"other":"hunter2"}"#, "has no text `id`"),
        (json!({"file": "/run/token", "format": json_format}), r#"{"id":7,"x":"hunter2"}"#, "has no text `id`"),
    ] {
        let machine = Machine::with(&account(source));
        machine.os.write("/run/token", content);
        let error = machine.token().await.unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains(says), "{error}");
        assert!(!format!("{error:?}").contains("hunter2") && machine.canned.hits() == 0, "{error:?}");
    }
}

#[tokio::test]
async fn what_is_not_built_is_named() {
    for (source, says) in [
        (json!({"executable": {"command": "/bin/hunter2"}}), "runs a program (`executable`)"),
        (json!({"environment_id": "aws1", "url": "http://169.254.169.254/"}), "has AWS sign a request (`environment_id`)"),
        (json!({"certificate": {}}), "shows a certificate (`certificate`)"),
    ] {
        let error = Machine::with(&account(source)).token().await.unwrap_err();
        assert!(error.is(ErrorKind::Unsupported) && error.message().contains(says), "{error}");
        assert!(!error.message().contains("hunter2"));
    }
}
