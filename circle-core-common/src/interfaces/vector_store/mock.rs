//! A mock for applications' tests.

use async_trait::async_trait;

use super::{
    CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListRequest, Match, PutRequest, QueryRequest, Record,
    VectorStoreCapabilities, VectorStoreProvider,
};
use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};

mockall::mock! {
    /// A mock of a vector store; [`MockVectorStoreProvider::ready`] has everything set that a handle asks for.
    pub VectorStoreProvider {}

    #[async_trait]
    impl Provider for VectorStoreProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl VectorStoreProvider for VectorStoreProvider {
        fn capabilities(&self) -> &VectorStoreCapabilities;
        async fn ensure(&self, cx: &CallContext, request: EnsureRequest) -> Result<()>;
        async fn drop_collection(&self, cx: &CallContext, request: DropRequest) -> Result<()>;
        async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Bulk<()>>;
        async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Record>>>;
        async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Option<u64>>;
        async fn query(&self, cx: &CallContext, request: QueryRequest) -> Result<Vec<Match>>;
        async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Record>>;
        async fn count(&self, cx: &CallContext, request: CountRequest) -> Result<u64>;
    }
}

impl MockVectorStoreProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(VectorStoreCapabilities::all());
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
