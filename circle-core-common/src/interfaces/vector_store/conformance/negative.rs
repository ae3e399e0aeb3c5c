//! What holds for each capability that is off.

use super::{Caps, Store, at, record};
use crate::capabilities::Flag;
use crate::error::Result;
use crate::filter::Filter;
use crate::interfaces::vector_store::{CollectionSpec, ListOptions, SparseVector, VectorQuery, VectorStore};
use crate::suite::Outcome;

/// The store without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Store, flag: Flag<Caps>) -> Result<VectorStore> {
    subject.without(flag)
}

fn sparse() -> SparseVector {
    SparseVector::new([(1, 1.0)])
}

crate::suite::negatives! {
    VectorStore, Caps;
    /// Searching words, or by several searches.
    without_hybrid: HYBRID, |store, name| [
        store.collection(name.replace('/', "-")).query(VectorQuery::near(at(0.0)).hybrid("words")).await,
        store.collection(name.replace('/', "-")).query(VectorQuery::words("words")).await,
        store.collection(name.replace('/', "-")).query(VectorQuery::near(at(0.0)).sparse(sparse())).await,
    ];
    /// Grouping matches.
    without_group_by: GROUP_BY, |store, name| [
        store.collection(name.replace('/', "-")).query(VectorQuery::near(at(0.0)).group_by("document", 1)).await,
    ];
    /// Leaving out matches below a score.
    without_min_score: MIN_SCORE, |store, name| [
        store.collection(name.replace('/', "-")).query(VectorQuery::near(at(0.0)).min_score(0.5)).await,
    ];
    /// Deleting by a filter.
    without_delete_where: DELETE_WHERE, |store, name| [
        store.collection(name.replace('/', "-")).delete_where(Filter::eq("a", 1)).await,
    ];
    /// Listing by a filter.
    without_list_filter: LIST_FILTER, |store, name| [
        store.collection(name.replace('/', "-")).list_with(ListOptions::new().filter(Filter::eq("a", 1))).page().await,
        store.collection(name.replace('/', "-")).list_with(ListOptions::new().filter(Filter::eq("a", 1))).all().await,
    ];
    /// Counting by a filter.
    without_count_filter: COUNT_FILTER, |store, name| [
        store.collection(name.replace('/', "-")).count_where(Filter::eq("a", 1)).await,
    ];
    /// Several vectors for a record.
    without_multi_vector: MULTI_VECTOR, |store, name| [
        store.collection(name.replace('/', "-")).ensure(CollectionSpec::new(4).vector("title", 4)).await,
        store.collection(name.replace('/', "-")).put(record("a", 0.0).vector("title", at(1.0))).await,
        store.collection(name.replace('/', "-")).query(VectorQuery::near(at(0.0)).using("title")).await,
    ];
    /// Sparse vectors.
    without_sparse: SPARSE, |store, name| [
        store.collection(name.replace('/', "-")).put(record("a", 0.0).sparse(sparse())).await,
        store.collection(name.replace('/', "-")).query(VectorQuery::near_sparse(sparse())).await,
    ];
    /// Namespaces.
    without_namespaces: NAMESPACES, |store, name| [
        store.collection(name.replace('/', "-")).namespace("tenant").put(record("a", 0.0)).await,
        store.collection(name.replace('/', "-")).namespace("tenant").query(VectorQuery::near(at(0.0))).await,
        store.collection(name.replace('/', "-")).namespace("tenant").count().await,
    ];
}
