//! What a request carries in its headers: signatures, moment, id.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};

use super::refused;
use super::scheme::{Encoding, Scheme};
use super::template::{Piece, Template};
use crate::error::{Error, ErrorKind, Result};
use crate::units::Timestamp;

/// The longest header that is read, in bytes.
const HEADER_MAX: usize = 4096;

/// The most signatures in one header: two secrets of two versions are four.
const SIGNATURES_MAX: usize = 16;

/// The longest id of a header.
pub(super) const ID_MAX: usize = 200;

/// Where in the headers what stands.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) signature: HeaderName,
    pub(super) timestamp: Option<HeaderName>,
    pub(super) id: Option<HeaderName>,
    pub(super) kind: Option<HeaderName>,
    pub(super) delivery: Option<HeaderName>,
}

/// What one request carries.
pub(super) struct Carried<'a> {
    pub(super) signatures: Vec<Vec<u8>>,
    pub(super) timestamp: &'a str,
    pub(super) at: Option<Timestamp>,
    pub(super) id: &'a str,
}

impl Places {
    pub(super) fn of(scheme: &Scheme) -> Result<Self> {
        let wrong = |name: &str| Error::new(ErrorKind::ConfigInvalid, format!("`{name}` is not the name of a header"));
        let name = |text: &String| HeaderName::try_from(text.as_str()).map_err(|_| wrong(text));
        Ok(Self {
            signature: name(&scheme.signature_header)?,
            timestamp: scheme.timestamp_header.as_ref().map(name).transpose()?,
            id: scheme.id_header.as_ref().map(name).transpose()?,
            kind: scheme.kind_header.as_ref().map(name).transpose()?,
            delivery: scheme.delivery_header.as_ref().map(name).transpose()?,
        })
    }

    /// What a request carries, as far as it can be read. Nothing of it is trusted yet.
    pub(super) fn read<'a>(&self, scheme: &Scheme, template: &Template, headers: &'a HeaderMap) -> Result<Carried<'a>> {
        let signature = only(headers, &self.signature)?;
        // Two headers that were folded into one leave a space before the second, which would hide a second moment.
        if signature.split(separator(scheme)).any(|entry| entry.trim() != entry) {
            return Err(refused::malformed("the header of the signature has spaces between its entries"));
        }
        let mut signatures = Vec::new();
        for entry in entries(signature, separator(scheme), &scheme.signature_prefix) {
            if signatures.len() == SIGNATURES_MAX {
                return Err(refused::malformed("the header of the signature holds too many signatures"));
            }
            signatures.push(decode(entry, scheme.encoding)?);
        }
        if signatures.is_empty() {
            return Err(refused::malformed("the header of the signature holds no signature of the scheme"));
        }
        let (mut timestamp, mut at) = ("", None);
        if let Some(name) = &self.timestamp {
            let separator = if *name == self.signature { separator(scheme) } else { NO_SEPARATOR };
            let mut found = entries(only(headers, name)?, separator, &scheme.timestamp_prefix);
            let (Some(one), None) = (found.next(), found.next()) else {
                return Err(refused::malformed("the request does not say once when it was signed"));
            };
            (timestamp, at) = (one, Some(moment(one)?));
        }
        let mut id = "";
        if let Some(name) = &self.id {
            id = only(headers, name)?;
            let is_plain = !id.is_empty() && id.len() <= ID_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_plain || (template.has(&Piece::Id) && template.is_ambiguous(id)) {
                return Err(refused::malformed("the id of the request is not one"));
            }
        }
        Ok(Carried { signatures, timestamp, at, id })
    }
}

/// The header of a request, which has it once: of two, a proxy may have read the other.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or_else(refused::missing)?;
    if values.next().is_some() {
        return Err(refused::malformed("a header of the signature is there twice"));
    }
    if value.len() > HEADER_MAX {
        return Err(refused::malformed("a header of the signature is too long"));
    }
    value.to_str().map_err(|_| refused::malformed("a header of the signature is no text"))
}

/// A character that no header value holds: what it separates is one entry.
const NO_SEPARATOR: char = '\n';

/// What stands between the entries of the header of the signature.
fn separator(scheme: &Scheme) -> char {
    scheme.separator.unwrap_or(NO_SEPARATOR)
}

/// The entries of a header that begin with a prefix, without it.
fn entries<'a>(value: &'a str, separator: char, prefix: &str) -> impl Iterator<Item = &'a str> {
    value.split(separator).filter_map(move |entry| entry.strip_prefix(prefix))
}

/// A signature, in the one spelling that it has.
fn decode(text: &str, encoding: Encoding) -> Result<Vec<u8>> {
    let malformed = || refused::malformed("a signature is not written as the scheme has it");
    match encoding {
        Encoding::Base64 => STANDARD.decode(text).map_err(|_| malformed()),
        Encoding::Hex => {
            let digit = |byte: u8| match byte {
                b'0'..=b'9' => Some(byte - b'0'),
                b'a'..=b'f' => Some(byte - b'a' + 10),
                _ => None,
            };
            let (pairs, rest) = text.as_bytes().as_chunks::<2>();
            let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<Vec<u8>>>();
            bytes.filter(|_| rest.is_empty()).ok_or_else(malformed)
        }
    }
}

/// A moment in whole seconds: digits of ASCII alone, and no more of them than moments have.
fn moment(text: &str) -> Result<Timestamp> {
    let digits = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = if digits { text.parse().ok() } else { None };
    seconds
        .map(|seconds| Timestamp::from_unix(seconds, 0))
        .ok_or_else(|| refused::malformed("the moment of signing is not in whole seconds"))
}

pub(super) fn encode(bytes: &[u8], encoding: Encoding) -> String {
    match encoding {
        Encoding::Base64 => STANDARD.encode(bytes),
        Encoding::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
