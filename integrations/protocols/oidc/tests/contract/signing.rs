//! Keys that are made for the tests, and tokens that are as wrong as one likes.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use circle_core_protocol_oidc::{Algorithm, JwtVerifier, KeySet};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use crate::ISSUER;

/// One private key of each kind, made once for all tests.
pub(crate) struct Keys {
    rsa: (String, Value),
    p256: (String, Value),
    p384: (String, Value),
    ed25519: (String, Value),
}

impl Keys {
    pub(crate) fn get() -> &'static Self {
        static KEYS: OnceLock<Keys> = OnceLock::new();
        KEYS.get_or_init(|| Self {
            rsa: rsa("rsa"),
            p256: ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32),
            p384: ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", 48),
            ed25519: ed25519(),
        })
    }

    /// An algorithm, the private key in PEM and the public one as a JWK, of each kind.
    pub(crate) fn all(&self) -> [(Algorithm, String, Value); 4] {
        [
            (Algorithm::RS256, self.rsa.0.clone(), self.rsa.1.clone()),
            (Algorithm::ES256, self.p256.0.clone(), self.p256.1.clone()),
            (Algorithm::ES384, self.p384.0.clone(), self.p384.1.clone()),
            (Algorithm::EdDSA, self.ed25519.0.clone(), self.ed25519.1.clone()),
        ]
    }

    pub(crate) fn of(&self, algorithm: Algorithm) -> (&str, &Value) {
        let (pem, jwk) = match algorithm {
            Algorithm::ES256 => &self.p256,
            Algorithm::ES384 => &self.p384,
            Algorithm::EdDSA => &self.ed25519,
            _ => &self.rsa,
        };
        (pem, jwk)
    }
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// Another RSA key.
pub(crate) fn rsa(kid: &str) -> (String, Value) {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'static> = pair.as_der().unwrap();
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    (pem(der.as_ref()), json!({"kty": "RSA", "kid": kid, "use": "sig", "n": b64(public.n), "e": b64(public.e)}))
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &str, size: usize) -> (String, Value) {
    let der = EcdsaKeyPair::generate_pkcs8(algorithm, &aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, der.as_ref()).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(size);
    (pem(der.as_ref()), json!({"kty": "EC", "kid": curve, "crv": curve, "x": b64(x), "y": b64(y)}))
}

fn ed25519() -> (String, Value) {
    let der = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
    (pem(der.as_ref()), json!({"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": b64(pair.public_key().as_ref())}))
}

pub(crate) fn key_set(jwks: &[Value]) -> String {
    json!({ "keys": jwks }).to_string()
}

pub(crate) fn verifier_of(jwks: &[Value], algorithm: Algorithm) -> JwtVerifier {
    JwtVerifier::of_keys(ISSUER, KeySet::parse(key_set(jwks).as_bytes()).unwrap(), [algorithm]).unwrap()
}

/// What `message` is signed as, by whatever key, whatever its header says.
pub(crate) fn signature(message: &str, algorithm: Algorithm, key: &EncodingKey) -> String {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let name = algorithm.name().parse().unwrap();
    jsonwebtoken::crypto::sign(message.as_bytes(), key, name).unwrap()
}

pub(crate) fn signing_key(algorithm: Algorithm) -> EncodingKey {
    let (pem, _) = Keys::get().of(algorithm);
    match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem.as_bytes()),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
        _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
    }
    .unwrap()
}

/// A token of this header and these claims, as texts, signed with the key of the algorithm.
pub(crate) fn token(header: &str, claims: &str, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", b64(header), b64(claims));
    let signature = signature(&message, algorithm, &signing_key(algorithm));
    format!("{message}.{signature}")
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

pub(crate) fn header_of(token: &str) -> Value {
    part(token, 0)
}

pub(crate) fn claims_of(token: &str) -> Value {
    part(token, 1)
}
