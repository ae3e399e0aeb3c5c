//! Logins on another device, by RFC 8628.

use std::time::Duration;

use circle_core_common::ErrorKind;
use circle_core_protocol_oidc::{ClientAuth, DeviceLogin, DeviceRequest, OAuthClient, OAuthError, OAuthErrorCode};
use circle_core_testkit::Reply;
use secrecy::ExposeSecret;

use crate::{Machine, body};

const PENDING: &str = r#"{"error":"authorization_pending"}"#;

async fn begun(machine: &Machine, more: &str) -> (OAuthClient, DeviceLogin) {
    let answer =
        format!(r#"{{"device_code":"hunter2","user_code":"WDJB-MJHT","verification_uri":"https://login.example.org/d"{more}}}"#);
    machine.canned.at("/device").once(Reply::json(answer));
    let client = machine.client(ClientAuth::public());
    let login = client.start_device(&machine.cx(), DeviceRequest::new().scopes(["a", "b"])).await.unwrap();
    (client, login)
}

fn refusal(code: &str) -> Reply {
    Reply::json(format!(r#"{{"error":"{code}"}}"#)).with_status(400)
}

fn elapsed(machine: &Machine) -> Duration {
    machine.environment.clock().now().since_start()
}

#[tokio::test]
async fn the_server_is_asked_as_often_as_it_wants() {
    let machine = Machine::jumping();
    let (client, login) =
        begun(&machine, r#","expires_in":1800,"interval":7,"verification_uri_complete":"https://x.example/d?c=1""#).await;
    assert_eq!((&*login.user_code, &*login.verification_uri), ("WDJB-MJHT", "https://login.example.org/d"));
    assert_eq!(login.verification_uri_complete.as_deref(), Some("https://x.example/d?c=1"));
    assert!(!format!("{login:?}").contains("hunter2"));
    let token = Reply::json(r#"{"access_token":"t","expires_in":60}"#);
    let pending = || Reply::json(PENDING).with_status(400);
    machine.canned.at("/token").script([pending(), refusal("slow_down"), pending(), refusal("slow_down"), token]);
    let tokens = client.finish_device(&machine.cx(), login).await.unwrap();
    assert_eq!(tokens.access_token.secret().expose_secret(), "t");
    // 7, 7, 12, 12, 17: five more for each `slow_down`, from then on.
    assert_eq!(elapsed(&machine), Duration::from_secs(7 + 7 + 12 + 12 + 17));
    let requests = machine.canned.received();
    assert_eq!(body(&requests[0]), "scope=a+b&client_id=app%3A1");
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=hunter2&client_id=app%3A1";
    assert_eq!((requests.len(), body(&requests[1])), (6, grant));
}

#[tokio::test]
async fn no_interval_is_five_seconds_and_nothing_is_asked_after_the_end() {
    let machine = Machine::jumping();
    let (client, login) = begun(&machine, r#","expires_in":"23""#).await;
    machine.canned.at("/token").always(Reply::json(PENDING).with_status(400));
    let error = client.finish_device(&machine.cx(), login).await.unwrap_err();
    assert_eq!(error.provider_error::<OAuthError>().unwrap().code, OAuthErrorCode::ExpiredToken);
    // After 5, 10, 15 and 20 s; at 25 s it is over.
    assert_eq!(machine.canned.hits(), 1 + 4);
}

#[tokio::test]
async fn a_decision_ends_it() {
    for (code, kind) in [
        ("access_denied", ErrorKind::PermissionDenied),
        ("expired_token", ErrorKind::Unauthenticated),
        ("invalid_grant", ErrorKind::Unauthenticated),
    ] {
        let machine = Machine::jumping();
        let (client, login) = begun(&machine, "").await;
        machine.canned.at("/token").script([Reply::json(PENDING).with_status(400), refusal(code)]);
        let error = client.finish_device(&machine.cx(), login).await.unwrap_err();
        assert_eq!((error.kind(), machine.canned.hits()), (kind, 3), "{code}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_asked_less_and_less_often() {
    let machine = Machine::jumping();
    let (client, login) = begun(&machine, r#","expires_in":1800"#).await;
    let token = Reply::json(r#"{"access_token":"t"}"#);
    machine.canned.at("/token").script([Reply::status(503), Reply::hang_up(), token]);
    client.finish_device(&machine.cx(), login).await.unwrap();
    assert_eq!(elapsed(&machine), Duration::from_secs(5 + 10 + 20));
}
