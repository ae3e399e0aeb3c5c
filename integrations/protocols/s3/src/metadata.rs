//! What stands beside the content: headers to an object's metadata and back.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::http::parse_date;
use circle_core_common::interfaces::object_store::{Checksum, ObjectKey, ObjectMeta, PutOptions};
use circle_core_common::{Error, ErrorKind, OperationId, Reason, Result, Timestamp, Version};
use circle_core_protocol_aws_auth::PayloadHash;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::extension::S3Meta;
use crate::models::unquoted;
use crate::profile::MetadataEncoding;

/// What names of user metadata begin with.
const USER: &str = "x-amz-meta-";
/// The user metadata that keeps the id of a conditional write: `<id>.<which key>`.
const OPERATION: &str = "circle-operation";
/// The user metadata that keeps the names of others as they were written: services fold the case of header names.
const NAMES: &str = "circle-names";
/// The most bytes of user metadata that Amazon keeps, names included.
const USER_MAX: usize = 2048;
/// The least content whose hash costs more than it is worth over TLS: below, hashing takes less than a round trip.
const UNSIGNED_MIN: u64 = 1 << 20;

/// The headers of what an object shall have.
pub(crate) fn headers(
    key: &ObjectKey,
    options: &PutOptions,
    operation: Option<&OperationId>,
    encoding: MetadataEncoding,
) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, &options.content_type),
        (header::CONTENT_ENCODING, &options.content_encoding),
        (header::CONTENT_LANGUAGE, &options.content_language),
        (header::CONTENT_DISPOSITION, &options.content_disposition),
        (header::CACHE_CONTROL, &options.cache_control),
    ] {
        if let Some(value) = value {
            let value = exact(value).ok_or_else(|| beyond_ascii(name.as_str()))?;
            headers.insert(name, value);
        }
    }
    push_user(&mut headers, &options.metadata, encoding)?;
    if let Some(operation) = operation {
        headers.insert(user_name(OPERATION)?, stamp(key, operation)?);
    }
    Ok(headers)
}

/// The headers that keep what an object has, for a copy that cannot take it from its source.
pub(crate) fn kept_headers(meta: &ObjectMeta, operation: Option<&OperationId>, encoding: MetadataEncoding) -> Result<HeaderMap> {
    let mut options = PutOptions::new();
    options.content_type = meta.content_type.clone();
    options.content_encoding = meta.content_encoding.clone();
    options.content_language = meta.content_language.clone();
    options.content_disposition = meta.content_disposition.clone();
    options.cache_control = meta.cache_control.clone();
    options.metadata = meta.metadata.clone();
    headers(&meta.key, &options, operation, encoding)
}

/// What the headers of an answer say of an object; what is not there is left out.
pub(crate) fn meta(key: ObjectKey, size: u64, headers: &HeaderMap, versions: bool) -> ObjectMeta {
    let text = |name: HeaderName| headers.get(name).and_then(readable);
    let modified = headers.get(header::LAST_MODIFIED).or_else(|| headers.get(header::DATE));
    let modified = modified.and_then(|value| value.to_str().ok()).and_then(parse_date);
    let mut meta = ObjectMeta::new(key, size, modified.unwrap_or(Timestamp::UNIX_EPOCH));
    meta.version = version(headers, versions);
    meta.content_type = text(header::CONTENT_TYPE);
    meta.content_encoding = text(header::CONTENT_ENCODING).filter(|encoding| encoding != "aws-chunked");
    meta.content_language = text(header::CONTENT_LANGUAGE);
    meta.content_disposition = text(header::CONTENT_DISPOSITION);
    meta.cache_control = text(header::CACHE_CONTROL);
    meta.checksum = checksum(headers);
    read_user(&mut meta, headers);
    meta.extensions.put::<ObjectMeta, _>(S3Meta::of(headers));
    meta
}

/// The version that an answer names. Where the bucket keeps versions, their id is part of it.
pub(crate) fn version(headers: &HeaderMap, versions: bool) -> Option<Version> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let id = text("x-amz-version-id").filter(|_| versions);
    version_of(text("etag").map(unquoted), id)
}

