//! Secrets as keys.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::scheme::{Algorithm, Scheme, SecretEncoding};
use super::template::Template;
use crate::error::{Error, ErrorKind, Result};

/// A secret that webhooks are signed with.
#[derive(Clone)]
pub struct WebhookKey(hmac::Key);

impl WebhookKey {
    pub(super) fn new(scheme: &Scheme, secret: &str) -> Result<Self> {
        let wrong = |text: &'static str| Error::new(ErrorKind::ConfigInvalid, text);
        if secret.trim().is_empty() {
            return Err(wrong("the secret of the webhooks is empty: anyone could sign with it"));
        }
        if secret.trim() != secret {
            return Err(wrong("the secret of the webhooks begins or ends with a space or a line break, which is no part of it"));
        }
        let bare = secret.strip_prefix(scheme.secret_prefix.as_str()).unwrap_or(secret);
        let decoded = match scheme.secret_encoding {
            SecretEncoding::Text => None,
            SecretEncoding::Base64 => {
                let decoded = STANDARD.decode(bare);
                // Its error shows a character of the secret.
                Some(decoded.map_err(|_| wrong("the secret of the webhooks is not Base64, as the scheme has it"))?)
            }
        };
        let bytes = decoded.as_deref().unwrap_or(bare.as_bytes());
        if bytes.is_empty() {
            return Err(wrong("the secret of the webhooks is empty: anyone could sign with it"));
        }
        let algorithm = match scheme.algorithm {
            Algorithm::HmacSha256 => hmac::HMAC_SHA256,
            Algorithm::HmacSha512 => hmac::HMAC_SHA512,
            Algorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        };
        Ok(Self(hmac::Key::new(algorithm, bytes)))
    }

    /// The signature of a request.
    pub(super) fn sign(&self, template: &Template, timestamp: &str, id: &str, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        template.write(timestamp, id, body, |bytes| context.update(bytes));
        context.sign()
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey([REDACTED])")
    }
}
