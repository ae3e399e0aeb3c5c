//! A mock for applications' tests.

use async_trait::async_trait;

use super::{
    Change, Entry, GetRequest, IncrementRequest, KeyValueStoreCapabilities, KeyValueStoreProvider, ListRequest,
    TransactionRequest, WatchRequest, WriteRequest, Written,
};
use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};
use crate::watch::Watch;

mockall::mock! {
    /// A mock of a key-value store; [`MockKeyValueStoreProvider::ready`] has everything set that a handle asks for.
    pub KeyValueStoreProvider {}

    #[async_trait]
    impl Provider for KeyValueStoreProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl KeyValueStoreProvider for KeyValueStoreProvider {
        fn capabilities(&self) -> &KeyValueStoreCapabilities;
        async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>>;
        async fn write(&self, cx: &CallContext, request: WriteRequest) -> Result<Bulk<Written>>;
        async fn transaction(&self, cx: &CallContext, request: TransactionRequest) -> Result<Vec<Written>>;
        async fn increment(&self, cx: &CallContext, request: IncrementRequest) -> Result<i64>;
        async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>>;
        async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<Change>>;
    }
}

impl MockKeyValueStoreProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(KeyValueStoreCapabilities::all());
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
