//! Logins whose ID tokens are verified, and what follows them.

use circle_core_common::ErrorKind;
use circle_core_protocol_oidc::{Algorithm, ClientAuth, LoginRequest, OpenIdClient, Session, TokenRefusal};
use circle_core_testkit::Reply;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::signing::{Keys, key_set, token};
use crate::{CLIENT, ISSUER, Machine, body};

fn id_token(machine: &Machine, changes: &[(&str, Value)]) -> String {
    let now = machine.environment.clock().timestamp().unix_seconds();
    let mut claims = json!({"iss": ISSUER, "aud": CLIENT, "sub": "ann", "exp": now + 300, "iat": now});
    for (name, value) in changes {
        claims[*name] = value.clone();
    }
    token(r#"{"alg":"ES256","kid":"P-256"}"#, &claims.to_string(), Algorithm::ES256)
}

fn client(machine: &Machine) -> OpenIdClient {
    machine.canned.at("/jwks").always(Reply::json(key_set(&[Keys::get().of(Algorithm::ES256).1.clone()])));
    OpenIdClient::new(machine.client(ClientAuth::public()), [Algorithm::ES256]).unwrap()
}

/// A login whose ID token says this beside what it has to.
async fn logged_in(machine: &Machine, client: &OpenIdClient, changes: &[(&str, Value)]) -> circle_core_common::Result<Session> {
    let login = client.start_login(&machine.cx(), LoginRequest::new("https://app.example.org/back")).await.unwrap();
    let query: Vec<(String, String)> =
        form_urlencoded::parse(login.url.split_once('?').unwrap().1.as_bytes()).into_owned().collect();
    let sent = |name: &str| query.iter().find(|(other, _)| other == name).unwrap().1.clone();
    assert_eq!(sent("scope"), "openid");
    let mut all = vec![("nonce", json!(sent("nonce")))];
    all.extend_from_slice(changes);
    let answer = json!({"access_token": "t1", "expires_in": 60, "refresh_token": "r1", "id_token": id_token(machine, &all)});
    machine.canned.at("/token").once(Reply::json(answer.to_string()));
    client.finish_login(&machine.cx(), login.state, &format!("code=c&state={}", sent("state"))).await
}

#[tokio::test]
async fn a_session_is_verified_refreshed_asked_about_and_ended() {
    let machine = Machine::new();
    let client = client(&machine);
    let session = logged_in(&machine, &client, &[("email", json!("ann@example.org"))]).await.unwrap();
    assert_eq!((session.subject(), session.claims().get("email").unwrap()), ("ann", &json!("ann@example.org")));

    machine.canned.at("/me").script([
        Reply::json(r#"{"sub":"ann","name":"Ann"}"#),
        Reply::json(r#"{"sub":"bob"}"#),
        Reply::json("{}"),
    ]);
    assert_eq!(client.user_info(&machine.cx(), &session).await.unwrap().get("name").unwrap(), "Ann");
    assert_eq!(machine.canned.received().pop().unwrap().header("authorization"), Some("Bearer t1"));
    for _ in 0..2 {
        let error = client.user_info(&machine.cx(), &session).await.unwrap_err();
        assert_eq!(error.provider_error::<TokenRefusal>(), Some(&TokenRefusal::Subject));
    }

    let answer =
        |id: Option<String>| Reply::json(json!({"access_token": "t2", "refresh_token": "r2", "id_token": id}).to_string());
    machine.canned.at("/token").script([
        answer(None),
        answer(Some(id_token(&machine, &[]))),
        answer(Some(id_token(&machine, &[("sub", json!("bob"))]))),
    ]);
    let session = client.refresh(&machine.cx(), &session).await.unwrap();
    assert_eq!((session.subject(), session.tokens().access_token.secret().expose_secret()), ("ann", "t2"));
    let session = client.refresh(&machine.cx(), &session).await.unwrap();
    assert_eq!(body(&machine.canned.received().pop().unwrap()), "grant_type=refresh_token&refresh_token=r2&client_id=app%3A1");
    assert!(client.refresh(&machine.cx(), &session).await.unwrap_err().is(ErrorKind::Unauthenticated), "another user");

    let url = client.logout_url(&machine.cx(), &session, Some("https://app.example.org/bye")).await.unwrap();
    let url = url.expose_secret();
    assert!(url.starts_with("https://login.example.org/logout?id_token_hint=ey"), "{url}");
    assert!(url.ends_with("&client_id=app%3A1&post_logout_redirect_uri=https%3A%2F%2Fapp.example.org%2Fbye"), "{url}");
    machine.canned.at("/revoke").once(Reply::status(200));
    client.revoke(&machine.cx(), session).await.unwrap();
    assert_eq!(body(&machine.canned.received().pop().unwrap()), "token=r2&token_type_hint=refresh_token&client_id=app%3A1");
}

#[tokio::test]
async fn a_login_with_a_wrong_id_token_is_none() {
    for (changes, why) in [
        (vec![("iss", json!("https://evil.example.net"))], TokenRefusal::Issuer),
        (vec![("aud", json!("another-app"))], TokenRefusal::Audience),
        (vec![("nonce", json!("of another login"))], TokenRefusal::Nonce),
        (vec![("exp", json!(1))], TokenRefusal::Expired),
        (vec![("at_hash", json!("of another token"))], TokenRefusal::AccessTokenHash),
    ] {
        let machine = Machine::new();
        let error = logged_in(&machine, &client(&machine), &changes).await.unwrap_err();
        assert_eq!(error.provider_error::<TokenRefusal>(), Some(&why), "{error}");
        assert!(!format!("{error:?}").contains("eyJ"), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_prints_a_session() {
    let machine = Machine::new();
    let session = logged_in(&machine, &client(&machine), &[]).await.unwrap();
    let text = format!("{session:?} {session:#?}");
    assert!(!text.contains("eyJ") && !text.contains("t1") && !text.contains("r1"), "{text}");
}
