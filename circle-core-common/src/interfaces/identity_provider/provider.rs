//! What an identity provider implements.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{
    DeviceLogin, DeviceRequest, FinishDeviceRequest, FinishLoginRequest, IdentityProviderCapabilities, Login, LoginRequest,
    LogoutUrlRequest, RefreshRequest, RevokeRequest, Session, UserInfo, UserInfoRequest,
};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::provider::{Health, Provider, ProviderInfo};

/// What logs users in, as providers implement it.
///
/// The handle has checked the size of an answer, that a session has what a call needs of it, and every capability.
#[async_trait]
pub trait IdentityProviderProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &IdentityProviderCapabilities;

    /// Begins a login: always with a state, a nonce and a challenge of PKCE (S256) that nobody can guess.
    async fn start_login(&self, cx: &CallContext, request: LoginRequest) -> Result<Login>;

    /// Finishes a login. Until the state fits, nothing that the answer says is anybody's word: `Unauthenticated`.
    ///
    /// What proves who the user is has been verified before there is a session: algorithm, signature, issuer, audience, end and
    /// nonce.
    async fn finish_login(&self, cx: &CallContext, request: FinishLoginRequest) -> Result<Session>;

    /// Gets new tokens for a session; `Unauthenticated` where the user has to log in again, or the tokens are another user's.
    async fn refresh(&self, cx: &CallContext, request: RefreshRequest) -> Result<Session>;

    /// Tells of the user of a session; `Unauthenticated` when what is told is another user's.
    async fn user_info(&self, cx: &CallContext, request: UserInfoRequest) -> Result<UserInfo>;

    /// Where the browser is to go so that the provider's own session ends.
    async fn logout_url(&self, cx: &CallContext, request: LogoutUrlRequest) -> Result<SecretString>;

    /// Begins a login on another device.
    async fn start_device(&self, cx: &CallContext, request: DeviceRequest) -> Result<DeviceLogin>;

    /// Waits until the user has decided on the other device, asking as often as the service wants to be asked.
    async fn finish_device(&self, cx: &CallContext, request: FinishDeviceRequest) -> Result<Session>;

    /// Revokes the tokens of a session.
    async fn revoke(&self, cx: &CallContext, request: RevokeRequest) -> Result<()>;
}

shared_provider!(IdentityProviderProvider);

#[async_trait]
impl IdentityProviderProvider for Arc<dyn IdentityProviderProvider> {
    fn capabilities(&self) -> &IdentityProviderCapabilities {
        (**self).capabilities()
    }

    async fn start_login(&self, cx: &CallContext, request: LoginRequest) -> Result<Login> {
        (**self).start_login(cx, request).await
    }

    async fn finish_login(&self, cx: &CallContext, request: FinishLoginRequest) -> Result<Session> {
        (**self).finish_login(cx, request).await
    }

    async fn refresh(&self, cx: &CallContext, request: RefreshRequest) -> Result<Session> {
        (**self).refresh(cx, request).await
    }

    async fn user_info(&self, cx: &CallContext, request: UserInfoRequest) -> Result<UserInfo> {
        (**self).user_info(cx, request).await
    }

    async fn logout_url(&self, cx: &CallContext, request: LogoutUrlRequest) -> Result<SecretString> {
        (**self).logout_url(cx, request).await
    }

    async fn start_device(&self, cx: &CallContext, request: DeviceRequest) -> Result<DeviceLogin> {
        (**self).start_device(cx, request).await
    }

    async fn finish_device(&self, cx: &CallContext, request: FinishDeviceRequest) -> Result<Session> {
        (**self).finish_device(cx, request).await
    }

    async fn revoke(&self, cx: &CallContext, request: RevokeRequest) -> Result<()> {
        (**self).revoke(cx, request).await
    }
}
