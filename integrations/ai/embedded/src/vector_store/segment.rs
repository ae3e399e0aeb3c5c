//! A segment: records and deletions that were written together, and never change. Its vectors are one block per name.

mod format;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use circle_core_common::interfaces::embedding_model::{Embedding, similarity};
use circle_core_common::interfaces::vector_store::{Namespace, Record, RecordId, SparseVector};
use serde_json::{Map, Value};

use super::keywords::Keywords;

pub(super) use format::{decode, encode};

/// No row of a block.
const NONE: u32 = u32::MAX;

/// What is said of one id: what it has become, or that it is gone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) namespace: Option<Namespace>,
    pub(super) id: RecordId,
    /// `None` deletes.
    pub(super) content: Option<Content>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Content {
    pub(super) fields: Map<String, Value>,
    pub(super) text: Option<Arc<str>>,
    pub(super) sparse: Option<SparseVector>,
}

impl Entry {
    pub(super) fn deletion(namespace: Option<Namespace>, id: RecordId) -> Self {
        Self { namespace, id, content: None }
    }

    pub(super) fn place(&self) -> (Option<&str>, &str) {
        (self.namespace.as_ref().map(Namespace::as_str), self.id.as_str())
    }
}

/// An entry with its vectors, on its way into a segment.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) entry: Entry,
    /// The record's own vector has the empty name.
    pub(super) vectors: BTreeMap<Arc<str>, Embedding>,
}

impl Draft {
    pub(super) fn of(namespace: Option<Namespace>, record: Record) -> Self {
        let mut vectors = record.vectors;
        vectors.extend(record.vector.map(|vector| (Arc::from(""), vector)));
        let content = Content { fields: record.fields, text: record.text, sparse: record.sparse };
        Self { entry: Entry { namespace, id: record.id, content: Some(content) }, vectors }
    }

    pub(super) fn deletion(namespace: Option<Namespace>, id: RecordId) -> Self {
        Self { entry: Entry::deletion(namespace, id), vectors: BTreeMap::new() }
    }
}

/// The vectors of one name, in one contiguous block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) dimensions: usize,
    pub(super) numbers: Arc<[f32]>,
    /// The entry of every row, growing.
    pub(super) entries: Vec<u32>,
    /// The row of every entry.
    rows: Vec<u32>,
    /// The length of every row.
    pub(super) norms: Vec<f32>,
}

impl Block {
    fn new(dimensions: usize, numbers: Arc<[f32]>, entries: Vec<u32>, total: usize) -> Self {
        let mut rows = vec![NONE; total];
        for (row, entry) in (0_u32..).zip(&entries) {
            if let Some(place) = rows.get_mut(*entry as usize) {
                *place = row;
            }
        }
        let norms = numbers.chunks_exact(dimensions.max(1)).map(similarity::norm).collect();
        Self { dimensions, numbers, entries, rows, norms }
    }

    pub(super) fn vector(&self, entry: usize) -> Option<Embedding> {
        let row = *self.rows.get(entry).filter(|row| **row != NONE)? as usize;
        Some(Embedding::view(&self.numbers, row * self.dimensions..(row + 1) * self.dimensions))
    }
}

#[derive(Debug)]
pub(super) struct Segment {
    /// Sorted by namespace and id, each once.
    pub(super) entries: Vec<Entry>,
    pub(super) blocks: BTreeMap<Arc<str>, Block>,
    keywords: OnceLock<Keywords>,
}

impl Segment {
    /// Of several drafts of one id the last one stays.
    pub(super) fn new(mut drafts: Vec<Draft>) -> Self {
        // Stable, so that the last of equals is the last that came.
        drafts.sort_by(|one, other| one.entry.place().cmp(&other.entry.place()));
        let mut kept: Vec<Draft> = Vec::with_capacity(drafts.len());
        for draft in drafts {
            match kept.last_mut() {
                Some(last) if last.entry.place() == draft.entry.place() => *last = draft,
                _ => kept.push(draft),
            }
        }
        let mut gathered: BTreeMap<Arc<str>, (usize, Vec<f32>, Vec<u32>)> = BTreeMap::new();
        let total = kept.len();
        let mut entries = Vec::with_capacity(total);
        for (place, draft) in (0_u32..).zip(kept) {
            for (name, vector) in draft.vectors {
                let (_, numbers, places) = gathered.entry(name).or_insert_with(|| (vector.len(), Vec::new(), Vec::new()));
                numbers.extend_from_slice(&vector);
                places.push(place);
            }
            entries.push(draft.entry);
        }
        let block = |(dimensions, numbers, places): (usize, Vec<f32>, _)| Block::new(dimensions, numbers.into(), places, total);
        let blocks = gathered.into_iter().map(|(name, parts)| (name, block(parts))).collect();
        Self { entries, blocks, keywords: OnceLock::new() }
    }

    pub(super) fn find(&self, namespace: Option<&str>, id: &str) -> Option<usize> {
        self.entries.binary_search_by(|entry| entry.place().cmp(&(namespace, id))).ok()
    }

    /// The first entry of a namespace whose id is greater than this, or any.
    pub(super) fn start(&self, namespace: Option<&str>, after: Option<&str>) -> usize {
        self.entries.partition_point(|entry| {
            let (its_namespace, id) = entry.place();
            match its_namespace.cmp(&namespace) {
                Ordering::Equal => after.is_some_and(|after| id <= after),
                order => order.is_lt(),
            }
        })
    }

    pub(super) fn vector(&self, name: &str, entry: usize) -> Option<Embedding> {
        self.blocks.get(name)?.vector(entry)
    }

    pub(super) fn keywords(&self) -> &Keywords {
        self.keywords.get_or_init(|| Keywords::of(&self.entries))
    }

    /// The record of an entry, whole or without its vectors.
    pub(super) fn record(&self, at: usize, with_vectors: bool) -> Option<Record> {
        let entry = self.entries.get(at)?;
        let content = entry.content.clone()?;
        let mut record = Record::without_vector(&entry.id);
        (record.fields, record.text, record.sparse) = (content.fields, content.text, content.sparse);
        if with_vectors {
            for (name, block) in &self.blocks {
                match block.vector(at) {
                    Some(vector) if name.is_empty() => record.vector = Some(vector),
                    Some(vector) => drop(record.vectors.insert(Arc::clone(name), vector)),
                    None => {}
                }
            }
        }
        Some(record)
    }

    /// An entry with its vectors, for another segment.
    pub(super) fn draft(&self, at: usize) -> Option<Draft> {
        let vectors = self.blocks.iter().filter_map(|(name, block)| Some((Arc::clone(name), block.vector(at)?))).collect();
        Some(Draft { entry: self.entries.get(at)?.clone(), vectors })
    }
}
