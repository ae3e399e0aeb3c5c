//! How a service signs its webhooks, as data.

use serde::{Deserialize, Serialize};

/// What a signature is made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// HMAC with SHA-1, for services that have nothing better.
    HmacSha1,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Encoding {
    /// Hexadecimal, in small letters.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}

/// How a secret is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SecretEncoding {
    /// Its characters are the key.
    #[default]
    Text,
    /// It is the Base64 of the key.
    Base64,
}

/// A request by which a service asks whether an address listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Challenge {
    /// The kind of the request.
    pub kind: String,
    /// Where in the body the text stands that the service wants back, as a JSON pointer.
    pub field: String,
}

impl Challenge {
    /// A challenge of this kind, whose text stands at this JSON pointer.
    #[must_use]
    pub fn new(kind: impl Into<String>, field: impl Into<String>) -> Self {
        Self { kind: kind.into(), field: field.into() }
    }
}

/// How a service signs its webhooks. An unknown key is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Scheme {
    /// What signatures are made with.
    pub algorithm: Algorithm,
    /// The header that holds the signature.
    pub signature_header: String,
    /// What stands before a signature: `sha256=`. An entry of the header without it is passed over.
    pub signature_prefix: String,
    /// What stands between the entries of the header; without it the header is one entry.
    pub separator: Option<char>,
    /// How signatures are written.
    pub encoding: Encoding,
    /// What is signed: text with `{body}`, and `{timestamp}` and `{id}` where they are signed. The body alone by default.
    pub signed: Option<String>,
    /// The header that holds the moment of signing, in whole seconds since 1970; it can be that of the signature.
    pub timestamp_header: Option<String>,
    /// What stands before the moment, in an entry of the header.
    pub timestamp_prefix: String,
    /// The header that holds the id, which must be signed.
    pub id_header: Option<String>,
    /// Where in the body an id stands, as JSON pointers; the first that is there counts.
    pub id_fields: Vec<String>,
    /// The header that tells what has happened; few services sign it.
    pub kind_header: Option<String>,
    /// Where in the body it stands what has happened, as JSON pointers; the first that is there counts.
    pub kind_fields: Vec<String>,
    /// The header that names the delivery, which is not signed.
    pub delivery_header: Option<String>,
    /// What stands before a secret, and is no part of the key: `whsec_`.
    pub secret_prefix: String,
    /// How secrets are written.
    pub secret_encoding: SecretEncoding,
    /// The request by which the service asks whether an address listens.
    pub challenge: Option<Challenge>,
}

macro_rules! setters {
    ($($(#[$meta:meta])* $field:ident: $type:ty;)+) => {
        impl Scheme {
            $($(#[$meta])*
            #[must_use]
            pub fn $field(mut self, $field: impl Into<$type>) -> Self {
                self.$field = $field.into();
                self
            })+
        }
    };
}

setters! {
    /// Sets what signatures are made with.
    algorithm: Algorithm;
    /// Sets what stands before a signature.
    signature_prefix: String;
    /// Sets what stands between the entries of the header.
    separator: Option<char>;
    /// Sets how signatures are written.
    encoding: Encoding;
    /// Sets what is signed: `{timestamp}.{body}`.
    signed: Option<String>;
    /// Sets what stands before the moment of signing.
    timestamp_prefix: String;
    /// Sets what stands before a secret, and is no part of the key.
    secret_prefix: String;
    /// Sets how secrets are written.
    secret_encoding: SecretEncoding;
    /// Sets the request by which the service asks whether an address listens.
    challenge: Option<Challenge>;
}

impl Scheme {
    /// The hexadecimal HMAC-SHA256 of the body in this header; all else is to be set.
    #[must_use]
    pub fn new(signature_header: impl Into<String>) -> Self {
        Self { signature_header: signature_header.into(), ..Self::default() }
    }

    /// Sets the header that holds the moment of signing.
    #[must_use]
    pub fn timestamp_header(mut self, header: impl Into<String>) -> Self {
        self.timestamp_header = Some(header.into());
        self
    }

    /// Sets the header that holds the id, which must be signed.
    #[must_use]
    pub fn id_header(mut self, header: impl Into<String>) -> Self {
        self.id_header = Some(header.into());
        self
    }

    /// Sets where in the body an id stands, as JSON pointers.
    #[must_use]
    pub fn id_fields<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.id_fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the header that tells what has happened.
    #[must_use]
    pub fn kind_header(mut self, header: impl Into<String>) -> Self {
        self.kind_header = Some(header.into());
        self
    }

    /// Sets where in the body it stands what has happened, as JSON pointers.
    #[must_use]
    pub fn kind_fields<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.kind_fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the header that names the delivery.
    #[must_use]
    pub fn delivery_header(mut self, header: impl Into<String>) -> Self {
        self.delivery_header = Some(header.into());
        self
    }
}
