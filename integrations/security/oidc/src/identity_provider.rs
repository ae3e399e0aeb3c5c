//! An OpenID provider as one that logs users in.

use async_trait::async_trait;
use circle_core_common::interfaces::identity_provider::{
    DeviceLogin, DeviceRequest, FinishDeviceRequest, FinishLoginRequest, IdentityProviderCapabilities, IdentityProviderProvider,
    Login, LoginRequest, LogoutUrlRequest, RefreshRequest, RevokeRequest, Session, UserInfo, UserInfoRequest,
};
use circle_core_common::{CallContext, Result};
use secrecy::{ExposeSecret, SecretString};

use crate::provider::Oidc;

#[async_trait]
impl IdentityProviderProvider for Oidc {
    fn capabilities(&self) -> &IdentityProviderCapabilities {
        &self.shared.identity_provider
    }

    async fn start_login(&self, cx: &CallContext, mut request: LoginRequest) -> Result<Login> {
        let client = self.opened()?;
        request.redirect_uri = request.redirect_uri.or_else(|| self.redirect_uri());
        request.scopes = self.scopes(request.scopes);
        client.start_login(cx, request).await
    }

    async fn finish_login(&self, cx: &CallContext, request: FinishLoginRequest) -> Result<Session> {
        self.opened()?.finish_login(cx, request.state, request.callback.expose_secret()).await
    }

    async fn refresh(&self, cx: &CallContext, request: RefreshRequest) -> Result<Session> {
        self.opened()?.refresh(cx, &request.session).await
    }

    async fn user_info(&self, cx: &CallContext, request: UserInfoRequest) -> Result<UserInfo> {
        self.opened()?.user_info(cx, &request.session).await
    }

    async fn logout_url(&self, cx: &CallContext, request: LogoutUrlRequest) -> Result<SecretString> {
        let back = self.shared.post_logout_redirect_uri.as_deref();
        self.opened()?.logout_url(cx, &request.session, back).await
    }

    async fn start_device(&self, cx: &CallContext, mut request: DeviceRequest) -> Result<DeviceLogin> {
        request.scopes = self.scopes(request.scopes);
        self.opened()?.start_device(cx, request).await
    }

    async fn finish_device(&self, cx: &CallContext, request: FinishDeviceRequest) -> Result<Session> {
        self.opened()?.finish_device(cx, request.login).await
    }

    async fn revoke(&self, cx: &CallContext, request: RevokeRequest) -> Result<()> {
        self.opened()?.revoke(cx, request.session).await
    }
}
