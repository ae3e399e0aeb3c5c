//! How a segment is written down: a magic number, the length of a header in JSON, the header, and the blocks of numbers.
//!
//! ```text
//! "CIRCLEV1"  u64 length  {"entries":[…],"blocks":[{"name","dimensions","entries"}]}  f32 f32 f32 …   (little-endian)
//! ```
//!
//! The hash of the whole is in the manifest; what is looked at here is that nothing in it can lead out of bounds.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use circle_core_common::interfaces::vector_store::{Namespace, RecordId, SparseVector};
use circle_core_common::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::manifest::corrupt;
use super::{Block, Content, Entry, Segment};

const MAGIC: &[u8; 8] = b"CIRCLEV1";
const LENGTH: usize = size_of::<u64>();
const NUMBER: usize = size_of::<f32>();

#[derive(Serialize, Deserialize)]
struct Header {
    entries: Vec<Written>,
    blocks: Vec<BlockHeader>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    id: RecordId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<Namespace>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sparse: Option<SparseVector>,
}

#[derive(Serialize, Deserialize)]
struct BlockHeader {
    name: Arc<str>,
    dimensions: usize,
    entries: Vec<u32>,
}

pub(in super::super) fn encode(segment: &Segment) -> Result<Bytes> {
    let written = |entry: &Entry| {
        let content = entry.content.clone();
        let deleted = content.is_none();
        let Content { fields, text, sparse } = content.unwrap_or_default();
        Written { id: entry.id.clone(), namespace: entry.namespace.clone(), deleted, fields, text, sparse }
    };
    let block = |(name, block): (&Arc<str>, &Block)| BlockHeader {
        name: Arc::clone(name),
        dimensions: block.dimensions,
        entries: block.entries.clone(),
    };
    let header =
        Header { entries: segment.entries.iter().map(written).collect(), blocks: segment.blocks.iter().map(block).collect() };
    let header = serde_json::to_vec(&header)
        .map_err(|error| Error::new(ErrorKind::Internal, "the segment cannot be written").with_source(error))?;
    let numbers: usize = segment.blocks.values().map(|block| block.numbers.len()).sum();
    let mut bytes = Vec::with_capacity(MAGIC.len() + LENGTH + header.len() + numbers * NUMBER);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&header);
    for block in segment.blocks.values() {
        bytes.extend(block.numbers.iter().flat_map(|number| number.to_le_bytes()));
    }
    Ok(bytes.into())
}

/// Reads a segment whose hash was compared.
pub(in super::super) fn decode(bytes: &[u8]) -> Result<Segment> {
    read(bytes).ok_or_else(|| corrupt("a segment is not what a segment is"))
}

fn read(bytes: &[u8]) -> Option<Segment> {
    let (length, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<LENGTH>()?;
    let (header, mut rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let header: Header = serde_json::from_slice(header).ok()?;
    let entry = |written: Written| {
        let Written { id, namespace, deleted, fields, text, sparse } = written;
        Entry { namespace, id, content: (!deleted).then_some(Content { fields, text, sparse }) }
    };
    let entries: Vec<Entry> = header.entries.into_iter().map(entry).collect();
    if !entries.is_sorted_by(|one, other| one.place() < other.place()) {
        return None;
    }
    let mut blocks = BTreeMap::new();
    for block in header.blocks {
        let in_bounds = block.entries.last().is_none_or(|last| (*last as usize) < entries.len());
        if block.dimensions == 0 || !in_bounds || !block.entries.is_sorted_by(|one, other| one < other) {
            return None;
        }
        let length = block.entries.len().checked_mul(block.dimensions)?.checked_mul(NUMBER)?;
        let (numbers, after) = rest.split_at_checked(length)?;
        rest = after;
        let (numbers, _) = numbers.as_chunks::<NUMBER>();
        let numbers: Arc<[f32]> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        if numbers.iter().any(|number| !number.is_finite()) {
            return None;
        }
        let total = entries.len();
        if blocks.insert(block.name, Block::new(block.dimensions, numbers, block.entries, total)).is_some() {
            return None;
        }
    }
    rest.is_empty().then_some(Segment { entries, blocks, keywords: OnceLock::new() })
}

#[cfg(test)]
mod tests {
    use circle_core_common::interfaces::vector_store::Record;
    use proptest::prelude::*;

    use super::super::Draft;
    use super::*;

    fn segment() -> Segment {
        let sparse = SparseVector::new([(3, 1.5)]);
        Segment::new(vec![
            Draft::of(None, Record::new("b", [1.0, 2.0]).field("n", 1).text("text").vector("title", [3.0, 4.0, 5.0])),
            Draft::of(Some("tenant".into()), Record::new("a", [0.5, -1.0]).sparse(sparse)),
            Draft::deletion(None, "gone".into()),
            Draft::of(None, Record::new("b", [7.0, 8.0]).field("n", 2)),
        ])
    }

    #[test]
    fn it_reads_what_it_wrote() {
        let (written, bytes) = (segment(), encode(&segment()).unwrap());
        let read = decode(&bytes).unwrap();
        assert_eq!(read.entries, written.entries);
        assert_eq!(encode(&read).unwrap(), bytes);
        let at = read.find(None, "b").unwrap();
        assert_eq!(read.record(at, true).unwrap(), Record::new("b", [7.0, 8.0]).field("n", 2), "the last of equals stays");
        assert_eq!(read.record(read.find(None, "gone").unwrap(), true), None);
        assert_eq!(read.vector("", read.find(Some("tenant"), "a").unwrap()).as_deref(), Some(&[0.5, -1.0][..]));
        assert_eq!((read.find(None, "a"), read.find(Some("tenant"), "b")), (None, None));
    }

    #[test]
    fn a_cut_or_longer_one_is_corrupt() {
        let bytes = encode(&segment()).unwrap();
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).unwrap_err().is(ErrorKind::Corrupt), "cut at {cut}");
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    proptest! {
        // The hash keeps damage out; a crafted one must still not lead out of bounds.
        #[test]
        fn no_bytes_lead_out_of_bounds(at in 0_usize..2000, byte in any::<u8>(), junk in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut bytes = encode(&segment()).unwrap().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            for bytes in [&bytes[..], &junk[..]] {
                if let Ok(segment) = decode(bytes) {
                    for entry in 0..segment.entries.len() {
                        let _ = (segment.record(entry, true), segment.draft(entry), segment.keywords());
                    }
                }
            }
        }
    }
}
