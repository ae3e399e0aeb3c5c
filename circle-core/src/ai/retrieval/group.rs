//! Documents on their way into the index, several at once: one call embeds the passages of many.

use std::collections::HashMap;

use circle_core_common::interfaces::embedding_model::{EmbedUsage, Embedding};
use circle_core_common::interfaces::vector_store::Record;
use circle_core_common::{Error, ErrorKind, Result};
use tokio::task::JoinSet;

use super::DocumentIndex;
use super::ledger::{Debris, Entry};
use super::passage;
use crate::ai::Chunk;

/// How many passages are embedded and put together, about.
const PASSAGES: usize = 256;
/// How many documents at most: what a run that breaks off has to do again.
const DOCUMENTS: usize = 64;

/// A document that is to be put.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) source: String,
    pub(super) size: u64,
    pub(super) entry: Entry,
    pub(super) chunks: Vec<Chunk>,
}

/// Documents that are put together.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) drafts: Vec<Draft>,
    passages: usize,
}

impl Group {
    pub(super) fn push(&mut self, draft: Draft) {
        self.passages += draft.chunks.len();
        self.drafts.push(draft);
    }

    pub(super) fn is_full(&self) -> bool {
        self.passages >= PASSAGES || self.drafts.len() >= DOCUMENTS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// What would be left of it if the run broke off.
    pub(super) fn debris(&self) -> impl Iterator<Item = Debris> {
        self.drafts.iter().map(|draft| Debris { source: draft.source.clone(), edition: draft.entry.edition.clone() })
    }

    /// The records of all its passages, and what embedding them took.
    pub(super) async fn records(&self, index: &DocumentIndex) -> Result<(Vec<Record>, EmbedUsage)> {
        let mut texts = Texts::default();
        let mut rows = Vec::with_capacity(self.passages);
        for (draft, chunk) in self.drafts.iter().flat_map(|draft| draft.chunks.iter().map(move |chunk| (draft, chunk))) {
            let text = texts.row(chunk.text.clone());
            let place = (index.place_weight > 0.0).then(|| texts.row(chunk.place(&draft.source)));
            rows.push((text, place));
        }
        let (embeddings, usage) = texts.embed(index).await?;
        let mut rows = rows.into_iter();
        let mut records = Vec::with_capacity(self.passages);
        for draft in &self.drafts {
            for (at, chunk) in (0_u32..).zip(&draft.chunks) {
                let missing = || Error::new(ErrorKind::Internal, "a passage has no embedding");
                let (text, place) = rows.next().ok_or_else(missing)?;
                let mut embedding = embeddings[text].clone();
                if let Some(place) = place {
                    embedding = embedding.blend(&embeddings[place], index.place_weight)?;
                }
                records.push(passage::record(&draft.source, &draft.entry.edition, at, chunk, embedding));
            }
        }
        Ok((records, usage))
    }
}

/// Texts to embed, each once: passages under one heading share their place.
#[derive(Default)]
struct Texts {
    rows: HashMap<String, usize>,
    texts: Vec<String>,
}

impl Texts {
    fn row(&mut self, text: String) -> usize {
        let Self { rows, texts } = self;
        *rows.entry(text).or_insert_with_key(|text| {
            texts.push(text.clone());
            texts.len() - 1
        })
    }

    async fn embed(self, index: &DocumentIndex) -> Result<(Vec<Embedding>, EmbedUsage)> {
        let share = self.texts.len().div_ceil(index.concurrency).max(1);
        let mut calls = JoinSet::new();
        for (at, texts) in self.texts.chunks(share).enumerate() {
            let (embedder, texts, options) = (index.embedder.clone(), texts.to_vec(), index.document_options());
            calls.spawn(async move { (at, embedder.embed_all(texts, options).await) });
        }
        let mut parts = Vec::with_capacity(calls.len());
        while let Some(done) = calls.join_next().await {
            let (at, embedded) = joined(done)?;
            parts.push((at, embedded?));
        }
        parts.sort_unstable_by_key(|(at, _)| *at);
        let usage = parts.iter().fold(EmbedUsage::tokens(0), |usage, (_, embedded)| usage.plus(embedded.usage));
        let embeddings = parts.iter().flat_map(|(_, embedded)| embedded.embeddings.iter().collect::<Vec<_>>()).collect();
        Ok((embeddings, usage))
    }
}

/// What a task gave.
pub(super) fn joined<T>(done: std::result::Result<T, tokio::task::JoinError>) -> Result<T> {
    done.map_err(|error| Error::new(ErrorKind::Internal, "a part of the work broke off").with_source(error))
}
