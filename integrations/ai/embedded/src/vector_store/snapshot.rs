//! A collection as it is at one moment: its segments, and which of their entries still hold.

use std::sync::Arc;

use circle_core_common::filter::Filter;
use circle_core_common::interfaces::vector_store::{Record, RecordId};
use circle_core_common::{Result, Version};

use super::manifest::Manifest;
use super::segment::{Draft, Segment};

#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) manifest: Manifest,
    /// Of the manifest.
    pub(super) version: Option<Version>,
    pub(super) segments: Vec<Live>,
}

/// A segment, and which of its entries hold.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) segment: Arc<Segment>,
    /// Entries that are deletions, or that a later segment has replaced or deleted.
    dead: Arc<Bits>,
}

#[derive(Clone, Debug)]
struct Bits {
    words: Vec<u64>,
    count: usize,
}

impl Bits {
    fn new(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(64)], count: 0 }
    }

    fn has(&self, at: usize) -> bool {
        self.words.get(at / 64).is_none_or(|word| word >> (at % 64) & 1 == 1)
    }

    fn set(&mut self, at: usize) {
        if let Some(word) = self.words.get_mut(at / 64) {
            let bit = 1 << (at % 64);
            self.count += usize::from(*word & bit == 0);
            *word |= bit;
        }
    }
}

impl Snapshot {
    /// The segments of a manifest, in its order. What an earlier snapshot with the same first segments knows is kept.
    pub(super) fn new(manifest: Manifest, version: Option<Version>, all: Vec<Arc<Segment>>, earlier: Option<&Self>) -> Self {
        let known = earlier.map_or(&[][..], |earlier| &earlier.segments);
        let continues = known.len() <= all.len() && known.iter().zip(&all).all(|(live, one)| Arc::ptr_eq(&live.segment, one));
        let mut segments: Vec<Live> = if continues { known.to_vec() } else { Vec::with_capacity(all.len()) };
        for segment in all.into_iter().skip(segments.len()) {
            let mut dead = Bits::new(segment.entries.len());
            for (at, entry) in segment.entries.iter().enumerate() {
                if entry.content.is_none() {
                    dead.set(at);
                }
                let (namespace, id) = entry.place();
                for older in &mut segments {
                    if let Some(place) = older.segment.find(namespace, id)
                        && !older.dead.has(place)
                    {
                        Arc::make_mut(&mut older.dead).set(place);
                    }
                }
            }
            segments.push(Live { segment, dead: Arc::new(dead) });
        }
        Self { manifest, version, segments }
    }

    pub(super) fn is_live(&self, segment: usize, entry: usize, namespace: Option<&str>) -> bool {
        self.segments.get(segment).is_some_and(|live| {
            !live.dead.has(entry) && live.segment.entries.get(entry).is_some_and(|entry| entry.place().0 == namespace)
        })
    }

    /// The entries of a segment that hold, of one namespace, in the order of their ids.
    pub(super) fn live<'a>(&'a self, segment: usize, namespace: Option<&'a str>) -> impl Iterator<Item = usize> + 'a {
        let live = &self.segments[segment];
        let start = live.segment.start(namespace, None);
        let within = live.segment.entries[start..].iter().take_while(move |entry| entry.place().0 == namespace);
        within.enumerate().map(move |(at, _)| start + at).filter(|at| !live.dead.has(*at))
    }

    pub(super) fn find(&self, namespace: Option<&str>, id: &str) -> Option<(&Segment, usize)> {
        self.segments.iter().rev().find_map(|live| {
            let at = live.segment.find(namespace, id)?;
            (!live.dead.has(at)).then_some((&*live.segment, at))
        })
    }

    pub(super) fn get(&self, namespace: Option<&str>, id: &RecordId) -> Option<Record> {
        let (segment, at) = self.find(namespace, id.as_str())?;
        segment.record(at, true)
    }

    fn matches(&self, segment: usize, entry: usize, filter: Option<&Filter>) -> Result<bool> {
        let content = self.segments[segment].segment.entries[entry].content.as_ref();
        match (content, filter) {
            (Some(content), Some(filter)) => filter.matches(&content.fields),
            (content, _) => Ok(content.is_some()),
        }
    }

    pub(super) fn count(&self, namespace: Option<&str>, filter: Option<&Filter>) -> Result<u64> {
        let mut count = 0;
        for segment in 0..self.segments.len() {
            for entry in self.live(segment, namespace) {
                count += u64::from(self.matches(segment, entry, filter)?);
            }
        }
        Ok(count)
    }

    /// The ids that a filter matches.
    pub(super) fn matching(&self, namespace: Option<&str>, filter: &Filter) -> Result<Vec<RecordId>> {
        let mut ids = Vec::new();
        for segment in 0..self.segments.len() {
            for entry in self.live(segment, namespace) {
                if self.matches(segment, entry, Some(filter))? {
                    ids.push(self.segments[segment].segment.entries[entry].id.clone());
                }
            }
        }
        Ok(ids)
    }

    /// The records after an id, in the order of their ids, and whether there are more.
    pub(super) fn page(
        &self,
        namespace: Option<&str>,
        after: Option<&str>,
        size: usize,
        filter: Option<&Filter>,
        with_vectors: bool,
    ) -> Result<(Vec<Record>, bool)> {
        let mut heads: Vec<usize> = self.segments.iter().map(|live| live.segment.start(namespace, after)).collect();
        let mut records = Vec::new();
        loop {
            let mut first: Option<(usize, &str)> = None;
            for (at, live) in self.segments.iter().enumerate() {
                while live.dead.has(heads[at]) && heads[at] < live.segment.entries.len() {
                    heads[at] += 1;
                }
                let head = live.segment.entries.get(heads[at]).map(super::segment::Entry::place);
                if let Some((_, id)) = head.filter(|(its_namespace, _)| *its_namespace == namespace)
                    && first.is_none_or(|(_, least)| id < least)
                {
                    first = Some((at, id));
                }
            }
            let Some((at, _)) = first else { return Ok((records, false)) };
            let entry = heads[at];
            heads[at] += 1;
            if !self.matches(at, entry, filter)? {
                continue;
            }
            if records.len() == size {
                return Ok((records, true));
            }
            records.extend(self.segments[at].segment.record(entry, with_vectors));
        }
    }

    /// What the segments from here on come to, as one: entries that hold, and, unless these are all segments, the
    /// deletions, which older segments need.
    pub(super) fn merged(&self, from: usize) -> Segment {
        let mut drafts = Vec::new();
        // Older ones first: of the deletions and records of one id the last one stays.
        for live in self.segments.iter().skip(from) {
            for (at, entry) in live.segment.entries.iter().enumerate() {
                if !live.dead.has(at) {
                    drafts.extend(live.segment.draft(at));
                } else if from > 0 && entry.content.is_none() {
                    drafts.push(Draft::deletion(entry.namespace.clone(), entry.id.clone()));
                }
            }
        }
        Segment::new(drafts)
    }

    /// How many entries there are, and how many of them hold nothing.
    pub(super) fn entries(&self) -> (usize, usize) {
        let total = self.segments.iter().map(|live| live.segment.entries.len()).sum();
        (total, self.segments.iter().map(|live| live.dead.count).sum())
    }
}
