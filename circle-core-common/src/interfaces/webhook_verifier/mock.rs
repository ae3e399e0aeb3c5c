//! A mock for applications' tests.

use async_trait::async_trait;

use super::{ParseRequest, Seen, Verified, VerifyRequest, WebhookEvent, WebhookVerifierCapabilities, WebhookVerifierProvider};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::provider::{Health, Provider, ProviderInfo};

mockall::mock! {
    /// A mock of a verifier; [`MockWebhookVerifierProvider::ready`] has everything set that a handle asks for.
    pub WebhookVerifierProvider {}

    #[async_trait]
    impl Provider for WebhookVerifierProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl WebhookVerifierProvider for WebhookVerifierProvider {
        fn capabilities(&self) -> &WebhookVerifierCapabilities;
        fn seen(&self) -> &Seen;
        async fn verify(&self, cx: &CallContext, request: VerifyRequest) -> Result<Verified>;
        async fn parse(&self, cx: &CallContext, request: ParseRequest) -> Result<WebhookEvent>;
    }
}

impl MockWebhookVerifierProvider {
    /// A mock with info, environment, every capability, what it has seen, health and close set; only the calls under test are
    /// left.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(WebhookVerifierCapabilities::all());
        mock.expect_seen().return_const(Seen::in_process());
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
