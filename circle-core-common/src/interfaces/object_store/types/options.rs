//! What a caller chooses.

use std::collections::BTreeMap;
use std::ops::{Range, RangeFrom, RangeTo};

use serde::{Deserialize, Serialize};

use super::ObjectKey;
use crate::extension::Extensions;
use crate::identifier::Version;
use crate::units::ByteSize;

/// What must hold for a write to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Precondition {
    /// Nothing: the write replaces whatever is there.
    #[default]
    None,
    /// There is no object of this key; else `AlreadyExists`.
    IfAbsent,
    /// The object has this version; else `Conflict`, reason `VersionMismatch`, also when it is absent.
    IfMatch(Version),
}

impl Precondition {
    /// Whether nothing must hold.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// A checksum of a content, which the service verifies before it keeps the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Checksum {
    /// CRC-32C (Castagnoli).
    Crc32c(u32),
    /// CRC-64/NVME.
    Crc64Nvme(u64),
    /// SHA-256.
    Sha256([u8; 32]),
}

/// Which bytes of an object.
///
/// The end is exclusive; an end behind the object's end is the object's end. A start at the end is empty, a start
/// behind it is `InvalidInput`, reason `RangeNotSatisfiable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteRange {
    /// From the first to before the second.
    Bounded(u64, u64),
    /// From here to the end.
    From(u64),
    /// The last so many bytes; the whole object when it has fewer.
    Suffix(u64),
}

impl ByteRange {
    /// The part of an object of `size` bytes.
    ///
    /// # Errors
    /// `InvalidInput`, reason `RangeNotSatisfiable`, when it starts behind the end.
    pub fn resolve(self, size: u64) -> crate::Result<Range<u64>> {
        let (from, to) = match self {
            Self::Bounded(from, to) => (from, to.min(size)),
            Self::From(from) => (from, size),
            Self::Suffix(length) => (size.saturating_sub(length), size),
        };
        if from > size {
            let text = format!("the range starts at byte {from}, and the object has {size} bytes");
            return Err(crate::Error::new(crate::ErrorKind::InvalidInput, text).with_reason(crate::Reason::RangeNotSatisfiable));
        }
        Ok(from..to.max(from))
    }
}

impl From<Range<u64>> for ByteRange {
    fn from(range: Range<u64>) -> Self {
        Self::Bounded(range.start, range.end)
    }
}

impl From<RangeFrom<u64>> for ByteRange {
    fn from(range: RangeFrom<u64>) -> Self {
        Self::From(range.start)
    }
}

impl From<RangeTo<u64>> for ByteRange {
    fn from(range: RangeTo<u64>) -> Self {
        Self::Bounded(0, range.end)
    }
}

/// How to get an object.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GetOptions {
    /// Which bytes; all of them by default.
    pub range: Option<ByteRange>,
    /// Only this version; else `Conflict`, reason `VersionMismatch`.
    pub if_match: Option<Version>,
    /// Only another version than this; else `Conflict`, reason `NotModified`.
    pub if_none_match: Option<Version>,
    /// An older version, where the service keeps those.
    pub version: Option<Version>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl GetOptions {
    options! {
        /// Gets only these bytes.
        range: ByteRange,
        /// Gets only this version.
        if_match: Version,
        /// Gets only another version than this.
        if_none_match: Version,
        /// Gets an older version.
        version: Version,
    }

    /// Gets only the last so many bytes.
    #[must_use]
    pub fn suffix(self, length: u64) -> Self {
        self.range(ByteRange::Suffix(length))
    }
}

/// How to ask for an object's metadata.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HeadOptions {
    /// An older version, where the service keeps those.
    pub version: Option<Version>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl HeadOptions {
    options! {
        /// Asks for an older version.
        version: Version,
    }
}

