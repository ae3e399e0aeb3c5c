//! A mock for applications' tests.

use async_trait::async_trait;

use super::{EmbedRequest, Embedded, EmbeddingModelCapabilities, EmbeddingModelProvider};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::provider::{Health, Provider, ProviderInfo};

mockall::mock! {
    /// A mock of an embedding model; [`MockEmbeddingModelProvider::ready`] has everything set that a handle asks for.
    pub EmbeddingModelProvider {}

    #[async_trait]
    impl Provider for EmbeddingModelProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl EmbeddingModelProvider for EmbeddingModelProvider {
        fn capabilities(&self) -> &EmbeddingModelCapabilities;
        async fn embed(&self, cx: &CallContext, request: EmbedRequest) -> Result<Embedded>;
    }
}

impl MockEmbeddingModelProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left. Its
    /// embeddings may have any width.
    #[must_use]
    pub fn ready() -> Self {
        let mut capabilities = EmbeddingModelCapabilities::all();
        capabilities.dimensions = 0;
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(capabilities);
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
