//! Vector stores: records found by the nearness of their vectors.
//!
//! ```
//! # use circle_core_common::{Filter, Result};
//! # use circle_core_common::interfaces::embedding_model::Embedding;
//! # use circle_core_common::interfaces::vector_store::{CollectionSpec, Record, VectorQuery, VectorStore};
//! # struct Chunk { id: String, vector: Embedding, text: String }
//! # async fn example(vectors: VectorStore, chunks: Vec<Chunk>, question: Embedding) -> Result<()> {
//! let notes = vectors.collection("notes");
//! notes.ensure(CollectionSpec::new(512).cosine().model("text-embedding-3-small")).await?;
//! notes.put_many(chunks.iter().map(|c| Record::new(&c.id, &c.vector).field("lang", "en").text(&*c.text))).await?.all()?;
//! let query = VectorQuery::near(&question).filter(Filter::eq("lang", "en")).top_k(8).min_score(0.6);
//! for hit in notes.query(query).await? {
//!     println!("{:.3} {}", hit.score, hit.id);
//! }
//! notes.delete_where(Filter::eq("lang", "en")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! *Scores* are higher where a match is better, whatever the store and the metric; what the store called it is beside.
//! *Records* are put whole; putting again replaces. *Filters* are the shared [`Filter`], pushed down or refused.

mod capabilities;
mod collection;
#[cfg(feature = "testkit")]
pub mod conformance;
mod emulate;
#[cfg(feature = "mock")]
mod mock;
mod provider;
mod types;
mod validate;

use std::sync::Arc;

pub use capabilities::{Consistency, VectorStoreCapabilities};
pub use collection::Collection;
#[cfg(feature = "mock")]
pub use mock::MockVectorStoreProvider;
pub use provider::VectorStoreProvider;
pub use types::*;

use crate::context::OnUnsupported;
use crate::error::{Error, Result};
#[allow(unused_imports, reason = "the documentation names it")]
use crate::filter::Filter;
use crate::operation::Operation;
use crate::scope::Resources;

crate::operations! {
    "VectorStore" => {
        /// Makes a collection.
        ENSURE = "vector_store.ensure", Write;
        /// Drops a collection.
        DROP = "vector_store.drop_collection", Delete;
        /// Puts records.
        PUT = "vector_store.put", Write;
        /// Gets records by id.
        GET = "vector_store.get", Read;
        /// Deletes records.
        DELETE = "vector_store.delete", Delete;
        /// Finds records.
        QUERY = "vector_store.query", Read;
        /// A page of a list.
        LIST = "vector_store.list", Read;
        /// Counts records.
        COUNT = "vector_store.count", Read;
    }
}

crate::handle! {
    /// A store of vectors: what applications hold.
    VectorStore over VectorStoreProvider with VectorStoreCapabilities as "VectorStore"
}

type Caps = VectorStoreCapabilities;

impl VectorStore {
    /// A collection of this store. Nothing is sent; [`Collection::ensure`] makes it.
    #[must_use]
    pub fn collection(&self, name: impl Into<CollectionName>) -> Collection {
        Collection::new(self.clone(), Location::new(name))
    }

    /// Drops a collection with all its records. Dropping what is not there succeeds.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// What the provider says.
    pub async fn drop_collection(&self, name: impl Into<CollectionName>) -> Result<()> {
        let location = Location::new(name);
        self.at(&DROP, location.collection.shared(), self.check_location(&location))?;
        let mut call = self.open(&DROP);
        let provider = self.start(&mut call, Resources::One(location.collection.shared())).await?;
        let request = DropRequest::new(location.collection.clone());
        let result = call.guard(provider.drop_collection(call.cx(), request)).await;
        call.finish(result).await
    }

    fn emulates(&self) -> bool {
        self.core.options().is_some_and(|options| options.on_unsupported == Some(OnUnsupported::Emulate))
    }

    fn at<T>(&self, operation: &'static Operation, resource: &Arc<str>, result: Result<T>) -> Result<T> {
        result.map_err(|error: Error| self.core.place(error, operation).with_resource(resource))
    }
}
