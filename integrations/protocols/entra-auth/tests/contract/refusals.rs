//! Refusals by their numbers, and what errors do not tell.

use circle_core_common::{ErrorKind, Reason, SecretRef};
use circle_core_protocol_entra_auth::{ApplicationProof, EntraCredentialsConfig, EntraError};
use circle_core_protocol_oidc::{OAuthError, OAuthErrorCode};
use circle_core_testkit::Reply;
use serde_json::json;

use crate::application::{application, by_secret};
use crate::{CANARY, Machine, body};

fn refusal(error: &str, number: u32) -> Reply {
    let words = format!(
        "AADSTS{number}: Words of the server. Trace ID: 255d1aef Correlation ID: fb3d2015 Timestamp: 2016-01-09 02:02:12Z"
    );
    Reply::json(json!({"error": error, "error_description": words, "error_codes": [number], "trace_id": "255d1aef"}).to_string())
}

#[tokio::test]
async fn each_number_has_its_kind_and_what_mends_it() {
    for (status, error, number, kind, reason, remedy) in [
        (401, "invalid_client", 7_000_215, ErrorKind::Unauthenticated, None, Some("give its value, not its id")),
        (401, "invalid_client", 7_000_222, ErrorKind::Unauthenticated, None, Some("has expired")),
        (401, "invalid_client", 700_027, ErrorKind::Unauthenticated, Some(Reason::SignatureInvalid), Some("not registered")),
        (401, "invalid_client", 700_024, ErrorKind::Unauthenticated, None, Some("this machine's clock")),
        (401, "invalid_client", 700_213, ErrorKind::Unauthenticated, None, Some("no federated credential")),
        (400, "unauthorized_client", 700_016, ErrorKind::ConfigInvalid, None, Some("`tenant_id` and `client_id`")),
        (400, "invalid_request", 90_002, ErrorKind::ConfigInvalid, None, Some("no such tenant")),
        (400, "invalid_request", 900_382, ErrorKind::ConfigInvalid, None, Some("another cloud")),
        (400, "invalid_resource", 500_011, ErrorKind::ConfigInvalid, None, Some("does not know the resource")),
        (400, "invalid_scope", 70_011, ErrorKind::InvalidInput, None, Some("`resource/.default`")),
        (400, "unauthorized_client", 7_000_112, ErrorKind::PermissionDenied, None, Some("disabled")),
        (400, "invalid_grant", 53_003, ErrorKind::PermissionDenied, None, Some("a policy of the tenant")),
        (400, "server_error", 90_033, ErrorKind::Unavailable, None, None),
        (400, "invalid_request", 90_055, ErrorKind::RateLimited, None, None),
        // A number that is not known leaves the kind as OAuth says it.
        (400, "invalid_grant", 1_234_567, ErrorKind::Unauthenticated, None, None),
        // What fails, or has too much to do, says so by its status.
        (429, "invalid_client", 7_000_215, ErrorKind::RateLimited, None, None),
        (503, "temporarily_unavailable", 700_016, ErrorKind::Unavailable, None, None),
    ] {
        let machine = Machine::jumping();
        machine.canned.always(refusal(error, number).with_status(status));
        let error = machine.token(&by_secret()).await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (kind, reason), "{number}: {error}");
        assert!(error.message().contains(&format!("AADSTS{number}: Words of the server")), "{error}");
        assert_eq!(error.detail().and_then(|detail| detail.status), Some(status));
        let own = error.provider_error::<EntraError>().unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!((own.code, own.remedy.is_some()), (number, remedy.is_some()), "{number}");
        assert!(remedy.is_none_or(|remedy| error.message().contains(remedy)), "{number}: {error}");
        assert!(error.provider_error::<OAuthError>().is_some());
    }
}

#[tokio::test]
async fn other_refusals_stay_what_they_are() {
    let machine = Machine::new();
    machine.canned.always(Reply::json(r#"{"error":"invalid_client","error_description":"no"}"#).with_status(401));
    let error = machine.token(&by_secret()).await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated) && error.provider_error::<EntraError>().is_none());
    assert_eq!(error.provider_error::<OAuthError>().unwrap().code, OAuthErrorCode::InvalidClient);

    let machine = Machine::new();
    machine.canned.always(Reply::redirect(307, "https://evil.example.net/"));
    assert!(machine.token(&by_secret()).await.unwrap_err().is(ErrorKind::ConfigInvalid));
    assert_eq!(machine.canned.hits(), 1);
}

/// Servers repeat what they were sent: as it is, within their words, in another encoding.
#[tokio::test]
async fn no_error_tells_what_was_sent() {
    for status in [200, 400, 401, 403, 404, 500] {
        for shape in 0..4 {
            let assertion = ApplicationProof::Assertion(SecretRef::literal("hunter2.a.b"));
            for config in [by_secret(), EntraCredentialsConfig::Application(application(assertion))] {
                let machine = Machine::jumping();
                machine.canned.when(|_| true).always_with(move |request| {
                    let form = body(request).to_owned();
                    let decoded: Vec<_> = form_urlencoded::parse(form.as_bytes()).map(|(_, value)| value.into_owned()).collect();
                    let words = match shape {
                        0 => format!("AADSTS7000215: {form}"),
                        1 => format!("AADSTS700016: {}", decoded.join(" ")),
                        2 => return Reply::ok(form).with_status(status),
                        _ => decoded.join(""),
                    };
                    Reply::json(json!({"error": "invalid_client", "error_description": words}).to_string()).with_status(status)
                });
                let error = machine.token(&config).await.unwrap_err();
                let text =
                    format!("{error} {error:?} {error:#?} {:?} {:?}", error.to_problem(), error.provider_error::<EntraError>());
                assert!(!text.contains(CANARY), "{status}, shape {shape}: {text}");
            }
        }
    }
}
