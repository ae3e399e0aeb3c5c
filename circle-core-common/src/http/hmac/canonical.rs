//! What of a request is signed, in which order and how it is written: its canonical form.

use std::borrow::Cow;

use aws_lc_rs::digest::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};

use super::scheme::Hash;
use crate::error::{Error, ErrorKind, Result};
use crate::http::encode;
use crate::http::transport::TransportRequest;

/// A part of what is signed. Parts follow each other without anything between them: a separator is a [`Text`](Self::Text).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// This text.
    Text(String),
    /// The method, in capitals.
    Method,
    /// The path as it is sent, percent-encoded.
    Path,
    /// The query as it is sent, without its question mark; the parameters that the scheme adds are in it, the signature is not.
    Query,
    /// The parameters of the query, sorted by name and then by value.
    SortedQuery(Pairs),
    /// The value of this header; nothing where there is none. Several values are joined by commas.
    Header(HeaderName),
    /// The headers whose names begin so, sorted by name.
    SortedHeaders {
        /// What their names begin with, in small letters.
        prefix: &'static str,
        /// How they are written.
        pairs: Pairs,
    },
    /// How many bytes the body has; nothing where it has none.
    ContentLength,
    /// The body. It has to be in memory.
    Body,
    /// The value of this field of a body that is a form, decoded; nothing where there is none.
    FormField(String),
    /// The name of the key.
    KeyId,
    /// The moment of signing, in the format of the scheme.
    Timestamp,
    /// What is different for every request.
    Nonce,
    /// A hash of these parts.
    Digest {
        /// The function.
        hash: Hash,
        /// How the hash is written.
        encoding: Encoding,
        /// What is hashed.
        parts: Vec<Self>,
    },
    /// These parts, percent-encoded as one (RFC 3986).
    PercentEncoded(Vec<Self>),
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// As they are.
    Raw,
    /// In small hexadecimal digits.
    Hex,
    /// In Base64, with its padding.
    Base64,
}

/// How names and values are written, one pair after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pairs {
    /// What stands before each pair.
    pub before: &'static str,
    /// What stands between a name and its value.
    pub within: &'static str,
    /// What stands between two pairs.
    pub between: &'static str,
    /// What stands behind each pair.
    pub after: &'static str,
    /// Whether names are in small letters and both are decoded; else they are as they are sent.
    pub decoded: bool,
}

impl Pairs {
    /// `a=1&b=2`, as they are sent.
    #[must_use]
    pub fn query() -> Self {
        Self { within: "=", between: "&", ..Self::default() }
    }

    /// `a:1`, each with a line break behind it, decoded.
    #[must_use]
    pub fn lines() -> Self {
        Self { within: ":", after: "\n", decoded: true, ..Self::default() }
    }

    /// Sets what stands before each pair.
    #[must_use]
    pub const fn before(mut self, text: &'static str) -> Self {
        self.before = text;
        self
    }

    /// Sets what stands behind each pair.
    #[must_use]
    pub const fn after(mut self, text: &'static str) -> Self {
        self.after = text;
        self
    }

    fn write(&self, out: &mut Vec<u8>, mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)>) {
        pairs.sort_unstable();
        for (at, (name, value)) in pairs.iter().enumerate() {
            let between = if at > 0 { self.between } else { "" };
            for text in [between, self.before, name, self.within, value, self.after] {
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}

impl Part {
    /// Text between two other parts.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A header; nothing where there is none.
    #[must_use]
    pub const fn header(name: HeaderName) -> Self {
        Self::Header(name)
    }

    /// A hash of these parts, in hexadecimal digits.
    #[must_use]
    pub fn hex(hash: Hash, parts: impl IntoIterator<Item = Self>) -> Self {
        Self::Digest { hash, encoding: Encoding::Hex, parts: parts.into_iter().collect() }
    }

    /// A hash of these parts, as bytes.
    #[must_use]
    pub fn raw(hash: Hash, parts: impl IntoIterator<Item = Self>) -> Self {
        Self::Digest { hash, encoding: Encoding::Raw, parts: parts.into_iter().collect() }
    }

    /// Whether this is a part of `parts`, at any depth.
    pub(super) fn is_in(&self, parts: &[Self]) -> bool {
        parts.iter().any(|part| match part {
            Self::Digest { parts, .. } | Self::PercentEncoded(parts) => self.is_in(parts),
            part => part == self,
        })
    }
}

/// A request in the moment of signing.
pub(super) struct Signed<'a> {
    pub(super) request: &'a TransportRequest,
    pub(super) key_id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) nonce: &'a str,
}

