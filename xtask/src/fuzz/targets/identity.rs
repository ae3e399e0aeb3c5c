//! Tokens that anybody may send, and the keys that servers publish.

use circle_core_common::{CallContext, Environment, ErrorKind, Result, SecretRef, credentials::LOAD};
use circle_core_protocol_oidc::{Algorithm, Claims, Expect, JwtVerifier, KeySet, SigningKey};
use serde_json::{Map, Value};

use super::Target;

const ISSUER: &str = "https://login.example.org";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(super) const TOKEN: Target = Target {
    name: "jwt",
    promise: "no text is believed that nobody has signed, and no error repeats it",
    dictionary: &[
        b".",
        b"..",
        b"eyJhbGciOiJub25lIn0",
        b"eyJhbGciOiJIUzI1NiJ9",
        b"eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ",
        b"eyJhbGciOiJFUzI1NiIsImNyaXQiOlsiYiJdfQ",
        b"e30",
        b"W10",
        b"=",
        b"-_",
        b"+/",
    ],
    run: |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let Ok(verifier) = by_secret() else { panic!("the verifier of the target") };
        let Err(error) = verified(&verifier, text) else { panic!("a token that nobody has signed is believed") };
        assert!(error.is(ErrorKind::Unauthenticated), "{error}");
        assert!(text.len() < 16 || !format!("{error} {error:?}").contains(text), "{error:?}");
    },
};

pub(super) const CLAIMS: Target = Target {
    name: "jwt-claims",
    promise: "claims are believed only from the issuer, for the audience, and in their time",
    dictionary: &[
        b"\"iss\"",
        b"\"https://login.example.org\"",
        b"\"aud\"",
        b"\"api\"",
        b"[\"api\"]",
        b"\"exp\"",
        b"4102444800",
        b"1e300",
        b"-1",
        b"\"nbf\"",
        b"\"iat\"",
        b"\"scope\"",
        b"\"scp\"",
        b"null",
        b"{}",
        b"[]",
    ],
    run: |input| {
        let Ok(claims) = serde_json::from_slice::<Map<String, Value>>(input) else { return };
        let (Ok(verifier), Some(token)) = (by_secret(), signed(&claims)) else { panic!("the keys of the target") };
        if let Ok(believed) = verified(&verifier, &token) {
            assert_eq!((believed.issuer(), claims.get("iss").and_then(Value::as_str)), (ISSUER, Some(ISSUER)));
            assert!(believed.audiences().iter().any(|audience| audience == "api"));
            assert!(claims.get("exp").is_some_and(Value::is_number));
            let _ = believed.scopes().count();
        }
    },
};

pub(super) const KEYS: Target = Target {
    name: "jwks",
    promise: "any set of keys is read or refused, and a key of it verifies or does not",
    dictionary: &[
        b"{\"keys\":[",
        b"\"kty\":\"RSA\"",
        b"\"kty\":\"EC\"",
        b"\"kty\":\"OKP\"",
        b"\"kty\":\"oct\"",
        b"\"crv\":\"P-256\"",
        b"\"crv\":\"P-384\"",
        b"\"crv\":\"Ed25519\"",
        b"\"x\":\"AA\"",
        b"\"y\":\"\"",
        b"\"n\":\"_w\"",
        b"\"e\":\"AQAB\"",
        b"\"use\":\"sig\"",
        b"\"key_ops\":[\"verify\"]",
        b"\"alg\":\"RS256\"",
        b"\"kid\":\"a\"",
        b"]}",
    ],
    run: |input| {
        let Ok(keys) = KeySet::parse(input) else { return };
        for (algorithm, header) in [
            (Algorithm::RS256, "eyJhbGciOiJSUzI1NiJ9"),
            (Algorithm::ES256, "eyJhbGciOiJFUzI1NiJ9"),
            (Algorithm::ES384, "eyJhbGciOiJFUzM4NCJ9"),
            (Algorithm::EdDSA, "eyJhbGciOiJFZERTQSJ9"),
        ] {
            let Ok(verifier) = JwtVerifier::of_keys(ISSUER, keys.clone(), [algorithm]) else { panic!("{algorithm}") };
            assert!(verified(&verifier, &format!("{header}.e30.AAAA")).is_err());
        }
    },
};

fn by_secret() -> Result<JwtVerifier> {
    JwtVerifier::of_secret(ISSUER, SecretRef::literal(SECRET), [Algorithm::HS256])
}

fn now<T>(work: impl AsyncFnOnce(CallContext) -> T) -> T {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { panic!("no runtime") };
    runtime.block_on(work(CallContext::new(&Environment::default(), &LOAD, None)))
}

fn verified(verifier: &JwtVerifier, token: &str) -> Result<Claims> {
    now(async |cx| verifier.verify(&cx, &token.into(), &Expect::audience("api")).await)
}

fn signed(claims: &Map<String, Value>) -> Option<String> {
    let key = SigningKey::new(Algorithm::HS256, SecretRef::literal(SECRET));
    let token = now(async |cx| key.sign(&cx, claims).await).ok()?;
    Some(secrecy::ExposeSecret::expose_secret(&token).to_owned())
}
