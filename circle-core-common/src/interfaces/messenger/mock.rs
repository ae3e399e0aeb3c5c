//! A mock for applications' tests.

use async_trait::async_trait;

use super::{
    ChannelInfo, ChannelsRequest, DeleteRequest, EditRequest, File, HistoryRequest, MessengerCapabilities, MessengerProvider,
    Posted, ReactRequest, ResolveRequest, Resolved, SendRequest, Sent, UploadRequest,
};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};

mockall::mock! {
    /// A mock of a messenger; [`MockMessengerProvider::ready`] has everything set that a handle asks for.
    pub MessengerProvider {}

    #[async_trait]
    impl Provider for MessengerProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl MessengerProvider for MessengerProvider {
        fn capabilities(&self) -> &MessengerCapabilities;
        async fn send(&self, cx: &CallContext, request: SendRequest) -> Result<Sent>;
        async fn edit(&self, cx: &CallContext, request: EditRequest) -> Result<Sent>;
        async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<()>;
        async fn react(&self, cx: &CallContext, request: ReactRequest) -> Result<()>;
        async fn upload(&self, cx: &CallContext, request: UploadRequest) -> Result<File>;
        async fn history(&self, cx: &CallContext, request: HistoryRequest) -> Result<Page<Posted>>;
        async fn channels(&self, cx: &CallContext, request: ChannelsRequest) -> Result<Page<ChannelInfo>>;
        async fn resolve(&self, cx: &CallContext, request: ResolveRequest) -> Result<Resolved>;
    }
}

impl MockMessengerProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(MessengerCapabilities::all());
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
