//! A mock for applications' tests.

use async_trait::async_trait;
use secrecy::SecretString;

use super::{
    DeviceLogin, DeviceRequest, FinishDeviceRequest, FinishLoginRequest, IdentityProviderCapabilities, IdentityProviderProvider,
    Login, LoginRequest, LogoutUrlRequest, RefreshRequest, RevokeRequest, Session, UserInfo, UserInfoRequest,
};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::provider::{Health, Provider, ProviderInfo};

mockall::mock! {
    /// A mock of an identity provider; [`MockIdentityProviderProvider::ready`] has everything set that a handle asks for.
    pub IdentityProviderProvider {}

    #[async_trait]
    impl Provider for IdentityProviderProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl IdentityProviderProvider for IdentityProviderProvider {
        fn capabilities(&self) -> &IdentityProviderCapabilities;
        async fn start_login(&self, cx: &CallContext, request: LoginRequest) -> Result<Login>;
        async fn finish_login(&self, cx: &CallContext, request: FinishLoginRequest) -> Result<Session>;
        async fn refresh(&self, cx: &CallContext, request: RefreshRequest) -> Result<Session>;
        async fn user_info(&self, cx: &CallContext, request: UserInfoRequest) -> Result<UserInfo>;
        async fn logout_url(&self, cx: &CallContext, request: LogoutUrlRequest) -> Result<SecretString>;
        async fn start_device(&self, cx: &CallContext, request: DeviceRequest) -> Result<DeviceLogin>;
        async fn finish_device(&self, cx: &CallContext, request: FinishDeviceRequest) -> Result<Session>;
        async fn revoke(&self, cx: &CallContext, request: RevokeRequest) -> Result<()>;
    }
}

impl MockIdentityProviderProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(IdentityProviderCapabilities::all());
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
