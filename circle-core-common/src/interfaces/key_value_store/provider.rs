//! What a provider of key-value storage implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Change, Entry, GetRequest, IncrementRequest, KeyValueStoreCapabilities, ListRequest, TransactionRequest, WatchRequest,
    WriteRequest, Written,
};
use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};
use crate::watch::Watch;

/// A key-value store, as providers implement it: one attempt per remote call, owned requests, valid input.
///
/// The handle has validated keys, values, lives and limits, and has checked every capability that a request needs.
/// What has expired is absent everywhere: in gets, lists, creates and the preconditions of transactions.
#[async_trait]
pub trait KeyValueStoreProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &KeyValueStoreCapabilities;

    /// The entries of these keys, in order; `Ok(None)` for one that is absent.
    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>>;

    /// Writes each for itself; one result per write, in order.
    ///
    /// `AlreadyExists` and `Conflict` by the precondition, `Conflict` with reason `Fenced` by the fence, `NotFound`
    /// for a touch of what is absent, `InvalidInput` for a version that this store cannot have made.
    async fn write(&self, cx: &CallContext, request: WriteRequest) -> Result<Bulk<Written>>;

    /// Writes all or none, in order; nobody sees a part.
    async fn transaction(&self, cx: &CallContext, request: TransactionRequest) -> Result<Vec<Written>>;

    /// Adds to a number, written as decimal text. `InvalidInput` for a value that is no `i64`, and with reason
    /// `Overflow` when the sum is none.
    async fn increment(&self, cx: &CallContext, request: IncrementRequest) -> Result<i64>;

    /// One page; a key written or deleted between two pages moves no other key.
    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>>;

    /// Tells of changes from now on, in order per key; memory is bounded and a gap is told.
    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<Change>>;
}

shared_provider!(KeyValueStoreProvider);

#[async_trait]
impl KeyValueStoreProvider for Arc<dyn KeyValueStoreProvider> {
    fn capabilities(&self) -> &KeyValueStoreCapabilities {
        (**self).capabilities()
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        (**self).get(cx, request).await
    }

    async fn write(&self, cx: &CallContext, request: WriteRequest) -> Result<Bulk<Written>> {
        (**self).write(cx, request).await
    }

    async fn transaction(&self, cx: &CallContext, request: TransactionRequest) -> Result<Vec<Written>> {
        (**self).transaction(cx, request).await
    }

    async fn increment(&self, cx: &CallContext, request: IncrementRequest) -> Result<i64> {
        (**self).increment(cx, request).await
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        (**self).list(cx, request).await
    }

    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<Change>> {
        (**self).watch(cx, request).await
    }
}
