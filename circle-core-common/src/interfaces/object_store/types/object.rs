//! What a provider gives back.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;

use super::{Checksum, ObjectKey};
use crate::body::ByteStream;
use crate::error::{Error, ErrorKind, Reason, Result, decode_json_error};
use crate::extension::Extensions;
use crate::identifier::{OperationId, Version};
use crate::units::{ByteSize, Timestamp};

/// What is known of an object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObjectMeta {
    /// The key.
    pub key: ObjectKey,
    /// How many bytes it has.
    pub size: u64,
    /// When it was written.
    pub modified: Timestamp,
    /// Its version, where the service names one.
    pub version: Option<Version>,
    /// The media type.
    pub content_type: Option<String>,
    /// The encoding.
    pub content_encoding: Option<String>,
    /// The language.
    pub content_language: Option<String>,
    /// How a browser shows it.
    pub content_disposition: Option<String>,
    /// How caches keep it.
    pub cache_control: Option<String>,
    /// The application's own metadata. A list may leave it out, where the service's list does.
    pub metadata: BTreeMap<String, String>,
    /// The checksum that the service keeps.
    pub checksum: Option<Checksum>,
    /// The id of the conditional write that made this version, where it is kept.
    pub operation: Option<OperationId>,
    /// Whether this is the current version; only a list of versions says `false`.
    pub is_latest: bool,
    /// What the provider adds.
    pub extensions: Extensions,
}

impl ObjectMeta {
    /// What every provider knows; the rest is assigned.
    #[must_use]
    pub fn new(key: ObjectKey, size: u64, modified: Timestamp) -> Self {
        Self {
            key,
            size,
            modified,
            version: None,
            content_type: None,
            content_encoding: None,
            content_language: None,
            content_disposition: None,
            cache_control: None,
            metadata: BTreeMap::new(),
            checksum: None,
            operation: None,
            is_latest: true,
            extensions: Extensions::default(),
        }
    }

    /// The version, for `replace` and `if_match`.
    ///
    /// # Errors
    /// `Unsupported` when the service names no version here.
    pub fn version(&self) -> Result<&Version> {
        self.version.as_ref().ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("`{}` comes without a version", self.key)))
    }
}

/// An object: its metadata, and its content as it arrives.
#[derive(Debug)]
#[non_exhaustive]
pub struct Object {
    /// What is known of it; shared, so that an object is small to pass on and a store in memory need not copy.
    pub meta: Arc<ObjectMeta>,
    /// Which bytes the content is.
    pub range: Range<u64>,
    /// The most that is collected into memory, from the call's options.
    pub body_limit: Option<ByteSize>,
    body: ByteStream,
}

impl Object {
    /// An object whose content is `range` of the whole.
    #[must_use]
    pub fn new(meta: impl Into<Arc<ObjectMeta>>, range: Range<u64>, body: ByteStream) -> Self {
        Self { meta: meta.into(), range, body_limit: None, body }
    }

    /// Whether the content is in memory as a whole.
    pub(in super::super) fn is_whole(&self) -> bool {
        self.body.is_whole()
    }

    pub(in super::super) fn map_body(self, f: impl FnOnce(ByteStream) -> ByteStream) -> Self {
        Self { body: f(self.body), ..self }
    }

    /// The content as it arrives. A cut is an error; the end is the whole of it.
    #[must_use]
    pub fn into_stream(self) -> ByteStream {
        self.body
    }

    /// The content in one piece of memory.
    ///
    /// # Errors
    /// `InvalidInput` beyond the call's `body_limit`; what broke the transfer; `Corrupt` when bytes are missing.
    pub async fn bytes(self) -> Result<Bytes> {
        let expected = self.range.end - self.range.start;
        let bytes = self.body.collect(self.body_limit).await?;
        check_length(&self.meta.key, expected, bytes.len() as u64)?;
        Ok(bytes)
    }

