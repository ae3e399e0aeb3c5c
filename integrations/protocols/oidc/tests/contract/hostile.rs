//! Tokens that nobody may believe, and why each is refused.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use circle_core_common::{ErrorKind, SecretRef};
use circle_core_protocol_oidc::{
    AccessToken, Algorithm, Claims, Expect, ExpectIdToken, JwtVerifier, KeySet, Nonce, TokenRefusal,
};
use jsonwebtoken::EncodingKey;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::signing::{Keys, key_set, rsa, signature, token, verifier_of};
use crate::{ISSUER, Machine};

/// 2000-01-01, where the clock of the tests stands.
const NOW: i64 = 946_684_800;
const HEADER: &str = r#"{"alg":"ES256","kid":"P-256"}"#;

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "api", "sub": "ann", "exp": NOW + 300, "iat": NOW - 5, "scope": "read write"})
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    claims.to_string()
}

fn without(name: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims.to_string()
}

fn es256(header: &str, claims: &str) -> String {
    token(header, claims, Algorithm::ES256)
}

fn b64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// By the four keys of the tests, for RS256 and ES256.
fn verifier() -> JwtVerifier {
    let keys: Vec<Value> = Keys::get().all().into_iter().map(|(_, _, jwk)| jwk).collect();
    let keys = KeySet::parse(key_set(&keys).as_bytes()).unwrap();
    JwtVerifier::of_keys(ISSUER, keys, [Algorithm::RS256, Algorithm::ES256]).unwrap()
}

async fn refusal(verifier: &JwtVerifier, token: &str, expect: &Expect) -> Result<Claims, TokenRefusal> {
    verifier.verify(&Machine::new().cx(), &token.into(), expect).await.map_err(|error| {
        let text = format!("{error} {error:?}");
        assert!(token.len() < 20 || !text.contains(token), "{text}");
        assert!(error.is(ErrorKind::Unauthenticated) || error.is(ErrorKind::PermissionDenied), "{text}");
        *error.provider_error().unwrap_or_else(|| panic!("{error:?}"))
    })
}

