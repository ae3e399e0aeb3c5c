//! Applications: by a secret, a certificate, an assertion.

use std::time::Duration;

use circle_core_common::credentials::CredentialRequest;
use circle_core_common::{ErrorKind, SecretRef};
use circle_core_protocol_entra_auth::{ApplicationConfig, ApplicationProof, EntraCredentialsConfig};
use circle_core_testkit::Reply;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::keys::{Keys, parts_of};
use crate::{CANARY, CLIENT, Machine, TENANT, TOKEN, address, body, field};

pub(crate) fn application(proof: ApplicationProof) -> ApplicationConfig {
    ApplicationConfig::new(TENANT, CLIENT, proof)
}

pub(crate) fn by_secret() -> EntraCredentialsConfig {
    EntraCredentialsConfig::Application(application(ApplicationProof::Secret(SecretRef::literal("hunter2~/+"))))
}

fn by_certificate(pem: impl Into<String>) -> EntraCredentialsConfig {
    EntraCredentialsConfig::Application(application(ApplicationProof::Certificate(SecretRef::literal(pem.into()))))
}

#[tokio::test]
async fn a_secret_is_sent_in_the_form() {
    let machine = Machine::new();
    machine.canned.always(Reply::json(TOKEN));
    let lease = machine.load(&by_secret()).await.unwrap();
    let now = machine.cx().clock().timestamp();
    assert_eq!((lease.secret().expose_secret(), lease.expires_at()), ("t1", Some(now + Duration::from_secs(3599))));
    let request = machine.canned.received().remove(0);
    assert_eq!((&*request.method, address(&request)), ("POST", format!("login.microsoftonline.com/{TENANT}/oauth2/v2.0/token")));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.header("authorization"), None);
    let sent = format!(
        "grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_id={CLIENT}&client_secret=hunter2~%2F%2B"
    );
    assert_eq!(body(&request), sent);
}

#[tokio::test]
async fn a_certificate_signs_and_is_named_by_its_thumbprint() {
    let keys = Keys::get();
    // In either order, and with those of its issuers behind it.
    let issuer = Keys::make().certificate;
    for pem in [keys.pem(), format!("{}{}", keys.key, keys.certificate), format!("{}{issuer}{}", keys.certificate, keys.key)] {
        let machine = Machine::new();
        machine.canned.always(Reply::json(TOKEN));
        machine.load(&by_certificate(pem)).await.unwrap();
        let request = machine.canned.received().remove(0);
        let assertion = field(&request, "client_assertion").unwrap();
        let sent = format!(
            "grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_id={CLIENT}&client_assertion_type=\
             urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
        );
        assert_eq!(body(&request), sent);
        let audience = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
        assert_eq!(keys.verified(&machine, &assertion, &audience).await.subject(), Some(CLIENT));
        let (header, mut claims) = parts_of(&assertion);
        assert_eq!(header, json!({"alg": "PS256", "typ": "JWT", "x5t#S256": keys.thumbprint}));
        assert!(claims.as_object_mut().unwrap().remove("jti").is_some());
        let now = machine.cx().clock().timestamp().unix_seconds();
        assert_eq!(claims, json!({"iss": CLIENT, "sub": CLIENT, "aud": audience, "iat": now, "exp": now + 300}));
    }
}

#[tokio::test]
async fn a_certificate_that_is_none_is_a_mistake_of_the_configuration_and_not_shown() {
    let (keys, other) = (Keys::get(), Keys::make());
    let block = |tag: &str| format!("-----BEGIN {tag}-----\naHVudGVyMg==\n-----END {tag}-----\n");
    for (pem, kind, says) in [
        ("hunter2".to_owned(), ErrorKind::ConfigInvalid, "no certificate"),
        (keys.key.clone(), ErrorKind::ConfigInvalid, "no certificate"),
        (keys.certificate.clone(), ErrorKind::ConfigInvalid, "no RSA key"),
        (format!("{}{}", keys.certificate, other.key), ErrorKind::ConfigInvalid, "belongs to another certificate"),
        (format!("{}{}", keys.certificate, block("PRIVATE KEY")), ErrorKind::ConfigInvalid, "cannot be used"),
        (format!("{}{}", keys.certificate, block("ENCRYPTED PRIVATE KEY")), ErrorKind::Unsupported, "encrypted"),
        (format!("{}{}", block("CERTIFICATE"), keys.key), ErrorKind::ConfigInvalid, "cannot be used"),
        ("-----BEGIN CERTIFICATE-----\nhunter2".to_owned(), ErrorKind::ConfigInvalid, "cannot be used"),
    ] {
        let machine = Machine::new();
        let error = machine.token(&by_certificate(pem)).await.unwrap_err();
        assert!(error.is(kind) && error.message().contains(says), "{says}: {error}");
        let text = format!("{error} {error:?}");
        assert!(!text.contains(CANARY) && !text.contains("aHVud") && machine.canned.hits() == 0, "{text}");
    }
}

