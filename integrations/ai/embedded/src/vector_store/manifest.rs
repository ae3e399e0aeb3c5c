//! The manifest: what a collection is, and which segments it consists of. Swapping it is what makes a write visible.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use circle_core_common::interfaces::vector_store::{CollectionSpec, Metric};
use circle_core_common::{Error, ErrorKind, Reason, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The layout of the index. A store that finds a higher number was made by a later version.
const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// Told anew each time that the collection is made, so that a write to the one before does not reach it.
    pub(super) incarnation: Arc<str>,
    pub(super) spec: Spec,
    /// Later ones replace, or delete, records of earlier ones.
    pub(super) segments: Vec<SegmentRef>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) dimensions: u32,
    pub(super) metric: Metric,
    pub(super) model: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) vectors: BTreeMap<Arc<str>, u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentRef {
    /// Unique over all time, not made of the content: one that is no longer referred to can be deleted, and the next
    /// with the same content is not it.
    pub(super) name: Arc<str>,
    pub(super) sha256: Arc<str>,
    pub(super) bytes: u64,
}

impl From<CollectionSpec> for Spec {
    fn from(spec: CollectionSpec) -> Self {
        Self { dimensions: spec.dimensions, metric: spec.metric, model: spec.model, vectors: spec.vectors }
    }
}

impl Spec {
    /// The width of a vector: of the record's own without a name.
    pub(super) fn width(&self, name: Option<&str>) -> Option<u32> {
        name.map_or(Some(self.dimensions), |name| self.vectors.get(name).copied())
    }
}

impl Manifest {
    pub(super) fn new(spec: Spec, incarnation: impl Into<Arc<str>>) -> Self {
        Self { format: FORMAT, incarnation: incarnation.into(), spec, segments: Vec::new() }
    }

    /// A line with the hash of the rest, and the rest.
    pub(super) fn encode(&self) -> Result<Bytes> {
        let json = serde_json::to_string(self)
            .map_err(|error| Error::new(ErrorKind::Internal, "the manifest cannot be written").with_source(error))?;
        Ok(format!("{}\n{json}\n", digest(json.as_bytes())).into())
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).ok().and_then(|text| text.strip_suffix('\n')?.split_once('\n'));
        let json = text.filter(|(hash, json)| *hash == digest(json.as_bytes())).map(|(_, json)| json);
        let json = json.ok_or_else(|| corrupt("the manifest does not match its hash").with_reason(Reason::ChecksumMismatch))?;
        /// What every version of the format can be asked.
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| corrupt("the manifest cannot be read").with_source(error);
        let head: Head = serde_json::from_str(json).map_err(unreadable)?;
        if head.format > FORMAT {
            let text = format!("the index has format {}, and this version knows {FORMAT}: update", head.format);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        serde_json::from_str(json).map_err(unreadable)
    }
}

pub(super) fn corrupt(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Corrupt, text)
}

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let mut manifest = Manifest::new(CollectionSpec::new(4).model("m").vector("title", 2).into(), "one");
        manifest.segments.push(SegmentRef { name: "a".into(), sha256: digest(b"a").into(), bytes: 1 });
        manifest
    }

    #[test]
    fn it_reads_what_it_wrote_and_notices_every_change() {
        let bytes = manifest().encode().unwrap();
        assert_eq!(Manifest::decode(&bytes).unwrap(), manifest());
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            assert!(Manifest::decode(&changed).unwrap_err().is(ErrorKind::Corrupt), "byte {at}");
            assert!(Manifest::decode(&bytes[..at]).unwrap_err().is(ErrorKind::Corrupt), "cut at {at}");
        }
    }

    #[test]
    fn a_later_format_is_told_from_damage() {
        let later = Manifest { format: FORMAT + 1, ..manifest() };
        assert!(Manifest::decode(&later.encode().unwrap()).unwrap_err().is(ErrorKind::Unsupported));
    }

    #[test]
    fn digests_are_sha256() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
