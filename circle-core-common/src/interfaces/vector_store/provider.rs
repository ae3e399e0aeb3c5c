//! What a provider of vector storage implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListRequest, Match, PutRequest, QueryRequest, Record,
    VectorStoreCapabilities,
};
use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};

/// A vector store, as providers implement it: one attempt per remote call, owned requests, valid input.
///
/// The handle has validated names, ids, fields, limits and filters, has checked every capability that a request needs,
/// and every operator of a filter: a filter is bound to the request, never pasted into a query text. Whether a vector has
/// the width of its collection only the provider knows: another one is `InvalidInput`. A collection that is not there is
/// `NotFound`, in every call but `ensure` and `drop_collection`.
#[async_trait]
pub trait VectorStoreProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &VectorStoreCapabilities;

    /// Makes the collection where it is missing. `Conflict` when it is there and has another spec.
    async fn ensure(&self, cx: &CallContext, request: EnsureRequest) -> Result<()>;

    /// Drops the collection with all its records. Dropping what is not there succeeds.
    async fn drop_collection(&self, cx: &CallContext, request: DropRequest) -> Result<()>;

    /// Puts records, each whole; one result per record, in order.
    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Bulk<()>>;

    /// Records by id, with their vectors, in order; `Ok(None)` for one that is absent.
    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Record>>>;

    /// Deletes; how many there were, where the store tells.
    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Option<u64>>;

    /// The best matches, best first.
    async fn query(&self, cx: &CallContext, request: QueryRequest) -> Result<Vec<Match>>;

    /// One page; a record put or deleted between two pages moves no other record.
    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Record>>;

    /// How many there are.
    async fn count(&self, cx: &CallContext, request: CountRequest) -> Result<u64>;
}

shared_provider!(VectorStoreProvider);

#[async_trait]
impl VectorStoreProvider for Arc<dyn VectorStoreProvider> {
    fn capabilities(&self) -> &VectorStoreCapabilities {
        (**self).capabilities()
    }

    async fn ensure(&self, cx: &CallContext, request: EnsureRequest) -> Result<()> {
        (**self).ensure(cx, request).await
    }

    async fn drop_collection(&self, cx: &CallContext, request: DropRequest) -> Result<()> {
        (**self).drop_collection(cx, request).await
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Bulk<()>> {
        (**self).put(cx, request).await
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Record>>> {
        (**self).get(cx, request).await
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Option<u64>> {
        (**self).delete(cx, request).await
    }

    async fn query(&self, cx: &CallContext, request: QueryRequest) -> Result<Vec<Match>> {
        (**self).query(cx, request).await
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Record>> {
        (**self).list(cx, request).await
    }

    async fn count(&self, cx: &CallContext, request: CountRequest) -> Result<u64> {
        (**self).count(cx, request).await
    }
}
