//! The provider: a client of an OpenID provider.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialCache, TokenStore};
use circle_core_common::interfaces::identity_provider::{
    FINISH_LOGIN, IdentityProvider, IdentityProviderCapabilities, IdentityProviderProvider,
};
use circle_core_common::interfaces::token_verifier::{TokenVerifier, TokenVerifierCapabilities, TokenVerifierProvider};
use circle_core_common::resilience::RemoteOperation;
use circle_core_common::scope::{HandleCore, Resources};
use circle_core_common::{
    BuildContext, CallContext, CallOptions, Environment, Error, ErrorKind, Health, Integration, Provider, ProviderInfo, Result,
    Service,
};
use circle_core_protocol_oidc::{
    AccessToken, ClientCredentials, LoginRequest, LoopbackListener, OPERATIONS, OpenIdClient, RefreshToken, Session,
};
use secrecy::{ExposeSecret, SecretString};

use crate::config::OidcConfig;

/// A client of an OpenID provider. Clones share keys and what is known of the provider.
///
/// Logins and sessions are those of [`IdentityProvider`], tokens of requests are verified by [`TokenVerifier`]: both are handles over
/// it. What it has itself is what no interface speaks of.
#[derive(Clone)]
pub struct Oidc {
    pub(crate) shared: Arc<Shared>,
    core: HandleCore,
}

/// What clones share.
pub(crate) struct Shared {
    info: ProviderInfo,
    environment: Environment,
    client: OpenIdClient,
    scopes: Vec<String>,
    redirect_uri: Option<String>,
    pub(crate) post_logout_redirect_uri: Option<String>,
    pub(crate) identity_provider: IdentityProviderCapabilities,
    pub(crate) token_verifier: TokenVerifierCapabilities,
    is_closed: AtomicBool,
}

impl Oidc {
    /// A client of this config. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid` for a config without an issuer or a client, an address that is none, and algorithms that are none for public
    /// keys.
    pub fn new(config: OidcConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        let cx = cx.into();
        let client = config.client(&cx)?;
        let target = format!("{}@{}", config.client_id, client.verifier().issuer());
        let shared = Shared {
            info: ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), target),
            environment: cx.environment().clone(),
            client,
            scopes: config.scopes,
            redirect_uri: config.redirect_uri,
            post_logout_redirect_uri: config.post_logout_redirect_uri,
            // What the provider itself cannot do is known once it has described itself, and `Unsupported` then.
            identity_provider: IdentityProviderCapabilities::all(),
            token_verifier: TokenVerifierCapabilities::all(),
            is_closed: AtomicBool::new(false),
        };
        let core = HandleCore::new(cx.environment().clone(), cx.name(), Self::NAME);
        Ok(Self { shared: Arc::new(shared), core })
    }

    /// The interfaces over this client, for a hub.
    #[must_use]
    pub fn service(&self) -> Service {
        let provider = Arc::new(self.clone());
        Service::new(Arc::clone(&provider) as _)
            .offer::<IdentityProvider>(Arc::clone(&provider) as Arc<dyn IdentityProviderProvider>)
            .offer::<TokenVerifier>(provider as Arc<dyn TokenVerifierProvider>)
    }

    /// The same client, whose own calls have these options.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self { shared: Arc::clone(&self.shared), core: self.core.with(options) }
    }

    /// The client without the scope of calls, for other grants and for providers of the application's own.
    #[must_use]
    pub fn client(&self) -> &OpenIdClient {
        &self.shared.client
    }

    /// The client's own tokens (client credentials), for another client's [`Auth`](circle_core_common::http::Auth): kept for as
    /// long as they live, and shared by whoever has the cache.
    #[must_use]
    pub fn client_credentials(&self, scopes: impl IntoIterator<Item = impl Into<String>>) -> CredentialCache<AccessToken> {
        CredentialCache::new(ClientCredentials::new(self.shared.client.oauth().clone()).scopes(scopes))
    }

    /// A user's tokens, by a refresh token that no other process has: refreshed before they end, and the refresh token replaced
    /// whenever the provider replaces it.
    #[must_use]
    pub fn refreshing(&self, refresh_token: SecretString) -> CredentialCache<AccessToken> {
        CredentialCache::new(RefreshToken::new(self.shared.client.oauth().clone(), refresh_token))
    }

    /// As [`refreshing`](Self::refreshing), with what the refresh token becomes kept in a store under the name of its user: of all
    /// processes that share the store one redeems each refresh token.
    #[must_use]
    pub fn refreshing_in(
        &self,
        user: impl Into<String>,
        refresh_token: SecretString,
        store: impl TokenStore,
    ) -> CredentialCache<AccessToken> {
        let token = RefreshToken::new(self.shared.client.oauth().clone(), refresh_token);
        CredentialCache::new(token.kept_in(user, store))
    }

    /// Logs the user of this machine in, with a browser that `open` sends to an address (RFC 8252): for applications on the command
    /// line. The provider knows `http://127.0.0.1/callback` as a redirect address of the client. Give it [options](Self::with) with
    /// the time that a user may take.
    ///
    /// # Errors
    /// As [`IdentityProvider::start_login`] and [`IdentityProvider::finish_login`]; `Timeout` of the call's options; those of
    /// `open`.
    pub async fn login_here(&self, open: impl FnOnce(&str) -> Result<()> + Send) -> Result<Session> {
        let mut call = self.core.open(&FINISH_LOGIN);
        let client = call.start(Resources::None, || self.opened()).await?;
        let work = async {
            let listener = LoopbackListener::bind().await?;
            let request = LoginRequest::new(listener.redirect_uri()).scopes(&self.shared.scopes);
            let login = client.start_login(call.cx(), request).await?;
            open(&login.url)?;
            let query = listener.answer(call.cx(), &login.state).await?;
            client.finish_login(call.cx(), login.state, query.expose_secret()).await
        };
        let result = call.guard(work).await;
        call.finish(result).await
    }

    pub(crate) fn opened(&self) -> Result<&OpenIdClient> {
        if self.shared.is_closed.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Closed, "the client of the OpenID provider is closed"));
        }
        Ok(&self.shared.client)
    }

    /// What is asked for where the caller asks for nothing.
    pub(crate) fn scopes(&self, asked: Vec<String>) -> Vec<String> {
        if asked.is_empty() { self.shared.scopes.clone() } else { asked }
    }

    /// Where the answer comes to where the caller does not say.
    pub(crate) fn redirect_uri(&self) -> Option<String> {
        self.shared.redirect_uri.clone()
    }
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oidc({})", self.shared.info.target)
    }
}

#[async_trait]
impl Provider for Oidc {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        let client = self.opened()?;
        client.oauth().server().endpoints(cx).await.map(|_| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Integration for Oidc {
    type Config = OidcConfig;

    const NAME: &'static str = "oidc";
    const INTERFACES: &'static [&'static str] = &["IdentityProvider", "TokenVerifier"];
    const OPERATIONS: &'static [&'static RemoteOperation] = OPERATIONS;
    const REMOTE: bool = true;

    async fn build(config: OidcConfig, cx: BuildContext) -> Result<Service> {
        Ok(Self::new(config, cx)?.service())
    }
}