#[tokio::test]
async fn good_tokens_are_believed() {
    let verifier = verifier();
    for (header, claims, algorithm) in [
        (HEADER, claims().to_string(), Algorithm::ES256),
        (r#"{"alg":"RS256","kid":"rsa","typ":"at+jwt"}"#, claims().to_string(), Algorithm::RS256),
        (
            r#"{"alg":"ES256","typ":"application/AT+JWT","jku":"https://evil.example.net","x5u":"https://evil.example.net"}"#,
            claims().to_string(),
            Algorithm::ES256,
        ),
        (HEADER, with("aud", json!(["other", "api"])), Algorithm::ES256),
        (HEADER, without("iat"), Algorithm::ES256),
        (HEADER, with("exp", json!(NOW as f64 + 0.5)), Algorithm::ES256),
        (HEADER, with("exp", json!(NOW - 59)), Algorithm::ES256),
        (HEADER, with("nbf", json!(NOW + 60)), Algorithm::ES256),
        (HEADER, with("iat", json!(NOW + 60)), Algorithm::ES256),
        (HEADER, with("exp", json!(1e300)), Algorithm::ES256),
        (HEADER, with("scope", json!(null)), Algorithm::ES256),
    ] {
        let token = token(header, &claims, algorithm);
        let read = refusal(&verifier, &token, &Expect::audience("api")).await;
        assert_eq!(read.as_ref().map(|claims| claims.subject()), Ok(Some("ann")), "{header} {claims}");
    }
}

#[tokio::test]
async fn hostile_tokens_are_refused_each_for_its_reason() {
    use TokenRefusal as Why;
    let good = es256(HEADER, &claims().to_string());
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, sign] = parts[..] else { panic!() };
    let public = Keys::get().of(Algorithm::RS256).1.clone();
    let hmac = |header: &str, key: &[u8]| {
        let message = format!("{}.{}", b64(header), b64(&claims().to_string()));
        let signature = signature(&message, Algorithm::HS256, &EncodingKey::from_secret(key));
        format!("{message}.{signature}")
    };
    let flipped = |text: &str, at: usize| {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
        bytes[at] ^= 1;
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let (other_pem, other_jwk) = rsa("rsa");
    let by_other = |header: &str| {
        let message = format!("{}.{}", b64(header), b64(&claims().to_string()));
        let signature = signature(&message, Algorithm::RS256, &EncodingKey::from_rsa_pem(other_pem.as_bytes()).unwrap());
        format!("{message}.{signature}")
    };
    let cases: Vec<(&str, String, TokenRefusal)> = vec![
        // What is not signed.
        ("none", format!("{}.{body}.", b64(r#"{"alg":"none"}"#)), Why::Malformed),
        ("none with a signature", format!("{}.{body}.{sign}", b64(r#"{"alg":"none"}"#)), Why::Algorithm),
        ("None", format!("{}.{body}.{sign}", b64(r#"{"alg":"None"}"#)), Why::Algorithm),
        ("nOnE", format!("{}.{body}.{sign}", b64(r#"{"alg":"nOnE"}"#)), Why::Algorithm),
        ("no alg", format!("{}.{body}.{sign}", b64(r#"{"kid":"P-256"}"#)), Why::Malformed),
        ("alg is null", format!("{}.{body}.{sign}", b64(r#"{"alg":null}"#)), Why::Malformed),
        ("alg is a list", format!("{}.{body}.{sign}", b64(r#"{"alg":["ES256"]}"#)), Why::Malformed),
        ("alg twice", es256(r#"{"alg":"none","alg":"ES256","kid":"P-256"}"#, &claims().to_string()), Why::Malformed),
        ("the signature left out", format!("{head}.{body}"), Why::Malformed),
        ("an empty signature", format!("{head}.{body}."), Why::Malformed),
        // Another algorithm.
        (
            "a key of the server as a secret",
            hmac(r#"{"alg":"HS256","kid":"rsa"}"#, public["n"].as_str().unwrap().as_bytes()),
            Why::Algorithm,
        ),
        ("the set of keys as a secret", hmac(r#"{"alg":"HS256","kid":"rsa"}"#, key_set(&[public]).as_bytes()), Why::Algorithm),
        (
            "an algorithm that was not chosen",
            token(r#"{"alg":"ES384","kid":"P-384"}"#, &claims().to_string(), Algorithm::ES384),
            Why::Algorithm,
        ),
        (
            "one of another family",
            token(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims().to_string(), Algorithm::EdDSA),
            Why::Algorithm,
        ),
        ("an algorithm for another key", es256(r#"{"alg":"ES256","kid":"rsa"}"#, &claims().to_string()), Why::UnknownKey),
        (
            "RS256 that is signed with PS256",
            token(r#"{"alg":"RS256","kid":"rsa"}"#, &claims().to_string(), Algorithm::PS256),
            Why::Signature,
        ),
        (
            "RS256 that is signed with RS512",
            token(r#"{"alg":"RS256","kid":"rsa"}"#, &claims().to_string(), Algorithm::RS512),
            Why::Signature,
        ),
        // Another key.
        ("an unknown key", es256(r#"{"alg":"ES256","kid":"nobody"}"#, &claims().to_string()), Why::UnknownKey),
        ("a path as a key", es256(r#"{"alg":"ES256","kid":"../../../../dev/null"}"#, &claims().to_string()), Why::UnknownKey),
        ("a query as a key", es256(r#"{"alg":"ES256","kid":"x' UNION SELECT 'k"}"#, &claims().to_string()), Why::UnknownKey),
        (
            "a very long name",
            es256(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(257)), &claims().to_string()),
            Why::Malformed,
        ),
        ("a name that is a number", es256(r#"{"alg":"ES256","kid":7}"#, &claims().to_string()), Why::Malformed),
        ("a key of another by the right name", by_other(r#"{"alg":"RS256","kid":"rsa"}"#), Why::Signature),
        (
            "a key that comes along",
            by_other(&json!({"alg": "RS256", "kid": "rsa", "jwk": other_jwk}).to_string()),
            Why::Signature,
        ),
        (
            "a key from elsewhere",
            by_other(r#"{"alg":"RS256","kid":"rsa","jku":"https://evil.example.net/jwks"}"#),
            Why::Signature,
        ),
        (
            "a certificate from elsewhere",
            by_other(r#"{"alg":"RS256","x5u":"https://evil.example.net/c.pem","x5c":["MIIB"]}"#),
            Why::Signature,
        ),
        // Tampered with.
        ("a bit of the signature", format!("{head}.{body}.{}", flipped(sign, 3)), Why::Signature),
        ("half a signature", format!("{head}.{body}.{}", &sign[..40]), Why::Signature),
        ("a signature of zeros", format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode([0; 64])), Why::Signature),
        ("other claims", format!("{head}.{}.{sign}", b64(&with("sub", json!("root")))), Why::Signature),
        ("another header", format!("{}.{body}.{sign}", b64(r#"{"alg":"ES256","kid":"P-256","x":1}"#)), Why::Signature),
        (
            "a signature in DER",
            format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode([0x30, 0x06, 2, 1, 1, 2, 1, 1])),
            Why::Signature,
        ),
        // Other forms.
        ("nothing", String::new(), Why::Malformed),
        ("dots", "..".to_owned(), Why::Malformed),
        ("five parts", format!("{good}.a.b"), Why::Malformed),
        ("four parts", format!("{good}."), Why::Malformed),
        ("padding", format!("{}.{body}.{sign}", URL_SAFE.encode(HEADER)), Why::Malformed),
        ("the other alphabet", format!("{}+/.{body}.{sign}", &head[..head.len() - 2]), Why::Malformed),
        ("a blank", format!(" {good}"), Why::Malformed),
        ("a line break", format!("{good}\n"), Why::Signature),
        ("JSON serialization", json!({"payload": body, "protected": head, "signature": sign}).to_string(), Why::Malformed),
        ("a header that is no object", format!("{}.{body}.{sign}", b64("[]")), Why::Malformed),
        ("critical", es256(r#"{"alg":"ES256","kid":"P-256","crit":["exp"]}"#, &claims().to_string()), Why::Malformed),
        ("critical, nothing", es256(r#"{"alg":"ES256","kid":"P-256","crit":null}"#, &claims().to_string()), Why::Malformed),
        (
            "not encoded",
            es256(r#"{"alg":"ES256","kid":"P-256","b64":false,"crit":["b64"]}"#, &claims().to_string()),
            Why::Malformed,
        ),
        ("very long", format!("{head}.{}.{sign}", "A".repeat(70_000)), Why::Malformed),
        ("claims that are a list", es256(HEADER, "[]"), Why::Malformed),
        ("claims that are deep", es256(HEADER, &format!("{}{}", "[".repeat(2000), "]".repeat(2000))), Why::Malformed),
        (
            "an issuer twice",
            es256(HEADER, &claims().to_string().replacen('{', &format!("{{\"iss\":\"{ISSUER}\","), 1)),
            Why::Malformed,
        ),
        // Somebody else's.
        ("another issuer", es256(HEADER, &with("iss", json!("https://evil.example.net"))), Why::Issuer),
        ("nearly the issuer", es256(HEADER, &with("iss", json!(format!("{ISSUER}/")))), Why::Issuer),
        ("no issuer", es256(HEADER, &without("iss")), Why::Issuer),
        ("a list of issuers", es256(HEADER, &with("iss", json!([ISSUER]))), Why::Malformed),
        ("another audience", es256(HEADER, &with("aud", json!("other"))), Why::Audience),
        ("other audiences", es256(HEADER, &with("aud", json!(["a", "API", "api/"]))), Why::Audience),
        ("no audience", es256(HEADER, &without("aud")), Why::Audience),
        ("an audience of nobody", es256(HEADER, &with("aud", json!([]))), Why::Audience),
        ("an audience that is an object", es256(HEADER, &with("aud", json!({"api": 1}))), Why::Malformed),
        (
            "an ID token of another type",
            es256(r#"{"alg":"ES256","kid":"P-256","typ":"logout+jwt"}"#, &claims().to_string()),
            Why::Type,
        ),
        // Another time.
        ("expired", es256(HEADER, &with("exp", json!(NOW - 60))), Why::Expired),
        ("expired long ago", es256(HEADER, &with("exp", json!(-1e300))), Why::Expired),
        ("without an end", es256(HEADER, &without("exp")), Why::Expired),
        ("an end that is text", es256(HEADER, &with("exp", json!("2999-01-01"))), Why::Malformed),
        ("an end that is a number in text", es256(HEADER, &with("exp", json!("4102444800"))), Why::Malformed),
        ("an end that is nothing", es256(HEADER, &with("exp", json!(null))), Why::Malformed),
        ("not yet", es256(HEADER, &with("nbf", json!(NOW + 61))), Why::NotYetValid),
        ("from the future", es256(HEADER, &with("iat", json!(NOW + 61))), Why::IssuedAt),
    ];
    assert!(cases.len() >= 60, "{}", cases.len());
    let verifier = verifier();
    assert!(refusal(&verifier, &good, &Expect::audience("api")).await.is_ok());
    for (what, token, why) in cases {
        let read = refusal(&verifier, &token, &Expect::audience("api")).await;
        assert_eq!(read.map(|_| ()), Err(why), "{what}");
    }
}

#[tokio::test]
async fn every_bit_of_a_token_counts() {
    let verifier = verifier();
    let good = es256(HEADER, &claims().to_string());
    for at in 0..good.len() {
        for replacement in [b'A', b'_', b'.'] {
            let mut bytes = good.clone().into_bytes();
            if bytes[at] == replacement {
                continue;
            }
            bytes[at] = replacement;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(refusal(&verifier, &changed, &Expect::audience("api")).await.is_err(), "{at}: {changed}");
        }
    }
}

#[tokio::test]
async fn what_is_expected_besides_is_checked() {
    let verifier = verifier();
    let at = |header: &str, claims: String| es256(header, &claims);
    let expect = || Expect::audience("api");
    for (token, expect, why) in [
        (at(HEADER, claims().to_string()), expect().scope("read").scope("write"), None),
        (at(HEADER, with("scp", json!(["a", "b"]))), expect().scope("b").scope("read"), None),
        (at(HEADER, claims().to_string()), expect().scope("admin"), Some(TokenRefusal::Scope)),
        (at(HEADER, claims().to_string()), expect().scope("rea"), Some(TokenRefusal::Scope)),
        (at(HEADER, with("azp", json!("c1"))), expect().authorized_party("c1"), None),
        (at(HEADER, with("client_id", json!("c1"))), expect().authorized_party("c1"), None),
        (at(HEADER, with("azp", json!("c2"))), expect().authorized_party("c1"), Some(TokenRefusal::AuthorizedParty)),
        (at(HEADER, claims().to_string()), expect().authorized_party("c1"), Some(TokenRefusal::AuthorizedParty)),
        (at(HEADER, claims().to_string()), expect().token_type("at+jwt"), Some(TokenRefusal::Type)),
        (at(r#"{"alg":"ES256","typ":"JWT"}"#, claims().to_string()), expect().token_type("at+jwt"), Some(TokenRefusal::Type)),
        (at(r#"{"alg":"ES256","typ":"at+jwt"}"#, claims().to_string()), expect().token_type("at+jwt"), None),
        (at(HEADER, with("auth_time", json!(NOW - 100))), expect().max_age(std::time::Duration::from_secs(40)), None),
        (
            at(HEADER, with("auth_time", json!(NOW - 101))),
            expect().max_age(std::time::Duration::from_secs(40)),
            Some(TokenRefusal::AuthenticationAge),
        ),
        (
            at(HEADER, claims().to_string()),
            expect().max_age(std::time::Duration::from_secs(40)),
            Some(TokenRefusal::AuthenticationAge),
        ),
    ] {
        assert_eq!(refusal(&verifier, &token, &expect).await.err(), why, "{expect:?}");
    }
}

#[tokio::test]
async fn an_id_token_belongs_to_its_login() {
    let nonce = SecretString::from("n-0S6_WzA2Mj");
    let access_token = AccessToken::new("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y").unwrap();
    // OpenID Connect Core, A.3: the hash of this token by RS256.
    let id = |changes: &[(&str, Value)]| {
        let mut claims = claims();
        claims["aud"] = json!("c1");
        claims["nonce"] = json!("n-0S6_WzA2Mj");
        claims["at_hash"] = json!("77QmUPtjPfzWtF2AnpK9RQ");
        for (name, value) in changes {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(*name)),
                value => claims[*name] = value.clone(),
            }
        }
        claims.to_string()
    };
    let typed = r#"{"alg":"ES256","kid":"P-256","typ":"at+jwt"}"#;
    let verifier = verifier();
    for (header, claims, nonce, why) in [
        (HEADER, id(&[]), Nonce::Sent(&nonce), None),
        (HEADER, id(&[("nonce", Value::Null)]), Nonce::NotSent, None),
        (HEADER, id(&[("at_hash", Value::Null)]), Nonce::Sent(&nonce), None),
        (HEADER, id(&[("aud", json!(["c1", "api"])), ("azp", json!("c1"))]), Nonce::Sent(&nonce), None),
        (HEADER, id(&[("nonce", Value::Null)]), Nonce::Sent(&nonce), Some(TokenRefusal::Nonce)),
        (HEADER, id(&[("nonce", json!(""))]), Nonce::Sent(&nonce), Some(TokenRefusal::Nonce)),
        (HEADER, id(&[("nonce", json!("n-0S6_WzA2Mk"))]), Nonce::Sent(&nonce), Some(TokenRefusal::Nonce)),
        (HEADER, id(&[("at_hash", json!("77QmUPtjPfzWtF2AnpK9RR"))]), Nonce::Sent(&nonce), Some(TokenRefusal::AccessTokenHash)),
        (HEADER, id(&[("at_hash", json!(""))]), Nonce::Sent(&nonce), Some(TokenRefusal::AccessTokenHash)),
        (HEADER, id(&[("aud", json!("api"))]), Nonce::Sent(&nonce), Some(TokenRefusal::Audience)),
        (HEADER, id(&[("aud", json!(["c1", "api"]))]), Nonce::Sent(&nonce), Some(TokenRefusal::AuthorizedParty)),
        (HEADER, id(&[("azp", json!("c2"))]), Nonce::Sent(&nonce), Some(TokenRefusal::AuthorizedParty)),
        (HEADER, id(&[("iat", Value::Null)]), Nonce::Sent(&nonce), Some(TokenRefusal::IssuedAt)),
        (HEADER, id(&[("sub", Value::Null)]), Nonce::Sent(&nonce), Some(TokenRefusal::Subject)),
        (HEADER, id(&[("sub", json!(""))]), Nonce::Sent(&nonce), Some(TokenRefusal::Subject)),
        (typed, id(&[]), Nonce::Sent(&nonce), Some(TokenRefusal::Type)),
    ] {
        let expect = ExpectIdToken { client_id: "c1", nonce, access_token: Some(&access_token) };
        let token = es256(header, &claims).into();
        let read = verifier.verify_id_token(&Machine::new().cx(), &token, &expect).await;
        let refused = read.err().map(|error| *error.provider_error::<TokenRefusal>().unwrap());
        assert_eq!(refused, why, "{claims}");
    }
}

#[tokio::test]
async fn a_shared_secret_is_long_and_for_its_algorithms_only() {
    let public = |algorithms: &[Algorithm]| JwtVerifier::of_keys(ISSUER, KeySet::default(), algorithms.iter().copied());
    let secret = |text: &str, algorithm| JwtVerifier::of_secret(ISSUER, SecretRef::literal(text), [algorithm]);
    for refused in [
        public(&[]),
        public(&[Algorithm::HS256]),
        public(&[Algorithm::RS256, Algorithm::HS512]),
        secret("x", Algorithm::RS256),
        JwtVerifier::of_keys("", KeySet::default(), [Algorithm::RS256]),
    ] {
        assert!(refused.unwrap_err().is(ErrorKind::ConfigInvalid));
    }
    for (length, fits) in [(31, false), (32, true)] {
        let key = "k".repeat(length);
        let message = format!("{}.{}", b64(r#"{"alg":"HS256"}"#), b64(&claims().to_string()));
        let signature = signature(&message, Algorithm::HS256, &EncodingKey::from_secret(key.as_bytes()));
        let token = format!("{message}.{signature}").into();
        let verifier = secret(&key, Algorithm::HS256).unwrap();
        let read = verifier.verify(&Machine::new().cx(), &token, &Expect::audience("api")).await;
        assert_eq!(read.is_ok(), fits);
        if let Err(error) = read {
            assert!(error.is(ErrorKind::ConfigInvalid), "{error}");
        }
    }
}

#[tokio::test]
async fn keys_that_are_none_for_signatures_are_left_out() {
    let (_, good) = Keys::get().of(Algorithm::ES256);
    let changed = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let weak = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 128]), "e": "AQAB"});
    let huge = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 2048]), "e": "AQAB"});
    let refused = [
        changed("use", json!("enc")),
        changed("key_ops", json!(["sign"])),
        changed("alg", json!("RS256")),
        changed("alg", json!("ECDH-ES")),
        changed("d", json!("c2VjcmV0")),
        changed("crv", json!("P-384")),
        changed("crv", json!("secp256k1")),
        changed("x", json!("AA")),
        changed("x", json!("!")),
        changed("kid", json!("k".repeat(257))),
        changed("kid", json!(7)),
        changed("kty", json!("oct")),
        json!({"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        weak,
        huge,
        json!(null),
        json!([]),
        json!({}),
    ];
    for jwk in refused {
        let set = KeySet::parse(key_set(&[jwk.clone(), good.clone()]).as_bytes()).unwrap();
        assert_eq!(set.len(), 1, "{jwk}");
    }
    for kept in [changed("use", json!("sig")), changed("key_ops", json!(["verify"])), changed("alg", json!("ES256"))] {
        assert_eq!(KeySet::parse(key_set(&[kept]).as_bytes()).unwrap().len(), 1);
    }
    for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[", &key_set(&vec![json!({}); 129])] {
        assert!(KeySet::parse(text.as_bytes()).unwrap_err().is(ErrorKind::Decode), "{text}");
    }
    // A point that lies on no curve verifies nothing.
    let off = changed("y", good["x"].clone());
    let token = es256(HEADER, &claims().to_string());
    assert_eq!(
        refusal(&verifier_of(&[off], Algorithm::ES256), &token, &Expect::audience("api")).await.err(),
        Some(TokenRefusal::Signature)
    );
}

#[tokio::test]
async fn a_token_that_names_no_key_is_tried_with_a_few() {
    let token = es256(r#"{"alg":"ES256"}"#, &claims().to_string());
    let (_, good) = Keys::get().of(Algorithm::ES256);
    let mut off = good.clone();
    off["y"] = good["x"].clone();
    for (others, fits) in [(0, true), (3, true), (4, false)] {
        let keys: Vec<Value> = std::iter::repeat_n(off.clone(), others).chain([good.clone()]).collect();
        let read = refusal(&verifier_of(&keys, Algorithm::ES256), &token, &Expect::audience("api")).await;
        assert_eq!(read.is_ok(), fits, "{others}");
    }
}
