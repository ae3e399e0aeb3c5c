//! A mock for applications' tests.

use async_trait::async_trait;

use super::{ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, TokenCount};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::provider::{Health, Provider, ProviderInfo};

mockall::mock! {
    /// A mock of a chat model; [`MockChatModelProvider::ready`] has everything set that a handle asks for.
    pub ChatModelProvider {}

    #[async_trait]
    impl Provider for ChatModelProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl ChatModelProvider for ChatModelProvider {
        fn capabilities(&self) -> &ChatModelCapabilities;
        async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse>;
        async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream>;
        async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount>;
    }
}

impl MockChatModelProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(ChatModelCapabilities::all());
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
