//! Logins with a browser: what is sent, and what is believed of what comes back.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use circle_core_common::{ErrorKind, Result};
use circle_core_protocol_oidc::{
    AuthorizationServer, ClientAuth, Login, LoginRequest, LoginState, OAuthClient, OAuthError, OAuthErrorCode, TokenSet,
};
use circle_core_testkit::Reply;
use secrecy::{ExposeSecret, SecretString};

use crate::{CLIENT, ISSUER, Machine, endpoints, field};

const BACK: &str = "https://app.example.org/back";

fn parameters(login: &Login) -> BTreeMap<String, String> {
    let (_, query) = login.url.split_once('?').unwrap();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

async fn begun(client: &OAuthClient, machine: &Machine) -> Login {
    client.start_login(&machine.cx(), LoginRequest::new(BACK).scopes(["openid", "email"])).await.unwrap()
}

#[tokio::test]
async fn a_login_goes_out_with_state_nonce_and_challenge_and_the_code_is_redeemed_with_its_verifier() {
    let machine = Machine::new();
    machine.canned.at("/token").once(Reply::json(r#"{"access_token":"t"}"#));
    let client = machine.client(ClientAuth::public());
    let request = LoginRequest::new(BACK).scopes(["openid", "email"]).parameter("prompt", "login").parameter("state", "mine");
    let login = client.start_login(&machine.cx(), request.parameter("code_challenge_method", "plain")).await.unwrap();
    assert!(login.url.starts_with("https://login.example.org/authorize?response_type=code&client_id=app%3A1&"), "{}", login.url);
    let sent = parameters(&login);
    assert_eq!(sent.len(), 9, "nothing is there twice: {sent:?}");
    assert_eq!((&*sent["redirect_uri"], &*sent["scope"], &*sent["prompt"]), (BACK, "openid email", "login"));
    assert_eq!((sent["state"].len(), sent["nonce"].len(), &*sent["code_challenge_method"]), (43, 43, "S256"));
    assert!(sent["state"] != sent["nonce"] && sent["state"] == login.state.state.expose_secret());
    // As an application keeps it between two requests of its user.
    let kept = login.state.to_secret();
    let state = LoginState::from_secret(&kept).unwrap();
    client.finish_login(&machine.cx(), state, &format!("?code=c1&state={}", sent["state"])).await.unwrap();
    let request = machine.canned.received().remove(0);
    let of = |name: &str| field(&request, name).unwrap();
    assert_eq!((&*of("grant_type"), &*of("code"), &*of("redirect_uri")), ("authorization_code", "c1", BACK));
    let verifier = of("code_verifier");
    assert_eq!(verifier.len(), 43);
    assert_eq!(URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())), sent["code_challenge"]);
    assert!(!sent.values().any(|value| *value == verifier), "the verifier stays here");
}

#[tokio::test]
async fn no_two_logins_share_anything() {
    let machine = Machine::new();
    let client = machine.client(ClientAuth::public());
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let sent = parameters(&begun(&client, &machine).await);
        for name in ["state", "nonce", "code_challenge"] {
            assert!(seen.insert(sent[name].clone()));
        }
    }
}