pub(crate) fn version_of(etag: Option<&str>, id: Option<&str>) -> Option<Version> {
    match (etag.filter(|etag| !etag.is_empty()), id) {
        (Some(etag), Some(id)) => Some(Version::new(etag, id)),
        (Some(etag), None) => Some(Version::etag(etag)),
        (None, Some(id)) => Some(Version::generation(id)),
        (None, None) => None,
    }
}

/// The digest that `Content-MD5` has.
pub(crate) fn md5(content: &[u8]) -> String {
    STANDARD.encode(Md5::digest(content))
}

/// The digest that `x-amz-checksum-sha256` has.
pub(crate) fn sha256(content: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(content))
}

/// The header that has a service verify a checksum.
pub(crate) fn checksum_header(checksum: Checksum) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = match checksum {
        Checksum::Crc32c(sum) => ("x-amz-checksum-crc32c", STANDARD.encode(sum.to_be_bytes())),
        Checksum::Crc64Nvme(sum) => ("x-amz-checksum-crc64nvme", STANDARD.encode(sum.to_be_bytes())),
        Checksum::Sha256(sum) => ("x-amz-checksum-sha256", STANDARD.encode(sum)),
        _ => return None,
    };
    Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
}

/// What the signature says of the content: a checksum that is known need not be computed again, and is verified by every
/// service that checks signatures; large content is left to TLS, where there is TLS.
pub(crate) fn payload_hash(checksum: Option<Checksum>, size: u64) -> Option<PayloadHash> {
    match checksum {
        Some(Checksum::Sha256(sum)) => Some(PayloadHash::Known(hex(&sum).into())),
        _ => (size >= UNSIGNED_MIN).then_some(PayloadHash::Unsigned),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn checksum(headers: &HeaderMap) -> Option<Checksum> {
    // That of an object in parts is one of checksums, not of content.
    if headers.get("x-amz-checksum-type").is_some_and(|value| value == "COMPOSITE") {
        return None;
    }
    let sum = |name: &str| STANDARD.decode(headers.get(name)?.to_str().ok()?).ok();
    let sha256 = sum("x-amz-checksum-sha256").and_then(|sum| <[u8; 32]>::try_from(sum).ok());
    let crc32c = || sum("x-amz-checksum-crc32c").and_then(|sum| <[u8; 4]>::try_from(sum).ok());
    let crc64nvme = || sum("x-amz-checksum-crc64nvme").and_then(|sum| <[u8; 8]>::try_from(sum).ok());
    let crc64nvme = || crc64nvme().map(|sum| Checksum::Crc64Nvme(u64::from_be_bytes(sum)));
    sha256.map(Checksum::Sha256).or_else(crc64nvme).or_else(|| crc32c().map(|sum| Checksum::Crc32c(u32::from_be_bytes(sum))))
}

fn push_user(headers: &mut HeaderMap, metadata: &BTreeMap<String, String>, encoding: MetadataEncoding) -> Result<()> {
    let (mut size, mut folded) = (0, Vec::new());
    for (name, value) in metadata {
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("circle-") {
            let text = format!("metadata names that begin with `circle-`, such as `{name}`, are the SDK's own");
            return Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::NameInvalid));
        }
        let written = match encoding {
            // A text that reads like an encoded word would be decoded on its way back.
            _ if !value.is_ascii() || value.contains("=?") => match encoding {
                MetadataEncoding::Rfc2047 => HeaderValue::from_str(&encoded_words(value)).ok(),
                MetadataEncoding::Ascii => None,
            },
            _ => exact(value),
        };
        let written = written.ok_or_else(|| beyond_ascii(name))?;
        size += name.len() + written.len();
        headers.insert(user_name(&lower)?, written);
        if lower != *name {
            folded.push(name.as_str());
        }
    }
    if size > USER_MAX {
        let limit = circle_core_common::Limit::at_most("metadata_max", USER_MAX as u64, "bytes");
        return Err(Error::outside_limit(limit, size));
    }
    if !folded.is_empty() {
        let names = HeaderValue::from_str(&folded.join(",")).map_err(|_| beyond_ascii(NAMES))?;
        headers.insert(user_name(NAMES)?, names);
    }
    Ok(())
}

