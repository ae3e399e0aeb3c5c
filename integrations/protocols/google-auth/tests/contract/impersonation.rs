//! Files that say who acts as whom.

use circle_core_common::ErrorKind;
use circle_core_protocol_google_auth::GoogleCredentialsConfig;
use circle_core_testkit::Reply;
use serde_json::{Value, json};

use crate::federation::IMPERSONATE;
use crate::keys::{service_account, verified};
use crate::user::user;
use crate::{FILE, Machine, SCOPE, TOKEN, address, body, field};

fn impersonated(source: Value) -> Value {
    json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": IMPERSONATE,
        "delegates": ["projects/-/serviceAccounts/middle@shop.iam.gserviceaccount.com"],
        "source_credentials": source,
        "quota_project_id": "payer",
    })
}

fn machine(source: Value, answer: Reply) -> Machine {
    let machine = Machine::with(&impersonated(source));
    machine.canned.at("/token").always(Reply::json(TOKEN));
    machine.canned.when(|request| request.path().ends_with(":generateAccessToken")).always(answer);
    machine
}

#[tokio::test]
async fn a_user_acts_as_a_service_account() {
    let machine = machine(user(), Reply::json(r#"{"accessToken":"acting","expireTime":"2000-01-01T01:00:00Z"}"#));
    assert_eq!(machine.token().await.unwrap(), "acting");
    let [source, acted] = &machine.canned.received()[..] else { panic!("two requests") };
    assert_eq!((field(source, "grant_type").as_deref(), field(source, "scope")), (Some("refresh_token"), None));
    assert_eq!(format!("https://{}", address(acted)), IMPERSONATE);
    // Who pays for acting is whom the source says.
    assert_eq!((acted.header("authorization"), acted.header("x-goog-user-project")), (Some("Bearer t1"), Some("shop")));
    let sent = format!(
        r#"{{"delegates":["projects/-/serviceAccounts/middle@shop.iam.gserviceaccount.com"],"scope":["{SCOPE}"],"lifetime":"3600s"}}"#
    );
    assert_eq!(body(acted), sent);
}

#[tokio::test]
async fn a_service_account_asks_for_no_more_than_acting_needs() {
    let machine = machine(service_account(), Reply::json(r#"{"accessToken":"acting"}"#));
    let lease = machine.load(&GoogleCredentialsConfig::file(FILE)).await.unwrap();
    // Without an end it is no token for ever.
    assert_eq!(lease.expires_at(), Some("2000-01-01T00:05:00Z".parse().unwrap()));
    let assertion = field(&machine.canned.received()[0], "assertion").unwrap();
    let claims = verified(&machine, &assertion, "https://oauth2.googleapis.com/token").await;
    assert_eq!(claims.get("scope"), Some(&json!("https://www.googleapis.com/auth/iam")));
}

#[tokio::test]
async fn who_may_not_act_is_told_so() {
    let refusal = r#"{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied","status":"PERMISSION_DENIED"}}"#;
    let machine = machine(user(), Reply::json(refusal).with_status(403));
    let error = machine.token().await.unwrap_err();
    assert!(error.is(ErrorKind::PermissionDenied) && error.message().contains("getAccessToken"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_none_is_not_repeated() {
    for answer in [r#"{"accessToken":"hunter2\n"}"#, r#"{"accessToken":7,"x":"hunter2"}"#, "hunter2", r#"{"x":"hunter2"}"#] {
        let error = machine(user(), Reply::json(answer)).token().await.unwrap_err();
        assert!(error.is(ErrorKind::Decode) && !format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
