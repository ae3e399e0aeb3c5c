//! The presets against the figures of their services, and requests that mean harm.

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::{Algorithm, Challenge, Delivery, Encoding, Scheme, Verification};
use crate::error::{ErrorKind, Reason, Result};
use crate::interfaces::webhook_verifier::{ParseRequest, Verified};
use crate::units::Timestamp;

const PRESETS: [fn() -> Scheme; 5] = [Scheme::github, Scheme::slack, Scheme::stripe, Scheme::shopify, Scheme::standard_webhooks];
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &[u8] = br#"{"type":"invoice.paid","id":"evt_1","event_id":"Ev1"}"#;

fn verification(scheme: Scheme) -> Verification {
    Verification::new(scheme).unwrap()
}

fn headers(headers: &[(&str, &str)]) -> HeaderMap {
    let of = |(name, value): &(&str, &str)| (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    headers.iter().map(of).collect()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds, 0)
}

fn verify(scheme: Scheme, secret: &str, given: &[(&str, &str)], body: &str, now: i64) -> Result<Verified> {
    let verification = verification(scheme);
    let key = verification.key(secret)?;
    verification.verify(&[key], &headers(given), body.as_bytes(), at(now))
}

fn reason<T>(result: Result<T>) -> Reason {
    let error = result.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    error.reason().unwrap()
}

/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation>
#[test]
fn github_is_as_its_page_says() {
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let given = [("X-Hub-Signature-256", signature), ("X-GitHub-Event", "ping"), ("X-GitHub-Delivery", "72d3162e")];
    let verified = verify(Scheme::github(), "It's a Secret to Everybody", &given, "Hello, World!", 0).unwrap();
    assert_eq!(verified.kind.as_deref(), Some("ping"));
    // The SHA-256 of the body: the delivery's id is not signed.
    assert!(verified.id_is_hash);
    assert_eq!(verified.id.as_str(), "sha256:dffd6021bb2bd5b0af676290809ec3a53191dd81c7f70a4b28688a362182986f");
}

/// <https://docs.slack.dev/authentication/verifying-requests-from-slack#validating-a-request>
#[test]
fn slack_is_as_its_page_says() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar\
        &user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F\
        commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.\
        803a0bc887a14d10d2c447fce8b6703c";
    let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let given = [("X-Slack-Signature", signature), ("X-Slack-Request-Timestamp", "1531420618")];
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    let verified = |now| verify(Scheme::slack(), secret, &given, body, now);
    assert_eq!(verified(1_531_420_618).unwrap().at, Some(at(1_531_420_618)));
    assert!(verified(1_531_420_618 + 300).is_ok());
    assert!(verified(1_531_420_618 - 300).is_ok());
    assert_eq!(reason(verified(1_531_420_618 + 301)), Reason::SignatureExpired);
    assert_eq!(reason(verified(1_531_420_618 - 301)), Reason::SignatureInFuture);
}

/// Stripe publishes the way (<https://docs.stripe.com/webhooks/signature#verify-manually>) and no figures; these are of OpenSSL.
#[test]
fn stripe_is_as_its_page_says() {
    let signature = "t=1700000000,v1=0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd,\
        v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39";
    let body = r#"{"id":"evt_1","object":"event"}"#;
    let verified =
        verify(Scheme::stripe(), "whsec_test_secret", &[("Stripe-Signature", signature)], body, 1_700_000_010).unwrap();
    assert_eq!((verified.id.as_str(), verified.id_is_hash), ("evt_1", false));
}

