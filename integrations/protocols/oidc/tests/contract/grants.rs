//! Each grant on the wire.

use std::sync::Arc;

use circle_core_common::credentials::{CredentialCache, CredentialSource, Fixed, MemoryTokens, RefreshTokens, TokenRecord};
use circle_core_common::{ErrorKind, SecretRef};
use circle_core_protocol_oidc::{
    Algorithm, Assertion, ClientAuth, ClientCredentials, JwtBearer, RefreshToken, SigningKey, TokenExchange, TokenHint, TokenType,
};
use circle_core_testkit::Reply;
use secrecy::{ExposeSecret, SecretString};

use crate::signing::{Keys, claims_of, header_of};
use crate::{CLIENT, ISSUER, Machine, body, field, form, secret};

const TOKEN: &str = r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600}"#;

#[tokio::test]
async fn a_client_says_who_it_is_in_each_way() {
    let basic = "Basic YXBwJTNBMTpodW50ZXIyJTJGJTJCKyVDMyVCQw==";
    for (auth, header, sent) in [
        (ClientAuth::public(), None, "grant_type=client_credentials&client_id=app%3A1"),
        (ClientAuth::unnamed(), None, "grant_type=client_credentials"),
        (
            ClientAuth::assertion(SecretRef::literal("a.b.c")),
            None,
            "grant_type=client_credentials&client_id=app%3A1&client_assertion_type=\
             urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c",
        ),
        (ClientAuth::basic(secret()), Some(basic), "grant_type=client_credentials"),
        (ClientAuth::post(secret()), None, "grant_type=client_credentials&client_id=app%3A1&client_secret=hunter2%2F%2B+%C3%BC"),
    ] {
        let machine = Machine::new();
        machine.canned.at("/token").once(Reply::json(TOKEN));
        ClientCredentials::new(machine.client(auth.clone())).request(&machine.cx()).await.unwrap();
        let request = machine.canned.received().remove(0);
        assert_eq!((&*request.method, request.header("host")), ("POST", Some("login.example.org")));
        assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!((request.header("authorization"), body(&request)), (header, sent), "{auth:?}");
    }
}

#[tokio::test]
async fn a_client_signs_who_it_is() {
    let machine = Machine::new();
    machine.canned.at("/token").always(Reply::json(TOKEN));
    for (algorithm, pem, _) in Keys::get().all() {
        let key = SigningKey::new(algorithm, SecretRef::literal(pem)).kid("k1");
        let grant = ClientCredentials::new(machine.client(ClientAuth::private_key_jwt(key)));
        grant.request(&machine.cx()).await.unwrap();
        grant.request(&machine.cx()).await.unwrap();
    }
    let requests = machine.canned.received();
    let mut ids = std::collections::HashSet::new();
    for request in &requests {
        assert_eq!(field(request, "client_assertion_type").unwrap(), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        let assertion = field(request, "client_assertion").unwrap();
        let (header, claims) = (header_of(&assertion), claims_of(&assertion));
        assert_eq!((header["kid"].as_str(), header["typ"].as_str()), (Some("k1"), Some("JWT")));
        assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some(CLIENT), Some(CLIENT)));
        assert_eq!(claims["aud"], format!("{ISSUER}/token"));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
        assert!(ids.insert(claims["jti"].as_str().unwrap().to_owned()), "no assertion is sent twice");
    }
    assert_eq!(requests.len(), 8);
}

