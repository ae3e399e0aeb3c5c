//! Identity providers: logging users in, and what their sessions are good for.
//!
//! ```
//! # use circle_core_common::Result;
//! # use circle_core_common::interfaces::identity_provider::{IdentityProvider, LoginRequest, LoginState};
//! # async fn example(idp: IdentityProvider, callback_query: &str) -> Result<()> {
//! let login = idp.start_login(LoginRequest::default()).await?; // send the browser to `login.url`
//! let kept = login.state.to_secret(); // into its session, on the server's side
//!
//! let session = idp.finish_login(LoginState::from_secret(&kept)?, callback_query).await?;
//! println!("{} has logged in", session.subject());
//! let session = idp.refresh(&session).await?;
//! # Ok(())
//! # }
//! ```
//!
//! *State, nonce and PKCE* are part of every login, and none can be switched off. *A session* is there once everything that proves
//! who the user is was verified. *A login is used once*, and so is a refresh token: of two who redeem it, the second is taken for a
//! thief.

mod capabilities;
#[cfg(feature = "testkit")]
pub mod conformance;
#[cfg(feature = "mock")]
mod mock;
mod provider;
mod tokens;
mod types;

pub use capabilities::IdentityProviderCapabilities;
#[cfg(feature = "mock")]
pub use mock::MockIdentityProviderProvider;
pub use provider::IdentityProviderProvider;
use secrecy::SecretString;
pub use types::*;

use crate::error::{Error, ErrorKind, Limit, Result};
use crate::scope::Resources;

crate::operations! {
    "IdentityProvider" => {
        /// Begins a login.
        START_LOGIN = "identity_provider.start_login", Read;
        /// Finishes a login.
        FINISH_LOGIN = "identity_provider.finish_login", Write;
        /// Gets new tokens for a session.
        REFRESH = "identity_provider.refresh", Write;
        /// Tells of a user.
        USER_INFO = "identity_provider.user_info", Read;
        /// Gives the address of the provider's own logout.
        LOGOUT_URL = "identity_provider.logout_url", Read;
        /// Begins a login on another device.
        START_DEVICE = "identity_provider.start_device", Write;
        /// Waits for a login on another device.
        FINISH_DEVICE = "identity_provider.finish_device", Write;
        /// Revokes the tokens of a session.
        REVOKE = "identity_provider.revoke", Delete;
    }
}

crate::handle! {
    /// What logs users in: what applications hold.
    IdentityProvider over IdentityProviderProvider with IdentityProviderCapabilities as "IdentityProvider"
}

type Caps = IdentityProviderCapabilities;

impl IdentityProvider {
    /// Begins a login with a browser.
    ///
    /// # Errors
    /// Those of asking the service where its login is; `ConfigInvalid` without an address for the answer, here and in the
    /// configuration.
    pub async fn start_login(&self, request: LoginRequest) -> Result<Login> {
        request.extensions.check(self.core.provider()).map_err(|error| self.core.place(error, &START_LOGIN))?;
        let mut call = self.open(&START_LOGIN);
        let provider = self.start(&mut call, Resources::None).await?;
        let result = call.guard(provider.start_login(call.cx(), request)).await;
        call.finish(result).await
    }

    /// Finishes a login with the query that the browser brought.
    ///
    /// # Errors
    /// `Unauthenticated` when the answer belongs to another login or has been used, or when what proves who the user is is refused,
    /// as a [`TokenRefusal`](crate::interfaces::token_verifier::TokenRefusal); `PermissionDenied` where the user said no;
    /// `InvalidInput` for a text that is no answer, or longer than `callback_max`.
    pub async fn finish_login(&self, state: LoginState, callback_query: &str) -> Result<Session> {
        let (size, max) = (callback_query.len() as u64, self.capabilities().callback_max.as_u64());
        if size > max {
            let error = Error::outside_limit(Limit::at_most("callback_max", max, "bytes"), size);
            return Err(self.core.place(error, &FINISH_LOGIN));
        }
        let mut call = self.open(&FINISH_LOGIN);
        let provider = self.start(&mut call, Resources::None).await?;
        let request = FinishLoginRequest::new(state, callback_query.into());
        let result = call.guard(provider.finish_login(call.cx(), request)).await;
        call.finish(result).await
    }

