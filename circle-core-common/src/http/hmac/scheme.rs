//! The description of a scheme.

use aws_lc_rs::{digest, hmac};
use http::HeaderName;
use secrecy::SecretString;

use super::canonical::Part;
use super::moment::MomentFormat;
use super::place::{Piece, Template};
use super::signer::HmacSigner;
use crate::credentials::CredentialSource;
use crate::error::{Error, ErrorKind, Result};
use crate::http::auth::Auth;
use crate::http::headers;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-1, for services that have nothing else.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Hash {
    pub(super) fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    pub(super) const fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// How a secret is the key of a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyEncoding {
    /// Its bytes are the key.
    #[default]
    Text,
    /// It is the key in Base64.
    Base64,
    /// It is the key in hexadecimal digits.
    Hex,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureEncoding {
    /// In small hexadecimal digits.
    #[default]
    Hex,
    /// In Base64, with its padding.
    Base64,
}

/// Where something is put.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Header(HeaderName, Template),
    Query(String, Template),
}

impl Place {
    pub(super) const fn template(&self) -> &Template {
        match self {
            Self::Header(_, template) | Self::Query(_, template) => template,
        }
    }
}

/// How a service wants its requests to be signed with a shared secret (HMAC, RFC 2104): what is signed, with what key, and where
/// the signature goes.
#[derive(Clone, Debug)]
#[must_use = "a scheme signs once it is an `Auth`"]
pub struct HmacScheme {
    pub(super) hash: Hash,
    pub(super) parts: Vec<Part>,
    pub(super) key_encoding: KeyEncoding,
    pub(super) key_suffix: String,
    pub(super) signature_encoding: SignatureEncoding,
    pub(super) moment: MomentFormat,
    /// As it was said; parsed when the scheme is used.
    places: Vec<(bool, String, String)>,
}

impl HmacScheme {
    /// A scheme that signs these parts, in this order.
    pub fn new(hash: Hash, parts: impl IntoIterator<Item = Part>) -> Self {
        Self {
            hash,
            parts: parts.into_iter().collect(),
            key_encoding: KeyEncoding::default(),
            key_suffix: String::new(),
            signature_encoding: SignatureEncoding::default(),
            moment: MomentFormat::default(),
            places: Vec::new(),
        }
    }

    /// Sets how the secret is the key: as text where nothing is said.
    pub const fn key_encoding(mut self, encoding: KeyEncoding) -> Self {
        self.key_encoding = encoding;
        self
    }

    /// Sets what is appended to the key.
    pub fn key_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.key_suffix = suffix.into();
        self
    }

    /// Sets how the signature is written: in hexadecimal digits where nothing is said.
    pub const fn signature_encoding(mut self, encoding: SignatureEncoding) -> Self {
        self.signature_encoding = encoding;
        self
    }

    /// Sets how the moment of signing is written: in seconds since 1970 where nothing is said.
    pub const fn moment(mut self, format: MomentFormat) -> Self {
        self.moment = format;
        self
    }

    /// Puts this into a header: text with `{key_id}`, `{timestamp}`, `{nonce}` and `{signature}` in it. What has no signature in it
    /// is there when the request is signed.
    pub fn header(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.places.push((true, name.into(), template.into()));
        self
    }

    /// Puts this into the query, behind what is there, and encoded: text as in [`header`](Self::header).
    pub fn query(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.places.push((false, name.into(), template.into()));
        self
    }

    /// Signs the requests of a client with this key: a [`SecretRef`](crate::SecretRef), or another source.
    ///
    /// # Errors
    /// `ConfigInvalid` for a scheme that signs nothing, or with a signature that goes nowhere or to two places; one that signs a
    /// moment or a nonce and does not send it; what is no header; a template with another place in it.
    pub fn auth(self, key_id: impl Into<String>, secret: impl CredentialSource<Credential = SecretString>) -> Result<Auth> {
        Ok(Auth::custom(self.signer(key_id, secret)?))
    }

    pub(super) fn signer(
        self,
        key_id: impl Into<String>,
        secret: impl CredentialSource<Credential = SecretString>,
    ) -> Result<HmacSigner> {
        let wrong = |text: &'static str| Err(Error::new(ErrorKind::ConfigInvalid, text));
        let mut places = Vec::new();
        for (in_header, name, template) in &self.places {
            let template = Template::parse(template)?;
            places.push(match in_header {
                true => {
                    let name =
                        headers::name(name).map_err(|error| Error::new(ErrorKind::ConfigInvalid, error.message().to_owned()))?;
                    Place::Header(name, template)
                }
                false => Place::Query(name.clone(), template),
            });
        }
        if self.parts.iter().all(|part| matches!(part, Part::Text(_))) {
            return wrong("a signature that covers nothing of the request protects nothing");
        }
        let sends = |piece: &Piece| places.iter().filter(|place| place.template().has(piece)).count();
        if sends(&Piece::Signature) != 1 {
            return wrong("the signature of a request goes to one place: `{signature}` stands in one template");
        }
        if Part::Nonce.is_in(&self.parts) && sends(&Piece::Nonce) == 0 {
            return wrong("a nonce that is signed has to be sent: `{nonce}` stands in no template");
        }
        if Part::Timestamp.is_in(&self.parts) && sends(&Piece::Timestamp) == 0 {
            return wrong("a moment that is signed has to be sent: `{timestamp}` stands in no template");
        }
        let (signatures, before) = places.into_iter().partition(|place| place.template().has(&Piece::Signature));
        Ok(HmacSigner::new(self, key_id.into(), secret, before, signatures))
    }
}
