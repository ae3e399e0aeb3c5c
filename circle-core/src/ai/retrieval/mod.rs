//! Questions to documents: an index that is kept up to date, passages found by nearness and words, answers with their
//! sources, and a measure of how well that works.
//!
//! ```
//! use circle_core::ai::retrieval::DocumentIndex;
//! use circle_core::prelude::*;
//! # use circle_core_embedded::{EmbeddedAnswers, EmbeddedEmbeddings, EmbeddedVectors};
//! # use circle_core::memory::Memory;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Error> {
//! # let files = ObjectStore::new(Memory::new());
//! # let embedder = EmbeddingModel::new(EmbeddedEmbeddings::new());
//! # let vectors = VectorStore::new(EmbeddedVectors::in_memory());
//! # let model = ChatModel::new(EmbeddedAnswers::new());
//! files.put("documents/trains.md", "# Riga\n\nTrains to Riga leave from platform four.").await?;
//!
//! let index = DocumentIndex::new(files, embedder, vectors)?;
//! let report = index.ingest().await?; // again later: only what has changed
//! assert_eq!((report.ingested, report.passages), (1, 1));
//!
//! let answer = index.answer(&model, "Where do the trains to Riga leave?").await?;
//! assert_eq!(answer.citations[0].to_string(), "[1] trains.md > Riga");
//! # Ok(())
//! # }
//! ```
//!
//! - [`DocumentIndex`] is all of it: documents in an object store, their passages in a vector store.
//! - [`ingest`](DocumentIndex::ingest) splits, embeds and indexes what has changed, and takes out what is gone. A ledger in
//!   the object store says which version of a document counts; a document is in the index whole or not at all.
//! - [`retrieve`](DocumentIndex::retrieve) finds [`Passage`]s; [`answer`](DocumentIndex::answer) has a model answer from
//!   them, whole or as a stream, and says which of them it cites.
//! - [`evaluate`](DocumentIndex::evaluate) asks questions whose answers' places are known.

mod answer;
mod citation;
mod document_index;
mod evaluate;
mod group;
mod ingest;
mod ledger;
mod passage;
mod read;
mod search;

pub use answer::{Answer, AnswerOptions, AnswerStream, prompt};
pub use citation::{Citation, Cited};
pub use document_index::DocumentIndex;
pub use evaluate::{Evaluation, Finding, Question};
pub use ingest::{IngestEvent, IngestReport};
pub use passage::Passage;
pub use read::Skip;
pub use search::{RetrieveOptions, Search};
