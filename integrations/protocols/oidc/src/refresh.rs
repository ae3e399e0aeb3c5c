//! The next access token for a refresh token (RFC 6749, 6), which many servers replace each time it is used.

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use circle_core_common::credentials::{
    CredentialSource, Lease, MemoryTokens, RefreshGrant, RefreshTokens, Refreshed, TokenRecord, TokenStore,
};
use circle_core_common::interfaces::identity_provider::{AccessToken, TokenSet};
use circle_core_common::{CallContext, Result};
use secrecy::SecretString;

use crate::client::{OAuthClient, REDEEM};
use crate::form::Form;
use crate::grants::{Wanted, wanted};

/// Access tokens for a refresh token. Where the server gives another refresh token, that is used from then on.
///
/// Two must not redeem the same refresh token: a server that replaces them takes the second for a thief, and revokes both. So the
/// token is claimed in a store before it is sent, and the next one is written before its access token is given out. The store is this
/// process's own; of several processes that share one ([`kept_in`](Self::kept_in)) one redeems, and the others wait for what comes
/// of it.
pub struct RefreshToken {
    client: OAuthClient,
    first: SecretString,
    wanted: Wanted,
    name: String,
    store: Arc<dyn TokenStore>,
    tokens: OnceLock<RefreshTokens>,
}

wanted!(RefreshToken);

impl RefreshToken {
    /// Tokens for this refresh token, which no other process has.
    #[must_use]
    pub fn new(client: OAuthClient, token: SecretString) -> Self {
        let (name, store) = (client.client_id().to_owned(), Arc::new(MemoryTokens::new()));
        Self { client, first: token, wanted: Wanted::default(), name, store, tokens: OnceLock::new() }
    }

    /// Keeps what the refresh token becomes in this store, under this name: of a user, say. What is there already is newer, and
    /// stays; [`sign_in`](Self::sign_in) puts another in its place.
    #[must_use]
    pub fn kept_in(mut self, name: impl Into<String>, store: impl TokenStore) -> Self {
        (self.name, self.store) = (name.into(), Arc::new(store));
        self
    }

    /// Keeps the refresh token of another login, in place of what there was.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub async fn sign_in(&self, cx: &CallContext, token: SecretString) -> Result<()> {
        self.tokens().sign_in(cx, TokenRecord::new(token)).await
    }

    fn tokens(&self) -> &RefreshTokens {
        self.tokens.get_or_init(|| {
            let grant = Grant { client: self.client.clone(), wanted: self.wanted.clone() };
            RefreshTokens::of_all_tenants(&self.name, Arc::new(grant), Arc::clone(&self.store))
        })
    }
}

#[async_trait]
impl CredentialSource for RefreshToken {
    type Credential = AccessToken;

    /// # Errors
    /// Those of the server and of the store; [`OAuthErrorCode::InvalidGrant`](crate::OAuthErrorCode::InvalidGrant) where the user has
    /// to log in again.
    async fn load(&self, cx: &CallContext) -> Result<Lease<AccessToken>> {
        let tokens = self.tokens();
        tokens.begin(cx, TokenRecord::new(self.first.clone())).await?;
        tokens.load(cx).await?.try_map(AccessToken::new)
    }

    fn by_tenant(&self) -> bool {
        // There is one refresh token: each tenant redeeming it would be taken for a thief.
        false
    }
}

/// What redeems the refresh tokens of one [`RefreshToken`].
struct Grant {
    client: OAuthClient,
    wanted: Wanted,
}

#[async_trait]
impl RefreshGrant for Grant {
    async fn refresh(&self, cx: &CallContext, refresh_token: &SecretString) -> Result<Refreshed> {
        self.client.refresh_with(cx, refresh_token, &self.wanted).await.map(refreshed)
    }
}

/// For [`RefreshTokens`] of one's own: of a grant of each tenant.
#[async_trait]
impl RefreshGrant for OAuthClient {
    async fn refresh(&self, cx: &CallContext, refresh_token: &SecretString) -> Result<Refreshed> {
        self.refresh_with(cx, refresh_token, &Wanted::default()).await.map(refreshed)
    }
}

fn refreshed(tokens: TokenSet) -> Refreshed {
    Refreshed {
        access_token: tokens.access_token.secret().clone(),
        expires_at: tokens.expires_at,
        refresh_token: tokens.refresh_token,
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
    /// Those of the server; [`OAuthErrorCode::InvalidGrant`](crate::OAuthErrorCode::InvalidGrant) where the user has to log in again.
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