#[tokio::test]
async fn an_assertion_is_verified_by_its_public_key() {
    let machine = Machine::new();
    for (algorithm, pem, jwk) in Keys::get().all() {
        let assertion = Assertion::new(ISSUER, "me").subject("ann").claim("scope", "a b");
        let token = assertion.sign(&machine.cx(), &SigningKey::new(algorithm, SecretRef::literal(pem))).await.unwrap();
        let verifier = crate::signing::verifier_of(&[jwk], algorithm);
        let expect = circle_core_protocol_oidc::Expect::audience("me").scope("b");
        let claims = verifier.verify(&machine.cx(), &token, &expect).await.unwrap();
        assert_eq!((claims.subject(), claims.issuer()), (Some("ann"), ISSUER), "{algorithm}");
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_a_mistake_of_the_configuration_and_not_shown() {
    let machine = Machine::new();
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        for text in ["hunter2", "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n"] {
            let key = SigningKey::new(algorithm, SecretRef::literal(text));
            let error = Assertion::new("a", "b").sign(&machine.cx(), &key).await.unwrap_err();
            assert!(error.is(circle_core_common::ErrorKind::ConfigInvalid), "{error}");
            assert!(
                !format!("{error} {error:?} {key:?}").contains("hunter2") && !error.to_string().contains("aHVud"),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_wanted_is_asked_for() {
    let machine = Machine::new();
    machine.canned.at("/token").always(Reply::json(TOKEN));
    let client = machine.client(ClientAuth::public());
    let grant = ClientCredentials::new(client.clone()).scopes(["a", "b"]).resource("https://api.example.org").audience("x y");
    grant.request(&machine.cx()).await.unwrap();
    let expected =
        "grant_type=client_credentials&scope=a+b&resource=https%3A%2F%2Fapi.example.org&audience=x+y&client_id=app%3A1";
    assert_eq!(body(&machine.canned.received()[0]), expected);

    let key = SigningKey::new(Algorithm::HS256, SecretRef::literal("x".repeat(32)));
    JwtBearer::new(client.clone(), key, Assertion::new("svc", ISSUER).subject("ann"))
        .scopes(["a"])
        .request(&machine.cx())
        .await
        .unwrap();
    let request = machine.canned.received().remove(1);
    assert_eq!(field(&request, "grant_type").unwrap(), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(claims_of(&field(&request, "assertion").unwrap())["sub"], "ann");

    let exchange = TokenExchange::new(client, Fixed::new(SecretString::from("s1")), TokenType::Jwt)
        .actor(SecretRef::literal("a1"), TokenType::AccessToken)
        .requested(TokenType::AccessToken)
        .audience("api");
    exchange.request(&machine.cx()).await.unwrap();
    let names: Vec<String> =
        form(&machine.canned.received()[2]).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        names,
        [
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token=s1",
            "subject_token_type=urn:ietf:params:oauth:token-type:jwt",
            "requested_token_type=urn:ietf:params:oauth:token-type:access_token",
            "actor_token=a1",
            "actor_token_type=urn:ietf:params:oauth:token-type:access_token",
            "audience=api",
            "client_id=app:1",
        ]
    );
}

#[tokio::test]
async fn grants_are_sources_behind_the_cache() {
    let machine = Machine::new();
    machine.canned.at("/token").always(Reply::json(TOKEN));
    let cache = CredentialCache::new(ClientCredentials::new(machine.client(ClientAuth::public())));
    for _ in 0..100 {
        assert_eq!(cache.get(&machine.cx()).await.unwrap().secret().expose_secret(), "t1");
    }
    assert_eq!(machine.canned.hits(), 1);
    machine.advance(3600);
    cache.get(&machine.cx()).await.unwrap();
    assert_eq!(machine.canned.hits(), 2);
}

#[tokio::test]
async fn a_refresh_token_is_replaced_where_the_server_replaces_it() {
    let machine = Machine::new();
    let answer = |refresh: &str| Reply::json(format!(r#"{{"access_token":"t","expires_in":60{refresh}}}"#));
    machine.canned.at("/token").script([
        answer(r#","refresh_token":"r2""#),
        answer(""),
        answer(r#","refresh_token":"r3""#),
        answer(""),
    ]);
    let source = RefreshToken::new(machine.client(ClientAuth::public()), "r1".into());
    for _ in 0..4 {
        source.load(&machine.cx()).await.unwrap();
    }
    let sent: Vec<_> = machine.canned.received().iter().map(|request| field(request, "refresh_token").unwrap()).collect();
    assert_eq!(sent, ["r1", "r2", "r2", "r3"]);
    assert_eq!(body(&machine.canned.received()[0]), "grant_type=refresh_token&refresh_token=r1&client_id=app%3A1");
}

#[tokio::test]
async fn refresh_tokens_are_kept_in_a_store_that_processes_share() {
    let machine = Machine::new();
    machine.canned.at("/token").script([
        Reply::json(r#"{"access_token":"a1","expires_in":60,"refresh_token":"r2"}"#),
        Reply::json(r#"{"error":"invalid_grant"}"#).with_status(400),
        Reply::json(r#"{"access_token":"a2","expires_in":60}"#),
    ]);
    let store = Arc::new(MemoryTokens::new());
    let process = || RefreshTokens::from_arcs("mail", Arc::new(machine.client(ClientAuth::public())), store.clone());
    let (first, second) = (process(), process());
    first.sign_in(&machine.cx(), TokenRecord::new("r1")).await.unwrap();
    assert_eq!(first.load(&machine.cx()).await.unwrap().expose_secret(), "a1");
    machine.advance(60);
    let error = second.load(&machine.cx()).await.unwrap_err();
    assert_eq!((error.kind(), machine.canned.hits()), (ErrorKind::Unauthenticated, 2));
    assert_eq!(second.load(&machine.cx()).await.unwrap().expose_secret(), "a2");
    let sent: Vec<_> = machine.canned.received().iter().map(|request| field(request, "refresh_token").unwrap()).collect();
    assert_eq!(sent, ["r1", "r2", "r2"]);
}

/// What several processes make of one refresh token that they share, each with a source of its own.
#[tokio::test]
async fn of_processes_that_share_a_store_one_redeems_each_refresh_token() {
    let machine = Machine::new();
    let mut good = 1;
    machine.canned.at("/token").always_with(move |request| {
        // A server that replaces refresh tokens, and takes who comes with an old one for a thief.
        if field(request, "refresh_token") != Some(format!("r{good}")) {
            return Reply::json(r#"{"error":"invalid_grant"}"#).with_status(400);
        }
        good += 1;
        Reply::json(format!(r#"{{"access_token":"a{good}","expires_in":600,"refresh_token":"r{good}"}}"#))
    });
    let store = MemoryTokens::new();
    let process = || {
        let token = RefreshToken::new(machine.client(ClientAuth::public()), "r1".into());
        CredentialCache::new(token.kept_in("ann", store.clone()))
    };
    let processes = [process(), process(), process()];
    for round in 2..6 {
        for process in &processes {
            let token = process.get(&machine.cx()).await.unwrap();
            assert_eq!(token.secret().expose_secret(), format!("a{round}"));
        }
        machine.advance(600);
    }
    let sent: Vec<_> = machine.canned.received().iter().map(|request| field(request, "refresh_token").unwrap()).collect();
    assert_eq!(sent, ["r1", "r2", "r3", "r4"]);
    // One that starts with the first token finds what it has become.
    assert_eq!(process().get(&machine.cx()).await.unwrap().secret().expose_secret(), "a6");
}

/// A refresh token that is sent again may be taken for a thief's, so it is not, unless it is proved unsent.
#[tokio::test]
async fn what_is_used_up_is_sent_once() {
    let machine = Machine::jumping();
    machine.canned.at("/token").always(Reply::status(503));
    let client = machine.client(ClientAuth::public());
    assert!(client.refresh(&machine.cx(), &"r1".into()).await.is_err());
    assert_eq!(machine.canned.hits(), 1);
    assert!(ClientCredentials::new(client).request(&machine.cx()).await.is_err());
    assert!(machine.canned.hits() > 2, "a grant that takes nothing is asked for again");
}

#[tokio::test]
async fn tokens_are_asked_about_and_revoked() {
    let machine = Machine::new();
    let now = machine.environment.clock().timestamp().unix_seconds();
    machine.canned.at("/introspect").script([
        Reply::json(format!(r#"{{"active":true,"scope":"a b","client_id":"c","exp":{},"x":1}}"#, now + 1)),
        Reply::json(format!(r#"{{"active":true,"exp":{now}}}"#)),
        Reply::json(r#"{"active":false}"#),
        Reply::json(r#"{"active":"true"}"#),
        Reply::json("{}"),
    ]);
    let client = machine.client(ClientAuth::post(secret()));
    let ask = async || client.introspect(&machine.cx(), &"t".into(), Some(TokenHint::AccessToken)).await;
    let told = ask().await.unwrap();
    assert!(told.active && told.allows("b") && !told.allows("c") && told.other["x"] == 1, "{told:?}");
    assert!(!ask().await.unwrap().active, "by this machine's clock it has ended");
    assert!(!ask().await.unwrap().active);
    assert!(ask().await.is_err() && ask().await.is_err(), "only `true` is");
    let expected = "token=t&token_type_hint=access_token&client_id=app%3A1&client_secret=hunter2%2F%2B+%C3%BC";
    assert_eq!(body(&machine.canned.received()[0]), expected);

    machine.canned.at("/revoke").once(Reply::status(200));
    client.revoke(&machine.cx(), &"r".into(), Some(TokenHint::RefreshToken)).await.unwrap();
    let request = machine.canned.received().pop().unwrap();
    assert!(body(&request).starts_with("token=r&token_type_hint=refresh_token&"));
}
