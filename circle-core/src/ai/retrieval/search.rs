//! Finds passages.

use std::sync::Arc;

use circle_core_common::interfaces::vector_store::{VectorQuery, VectorStoreCapabilities};
use circle_core_common::{Error, ErrorKind, Filter, Result};

use super::DocumentIndex;
use super::ledger::Ledger;
use super::passage::{Passage, counted};

/// How often more is asked for where records that do not count were found.
const ROUNDS: u32 = 4;

/// What passages are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Search {
    /// The nearness of embeddings.
    Nearness,
    /// Nearness and words, each a ranking; the store joins both, by reciprocal ranks or in a way of its own.
    Hybrid,
}

/// What to find.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RetrieveOptions {
    /// How many passages at most; 6 by default.
    pub top_k: u32,
    /// By what; by default hybrid where the store can, else by nearness.
    pub search: Option<Search>,
    /// Only passages that this matches: the fields are `source`, `heading`, `start` and `end`.
    pub filter: Option<Filter>,
}

impl Default for RetrieveOptions {
    fn default() -> Self {
        Self { top_k: 6, search: None, filter: None }
    }
}

impl RetrieveOptions {
    /// The six passages that fit best.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many passages at most.
    #[must_use]
    pub fn top_k(mut self, top_k: u32) -> Self {
        self.top_k = top_k;
        self
    }

    /// Sets what passages are found by.
    #[must_use]
    pub fn search(mut self, search: Search) -> Self {
        self.search = Some(search);
        self
    }

    /// Only passages that this matches; given again, both must.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(match self.filter {
            Some(first) => first & filter,
            None => filter,
        });
        self
    }
}

impl DocumentIndex {
    /// The passages that fit a question best, best first.
    ///
    /// # Errors
    /// As [`retrieve_with`](Self::retrieve_with).
    pub async fn retrieve(&self, question: &str) -> Result<Vec<Passage>> {
        self.retrieve_with(question, RetrieveOptions::new()).await
    }

    /// The passages that fit a question best, best first. Those of documents that are being ingested are not among them.
    ///
    /// # Errors
    /// `NotFound` before the first ingest; `Conflict` when questions are embedded by another model than the documents were;
    /// `Unsupported` for a hybrid search in a store that knows no words; what embedder and stores say.
    pub async fn retrieve_with(&self, question: &str, options: RetrieveOptions) -> Result<Vec<Passage>> {
        let hybrid = match options.search {
            Some(Search::Nearness) => false,
            Some(Search::Hybrid) => {
                let known = VectorStoreCapabilities::HYBRID.check(self.vectors.capabilities());
                known.map_err(|error| error.context(format_args!("{:?}", self.vectors)))?;
                true
            }
            None => VectorStoreCapabilities::HYBRID.is_on(self.vectors.capabilities()),
        };
        let mut ledger = self.current_ledger().await?;
        let asked = self.embedder.embed_all([question], self.query_options()).await?;
        let missing = || Error::new(ErrorKind::Decode, "the answer has no embedding");
        let embedding = asked.embeddings.get(0).ok_or_else(missing)?;
        check_model(&ledger, &asked.model, embedding.dimensions())?;
        let most = self.vectors.capabilities().top_k_max;
        let wanted = options.top_k.min(most);
        let mut query = VectorQuery::near(embedding);
        if hybrid {
            query = query.hybrid(question);
        }
        query.filter = options.filter;
        let mut passages = Vec::new();
        for round in 0..ROUNDS {
            let top_k = wanted.saturating_mul(4_u32.pow(round)).min(most);
            let found = self.collection().query(query.clone().top_k(top_k)).await?;
            let total = found.len();
            passages = found.into_iter().filter_map(|found| counted(found, &ledger)).collect::<Vec<_>>();
            if passages.len() == total || passages.len() >= wanted as usize {
                break;
            }
            // A document may have been replaced between the looks at ledger and collection; or a run has broken off.
            let now = self.current_ledger().await?;
            if Arc::ptr_eq(&now, &ledger) && total < top_k as usize {
                break;
            }
            ledger = now;
        }
        passages.truncate(wanted as usize);
        for (number, passage) in (1..).zip(&mut passages) {
            passage.number = number;
        }
        Ok(passages)
    }

    async fn current_ledger(&self) -> Result<Arc<Ledger>> {
        match self.ledger.read().await? {
            Some((_, ledger)) if !ledger.drop => Ok(ledger),
            _ => Err(Error::new(ErrorKind::NotFound, format!("the index `{}` is empty: ingest documents first", self.name))),
        }
    }
}

/// Embeddings of different models have no nearness.
fn check_model(ledger: &Ledger, model: &str, dimensions: u32) -> Result<()> {
    if ledger.model == model && ledger.dimensions == dimensions {
        return Ok(());
    }
    let text = format!(
        "the documents are embedded by `{}` ({} numbers), and the question by `{model}` ({dimensions}): ingest again",
        ledger.model, ledger.dimensions
    );
    Err(Error::new(ErrorKind::Conflict, text))
}
