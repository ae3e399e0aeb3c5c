//! A service account's key, made for the tests.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use circle_core_protocol_oidc::{Algorithm, Claims, Expect, JwtVerifier, KeySet};
use serde_json::{Value, json};

use crate::Machine;

pub(crate) const EMAIL: &str = "robot@shop.iam.gserviceaccount.com";

/// The private key in PEM, and the public one as a set of keys.
fn pair() -> &'static (String, String) {
    static PAIR: OnceLock<(String, String)> = OnceLock::new();
    PAIR.get_or_init(|| {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'static> = pair.as_der().unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let encoded = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({"kty": "RSA", "kid": "k1", "use": "sig", "n": encoded(public.n), "e": encoded(public.e)});
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        (pem, json!({ "keys": [jwk] }).to_string())
    })
}

/// The file of a service account, as Google writes it.
pub(crate) fn service_account() -> Value {
    json!({
        "type": "service_account",
        "project_id": "shop",
        "private_key_id": "k1",
        "private_key": pair().0,
        "client_email": EMAIL,
        "client_id": "100000000000000000001",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    })
}

/// The claims of a token that the account signed for `audience`, verified by its public key.
pub(crate) async fn verified(machine: &Machine, token: &str, audience: &str) -> Claims {
    let keys = KeySet::parse(pair().1.as_bytes()).unwrap();
    let verifier = JwtVerifier::of_keys(EMAIL, keys, [Algorithm::RS256]).unwrap();
    verifier.verify(&machine.cx(), &token.into(), &Expect::audience(audience)).await.unwrap()
}

fn part(token: &str, at: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
}

/// The header of a token.
pub(crate) fn header_of(token: &str) -> Value {
    part(token, 0)
}

/// All that a token says, which [`verified`] believes.
pub(crate) fn claims_of(token: &str) -> Value {
    part(token, 1)
}
