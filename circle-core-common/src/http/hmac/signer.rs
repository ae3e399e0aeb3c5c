//! What signs the requests of a client.

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::canonical::{Signed, hex};
use super::place::Values;
use super::scheme::{HmacScheme, KeyEncoding, Place, SignatureEncoding};
use crate::context::CallContext;
use crate::credentials::{CredentialCache, CredentialSource};
use crate::error::{Error, ErrorKind, Result};
use crate::http::auth::Sign;
use crate::http::headers;
use crate::http::skew::ClockSkew;
use crate::http::transport::TransportRequest;
use crate::secret::equal;

/// Signs requests as a scheme describes it.
pub(super) struct HmacSigner {
    scheme: HmacScheme,
    key_id: String,
    secret: CredentialCache<SecretString>,
    /// What is put on a request before it is signed.
    before: Vec<Place>,
    signatures: Vec<Place>,
    skew: ClockSkew,
}

impl HmacSigner {
    pub(super) fn new(
        scheme: HmacScheme,
        key_id: String,
        secret: impl CredentialSource<Credential = SecretString>,
        before: Vec<Place>,
        signatures: Vec<Place>,
    ) -> Self {
        Self { scheme, key_id, secret: CredentialCache::new(secret), before, signatures, skew: ClockSkew::new() }
    }

    /// The secret as a key. No error shows a letter of it.
    fn key(&self, secret: &SecretString) -> Result<hmac::Key> {
        let text = secret.expose_secret();
        let wrong = |what: &'static str| Error::new(ErrorKind::ConfigInvalid, what);
        let mut bytes = match self.scheme.key_encoding {
            KeyEncoding::Text => text.as_bytes().to_vec(),
            KeyEncoding::Base64 => STANDARD.decode(text).map_err(|_| wrong("the secret that signs requests is not Base64"))?,
            KeyEncoding::Hex => unhex(text).ok_or_else(|| wrong("the secret that signs requests is not hexadecimal"))?,
        };
        if bytes.is_empty() {
            return Err(wrong("the secret that signs requests is empty: anyone could sign with it"));
        }
        bytes.extend_from_slice(self.scheme.key_suffix.as_bytes());
        let key = hmac::Key::new(self.scheme.hash.hmac(), &bytes);
        secrecy::zeroize::Zeroize::zeroize(&mut bytes);
        Ok(key)
    }

    fn put(&self, request: &mut TransportRequest, place: &Place, values: Values<'_>) -> Result<()> {
        let text = place.template().fill(values);
        match place {
            Place::Header(name, _) => {
                request.headers.insert(name.clone(), headers::secret(name, &text)?);
            }
            Place::Query(name, _) => request.target = request.target.clone().query(name, text),
        }
        Ok(())
    }
}

#[async_trait]
impl Sign for HmacSigner {
    async fn sign(&self, cx: &CallContext, request: &mut TransportRequest) -> Result<()> {
        let lease = self.secret.get(cx).await?;
        let key = self.key(&lease)?;
        let timestamp = self.scheme.moment.write(self.skew.now(cx.clock()));
        let nonce = nonce(cx.random().bits()?);
        let values = Values { key_id: &self.key_id, timestamp: &timestamp, nonce: &nonce, signature: "" };
        for place in &self.before {
            self.put(request, place, values)?;
        }
        let signed = Signed { request, key_id: &self.key_id, timestamp: &timestamp, nonce: &nonce };
        let tag = hmac::sign(&key, &signed.canonical(&self.scheme.parts)?);
        let signature = match self.scheme.signature_encoding {
            SignatureEncoding::Hex => hex(tag.as_ref()),
            SignatureEncoding::Base64 => STANDARD.encode(tag.as_ref()),
        };
        for place in &self.signatures {
            self.put(request, place, Values { signature: &signature, ..values })?;
        }
        request.credential = Some(lease.version());
        Ok(())
    }

    async fn repair(&self, cx: &CallContext, error: &Error) -> bool {
        if !error.is(ErrorKind::Unauthenticated) {
            return false;
        }
        let is_late = error.detail().is_some_and(|detail| self.skew.learn(detail, false, cx.clock()));
        match error.credential() {
            Some(version) if !is_late => self.secret.renew(cx, version, |old, new| !equal(old, new)).await,
            _ => is_late,
        }
    }
}

/// A nonce in the form of a UUID, which services take that ask for one, and those that ask for any text.
fn nonce(bits: u128) -> String {
    let digits = format!("{bits:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(value(pair[0])? * 16 + value(*pair.get(1)?)?).ok();
    digits.chunks(2).map(pair).collect()
}

impl fmt::Debug for HmacSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacSigner({}, {:?})", self.key_id, self.scheme.hash)
    }
}
