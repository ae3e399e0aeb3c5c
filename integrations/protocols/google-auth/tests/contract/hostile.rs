//! Files that somebody else wrote, and servers that repeat what they were sent.

use circle_core_common::ErrorKind;
use circle_core_protocol_google_auth::GoogleCredentialsConfig;
use circle_core_testkit::Reply;
use serde_json::{Value, json};

use crate::federation::account;
use crate::keys::service_account;
use crate::user::user;
use crate::{CANARY, FILE, Machine, TOKEN, body};

/// Addresses that a credentials file must not have credentials sent to.
const ELSEWHERE: [&str; 16] = [
    "https://evil.example.net/token",
    "https://googleapis.com.evil.example.net/token",
    "https://evilgoogleapis.com/token",
    "https://evil-googleapis.com/token",
    "https://oauth2.googleapis.com.:443/token",
    "https://oauth2.googleapis.com:8443/token",
    "https://oauth2.googleapis.com@evil.example.net/token",
    "https://evil.example.net#.googleapis.com",
    "https://evil.example.net?.googleapis.com",
    "https://evil.example.net\\.googleapis.com/token",
    "https://.googleapis.com/token",
    "http://oauth2.googleapis.com/token",
    "http://169.254.169.254/token",
    "https://127.0.0.1/token",
    "//oauth2.googleapis.com/token",
    "oauth2.googleapis.com/token",
];

async fn refused(file: &Value, address: &str) {
    let machine = Machine::with(file);
    machine.os.write("/run/token", "hunter2");
    machine.canned.always(Reply::json(TOKEN));
    let error = machine.token().await.unwrap_err();
    assert!(error.is(ErrorKind::ConfigInvalid), "{address}: {error}");
    assert_eq!(machine.canned.hits(), 0, "{address}");
}

#[tokio::test]
async fn credentials_go_to_google_and_nowhere_else() {
    for address in ELSEWHERE {
        for (mut file, field) in [
            (service_account(), "token_uri"),
            (user(), "token_uri"),
            (account(json!({"file": "/run/token"})), "token_url"),
            (account(json!({"file": "/run/token"})), "service_account_impersonation_url"),
            (json!({"type": "impersonated_service_account", "source_credentials": user()}), "service_account_impersonation_url"),
        ] {
            file[field] = json!(address);
            refused(&file, address).await;
        }
    }
    // What was Google's once for tokens of accounts is not for exchanges.
    let mut file = account(json!({"file": "/run/token"}));
    file["token_url"] = json!("https://accounts.google.com/o/oauth2/token");
    refused(&file, "accounts.google.com").await;
}

#[tokio::test]
async fn addresses_of_google_and_those_that_the_config_names_are_taken() {
    for (address, also_at) in [
        ("https://oauth2.googleapis.com/token", None),
        ("https://www.googleapis.com/oauth2/v4/token", None),
        ("https://accounts.google.com/o/oauth2/token", None),
        ("https://oauth2.mtls.googleapis.com/token", None),
        ("https://token.example.org/token", Some("https://token.example.org")),
        ("https://10.1.2.3:8443/token", Some("https://10.1.2.3:8443/")),
    ] {
        let mut file = service_account();
        file["token_uri"] = json!(address);
        let machine = Machine::with(&file);
        machine.canned.always(Reply::json(TOKEN));
        let config = also_at.into_iter().fold(GoogleCredentialsConfig::file(FILE), GoogleCredentialsConfig::also_at);
        machine.load(&config).await.unwrap_or_else(|error| panic!("{address}: {error}"));
    }
}

#[tokio::test]
async fn tokens_are_read_from_public_servers_and_from_those_that_the_config_names() {
    for (address, also_at, reads) in [
        ("https://ci.example.org/token", None, true),
        ("https://ci.example.org", None, true),
        ("http://ci.example.org/token", None, false),
        ("https://10.0.0.1/token", None, false),
        ("https://10.0.0.1/token", Some("https://10.0.0.1"), true),
        ("http://169.254.169.254/metadata/identity/oauth2/token?resource=x", None, false),
        ("http://169.254.169.254/metadata/identity/oauth2/token?resource=x", Some("http://169.254.169.254"), true),
        ("http://169.254.169.254:8080/token", Some("http://169.254.169.254"), false),
        ("https://metadata.google.internal/token", None, false),
        ("https://localhost/token", Some("https://localhost"), false),
        ("https://user:hunter2@ci.example.org/token", None, false),
        ("file:///etc/passwd", None, false),
    ] {
        let machine = Machine::with(&account(json!({"url": address, "headers": {"Metadata": "True"}})));
        machine.canned.always(Reply::json(TOKEN));
        let config = also_at.into_iter().fold(GoogleCredentialsConfig::file(FILE), GoogleCredentialsConfig::also_at);
        match machine.load(&config).await {
            Ok(_) => assert!(reads && machine.canned.hits() == 2, "{address}"),
            Err(error) => {
                assert!(!reads && error.is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{address}: {error}");
                assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_header_that_is_none_is_not_sent_and_not_repeated() {
    for (name, value) in [("x-a", "hunter2\r\nx-b: c"), ("Host", "hunter2"), ("x a", "hunter2")] {
        let machine = Machine::with(&account(json!({"url": "https://ci.example.org/token", "headers": {name: value}})));
        let error = machine.token().await.unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{error}");
        assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
    }
}

/// Each kind of file with secrets in it, at a server that repeats everything.
#[tokio::test]
async fn no_error_tells_what_was_sent() {
    let mut workforce = account(json!({"url": "https://ci.example.org/t", "headers": {"Authorization": "bearer hunter2-ci"}}));
    workforce["client_id"] = json!("app");
    workforce["client_secret"] = json!("hunter2-client");
    let file = account(json!({"file": "/run/token"}));
    for status in [200, 400, 401, 403, 404, 500] {
        for (file, which) in [(user(), "user"), (workforce.clone(), "workforce"), (file.clone(), "file")] {
            for shape in 0..4 {
                let machine = Machine::jumping();
                machine.os.write(FILE, file.to_string());
                machine.os.write("/run/token", "hunter2-token");
                machine.canned.when(|_| true).always_with(move |request| {
                    let header = request.header("authorization").unwrap_or_default();
                    let decoded: Vec<_> = form_urlencoded::parse(&request.body).map(|(_, value)| value.into_owned()).collect();
                    let words = match shape {
                        0 => format!("{} {header}", body(request)),
                        1 => decoded.join(" "),
                        2 => return Reply::ok(format!("{} {header}", body(request))).with_status(status),
                        _ => format!("{header} hunter2-client hunter2-ci hunter2-token hunter2-refresh"),
                    };
                    Reply::json(json!({"error": "invalid_client", "error_description": words}).to_string()).with_status(status)
                });
                if which == "workforce" && status == 200 && shape == 2 {
                    // What it gives is a token then, whatever it is.
                    continue;
                }
                let error = machine.token().await.unwrap_err();
                let text = format!("{error} {error:?} {error:#?} {:?}", error.to_problem());
                // What was not sent in this request is not known to be a secret of it.
                let sent = match which {
                    "user" => ["hunter2-client", "1//hunter2-refresh"],
                    "workforce" => ["hunter2-ci", "hunter2-ci"],
                    _ => ["hunter2-token", "hunter2-token"],
                };
                for secret in sent {
                    assert!(!text.contains(secret), "{which}, {status}, shape {shape}: {text}");
                }
            }
        }
    }
}
