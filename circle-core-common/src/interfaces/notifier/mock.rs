//! A mock for applications' tests.

use async_trait::async_trait;

use super::{ClearRequest, DeliveryStatus, NotifierCapabilities, NotifierProvider, NotifyRequest, Receipt, StatusRequest};
use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};

mockall::mock! {
    /// A mock of a notifier; [`MockNotifierProvider::ready`] has everything set that a handle asks for.
    pub NotifierProvider {}

    #[async_trait]
    impl Provider for NotifierProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl NotifierProvider for NotifierProvider {
        fn capabilities(&self) -> &NotifierCapabilities;
        async fn notify(&self, cx: &CallContext, request: NotifyRequest) -> Result<Bulk<Receipt>>;
        async fn clear(&self, cx: &CallContext, request: ClearRequest) -> Result<()>;
        async fn status(&self, cx: &CallContext, request: StatusRequest) -> Result<Page<DeliveryStatus>>;
    }
}

impl MockNotifierProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(NotifierCapabilities::all());
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