    /// Gets new tokens for a session. The old session is not to be used again: its refresh token may have been replaced.
    ///
    /// # Errors
    /// `Unauthenticated` when the user has to log in again; `InvalidInput` for a session without a refresh token; `Unsupported`
    /// without `refresh`.
    pub async fn refresh(&self, session: &Session) -> Result<Session> {
        self.check_refresh(session).map_err(|error| self.core.place(error, &REFRESH))?;
        let mut call = self.open(&REFRESH);
        let provider = self.start(&mut call, Resources::None).await?;
        let result = call.guard(provider.refresh(call.cx(), RefreshRequest::new(session.clone()))).await;
        call.finish(result).await
    }

    fn check_refresh(&self, session: &Session) -> Result<()> {
        Caps::REFRESH.check(self.capabilities())?;
        if session.tokens().refresh_token.is_none() {
            let text = "the session has no refresh token; ask for the scope that gives one, such as `offline_access`";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(())
    }

    /// What the service tells of the user of a session.
    ///
    /// # Errors
    /// `Unauthenticated` when it tells of another user, or the session is over; `Unsupported` without `user_info`.
    pub async fn user_info(&self, session: &Session) -> Result<UserInfo> {
        Caps::USER_INFO.check(self.capabilities()).map_err(|error| self.core.place(error, &USER_INFO))?;
        let mut call = self.open(&USER_INFO);
        let provider = self.start(&mut call, Resources::None).await?;
        let result = call.guard(provider.user_info(call.cx(), UserInfoRequest::new(session.clone()))).await;
        call.finish(result).await
    }

    /// Where the browser is to go so that the service's own session ends, too. The address may hold what proves whose session it
    /// is: it is a secret.
    ///
    /// # Errors
    /// `Unsupported` without `logout`, and where the service has no such address.
    pub async fn logout_url(&self, session: &Session) -> Result<SecretString> {
        Caps::LOGOUT.check(self.capabilities()).map_err(|error| self.core.place(error, &LOGOUT_URL))?;
        let mut call = self.open(&LOGOUT_URL);
        let provider = self.start(&mut call, Resources::None).await?;
        let result = call.guard(provider.logout_url(call.cx(), LogoutUrlRequest::new(session.clone()))).await;
        call.finish(result).await
    }

    /// Begins a login on a device that has no browser: show its user [`user_code`](DeviceLogin::user_code) and
    /// [`verification_uri`](DeviceLogin::verification_uri).
    ///
    /// # Errors
    /// `Unsupported` without `device`, and where the service has no such logins.
    pub async fn start_device(&self, request: DeviceRequest) -> Result<DeviceLogin> {
        let checked = Caps::DEVICE.check(self.capabilities());
        let checked = checked.and_then(|()| request.extensions.check(self.core.provider()));
        checked.map_err(|error| self.core.place(error, &START_DEVICE))?;
        let mut call = self.open(&START_DEVICE);
        let provider = self.start(&mut call, Resources::None).await?;
        let result = call.guard(provider.start_device(call.cx(), request)).await;
        call.finish(result).await
    }

    /// Waits until the user has decided on the other device. Give it [options](Self::with) with the time that it may take: minutes.
    ///
    /// # Errors
    /// `PermissionDenied` when the user said no, `Unauthenticated` when time was up or what proves who the user is is refused;
    /// `Unsupported` without `device`.
    pub async fn finish_device(&self, login: DeviceLogin) -> Result<Session> {
        Caps::DEVICE.check(self.capabilities()).map_err(|error| self.core.place(error, &FINISH_DEVICE))?;
        let mut call = self.open(&FINISH_DEVICE);
        let provider = self.start(&mut call, Resources::None).await?;
        let result = call.guard(provider.finish_device(call.cx(), FinishDeviceRequest::new(login))).await;
        call.finish(result).await
    }

    /// Revokes the tokens of a session.
    ///
    /// # Errors
    /// Those of the service; `Unsupported` without `revoke`, and where the service revokes none.
    pub async fn revoke(&self, session: Session) -> Result<()> {
        Caps::REVOKE.check(self.capabilities()).map_err(|error| self.core.place(error, &REVOKE))?;
        let mut call = self.open(&REVOKE);
        let provider = self.start(&mut call, Resources::None).await?;
        let result = call.guard(provider.revoke(call.cx(), RevokeRequest::new(session))).await;
        call.finish(result).await
    }
}
