//! Decorated key-value stores.

use std::sync::Arc;

use async_trait::async_trait;

use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::error::Result;
use crate::interfaces::key_value_store::{
    Change, Entry, GetRequest, IncrementRequest, KeyValueStore, KeyValueStoreCapabilities, KeyValueStoreProvider, ListRequest,
    TransactionRequest, WatchRequest, WriteRequest, Written,
};
use crate::listing::Page;
use crate::suite::{Counted, Decorated, Decoration, Script, Subject, Traffic};
use crate::watch::Watch;

#[async_trait]
impl<P: KeyValueStoreProvider, D: Decoration> KeyValueStoreProvider for Decorated<P, D> {
    fn capabilities(&self) -> &KeyValueStoreCapabilities {
        self.decoration.key_value_store(self.provider.capabilities())
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        let plan = self.before(cx, "get").await?;
        plan.answer(self.provider.get(cx, request).await)
    }

    async fn write(&self, cx: &CallContext, request: WriteRequest) -> Result<Bulk<Written>> {
        let plan = self.before(cx, "write").await?;
        plan.answer(self.provider.write(cx, request).await)
    }

    async fn transaction(&self, cx: &CallContext, request: TransactionRequest) -> Result<Vec<Written>> {
        let plan = self.before(cx, "transaction").await?;
        plan.answer(self.provider.transaction(cx, request).await)
    }

    async fn increment(&self, cx: &CallContext, request: IncrementRequest) -> Result<i64> {
        let plan = self.before(cx, "increment").await?;
        plan.answer(self.provider.increment(cx, request).await)
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        let plan = self.before(cx, "list").await?;
        plan.answer(self.provider.list(cx, request).await)
    }

    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<Change>> {
        let plan = self.before(cx, "watch").await?;
        plan.answer(self.provider.watch(cx, request).await)
    }
}

impl Subject<KeyValueStore> {
    /// A subject over this provider: its calls are counted, and faults are injected in front of it.
    pub fn over(provider: Arc<dyn KeyValueStoreProvider>) -> Self {
        let (traffic, script) = (Traffic::new(), Script::new());
        let faulty = Decorated::new(provider, script.clone());
        let mut subject = Self::new(KeyValueStore::new(Counted::over(faulty, &traffic)), traffic);
        subject.faults = Some(Arc::new(script));
        subject
    }
}