async fn answered(iss_always: bool, callback: impl Fn(&str) -> String) -> (Result<TokenSet>, usize) {
    let machine = Machine::new();
    machine.canned.at("/token").always(Reply::json(r#"{"access_token":"t"}"#));
    let mut endpoints = endpoints();
    endpoints.authorization_response_iss_parameter_supported = iss_always;
    let server = AuthorizationServer::builder(ISSUER).endpoints(endpoints).build(&machine.build()).unwrap();
    let client = OAuthClient::new(server, CLIENT, ClientAuth::public());
    let login = begun(&client, &machine).await;
    let callback = callback(login.state.state.expose_secret());
    (client.finish_login(&machine.cx(), login.state, &callback).await, machine.canned.hits())
}

#[tokio::test]
async fn only_the_answer_to_this_very_login_is_redeemed() {
    type Made = fn(&str) -> String;
    let issuer = "https%3A%2F%2Flogin.example.org";
    let good: [(bool, Made); 3] = [
        (false, |state| format!("code=c&state={state}")),
        (false, |state| format!("?state={state}&code=c&session_state=x&iss=https%3A%2F%2Flogin.example.org")),
        (true, |state| format!("state={state}&code=c&iss=https%3A%2F%2Flogin.example.org")),
    ];
    for (always, callback) in good {
        let (result, hits) = answered(always, callback).await;
        assert!(result.is_ok() && hits == 1, "{result:?}");
    }
    let bad: [(bool, Made, ErrorKind); 14] = [
        (false, |_| "code=c".to_owned(), ErrorKind::Unauthenticated),
        (false, |_| "code=c&state=".to_owned(), ErrorKind::Unauthenticated),
        (false, |_| format!("code=c&state={}", "A".repeat(43)), ErrorKind::Unauthenticated),
        (false, |state| format!("code=c&state={}", &state[..42]), ErrorKind::Unauthenticated),
        (false, |state| format!("code=c&state={state}x"), ErrorKind::Unauthenticated),
        (false, |state| format!("code=c&state={state}&state={state}"), ErrorKind::InvalidInput),
        (false, |state| format!("code=c&code=d&state={state}"), ErrorKind::InvalidInput),
        (false, |state| format!("code=c&state={state}&iss=https%3A%2F%2Fevil.example.net"), ErrorKind::Unauthenticated),
        (false, |state| format!("code=c&state={state}&iss="), ErrorKind::Unauthenticated),
        (true, |state| format!("code=c&state={state}"), ErrorKind::Unauthenticated),
        (false, |state| format!("state={state}"), ErrorKind::InvalidInput),
        (false, |_| "error=access_denied".to_owned(), ErrorKind::Unauthenticated),
        (false, |state| format!("error=access_denied&state={state}"), ErrorKind::PermissionDenied),
        (false, |state| format!("code=c&state={state}&x={}", "y".repeat(20_000)), ErrorKind::InvalidInput),
    ];
    for (index, (always, callback, kind)) in bad.into_iter().enumerate() {
        let (result, hits) = answered(always, callback).await;
        let error = result.unwrap_err();
        assert_eq!((error.kind(), hits), (kind, 0), "{index}: {error}");
    }
    assert!(issuer.contains("login"));
}

#[tokio::test]
async fn what_the_server_refuses_is_told_and_cannot_break_a_line() {
    let (result, _) =
        answered(false, |state| format!("error=access_denied&error_description=No%0d%0aX%3A+y+%3Cb%3E%22%1b[31m&state={state}"))
            .await;
    let error = result.unwrap_err();
    let own = error.provider_error::<OAuthError>().unwrap();
    assert_eq!((&own.code, own.description.as_deref()), (&OAuthErrorCode::AccessDenied, Some("NoX: y <b>[31m")));
    assert!(!error.to_string().contains(char::is_control), "{error:?}");
}

#[tokio::test]
async fn a_login_of_another_server_is_not_finished_here() {
    let machine = Machine::new();
    let login = begun(&machine.client(ClientAuth::public()), &machine).await;
    let other = AuthorizationServer::builder("https://other.example.org").build(&machine.build()).unwrap();
    let state = login.state.state.expose_secret().to_owned();
    let client = OAuthClient::new(other, CLIENT, ClientAuth::public());
    let error = client.finish_login(&machine.cx(), login.state, &format!("code=c&state={state}")).await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated), "{error}");
    assert_eq!(machine.canned.hits(), 0);
}

#[tokio::test]
async fn nothing_prints_a_login() {
    let machine = Machine::new();
    let login = begun(&machine.client(ClientAuth::public()), &machine).await;
    let (sent, kept) = (parameters(&login), login.state.to_secret());
    let text = format!("{login:?} {kept:?} {:?}", LoginState::from_secret(&kept).unwrap());
    assert!(!sent.values().filter(|value| value.len() == 43).any(|value| text.contains(value)), "{text}");
    for text in ["", "{}", "null", "[\"hunter2\"]"] {
        let error = LoginState::from_secret(&SecretString::from(text)).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
