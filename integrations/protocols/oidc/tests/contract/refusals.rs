//! Refusals are typed, redirects are not followed, and no error tells what was sent.

use circle_core_common::credentials::Fixed;
use circle_core_common::{ErrorKind, SecretRef};
use circle_core_protocol_oidc::{ClientAuth, ClientCredentials, OAuthError, OAuthErrorCode, TokenExchange, TokenType};
use circle_core_testkit::Reply;
use secrecy::SecretString;

use crate::{CANARY, Machine, body, secret};

#[tokio::test]
async fn each_code_has_its_kind() {
    for (status, code, expected, kind) in [
        (400, "invalid_request", OAuthErrorCode::InvalidRequest, ErrorKind::InvalidInput),
        (401, "invalid_client", OAuthErrorCode::InvalidClient, ErrorKind::Unauthenticated),
        (400, "invalid_client", OAuthErrorCode::InvalidClient, ErrorKind::Unauthenticated),
        (400, "invalid_grant", OAuthErrorCode::InvalidGrant, ErrorKind::Unauthenticated),
        (400, "unauthorized_client", OAuthErrorCode::UnauthorizedClient, ErrorKind::PermissionDenied),
        (400, "unsupported_grant_type", OAuthErrorCode::UnsupportedGrantType, ErrorKind::Unsupported),
        (400, "invalid_scope", OAuthErrorCode::InvalidScope, ErrorKind::InvalidInput),
        (400, "invalid_target", OAuthErrorCode::InvalidTarget, ErrorKind::InvalidInput),
        (403, "access_denied", OAuthErrorCode::AccessDenied, ErrorKind::PermissionDenied),
        // Some servers answer 200.
        (200, "invalid_grant", OAuthErrorCode::InvalidGrant, ErrorKind::Unauthenticated),
        (403, "org_policy", OAuthErrorCode::Other("org_policy".to_owned()), ErrorKind::PermissionDenied),
        (400, "org_policy", OAuthErrorCode::Other("org_policy".to_owned()), ErrorKind::InvalidInput),
        (429, "invalid_request", OAuthErrorCode::InvalidRequest, ErrorKind::RateLimited),
        (503, "temporarily_unavailable", OAuthErrorCode::TemporarilyUnavailable, ErrorKind::Unavailable),
    ] {
        let machine = Machine::jumping();
        let text = format!(r#"{{"error":"{code}","error_description":"Words of the server"}}"#);
        machine.canned.at("/token").always(Reply::json(text).with_status(status));
        let error = ClientCredentials::new(machine.client(ClientAuth::public())).request(&machine.cx()).await.unwrap_err();
        let own = error.provider_error::<OAuthError>().unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!((error.kind(), &own.code), (kind, &expected), "{status} {code}");
        assert_eq!(own.description.as_deref(), Some("Words of the server"), "{error:?}");
        assert!(error.message().contains(code), "{error}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let machine = Machine::new();
        machine.canned.at("/token").always(Reply::redirect(status, "https://evil.example.net/token"));
        let grant = ClientCredentials::new(machine.client(ClientAuth::post(secret())));
        let error = grant.request(&machine.cx()).await.unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && !error.is_retryable(), "{error}");
        assert_eq!(machine.canned.hits(), 1, "{status}");
    }
}

/// Servers repeat what they were sent: as it is, within their words, in another encoding.
#[tokio::test]
async fn no_error_tells_what_was_sent() {
    let machine = Machine::jumping();
    for status in [200, 400, 401, 403, 404, 500] {
        for shape in 0..6 {
            machine.canned.at("/token").once(Reply::status(501));
            let auths = || [ClientAuth::post(secret()), ClientAuth::basic(secret())];
            for auth in auths() {
                machine.canned.reset();
                machine.canned.at("/token").always_with(move |request| {
                    let (form, header) =
                        (body(request).to_owned(), request.header("authorization").unwrap_or_default().to_owned());
                    let words = match shape {
                        0 => form,
                        1 => form_urlencoded::parse(form.as_bytes())
                            .map(|(_, value)| value.into_owned())
                            .collect::<Vec<_>>()
                            .join(" "),
                        2 => header,
                        3 => return Reply::ok(form).with_status(status),
                        4 => return Reply::json(format!("{{\"form\": {:?}", form)).with_status(status),
                        _ => "hunter2/+ ü and hunter2%2F%2B+%C3%BC".to_owned(),
                    };
                    let refusal = serde_json::json!({"error": "invalid_client", "error_description": words});
                    Reply::json(refusal.to_string()).with_status(status)
                });
                let subject = Fixed::new(SecretString::from(format!("{CANARY}-subject")));
                let grant = TokenExchange::new(machine.client(auth), subject, TokenType::Jwt)
                    .actor(SecretRef::literal(format!("{CANARY}-actor")), TokenType::Jwt);
                let error = grant.request(&machine.cx()).await.unwrap_err();
                let text =
                    format!("{error} {error:?} {error:#?} {:?} {:?}", error.to_problem(), error.provider_error::<OAuthError>());
                assert!(!text.contains(CANARY) && !text.contains("aHVudGVy"), "{status}, shape {shape}: {text}");
            }
        }
    }
}