    /// The content as text.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes); `Decode` when it is not UTF-8.
    pub async fn text(self) -> Result<String> {
        let key = self.meta.key.clone();
        let bytes = self.bytes().await?;
        String::from_utf8(bytes.into()).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Error::new(ErrorKind::Decode, format!("`{key}` is not UTF-8 at byte {at}")).with_source(error.utf8_error())
        })
    }

    /// The content, read as JSON.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes); `Decode` with line and column; it quotes nothing of the content.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let key = self.meta.key.clone();
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| decode_json_error(format_args!("`{key}`"), &error))
    }

    /// Writes the content into a file, which appears under its name only once it is complete. Gives the length.
    ///
    /// # Errors
    /// What broke the transfer; `Unavailable` when the file cannot be written.
    pub async fn save_to(self, path: impl AsRef<Path>) -> Result<u64> {
        let path = path.as_ref();
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let partial = path.with_file_name(name);
        let result = self.write_into(&partial).await;
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Unavailable, format!("the file {} cannot be written: {error}", path.display()))
                .with_source(error)
        };
        match result {
            Ok(length) => tokio::fs::rename(&partial, path).await.map(|()| length).map_err(failed),
            Err(error) => {
                // The first error says what happened; a partial file that stays is only litter.
                let _ = tokio::fs::remove_file(&partial).await;
                Err(error)
            }
        }
    }

    async fn write_into(mut self, path: &Path) -> Result<u64> {
        let failed = |error: std::io::Error| {
            let full = error.kind() == std::io::ErrorKind::StorageFull;
            let kind = if full { ErrorKind::QuotaExceeded } else { ErrorKind::Unavailable };
            Error::new(kind, format!("the file {} cannot be written: {error}", path.display())).with_source(error)
        };
        let mut file = tokio::fs::File::create(path).await.map_err(failed)?;
        let mut length = 0;
        while let Some(chunk) = self.body.try_next().await? {
            length += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(failed)?;
        }
        check_length(&self.meta.key, self.range.end - self.range.start, length)?;
        file.sync_all().await.map_err(failed)?;
        Ok(length)
    }
}

fn check_length(key: &ObjectKey, expected: u64, actual: u64) -> Result<()> {
    if expected == actual {
        return Ok(());
    }
    let text = format!("`{key}` came with {actual} bytes where {expected} were announced");
    Err(Error::new(ErrorKind::Corrupt, text).with_reason(Reason::Truncated))
}

/// One entry of a list.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly every entry is an object; a box for each would cost more")]
#[non_exhaustive]
pub enum Entry {
    /// An object, or one version of it.
    Object(ObjectMeta),
    /// Keys that begin with this; it ends with the delimiter.
    Prefix(Arc<str>),
    /// A version that says the object was deleted.
    DeleteMarker(DeleteMarker),
}

impl Entry {
    /// The key or prefix: what the list is ordered by.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Object(meta) => meta.key.as_str(),
            Self::Prefix(prefix) => prefix,
            Self::DeleteMarker(marker) => marker.key.as_str(),
        }
    }
}

/// A version that says the object was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteMarker {
    /// The key.
    pub key: ObjectKey,
    /// Its version.
    pub version: Version,
    /// When.
    pub modified: Timestamp,
    /// Whether it is the current version.
    pub is_latest: bool,
}

impl DeleteMarker {
    /// A delete marker.
    #[must_use]
    pub fn new(key: ObjectKey, version: Version, modified: Timestamp, is_latest: bool) -> Self {
        Self { key, version, modified, is_latest }
    }
}

/// What a delete did. Deleting what is absent is fine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deleted {
    /// The object is gone.
    Removed,
    /// The object is hidden by a delete marker of this version.
    Marked(Version),
    /// There was none.
    Absent,
    /// It is gone; whether it was there, or who deleted it, the service does not say.
    Unknown,
}

/// A request that works without credentials until it expires. Whoever has it can use it: its `Debug` shows no query.
#[derive(Clone)]
#[non_exhaustive]
pub struct PresignedRequest {
    /// The method.
    pub method: http::Method,
    /// The address, signature included.
    pub uri: http::Uri,
    /// The headers that must be sent with it.
    pub headers: http::HeaderMap,
    /// Until when it works.
    pub expires_at: Timestamp,
}

impl PresignedRequest {
    /// A presigned request.
    #[must_use]
    pub fn new(method: http::Method, uri: http::Uri, headers: http::HeaderMap, expires_at: Timestamp) -> Self {
        Self { method, uri, headers, expires_at }
    }
}

impl fmt::Debug for PresignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.uri.host().unwrap_or_default();
        write!(f, "PresignedRequest({} {host}{}?[REDACTED], until {})", self.method, self.uri.path(), self.expires_at)
    }
}
