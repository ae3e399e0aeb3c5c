use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

/// `id/secret/token/end`, or the error's message.
fn told(lease: Result<Lease<AwsCredentials>>) -> String {
    match lease {
        Ok(lease) => {
            let token = lease.token().map_or("-", |token| token.expose_secret());
            let end = lease.expires_at().map_or_else(|| "-".to_owned(), |end| end.to_string());
            format!("{}/{}/{token}/{end}", lease.access_key_id(), lease.secret_access_key().expose_secret())
        }
        Err(error) => {
            assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
            format!("! {}: {}", error.kind().code(), error.message())
        }
    }
}

const KEY: &str = r#""AccessKeyId":"ASIA","SecretAccessKey":"s3cr3t""#;
const END: &str = r#""Expiration":"2026-01-01T06:00:00Z""#;

#[test]
fn what_an_endpoint_answers() {
    for (json, expected) in [
        (format!(r#"{{"Code":"Success","Type":"AWS-HMAC",{KEY},"Token":"t",{END}}}"#), "ASIA/s3cr3t/t/2026-01-01T06:00:00Z"),
        (format!(r#"{{{KEY},"Token":"t",{END},"AccountId":7,"LastUpdated":null}}"#), "ASIA/s3cr3t/t/2026-01-01T06:00:00Z"),
        (
            r#"{"accesskeyid":"ASIA","SECRETACCESSKEY":"s3cr3t","sessionToken":"t","expiresAt":"2026-01-01T06:00:00Z"}"#
                .to_owned(),
            "ASIA/s3cr3t/t/2026-01-01T06:00:00Z",
        ),
        (format!(r#"{{{KEY},{END}}}"#), "! decode: it has no `Token`"),
        (format!(r#"{{{KEY},"Token":" ",{END}}}"#), "! decode: it has no `Token`"),
        (format!(r#"{{{KEY},"Token":"t"}}"#), "! decode: it has no `Expiration`"),
        (
            format!(r#"{{{KEY},"Token":"t","Expiration":"soon"}}"#),
            "! decode: it has an `Expiration` that is no moment of RFC 3339",
        ),
        (format!(r#"{{"AccessKeyId":"ASIA","Token":"s3cr3t",{END}}}"#), "! decode: it has no `SecretAccessKey`"),
        (
            format!(r#"{{"AccessKeyId":"s3cr3t\r\nx: y","SecretAccessKey":"x","Token":"s3cr3t",{END}}}"#),
            "! decode: it has no `AccessKeyId`",
        ),
        (
            r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"}"#.to_owned(),
            "! config_invalid: it says AssumeRoleUnauthorizedAccess: EC2 cannot assume the role; does the role trust the service that \
             it is to be assumed by?",
        ),
        (r#"{"code":"Failed","message":"not\nnow"}"#.to_owned(), "! unavailable: it says Failed: not now"),
        (
            r#"["s3cr3t"]"#.to_owned(),
            "! decode: it cannot be read as JSON: a value is missing or of another type at line 1, column 0",
        ),
        (r#"{"Token":"s3cr3t"#.to_owned(), "! decode: it cannot be read as JSON: the syntax is wrong at line 1, column 16"),
        (
            "404 - s3cr3t".to_owned(),
            "! decode: it cannot be read as JSON: a value is missing or of another type at line 1, column 3",
        ),
    ] {
        assert_eq!(told(Document::fetched("it", json.as_bytes())), expected, "{json}");
    }
}

#[test]
fn what_a_program_prints() {
    for (json, expected) in [
        (format!(r#"{{"Version":1,{KEY}}}"#), "ASIA/s3cr3t/-/-"),
        (format!(r#"{{"Version":1,{KEY},"SessionToken":"t",{END}}}"#), "ASIA/s3cr3t/t/2026-01-01T06:00:00Z"),
        (format!(r#"{{"Version":2,{KEY}}}"#), "! decode: it has no `Version` of 1"),
        (format!(r#"{{"Version":"1",{KEY}}}"#), "! decode: it has no `Version` of 1"),
        (format!(r#"{{{KEY}}}"#), "! decode: it has no `Version` of 1"),
        (
            format!(r#"{{"Version":1,{KEY},"Expiration":"s3cr3t"}}"#),
            "! decode: it has an `Expiration` that is no moment of RFC 3339",
        ),
        (r#"{"Version":1,"AccessKeyId":"A"}"#.to_owned(), "! decode: it has no `SecretAccessKey`"),
    ] {
        assert_eq!(told(Document::printed("it", json.as_bytes())), expected, "{json}");
    }
}

#[test]
fn moments_of_old_caches_are_read_too() {
    for (text, expected) in [
        ("2026-01-01T06:00:00Z", Some("2026-01-01T06:00:00Z")),
        ("2026-01-01T06:00:00UTC", Some("2026-01-01T06:00:00Z")),
        ("2026-01-01T07:00:00+01:00", Some("2026-01-01T06:00:00Z")),
        ("UTC", None),
        ("2026-01-01", None),
    ] {
        assert_eq!(moment(text).map(|moment| moment.to_string()).as_deref(), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_repeating_it(text in "(\\PC|[{}\":,\\\\]|\"Token\":|\"Version\":1|null){0,200}") {
        for lease in [Document::fetched("it", text.as_bytes()), Document::printed("it", text.as_bytes())] {
            if let Err(error) = lease {
                prop_assert!(error.message().len() < 600, "{error}");
            }
        }
    }

    #[test]
    fn credentials_come_back_whatever_they_are_made_of(secret in "\\PC{1,80}", token in "\\PC{1,200}", more: bool) {
        prop_assume!(!secret.trim().is_empty() && !token.trim().is_empty());
        let mut json = serde_json::json!({
            "Version": 1, "AccessKeyId": "ASIA", "SecretAccessKey": secret, "Token": token, "Expiration": "2026-01-01T06:00:00Z",
        });
        if more {
            json["Other"] = serde_json::json!({"SecretAccessKey": "x", "list": [1, null]});
        }
        let json = json.to_string();
        let expected = format!("ASIA/{secret}/{token}/2026-01-01T06:00:00Z");
        for lease in [Document::fetched("it", json.as_bytes()), Document::printed("it", json.as_bytes())] {
            let lease = lease.unwrap();
            let shown = format!("{lease:?} {:?}", lease.value());
            prop_assert!(secret.len() < 8 || !shown.contains(&secret));
            prop_assert_eq!(told(Ok(lease)), expected.clone());
        }
    }
}
