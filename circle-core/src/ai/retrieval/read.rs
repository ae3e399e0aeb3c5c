//! Documents as they lie in the store.

use std::fmt;

use circle_core_common::interfaces::object_store::{ObjectMeta, ObjectStore};
use circle_core_common::{ByteSize, ErrorKind, Result, Version};

/// Why a document is not in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skip {
    /// It is larger than [`document_max`](super::DocumentIndex::document_max).
    #[non_exhaustive]
    TooLarge {
        /// How large it is.
        size: ByteSize,
        /// How large it may be.
        max: ByteSize,
    },
    /// It is no text.
    #[non_exhaustive]
    NotUtf8 {
        /// The first byte that is wrong.
        at: usize,
    },
    /// It was deleted after it was listed.
    Gone,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, max } => write!(f, "has {size}, and a document may have {max}"),
            Self::NotUtf8 { at } => write!(f, "is not UTF-8 at byte {at}"),
            Self::Gone => f.write_str("was deleted meanwhile"),
        }
    }
}

/// A document that was listed.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    /// Its key without the prefix.
    pub(super) source: String,
    pub(super) meta: ObjectMeta,
}

/// A document that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) source: String,
    pub(super) size: u64,
    /// The version that was read.
    pub(super) version: Option<Version>,
    pub(super) text: Result<String, Skip>,
}

/// Reads a document, as far as it is one.
pub(super) async fn read(store: ObjectStore, listed: Listed, max: ByteSize) -> Result<Read> {
    let Listed { source, meta } = listed;
    let skipped = |why| Read { source: source.clone(), size: meta.size, version: None, text: Err(why) };
    if meta.size > max.as_u64() {
        return Ok(skipped(Skip::TooLarge { size: ByteSize::bytes(meta.size), max }));
    }
    let object = match store.get(&meta.key).await {
        Ok(object) => object,
        Err(error) if error.is(ErrorKind::NotFound) => return Ok(skipped(Skip::Gone)),
        Err(error) => return Err(error),
    };
    // Written anew since it was listed, perhaps.
    let (size, version) = (object.meta.size, object.meta.version.clone());
    if size > max.as_u64() {
        return Ok(skipped(Skip::TooLarge { size: ByteSize::bytes(size), max }));
    }
    let text = match String::from_utf8(object.bytes().await?.into()) {
        // A byte order mark is no part of the first heading.
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => Err(Skip::NotUtf8 { at: error.utf8_error().valid_up_to() }),
    };
    Ok(Read { source, size, version, text })
}
