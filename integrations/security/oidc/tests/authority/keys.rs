//! Keys that are made for the tests, and tokens that are as wrong as one likes.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What `at_hash` is of an access token, and the challenge of a verifier is before its halves are parted.
pub(super) fn sha256(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

/// The key that signs, a stranger's, and one of an algorithm that the client has not chosen.
pub(super) struct Keys {
    kid: String,
    own: EcdsaKeyPair,
    stranger: EcdsaKeyPair,
    other: Ed25519KeyPair,
}

/// Who signs a token, and what its header says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    Rightly,
    ByAnotherAlgorithm,
    ByNobody,
    ByAStranger,
    ByAStrangerInItsName,
}

fn p256() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

impl Keys {
    pub(super) fn new(kid: impl Into<String>) -> Self {
        let other = Ed25519KeyPair::generate().unwrap();
        Self { kid: kid.into(), own: p256(), stranger: p256(), other }
    }

    /// What is published.
    pub(super) fn jwks(&self) -> Value {
        let (x, y) = self.own.public_key().as_ref()[1..].split_at(32);
        let own = json!({"kty": "EC", "kid": self.kid, "crv": "P-256", "x": b64(x), "y": b64(y)});
        let other = json!({"kty": "OKP", "kid": "other", "crv": "Ed25519", "x": b64(self.other.public_key().as_ref())});
        json!({ "keys": [own, other] })
    }

    pub(super) fn sign(&self, claims: &Value, how: Signed) -> String {
        let (alg, kid) = match how {
            Signed::Rightly | Signed::ByAStrangerInItsName => ("ES256", &*self.kid),
            Signed::ByAStranger => ("ES256", "of-a-stranger"),
            Signed::ByAnotherAlgorithm => ("EdDSA", "other"),
            Signed::ByNobody => ("none", &*self.kid),
        };
        let header = json!({"alg": alg, "kid": kid, "typ": "JWT"}).to_string();
        let message = format!("{}.{}", b64(header), b64(claims.to_string()));
        let by = |key: &EcdsaKeyPair| b64(key.sign(&SystemRandom::new(), message.as_bytes()).unwrap());
        let signature = match how {
            Signed::Rightly => by(&self.own),
            Signed::ByAStranger | Signed::ByAStrangerInItsName => by(&self.stranger),
            Signed::ByAnotherAlgorithm => b64(self.other.sign(message.as_bytes())),
            Signed::ByNobody => String::new(),
        };
        format!("{message}.{signature}")
    }
}
