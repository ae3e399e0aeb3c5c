//! Broken identity providers.

use std::sync::PoisonError;

use async_trait::async_trait;
use circle_core_common::interfaces::identity_provider::{
    AccessToken, DeviceLogin, DeviceRequest, FinishDeviceRequest, FinishLoginRequest, IdentityProviderCapabilities,
    IdentityProviderProvider, Login, LoginRequest, LogoutUrlRequest, RefreshRequest, RevokeRequest, Session, TokenSet, UserInfo,
    UserInfoRequest,
};
use circle_core_common::secret::{ExposeSecret as _, SecretString};
use circle_core_common::{CallContext, Result};

use super::token_verifier::made_up;
use super::{Broken, Defect};

#[async_trait]
impl<P: IdentityProviderProvider> IdentityProviderProvider for Broken<P> {
    fn capabilities(&self) -> &IdentityProviderCapabilities {
        self.provider.capabilities()
    }

    async fn start_login(&self, cx: &CallContext, request: LoginRequest) -> Result<Login> {
        let mut login = self.provider.start_login(cx, request).await?;
        if self.is(Defect::ForgetsPkce) {
            login.url = login.url.replace("code_challenge_method=S256", "code_challenge_method=plain");
        }
        Ok(login)
    }

    async fn finish_login(&self, cx: &CallContext, mut request: FinishLoginRequest) -> Result<Session> {
        let state = request.state.state.expose_secret().to_owned();
        if self.is(Defect::IgnoresLoginStates) {
            let others = request.callback.expose_secret().split('&').filter(|pair| !pair.starts_with("state="));
            request.callback = others.chain([&*format!("state={state}")]).collect::<Vec<_>>().join("&").into();
        }
        if self.is(Defect::LogsCallbacks) {
            tracing::info!(callback = request.callback.expose_secret(), "a login is finished");
        }
        let answer = request.callback.expose_secret().to_owned();
        match self.provider.finish_login(cx, request).await {
            Ok(session) if self.is(Defect::FinishesTwice) => Ok(self.first(answer, session)),
            Err(error) if self.is(Defect::FinishesTwice) => {
                let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
                first.get(&answer).and_then(|session| session.downcast_ref().cloned()).ok_or(error)
            }
            Err(error) if self.overlooks(&error) => {
                let tokens = TokenSet::new(AccessToken::new("made-up")?, cx.clock().timestamp());
                Ok(Session::new(tokens, made_up()?))
            }
            finished => finished,
        }
    }

    async fn refresh(&self, cx: &CallContext, request: RefreshRequest) -> Result<Session> {
        self.provider.refresh(cx, request).await
    }

    async fn user_info(&self, cx: &CallContext, request: UserInfoRequest) -> Result<UserInfo> {
        self.provider.user_info(cx, request).await
    }

    async fn logout_url(&self, cx: &CallContext, request: LogoutUrlRequest) -> Result<SecretString> {
        self.provider.logout_url(cx, request).await
    }

    async fn start_device(&self, cx: &CallContext, request: DeviceRequest) -> Result<DeviceLogin> {
        self.provider.start_device(cx, request).await
    }

    async fn finish_device(&self, cx: &CallContext, request: FinishDeviceRequest) -> Result<Session> {
        self.provider.finish_device(cx, request).await
    }

    async fn revoke(&self, cx: &CallContext, request: RevokeRequest) -> Result<()> {
        if self.is(Defect::RevokesNothing) {
            return Ok(());
        }
        self.provider.revoke(cx, request).await
    }
}
