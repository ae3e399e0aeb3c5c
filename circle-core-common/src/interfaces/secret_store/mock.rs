//! A mock for applications' tests.

use async_trait::async_trait;

use super::{
    DeleteRequest, Deleted, GetRequest, Lease, ListRequest, PutRequest, RenewRequest, RevokeRequest, Secret, SecretChange,
    SecretMeta, SecretStoreCapabilities, SecretStoreProvider, WatchRequest,
};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::identifier::Version;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};
use crate::watch::Watch;

mockall::mock! {
    /// A mock of a secret store; [`MockSecretStoreProvider::ready`] has everything set that a handle asks for.
    pub SecretStoreProvider {}

    #[async_trait]
    impl Provider for SecretStoreProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl SecretStoreProvider for SecretStoreProvider {
        fn capabilities(&self) -> &SecretStoreCapabilities;
        async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Secret>;
        async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Version>;
        async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Deleted>;
        async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<SecretMeta>>;
        async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<SecretChange>>;
        async fn renew_lease(&self, cx: &CallContext, request: RenewRequest) -> Result<Lease>;
        async fn revoke_lease(&self, cx: &CallContext, request: RevokeRequest) -> Result<()>;
    }
}

impl MockSecretStoreProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(SecretStoreCapabilities::all());
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