#[tokio::test]
async fn an_assertion_is_that_of_somebody_else() {
    let machine = Machine::new();
    machine.canned.always(Reply::json(TOKEN));
    let config = EntraCredentialsConfig::Application(application(ApplicationProof::Assertion(SecretRef::literal("a.b.c\n"))));
    machine.load(&config).await.unwrap();
    assert_eq!(field(&machine.canned.received()[0], "client_assertion").as_deref(), Some("a.b.c"));
}

#[tokio::test]
async fn who_asks_for_something_in_particular_gets_that() {
    let machine = Machine::new();
    machine.canned.always(Reply::json(TOKEN));
    let tokens = machine.tokens(&by_secret());
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    let asked = CredentialRequest::new().scopes(["https://vault.azure.net/.default"]).claims(claims);
    tokens.requesting(asked).get(&machine.cx()).await.unwrap();
    let request = machine.canned.received().remove(0);
    assert_eq!(field(&request, "scope").as_deref(), Some("https://vault.azure.net/.default"));
    assert_eq!(field(&request, "claims").as_deref(), Some(claims));
    let error = tokens.requesting(CredentialRequest::new().scopes(["User.Read"])).get(&machine.cx()).await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported) && machine.canned.hits() == 1);
}

#[tokio::test]
async fn clouds_are_chosen_by_the_config_and_by_a_variable() {
    for (host, variable, expected) in [
        (None, None, "login.microsoftonline.com"),
        (None, Some("https://login.microsoftonline.us/"), "login.microsoftonline.us"),
        (None, Some(" https://LOGIN.chinacloudapi.cn "), "login.chinacloudapi.cn"),
        (None, Some("https://login.partner.microsoftonline.cn"), "login.partner.microsoftonline.cn"),
        (Some("https://login.example.org"), Some("https://login.microsoftonline.us"), "login.example.org"),
    ] {
        let machine = Machine::new();
        machine.canned.always(Reply::json(TOKEN));
        if let Some(variable) = variable {
            machine.os.set("AZURE_AUTHORITY_HOST", variable);
        }
        let secret = application(ApplicationProof::Secret(SecretRef::literal("s")));
        let config = host.into_iter().fold(secret, ApplicationConfig::authority_host);
        machine.load(&EntraCredentialsConfig::Application(config)).await.unwrap();
        assert_eq!(machine.canned.received()[0].header("host"), Some(expected));
    }
}

#[tokio::test]
async fn no_secret_goes_to_a_host_that_a_variable_makes_up_or_a_tenant_that_is_none() {
    for host in [
        "https://evil.example.net",
        "https://login.microsoftonline.com.evil.example.net",
        "https://login.microsoftonline.com:8443",
        "https://login.microsoftonline.com@evil.example.net",
        "https://login.microsoftonline.com/evil",
        "http://login.microsoftonline.com",
        "login.microsoftonline.com",
    ] {
        let machine = Machine::with(&[("AZURE_AUTHORITY_HOST", host)]);
        let error = machine.token(&by_secret()).await.unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains("`AZURE_AUTHORITY_HOST`"), "{host}: {error}");
        assert_eq!(machine.canned.hits(), 0);
    }
    for tenant in ["", "a/b", "..", "a?b", "a#b", "a%2f", "a@b", "contoso.com/../evil"] {
        let machine = Machine::new();
        let secret = ApplicationProof::Secret(SecretRef::literal("s"));
        let config = EntraCredentialsConfig::Application(ApplicationConfig::new(tenant, CLIENT, secret));
        assert!(machine.token(&config).await.unwrap_err().is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{tenant}");
    }
}
