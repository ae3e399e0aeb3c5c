//! An application's certificate, made for the tests.

use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use circle_core_protocol_oidc::{Algorithm, Claims, Expect, JwtVerifier, KeySet};
use serde_json::{Value, json};

use crate::{CLIENT, Machine};

pub(crate) struct Keys {
    pub(crate) key: String,
    pub(crate) certificate: String,
    /// SHA-256 of the certificate, in base64url.
    pub(crate) thumbprint: String,
    public: String,
}

impl Keys {
    pub(crate) fn get() -> &'static Self {
        static KEYS: OnceLock<Keys> = OnceLock::new();
        KEYS.get_or_init(Self::make)
    }

    pub(crate) fn make() -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'static> = pair.as_der().unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let encoded = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({"kty": "RSA", "use": "sig", "n": encoded(public.n), "e": encoded(public.e)});
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let signing = rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(&key, &rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["app.example.org".to_owned()]).unwrap().self_signed(&signing).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate.der()));
        Self { key, certificate: certificate.pem(), thumbprint, public: json!({ "keys": [jwk] }).to_string() }
    }

    /// Both in one text.
    pub(crate) fn pem(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }

    /// The claims of an assertion to `audience`, verified by the public key.
    pub(crate) async fn verified(&self, machine: &Machine, token: &str, audience: &str) -> Claims {
        let keys = KeySet::parse(self.public.as_bytes()).unwrap();
        let verifier = JwtVerifier::of_keys(CLIENT, keys, [Algorithm::PS256]).unwrap();
        verifier.verify(&machine.cx(), &token.into(), &Expect::audience(audience)).await.unwrap()
    }
}

/// Header and claims of a token.
pub(crate) fn parts_of(token: &str) -> (Value, Value) {
    let part = |at| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap();
    (part(0), part(1))
}