/// How to put an object; also how to create, replace, upload and copy one.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// What must hold.
    pub precondition: Precondition,
    /// The media type; the service's default when none is given. Must be `type/subtype`.
    pub content_type: Option<String>,
    /// The encoding, such as `gzip`.
    pub content_encoding: Option<String>,
    /// The language.
    pub content_language: Option<String>,
    /// How a browser shows it.
    pub content_disposition: Option<String>,
    /// How caches keep it.
    pub cache_control: Option<String>,
    /// The application's own metadata. Names are letters, digits, `-`, `_` and `.`, and differ by more than case.
    pub metadata: BTreeMap<String, String>,
    /// What the service verifies the content against.
    pub checksum: Option<Checksum>,
    /// The size of the parts that the handle sends; the provider's preference by default.
    pub part_size: Option<ByteSize>,
    /// How many parts are on their way at once; 4 by default.
    pub concurrency: Option<usize>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl PutOptions {
    options! {
        /// Sets the media type.
        content_type: String,
        /// Sets the encoding.
        content_encoding: String,
        /// Sets the language.
        content_language: String,
        /// Sets how a browser shows it.
        content_disposition: String,
        /// Sets how caches keep it.
        cache_control: String,
    }

    /// Puts only if there is no object of this key.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.precondition = Precondition::IfAbsent;
        self
    }

    /// Puts only if the object has this version.
    #[must_use]
    pub fn if_match(mut self, version: impl Into<Version>) -> Self {
        self.precondition = Precondition::IfMatch(version.into());
        self
    }

    /// Adds one entry of the application's own metadata.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Has the service verify the content.
    #[must_use]
    pub fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Sets the size of the parts.
    #[must_use]
    pub fn part_size(mut self, size: ByteSize) -> Self {
        self.part_size = Some(size);
        self
    }

    /// Sets how many parts are on their way at once.
    #[must_use]
    pub fn concurrency(mut self, parts: usize) -> Self {
        self.concurrency = Some(parts);
        self
    }
}

/// How to delete.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeleteOptions {
    /// Only if the object has this version; else `Conflict`, reason `VersionMismatch`.
    pub if_match: Option<Version>,
    /// One version, for good, where the service keeps versions.
    pub version: Option<Version>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl DeleteOptions {
    options! {
        /// Deletes only this version of the object.
        if_match: Version,
        /// Deletes one kept version for good.
        version: Version,
    }
}

/// How to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListOptions {
    /// Keys behind this one, in byte order; it need not exist.
    pub start_after: Option<ObjectKey>,
    /// Folds keys that have this text behind the prefix into one prefix each; `entries` sets it to `/`.
    pub delimiter: Option<String>,
    /// All versions and delete markers, the newest of a key first.
    pub versions: bool,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl ListOptions {
    options! {
        /// Lists keys behind this one.
        start_after: ObjectKey,
        /// Folds keys at this text.
        delimiter: String,
    }

    /// Lists all versions.
    #[must_use]
    pub fn versions(mut self) -> Self {
        self.versions = true;
        self
    }
}

/// How to copy. Content and metadata are copied; what the copy shares with its source ends there.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CopyOptions {
    /// Only if there is no object of the target key; else `AlreadyExists`.
    pub if_absent: bool,
    /// An older version of the source.
    pub source_version: Option<Version>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl CopyOptions {
    options! {
        /// Copies an older version.
        source_version: Version,
    }

    /// Copies only if there is no object of the target key.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.if_absent = true;
        self
    }
}

/// What a presigned request is bound to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PresignOptions {
    /// The media type that a presigned put must send.
    pub content_type: Option<String>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl PresignOptions {
    options! {
        /// Binds a presigned put to this media type.
        content_type: String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_resolve_as_pinned() {
        let resolve = |range: ByteRange| range.resolve(10).ok();
        assert_eq!(resolve((2..5).into()), Some(2..5));
        assert_eq!(resolve((2..50).into()), Some(2..10));
        assert_eq!(resolve((3..3).into()), Some(3..3));
        assert_eq!(resolve((10..).into()), Some(10..10));
        assert_eq!(resolve((11..).into()), None);
        assert_eq!(resolve((10..20).into()), Some(10..10));
        assert_eq!(resolve(ByteRange::Suffix(3)), Some(7..10));
        assert_eq!(resolve(ByteRange::Suffix(99)), Some(0..10));
        assert_eq!(resolve(ByteRange::Suffix(0)), Some(10..10));
    }
}
