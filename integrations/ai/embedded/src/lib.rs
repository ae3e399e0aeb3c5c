//! Embeddings, vector storage and answers in this process: no account, no weights, no server, and the same result everywhere.
//!
//! The embeddings are *lexical*: texts are near when they share words, or parts of words. They know no synonyms and no
//! second language. That is enough to find a passage by its words, and not what a trained model does. The
//! answers are *quotations* of the documents that come with the question; nothing is made up, and nothing is said in other
//! words. [`ScriptedModel`] is for tests: it answers what it is told.
//!
//! ```
//! use circle_core_common::Filter;
//! use circle_core_common::interfaces::embedding_model::{EmbedOptions, EmbeddingModel};
//! use circle_core_common::interfaces::vector_store::{CollectionSpec, Record, VectorQuery, VectorStore};
//! use circle_core_embedded::{EmbeddedEmbeddings, EmbeddedVectors};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> circle_core_common::Result<()> {
//! let embedder = EmbeddingModel::new(EmbeddedEmbeddings::new());
//! let vectors = VectorStore::new(EmbeddedVectors::in_memory()); // or over any ObjectStore, which then keeps the index
//! let notes = vectors.collection("notes");
//! notes.ensure(CollectionSpec::new(embedder.capabilities().dimensions)).await?;
//!
//! let texts = ["The train to Riga leaves from platform four.", "Add flour, sugar and two eggs."];
//! let embeddings = embedder.embed_many_with(texts, EmbedOptions::new().document()).await?.all()?;
//! let records = texts.iter().zip(&embeddings).map(|(text, vector)| Record::new(*text, vector).field("lang", "en"));
//! notes.put_many(records).await?.all()?;
//!
//! let question = embedder.embed_with("When does the Riga train leave?", EmbedOptions::new().query()).await?;
//! let found = notes.query(VectorQuery::near(&question).filter(Filter::eq("lang", "en")).top_k(1)).await?;
//! assert_eq!(found[0].id, texts[0]);
//! # Ok(())
//! # }
//! ```

mod chat_model;
mod config;
mod embedding_model;
mod local;
mod scripted;
mod text;
mod vector_store;
#[doc(hidden)]
pub mod volatile;

pub use chat_model::EmbeddedAnswers;
pub use config::{EmbeddedAnswersConfig, EmbeddedEmbeddingsConfig, EmbeddedVectorsConfig};
pub use embedding_model::EmbeddedEmbeddings;
pub use scripted::{ScriptedError, ScriptedModel, ScriptedReply};
pub use vector_store::EmbeddedVectors;
