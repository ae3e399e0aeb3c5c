//! Decorated vector stores.

use std::sync::Arc;

use async_trait::async_trait;

use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::error::Result;
use crate::interfaces::vector_store::{
    CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListRequest, Match, PutRequest, QueryRequest, Record,
    VectorStore, VectorStoreCapabilities, VectorStoreProvider,
};
use crate::listing::Page;
use crate::suite::{Counted, Decorated, Decoration, Script, Subject, Traffic};

#[async_trait]
impl<P: VectorStoreProvider, D: Decoration> VectorStoreProvider for Decorated<P, D> {
    fn capabilities(&self) -> &VectorStoreCapabilities {
        self.decoration.vector_store(self.provider.capabilities())
    }

    async fn ensure(&self, cx: &CallContext, request: EnsureRequest) -> Result<()> {
        let plan = self.before(cx, "ensure").await?;
        plan.answer(self.provider.ensure(cx, request).await)
    }

    async fn drop_collection(&self, cx: &CallContext, request: DropRequest) -> Result<()> {
        let plan = self.before(cx, "drop_collection").await?;
        plan.answer(self.provider.drop_collection(cx, request).await)
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Bulk<()>> {
        let plan = self.before(cx, "put").await?;
        plan.answer(self.provider.put(cx, request).await)
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Record>>> {
        let plan = self.before(cx, "get").await?;
        plan.answer(self.provider.get(cx, request).await)
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Option<u64>> {
        let plan = self.before(cx, "delete").await?;
        plan.answer(self.provider.delete(cx, request).await)
    }

    async fn query(&self, cx: &CallContext, request: QueryRequest) -> Result<Vec<Match>> {
        let plan = self.before(cx, "query").await?;
        plan.answer(self.provider.query(cx, request).await)
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Record>> {
        let plan = self.before(cx, "list").await?;
        plan.answer(self.provider.list(cx, request).await)
    }

    async fn count(&self, cx: &CallContext, request: CountRequest) -> Result<u64> {
        let plan = self.before(cx, "count").await?;
        plan.answer(self.provider.count(cx, request).await)
    }
}

impl Subject<VectorStore> {
    /// A subject over this provider: its calls are counted, and faults are injected in front of it.
    pub fn over(provider: Arc<dyn VectorStoreProvider>) -> Self {
        let (traffic, script) = (Traffic::new(), Script::new());
        let faulty = Decorated::new(provider, script.clone());
        let mut subject = Self::new(VectorStore::new(Counted::over(faulty, &traffic)), traffic);
        subject.faults = Some(Arc::new(script));
        subject
    }
}
