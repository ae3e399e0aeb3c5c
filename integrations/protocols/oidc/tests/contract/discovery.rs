//! What a server says of itself is believed only where it may say so.

use circle_core_common::{BuildContext, ErrorKind};
use circle_core_protocol_oidc::{AuthorizationServer, ClientAuth, ClientCredentials, Endpoints, OAuthClient};
use circle_core_testkit::Reply;

use crate::{CLIENT, ISSUER, Machine};

const DESCRIPTION: &str = "/.well-known/openid-configuration";

fn description(issuer: &str, token: &str, jwks: &str) -> String {
    format!(r#"{{"issuer":"{issuer}","token_endpoint":"{token}","jwks_uri":"{jwks}","other":[1]}}"#)
}

async fn token(machine: &Machine, server: AuthorizationServer) -> circle_core_common::Result<()> {
    machine.canned.at("/token").always(Reply::json(r#"{"access_token":"t"}"#));
    machine.canned.at("/t").always(Reply::json(r#"{"access_token":"t"}"#));
    let client = OAuthClient::new(server, CLIENT, ClientAuth::public());
    ClientCredentials::new(client).request(&machine.cx()).await.map(|_| ())
}

#[tokio::test]
async fn a_server_is_asked_once() {
    let machine = Machine::new();
    let text = description(ISSUER, "https://login.example.org/token", "https://login.example.org/jwks");
    machine.canned.at(DESCRIPTION).always(Reply::json(text));
    let server = AuthorizationServer::builder(ISSUER).build(&machine.build()).unwrap();
    assert_eq!(machine.canned.hits(), 0, "nothing is asked before something is needed");
    for _ in 0..3 {
        token(&machine, server.clone()).await.unwrap();
    }
    assert_eq!(machine.canned.hits(), 1 + 3);
}

#[tokio::test]
async fn only_the_very_issuer_is_believed_and_only_at_its_origins() {
    let at = "https://login.example.org/token";
    for (issuer, token_endpoint, jwks, fits) in [
        (ISSUER, at, at, true),
        // With a query, as some have.
        (ISSUER, "https://login.example.org/t?p=1", at, true),
        ("https://login.example.org/", at, at, false),
        ("https://LOGIN.example.org", at, at, false),
        ("https://login.example.org:443", at, at, false),
        ("https://evil.example.net", at, at, false),
        ("", at, at, false),
        (ISSUER, "https://evil.example.net/token", at, false),
        (ISSUER, "https://login.example.org.evil.net/token", at, false),
        (ISSUER, "https://login.example.org:8443/token", at, false),
        (ISSUER, "http://login.example.org/token", at, false),
        (ISSUER, "https://a@login.example.org/token", at, false),
        (ISSUER, "/token", at, false),
        (ISSUER, at, "https://evil.example.net/jwks", false),
        (ISSUER, at, "https://169.254.169.254/jwks", false),
        (ISSUER, at, "file:///etc/passwd", false),
    ] {
        let machine = Machine::new();
        machine.canned.at(DESCRIPTION).always(Reply::json(description(issuer, token_endpoint, jwks)));
        let server = AuthorizationServer::builder(ISSUER).build(&machine.build()).unwrap();
        let result = token(&machine, server).await;
        assert_eq!(result.is_ok(), fits, "{issuer} {token_endpoint} {jwks}: {result:?}");
        if !fits {
            assert!(result.unwrap_err().is(ErrorKind::ConfigInvalid));
            assert_eq!(machine.canned.hits(), 1, "nothing is sent anywhere");
        }
    }
}

#[tokio::test]
async fn other_origins_are_named() {
    let machine = Machine::new();
    let text = description(ISSUER, "https://oauth2.example.org/token", "https://keys.example.org/jwks");
    machine.canned.at(DESCRIPTION).always(Reply::json(text));
    let server = AuthorizationServer::builder(ISSUER).also_at("https://oauth2.example.org").also_at("https://keys.example.org");
    token(&machine, server.build(&machine.build()).unwrap()).await.unwrap();
    assert_eq!(machine.canned.received()[1].header("host"), Some("oauth2.example.org"));
}

#[tokio::test]
async fn a_description_that_is_none_or_leads_elsewhere_is_an_error() {
    for reply in [
        Reply::redirect(302, "https://evil.example.net/.well-known/openid-configuration"),
        Reply::json("[]"),
        Reply::json("{"),
        Reply::status(404),
        Reply::json("{\"issuer\":").filled(2 * 1024 * 1024),
    ] {
        let machine = Machine::jumping();
        machine.canned.at(DESCRIPTION).always(reply);
        let server = AuthorizationServer::builder(ISSUER).build(&machine.build()).unwrap();
        assert!(token(&machine, server).await.is_err());
    }
}

#[test]
fn a_configuration_is_checked_before_anything_is_sent() {
    let machine = Machine::new();
    let build = |issuer: &str| AuthorizationServer::builder(issuer).build(&machine.build());
    for issuer in ["", "login.example.org", "http://login.example.org", "https://127.0.0.1", "https://u:p@login.example.org"] {
        assert!(build(issuer).unwrap_err().is(ErrorKind::ConfigInvalid), "{issuer}");
    }
    let loopback = BuildContext::new(machine.environment.clone(), "x").allow_loopback(true);
    assert!(AuthorizationServer::builder("http://127.0.0.1:8080").build(&loopback).is_ok());
    for endpoints in
        [Endpoints::new("https://other.example.org"), Endpoints::new(ISSUER).token("https://other.example.org/token")]
    {
        let server = AuthorizationServer::builder(ISSUER).endpoints(endpoints).build(&machine.build());
        assert!(server.unwrap_err().is(ErrorKind::ConfigInvalid));
    }
}
