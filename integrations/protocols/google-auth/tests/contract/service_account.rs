//! JWT bearer grants, and tokens that the account signs itself.

use std::time::Duration;

use circle_core_common::credentials::CredentialRequest;
use circle_core_common::{ErrorKind, SecretRef};
use circle_core_protocol_google_auth::GoogleCredentialsConfig;
use circle_core_protocol_oidc::{OAuthError, OAuthErrorCode};
use circle_core_testkit::Reply;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::keys::{EMAIL, claims_of, header_of, service_account, verified};
use crate::{FILE, Machine, SCOPE, TOKEN, address, body, field, form};

#[tokio::test]
async fn an_assertion_is_exchanged() {
    let machine = Machine::with(&service_account());
    machine.canned.at("/token").always(Reply::json(TOKEN));
    let lease = machine.load(&GoogleCredentialsConfig::file(FILE)).await.unwrap();
    let now = machine.cx().clock().timestamp();
    assert_eq!((lease.secret().expose_secret(), lease.expires_at()), ("t1", Some(now + Duration::from_secs(3599))));

    let request = machine.canned.received().remove(0);
    assert_eq!((&*request.method, address(&request)), ("POST", "oauth2.googleapis.com/token".to_owned()));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.header("authorization"), None);
    let names: Vec<_> = form(&request).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["grant_type", "assertion"]);
    assert!(body(&request).starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="));
    let assertion = field(&request, "assertion").unwrap();
    assert_eq!(header_of(&assertion), json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    let claims = verified(&machine, &assertion, "https://oauth2.googleapis.com/token").await;
    assert_eq!((claims.issuer(), claims.subject()), (EMAIL, None));
    let mut said = claims_of(&assertion);
    assert!(said.as_object_mut().unwrap().remove("jti").is_some());
    let (iat, aud) = (now.unix_seconds(), "https://oauth2.googleapis.com/token");
    assert_eq!(said, json!({"iss": EMAIL, "aud": aud, "scope": SCOPE, "iat": iat, "exp": iat + 3600}));
}

#[tokio::test]
async fn who_asks_for_something_in_particular_gets_that() {
    let machine = Machine::with(&service_account());
    machine.canned.at("/token").always(Reply::json(TOKEN));
    let tokens = machine.tokens(&GoogleCredentialsConfig::file(FILE));
    let asked = CredentialRequest::new().scopes(["b", "a"]).subject("ann@example.org");
    tokens.requesting(asked).get(&machine.cx()).await.unwrap();
    let assertion = field(&machine.canned.received()[0], "assertion").unwrap();
    let claims = verified(&machine, &assertion, "https://oauth2.googleapis.com/token").await;
    assert_eq!((claims.get("scope"), claims.subject()), (Some(&json!("a b")), Some("ann@example.org")));

    let usual = GoogleCredentialsConfig::file(FILE).credentials_from(&machine.build(), &machine.os.os(), Vec::<String>::new());
    usual.unwrap().get(&machine.cx()).await.unwrap();
    let assertion = field(&machine.canned.received()[1], "assertion").unwrap();
    let claims = verified(&machine, &assertion, "https://oauth2.googleapis.com/token").await;
    assert_eq!(claims.get("scope"), Some(&json!("https://www.googleapis.com/auth/cloud-platform")));
}

#[tokio::test]
async fn for_an_audience_the_account_signs_itself() {
    let machine = Machine::with(&service_account());
    let tokens = machine.tokens(&GoogleCredentialsConfig::file(FILE));
    let audience = "https://pubsub.googleapis.com/";
    let lease = tokens.requesting(CredentialRequest::new().audience(audience)).get(&machine.cx()).await.unwrap();
    let token = lease.secret().expose_secret();
    let claims = verified(&machine, token, audience).await;
    assert_eq!((claims.subject(), claims.get("scope")), (Some(EMAIL), None));
    assert_eq!(header_of(token)["kid"], "k1");
    let now = machine.cx().clock().timestamp();
    assert_eq!((lease.expires_at(), machine.canned.hits()), (Some(now + Duration::from_secs(3600)), 0));
    for asked in [
        CredentialRequest::new().audience(audience).scopes(["a"]),
        CredentialRequest::new().audience(audience).subject("ann@example.org"),
        CredentialRequest::new().claims("{}"),
    ] {
        let error = tokens.requesting(asked).get(&machine.cx()).await.unwrap_err();
        assert!(error.is(ErrorKind::Unsupported), "{error}");
    }
}

#[tokio::test]
async fn a_key_may_be_a_secret_of_the_config_and_lack_what_can_be_guessed() {
    let mut file = service_account();
    for name in ["token_uri", "private_key_id", "universe_domain"] {
        file.as_object_mut().unwrap().remove(name);
    }
    let machine = Machine::new();
    machine.canned.at("/token").always(Reply::json(TOKEN));
    machine.load(&GoogleCredentialsConfig::key(SecretRef::literal(file.to_string()))).await.unwrap();
    let request = machine.canned.received().remove(0);
    assert_eq!(address(&request), "oauth2.googleapis.com/token");
    assert_eq!(header_of(&field(&request, "assertion").unwrap()), json!({"alg": "RS256", "typ": "JWT"}));
}

#[tokio::test]
async fn a_replaced_file_is_found_when_the_token_was_refused() {
    let machine = Machine::with(&service_account());
    machine.canned.at("/token").script([Reply::json(TOKEN), Reply::json(TOKEN.replace("t1", "t2"))]);
    let tokens = machine.tokens(&GoogleCredentialsConfig::file(FILE));
    let first = tokens.get(&machine.cx()).await.unwrap();
    let mut other = service_account();
    other["private_key_id"] = json!("k2");
    machine.os.write(FILE, other.to_string());
    let differs = |old: &circle_core_protocol_oidc::AccessToken, new: &circle_core_protocol_oidc::AccessToken| {
        old.secret().expose_secret() != new.secret().expose_secret()
    };
    assert!(tokens.renew(&machine.cx(), first.version(), differs).await);
    let kids: Vec<_> =
        machine.canned.received().iter().map(|request| header_of(&field(request, "assertion").unwrap())["kid"].clone()).collect();
    assert_eq!(kids, ["k1", "k2"]);
}

#[tokio::test]
async fn refusals_are_typed_and_redirects_not_followed() {
    let machine = Machine::with(&service_account());
    let refusal = r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
    machine.canned.at("/token").once(Reply::json(refusal).with_status(400));
    let error = machine.token().await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated) && error.message().starts_with("credentials from `config`: "), "{error}");
    let own = error.provider_error::<OAuthError>().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!((&own.code, own.description.as_deref()), (&OAuthErrorCode::InvalidGrant, Some("Invalid JWT Signature.")));

    machine.canned.at("/token").once(Reply::redirect(307, "https://evil.example.net/token"));
    let hits = machine.canned.hits();
    assert!(machine.token().await.unwrap_err().is(ErrorKind::ConfigInvalid));
    assert_eq!(machine.canned.hits(), hits + 1);
}
