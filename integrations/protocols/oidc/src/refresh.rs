//! The next access token for a refresh token (RFC 6749, 6), which many servers replace each time it is used.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialSource, Lease, RefreshGrant, Refreshed};
use circle_core_common::interfaces::identity_provider::{AccessToken, TokenSet};
use circle_core_common::{CallContext, Result};
use secrecy::SecretString;

use crate::client::{OAuthClient, REDEEM};
use crate::form::Form;
use crate::grants::{Wanted, wanted};

/// Access tokens for a refresh token. Where the server gives another refresh token, that is used from then on.
///
/// Two must not redeem the same refresh token: a server that replaces them takes the second for a thief, and revokes both. Behind a
/// [`CredentialCache`](circle_core_common::credentials::CredentialCache) one load runs at a time; of several processes,
/// [`RefreshTokens`](circle_core_common::credentials::RefreshTokens) let one redeem it.
pub struct RefreshToken {
    client: OAuthClient,
    current: Mutex<SecretString>,
    wanted: Wanted,
}

wanted!(RefreshToken);

impl RefreshToken {
    /// Tokens for this refresh token.
    #[must_use]
    pub fn new(client: OAuthClient, token: SecretString) -> Self {
        Self { client, current: Mutex::new(token), wanted: Wanted::default() }
    }

    fn current(&self) -> MutexGuard<'_, SecretString> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a token; the set has the refresh token that is good from now on.
    ///
    /// # Errors
    /// Those of the server; [`OAuthErrorCode::InvalidGrant`](crate::OAuthErrorCode::InvalidGrant) where the user has to log in again.
    pub async fn request(&self, cx: &CallContext) -> Result<TokenSet> {
        let token = self.current().clone();
        let tokens = self.client.refresh_with(cx, &token, &self.wanted).await?;
        if let Some(next) = &tokens.refresh_token {
            *self.current() = next.clone();
        }
        Ok(tokens)
    }
}

#[async_trait]
impl CredentialSource for RefreshToken {
    type Credential = AccessToken;

    async fn load(&self, cx: &CallContext) -> Result<Lease<AccessToken>> {
        Ok(self.request(cx).await?.lease())
    }

    fn by_tenant(&self) -> bool {
        // There is one refresh token: each tenant redeeming it would be taken for a thief.
        false
    }
}

/// For [`RefreshTokens`](circle_core_common::credentials::RefreshTokens), which keep the refresh token where several processes find it.
#[async_trait]
impl RefreshGrant for OAuthClient {
    async fn refresh(&self, cx: &CallContext, refresh_token: &SecretString) -> Result<Refreshed> {
        let tokens = self.refresh_with(cx, refresh_token, &Wanted::default()).await?;
        Ok(Refreshed {
            access_token: tokens.access_token.secret().clone(),
            expires_at: tokens.expires_at,
            refresh_token: tokens.refresh_token,
        })
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken").field("client", &self.client).field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl OAuthClient {
    /// Redeems a refresh token; the set has the one that is good from now on, be it the same.
    ///
    /// # Errors
    /// As [`RefreshToken::request`].
    pub async fn refresh(&self, cx: &CallContext, token: &SecretString) -> Result<TokenSet> {
        self.refresh_with(cx, token, &Wanted::default()).await
    }

    async fn refresh_with(&self, cx: &CallContext, token: &SecretString, wanted: &Wanted) -> Result<TokenSet> {
        let form = wanted.on(Form::grant("refresh_token").secret("refresh_token", token.clone()));
        let mut tokens = self.token(cx, &REDEEM, form).await?;
        // Where the server gives none, the old one stays good.
        tokens.refresh_token.get_or_insert_with(|| token.clone());
        Ok(tokens)
    }
}