impl Signed<'_> {
    /// The bytes that are signed.
    pub(super) fn canonical(&self, parts: &[Part]) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        for part in parts {
            self.write(&mut out, part)?;
        }
        Ok(out)
    }

    fn write(&self, out: &mut Vec<u8>, part: &Part) -> Result<()> {
        let target = &self.request.target;
        match part {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            Part::Method => out.extend_from_slice(self.request.method.as_str().as_bytes()),
            Part::Path => out.extend_from_slice(target.path_only().as_bytes()),
            Part::Query => out.extend_from_slice(target.query_only().unwrap_or_default().as_bytes()),
            Part::SortedQuery(pairs) => pairs.write(out, parameters(target.query_only().unwrap_or_default(), pairs.decoded)),
            Part::Header(name) => value(out, &self.request.headers, name),
            Part::SortedHeaders { prefix, pairs } => pairs.write(out, self.headers(prefix)),
            Part::ContentLength => {
                if let Some(length) = self.request.body.length().filter(|length| *length > 0) {
                    out.extend_from_slice(length.to_string().as_bytes());
                }
            }
            Part::Body => out.extend_from_slice(self.body()?),
            Part::FormField(name) => {
                let form = std::str::from_utf8(self.body()?).unwrap_or_default();
                let found = parameters(form, true).into_iter().find(|(other, _)| *other == name.to_lowercase());
                out.extend_from_slice(found.map(|(_, value)| value).unwrap_or_default().as_bytes());
            }
            Part::KeyId => out.extend_from_slice(self.key_id.as_bytes()),
            Part::Timestamp => out.extend_from_slice(self.timestamp.as_bytes()),
            Part::Nonce => out.extend_from_slice(self.nonce.as_bytes()),
            Part::Digest { hash, encoding, parts } => {
                let hash = digest(hash.digest(), &self.canonical(parts)?);
                match encoding {
                    Encoding::Raw => out.extend_from_slice(hash.as_ref()),
                    Encoding::Hex => out.extend_from_slice(hex(hash.as_ref()).as_bytes()),
                    Encoding::Base64 => out.extend_from_slice(STANDARD.encode(hash.as_ref()).as_bytes()),
                }
            }
            Part::PercentEncoded(parts) => {
                let bytes = self.canonical(parts)?;
                let raw = |_| Error::new(ErrorKind::InvalidInput, "what is percent-encoded and signed is no UTF-8");
                let mut text = String::new();
                encode::query(&mut text, std::str::from_utf8(&bytes).map_err(raw)?);
                out.extend_from_slice(text.as_bytes());
            }
        }
        Ok(())
    }

    fn body(&self) -> Result<&[u8]> {
        let streams = || Error::new(ErrorKind::InvalidInput, "the body is signed, and has to be in memory, not a stream");
        self.request.body.as_bytes().ok_or_else(streams)
    }

    fn headers(&self, prefix: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let headers = &self.request.headers;
        let names = headers.keys().filter(|name| name.as_str().starts_with(prefix));
        let pair = |name: &'_ HeaderName| {
            let mut text = Vec::new();
            value(&mut text, headers, name);
            (Cow::Owned(name.as_str().to_owned()), Cow::Owned(String::from_utf8_lossy(&text).into_owned()))
        };
        names.map(pair).collect()
    }
}

fn value(out: &mut Vec<u8>, headers: &HeaderMap, name: &HeaderName) {
    for (at, value) in headers.get_all(name).iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(value.as_bytes().trim_ascii());
    }
}

/// The parameters of a query or a form.
fn parameters(query: &str, decoded: bool) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    match decoded {
        true => pairs.map(|(name, value)| (Cow::Owned(decode(name).to_lowercase()), Cow::Owned(decode(value)))).collect(),
        false => pairs.map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value))).collect(),
    }
}

/// Undoes percent-encoding, and the plus of forms.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()));
        match (bytes[at], escaped.flatten()) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