fn read_user(meta: &mut ObjectMeta, headers: &HeaderMap) {
    let names: BTreeMap<String, &str> = headers
        .get(format!("{USER}{NAMES}"))
        .and_then(|value| value.to_str().ok())
        .into_iter()
        .flat_map(|names| names.split(','))
        .map(|name| (name.to_ascii_lowercase(), name))
        .collect();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(USER) else { continue };
        if name == NAMES {
            continue;
        }
        let Some(value) = readable(value) else { continue };
        if name == OPERATION {
            meta.operation = unstamped(&meta.key, &value);
            continue;
        }
        let name = names.get(name).copied().unwrap_or(name).to_owned();
        meta.metadata.insert(name, decoded_words(&value));
    }
}

fn user_name(name: &str) -> Result<HeaderName> {
    HeaderName::try_from(format!("{USER}{name}"))
        .map_err(|_| Error::new(ErrorKind::InvalidInput, format!("`{name}` is no name for metadata")))
}

/// A value that a header carries as it is: white space at its ends would be lost.
fn exact(value: &str) -> Option<HeaderValue> {
    let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    (printable && value.trim() == value).then(|| HeaderValue::from_str(value).ok()).flatten()
}

fn readable(value: &HeaderValue) -> Option<String> {
    String::from_utf8(value.as_bytes().to_vec()).ok()
}

fn beyond_ascii(name: &str) -> Error {
    let text = format!(
        "the value of `{name}` cannot be kept as it is: it must be printable ASCII without white space at its ends; encode it"
    );
    Error::new(ErrorKind::InvalidInput, text)
}

/// Ties an operation to its key: a copy takes the metadata of its source along, and was not made by that operation.
fn stamp(key: &ObjectKey, operation: &OperationId) -> Result<HeaderValue> {
    let id = operation.to_string();
    exact(&format!("{id}.{}", tie(key))).ok_or_else(|| beyond_ascii("idempotency key"))
}

fn unstamped(key: &ObjectKey, value: &str) -> Option<OperationId> {
    let (id, tied) = value.rsplit_once('.')?;
    (tied == tie(key)).then(|| id.into())
}

fn tie(key: &ObjectKey) -> String {
    hex(&Sha256::digest(key.as_str().as_bytes())[..8])
}

/// RFC 2047 encoded words; each at most 75 characters, and none cuts a character.
fn encoded_words(value: &str) -> String {
    const BYTES_MAX: usize = 45;
    let (mut words, mut word) = (Vec::new(), String::new());
    for c in value.chars() {
        if word.len() + c.len_utf8() > BYTES_MAX {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word.as_bytes()))).collect::<Vec<_>>().join(" ")
}

/// Reads encoded words of RFC 2047; what is none stays as it is.
fn decoded_words(value: &str) -> String {
    if !value.contains("=?") {
        return value.to_owned();
    }
    let (mut out, mut after_word) = (String::new(), false);
    for (at, token) in value.split(' ').enumerate() {
        match encoded_word(token) {
            Some(text) => {
                // White space between two encoded words is none of the text.
                if at > 0 && !after_word {
                    out.push(' ');
                }
                out.push_str(&text);
                after_word = true;
            }
            None => {
                if at > 0 {
                    out.push(' ');
                }
                out.push_str(token);
                after_word = false;
            }
        }
    }
    out
}

fn encoded_word(token: &str) -> Option<String> {
    let inner = token.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut parts = inner.splitn(3, '?');
    let (charset, how, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let bytes = match how {
        "B" | "b" => STANDARD.decode(text).ok()?,
        "Q" | "q" => quoted_printable(text)?,
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

fn quoted_printable(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match (byte, tail) {
            (b'_', _) => b' ',
            (b'=', [high, low, tail @ ..]) => {
                rest = tail;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?
            }
            (b'=', _) => return None,
            (byte, _) => byte,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
