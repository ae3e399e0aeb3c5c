//! A mock for applications' tests.

use async_trait::async_trait;

use super::{Claims, IntrospectRequest, Introspection, TokenVerifierCapabilities, TokenVerifierProvider, VerifyTokenRequest};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::provider::{Health, Provider, ProviderInfo};

mockall::mock! {
    /// A mock of a verifier; [`MockTokenVerifierProvider::ready`] has everything set that a handle asks for.
    pub TokenVerifierProvider {}

    #[async_trait]
    impl Provider for TokenVerifierProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl TokenVerifierProvider for TokenVerifierProvider {
        fn capabilities(&self) -> &TokenVerifierCapabilities;
        async fn verify(&self, cx: &CallContext, request: VerifyTokenRequest) -> Result<Claims>;
        async fn introspect(&self, cx: &CallContext, request: IntrospectRequest) -> Result<Introspection>;
    }
}

impl MockTokenVerifierProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(TokenVerifierCapabilities::all());
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