/// Shopify publishes the way (<https://shopify.dev/docs/apps/build/webhooks/verify-deliveries>) and no figures; these are of
/// OpenSSL.
#[test]
fn shopify_is_as_its_page_says() {
    let given = [("X-Shopify-Hmac-SHA256", "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY="), ("X-Shopify-Topic", "orders/create")];
    let verified = verify(Scheme::shopify(), "hush", &given, r#"{"id":1}"#, 0).unwrap();
    assert_eq!(verified.kind.as_deref(), Some("orders/create"));
    assert!(verified.id_is_hash);
}

/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/rust/src/lib.rs>, `test_sign`
#[test]
fn standard_webhooks_are_as_their_library_says() {
    let given = [
        ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
        ("webhook-timestamp", "1649367553"),
        ("webhook-signature", "v1a,bm9uZSBvZiBvdXJz v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
    ];
    let body = r#"{"email":"test@example.com","username":"test_user"}"#;
    let verified = verify(Scheme::standard_webhooks(), SECRET, &given, body, 1_649_367_553).unwrap();
    assert_eq!(verified.id.as_str(), "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk");
    assert!(!verified.id_is_hash);
    let bare = SECRET.strip_prefix("whsec_").unwrap();
    assert!(verify(Scheme::standard_webhooks(), bare, &given, body, 1_649_367_553).is_ok());
}

/// RFC 2202, section 3, and RFC 4231, section 4.3: test case 2 of both.
#[test]
fn algorithms_are_as_their_rfcs_say() {
    for (algorithm, signature) in [
        (Algorithm::HmacSha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (Algorithm::HmacSha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            Algorithm::HmacSha512,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e0\
             70a38bce737",
        ),
    ] {
        let scheme = Scheme::new("x-signature").algorithm(algorithm);
        verify(scheme, "Jefe", &[("x-signature", signature)], "what do ya want for nothing?", 0).unwrap();
    }
}

#[test]
fn a_challenge_is_answered_with_its_text() {
    // <https://docs.slack.dev/reference/events/url_verification>
    let body = br#"{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    let verification = verification(Scheme::slack());
    let key = [verification.key("secret").unwrap()];
    let parsed = |body: &'static [u8]| {
        let headers = verification.sign(&key, Delivery { id: "", at: at(100), body }).unwrap();
        let verified = verification.verify(&key, &headers, body, at(100)).unwrap();
        verification.parse(ParseRequest::new(verified, headers, body.into()))
    };
    let event = parsed(body);
    assert!(event.is("url_verification"));
    assert_eq!(event.answer.unwrap().body, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P");
    let event = parsed(br#"{"type":"event_callback","event_id":"Ev08MFMKH6","event":{"type":"app_mention","challenge":"x"}}"#);
    assert_eq!((event.kind.as_deref(), event.id.as_str(), event.answer), (Some("app_mention"), "Ev08MFMKH6", None));
}

#[test]
fn a_body_that_is_no_json_has_a_hash_for_an_id() {
    let verification = verification(Scheme::stripe());
    let key = [verification.key("secret").unwrap()];
    let deep = "[".repeat(100_000);
    for body in ["", "not json", "{\"id\":\"\"}", "{\"id\":\"a b\"}", "{\"id\":[1]}", deep.as_str()] {
        let delivery = Delivery { id: "", at: at(100), body: body.as_bytes() };
        let headers = verification.sign(&key, delivery).unwrap();
        let verified = verification.verify(&key, &headers, body.as_bytes(), at(100)).unwrap();
        assert!(verified.id_is_hash, "{:.20}", body);
    }
}

#[test]
fn secrets_that_are_none_are_refused() {
    for scheme in PRESETS {
        let verification = verification(scheme());
        for secret in ["", " ", "\n", " secret", "secret\n"] {
            assert_eq!(verification.key(secret).unwrap_err().kind(), ErrorKind::ConfigInvalid, "{secret:?}");
        }
    }
    let standard = verification(Scheme::standard_webhooks());
    for secret in ["whsec_", "whsec_???", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7o"] {
        let error = standard.key(secret).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(!format!("{error:?}").contains("???"), "{error:?}");
    }
    assert!(!format!("{:?}", standard.key(SECRET).unwrap()).contains("C2FV"));
}

#[test]
fn schemes_that_contradict_themselves_are_refused() {
    let plain = || Scheme::new("x-signature");
    for scheme in [
        Scheme::new(""),
        Scheme::new("no header"),
        plain().signed("{timestamp}".to_owned()),
        plain().signed("{body}.{body}".to_owned()),
        plain().signed("{body}.{timestamp}".to_owned()).timestamp_header("x-t"),
        plain().signed("{when}.{body}".to_owned()),
        plain().signed("{body".to_owned()),
        plain().signed("{timestamp}.{body}".to_owned()),
        plain().signed("{id}{body}".to_owned()).id_header("x-id"),
        plain().timestamp_header("x-t"),
        // What is not signed is no id.
        plain().id_header("x-id"),
        plain().timestamp_header("x-signature").timestamp_prefix("t=").signed("{timestamp}.{body}".to_owned()),
        plain().separator('a'),
        plain().id_fields(["id"]),
    ] {
        let error = Verification::new(scheme.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{scheme:?}");
    }
    let verification = verification(plain());
    for seconds in [0, 3601] {
        assert!(verification.clone().tolerance(std::time::Duration::from_secs(seconds)).is_err());
    }
}

#[test]
fn a_scheme_can_be_written_down() {
    for scheme in PRESETS {
        let written = serde_json::to_string(&scheme()).unwrap();
        assert_eq!(serde_json::from_str::<Scheme>(&written).unwrap(), scheme());
    }
    assert!(serde_json::from_str::<Scheme>(r#"{"signature_header":"x","sign":"y"}"#).is_err());
    assert_eq!(Scheme::default().challenge(Challenge::new("a", "/b")).challenge.unwrap().field, "/b");
}

fn signed(scheme: Scheme) -> (Verification, Vec<super::WebhookKey>, HeaderMap) {
    let verification = verification(scheme);
    let keys = vec![verification.key(SECRET).unwrap()];
    let headers = verification.sign(&keys, Delivery { id: "msg_1", at: at(1_700_000_000), body: BODY }).unwrap();
    (verification, keys, headers)
}

#[test]
fn headers_that_mean_harm_are_refused() {
    for scheme in PRESETS {
        let (verification, keys, headers) = signed(scheme());
        let verify = |headers: &HeaderMap| verification.verify(&keys, headers, BODY, at(1_700_000_000));
        verify(&headers).unwrap();
        for (name, value) in &headers {
            let text = value.to_str().unwrap();
            let set = |value: HeaderValue| {
                let mut changed = headers.clone();
                changed.insert(name, value);
                verify(&changed)
            };
            let mut without = headers.clone();
            without.remove(name);
            assert_eq!(reason(verify(&without)), Reason::SignatureMissing);
            let mut twice = headers.clone();
            twice.append(name, value.clone());
            assert_eq!(reason(verify(&twice)), Reason::SignatureMalformed);
            for harm in ["", "=", ",", " ", "v1,", "v1=", "v0=", "sha256=", "\u{fffd}", &"a".repeat(5000), &format!("{text}\t")] {
                assert!(set(HeaderValue::from_str(harm).unwrap()).is_err(), "{name}: {harm:.40}");
            }
            assert!(set(HeaderValue::from_bytes(b"\xff\xfe").unwrap()).is_err());
            // Two headers that a proxy has folded into one.
            assert!(set(HeaderValue::from_str(&format!("{text}, {text}")).unwrap()).is_err(), "{name}");
        }
    }
}

#[test]
fn moments_are_digits_of_ascii() {
    let (verification, keys, headers) = signed(Scheme::slack());
    for moment in [
        "",
        "+1700000000",
        "-1700000000",
        "1700000000 ",
        "1700000000.0",
        "1.7e9",
        "0x6553f100",
        "１７００００００００",
        "١٧٠",
        "9999999999999",
    ] {
        let mut changed = headers.clone();
        changed.insert("x-slack-request-timestamp", HeaderValue::from_bytes(moment.as_bytes()).unwrap());
        let refused = reason(verification.verify(&keys, &changed, BODY, at(1_700_000_000)));
        assert_eq!(refused, Reason::SignatureMalformed, "{moment}");
    }
}

#[test]
fn a_moment_is_told_of_signed_requests_alone() {
    let (verification, keys, headers) = signed(Scheme::slack());
    let forged = verification.verify(&keys, &headers, b"{}", at(1_800_000_000));
    assert_eq!(reason(forged), Reason::SignatureInvalid);
}

#[test]
fn signatures_have_one_spelling() {
    let (verification, keys, headers) = signed(Scheme::github());
    let mut upper = headers.clone();
    let text = headers["x-hub-signature-256"].to_str().unwrap().to_uppercase().replace("SHA256", "sha256");
    upper.insert("x-hub-signature-256", HeaderValue::from_str(&text).unwrap());
    assert_eq!(reason(verification.verify(&keys, &upper, BODY, at(0))), Reason::SignatureMalformed);

    let (verification, keys, headers) = signed(Scheme::shopify());
    let text = headers["x-shopify-hmac-sha256"].to_str().unwrap().to_owned();
    for other in [text.trim_end_matches('=').to_owned(), text.replace(['+', '/'], "-").replace('=', ""), format!("{text}=")] {
        let mut changed = headers.clone();
        changed.insert("x-shopify-hmac-sha256", HeaderValue::from_str(&other).unwrap());
        assert_eq!(reason(verification.verify(&keys, &changed, BODY, at(0))), Reason::SignatureMalformed, "{other}");
    }
}

#[test]
fn signatures_of_several_keys_stand_in_one_header() {
    let verification = verification(Scheme::stripe());
    let [old, new, other] = ["old", "new", "other"].map(|secret| verification.key(secret).unwrap());
    let delivery = Delivery { id: "", at: at(100), body: BODY };
    let headers = verification.sign(&[other.clone(), old.clone()], delivery).unwrap();
    let verify = |keys: &[super::WebhookKey]| verification.verify(keys, &headers, BODY, at(100));
    assert_eq!(verify(&[new.clone(), old]).unwrap().secret, 1);
    assert_eq!(reason(verify(&[new])), Reason::SignatureInvalid);
    assert_eq!(reason(verify(&[])), Reason::SignatureInvalid);
    let many = vec![other; 17];
    let headers = verification.sign(&many, delivery).unwrap();
    assert_eq!(reason(verification.verify(&many, &headers, BODY, at(100))), Reason::SignatureMalformed);
    let one = super::Verification::new(Scheme::github().encoding(Encoding::Hex)).unwrap();
    assert_eq!(one.sign(&many, delivery).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// What a proxy makes of two headers, the second of which says another moment.
#[test]
fn a_second_moment_cannot_hide_behind_a_space() {
    let (verification, keys, headers) = signed(Scheme::stripe());
    let text = headers["stripe-signature"].to_str().unwrap();
    for folded in [format!("{text}, t=1"), format!("{text},t=1"), format!("t=1, {text}"), format!("{text} ,v1=00")] {
        let mut changed = headers.clone();
        changed.insert("stripe-signature", HeaderValue::from_str(&folded).unwrap());
        let refused = reason(verification.verify(&keys, &changed, BODY, at(1_700_000_000)));
        assert_eq!(refused, Reason::SignatureMalformed, "{folded}");
    }
}

/// `msg_1.17` and `00.{…}` are the same signed bytes as `msg_1` and `17.00.{…}`.
#[test]
fn pieces_cannot_be_moved_into_one_another() {
    let verification = verification(Scheme::standard_webhooks());
    let key = [verification.key(SECRET).unwrap()];
    let body: &[u8] = b"1700000000.{}";
    let headers = verification.sign(&key, Delivery { id: "msg_1", at: at(1_600_000_000), body }).unwrap();
    let mut moved = headers.clone();
    moved.insert("webhook-id", HeaderValue::from_static("msg_1.1600000000"));
    moved.insert("webhook-timestamp", HeaderValue::from_static("1700000000"));
    assert_eq!(reason(verification.verify(&key, &moved, b"{}", at(1_700_000_000))), Reason::SignatureMalformed);
}

proptest! {
    #[test]
    fn whatever_is_signed_is_verified(
        preset in 0..5_usize, body: Vec<u8>, seconds in 0..4_000_000_000_i64, id in "[A-Za-z0-9_-]{1,40}"
    ) {
        let verification = verification(PRESETS[preset]());
        let key = [verification.key(SECRET).unwrap()];
        let headers = verification.sign(&key, Delivery { id: &id, at: at(seconds), body: &body }).unwrap();
        let verified = verification.verify(&key, &headers, &body, at(seconds)).unwrap();
        prop_assert!(verified.at.is_none_or(|given| given == at(seconds)));
    }

    #[test]
    fn one_flipped_bit_is_refused(preset in 0..5_usize, body in prop::collection::vec(any::<u8>(), 1..200), place: usize, bit in 0..8) {
        let verification = verification(PRESETS[preset]());
        let key = [verification.key(SECRET).unwrap()];
        let delivery = Delivery { id: "msg_1", at: at(1_700_000_000), body: &body };
        let headers = verification.sign(&key, delivery).unwrap();
        let mut flipped = body.clone();
        flipped[place % body.len()] ^= 1_u8 << bit;
        prop_assert!(verification.verify(&key, &headers, &flipped, at(1_700_000_000)).is_err());
        for (name, value) in &headers {
            let mut bytes = value.as_bytes().to_vec();
            let place = place % bytes.len();
            bytes[place] ^= 1_u8 << bit;
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut changed = headers.clone();
                changed.insert(name, value);
                prop_assert!(verification.verify(&key, &changed, &body, at(1_700_000_000)).is_err(), "{name} {place}");
            }
        }
    }

    #[test]
    fn no_header_brings_it_down(preset in 0..5_usize, values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 5)) {
        let (verification, keys, headers) = signed(PRESETS[preset]());
        let mut changed = HeaderMap::new();
        for (name, value) in headers.keys().zip(values) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                changed.insert(name, value);
            }
        }
        prop_assert!(verification.verify(&keys, &changed, BODY, at(1_700_000_000)).is_err());
    }
}
