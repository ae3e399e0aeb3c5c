//! Passages: what is found, and how it is kept.

use std::ops::Range;
use std::sync::Arc;

use circle_core_common::interfaces::embedding_model::Embedding;
use circle_core_common::interfaces::vector_store::{Match, Record};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::citation::Citation;
use super::ledger::{Edition, Ledger};
use crate::ai::Chunk;
use crate::ai::split::place;

const SOURCE: &str = "source";
const EDITION: &str = "edition";
const HEADING: &str = "heading";
const HEADINGS: &str = "headings";
const START: &str = "start";
const END: &str = "end";

/// A passage that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Passage {
    /// Its number among those that were found together, from 1: what an answer cites it by.
    pub number: u32,
    /// The document that it is of.
    pub source: String,
    /// The headings that it stands under, the highest first.
    pub headings: Vec<String>,
    /// Its text.
    pub text: Arc<str>,
    /// Where it stands in the document, in bytes.
    pub range: Range<u64>,
    /// How well it fits; of a hybrid search it orders the passages and means nothing else.
    pub score: f32,
}

impl Passage {
    /// The heading that it stands under.
    #[must_use]
    pub fn heading(&self) -> Option<&str> {
        self.headings.last().map(String::as_str)
    }

    /// Where it stands, in words: the source and the headings.
    #[must_use]
    pub fn place(&self) -> String {
        place(&self.source, &self.headings)
    }

    /// What cites it.
    #[must_use]
    pub fn citation(&self) -> Citation {
        Citation { number: self.number, source: self.source.clone(), headings: self.headings.clone() }
    }
}

/// How a passage is kept. `source` and `heading` can be filtered by. Its place stands before its text: a search for words
/// finds a passage by its headings, too.
pub(super) fn record(source: &str, edition: &Edition, at: u32, chunk: &Chunk, embedding: Embedding) -> Record {
    Record::new(edition.record_id(source, at), embedding)
        .field(SOURCE, source)
        .field(EDITION, edition.hash.as_str())
        .field(HEADING, chunk.heading().unwrap_or_default())
        .field(HEADINGS, chunk.headings.clone())
        .field(START, chunk.range.start)
        .field(END, chunk.range.end)
        .text(format!("{}\n{}", chunk.place(source), chunk.text))
}

/// The passage of a record, if it is of an edition that counts. Its number is set by whoever numbers passages.
pub(super) fn counted(found: Match, ledger: &Ledger) -> Option<Passage> {
    let Match { fields, text, score, .. } = found;
    let word = |name| fields.get(name).and_then(Value::as_str);
    let source = word(SOURCE)?;
    if !ledger.counts(source, word(EDITION)?) {
        return None;
    }
    let headings = fields.get(HEADINGS).and_then(Value::as_array).into_iter().flatten();
    let headings: Vec<String> = headings.filter_map(Value::as_str).map(str::to_owned).collect();
    let kept = text.unwrap_or_default();
    let text = kept.strip_prefix(&place(source, &headings)).map_or(&*kept, |text| text.trim_start_matches('\n')).into();
    let number = |name| fields.get(name).and_then(Value::as_u64).unwrap_or_default();
    let range = number(START)..number(END);
    Some(Passage { number: 0, source: source.to_owned(), headings, text, range, score })
}
