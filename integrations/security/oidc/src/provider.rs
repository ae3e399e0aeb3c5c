//! The provider: a client of an OpenID provider, with the scope of a call around everything that it does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use circle_core_common::credentials::CredentialCache;
use circle_core_common::scope::{HandleCore, Resources};
use circle_core_common::{
    BuildContext, CallContext, CallOptions, Environment, Error, ErrorKind, Health, Integration, Provider, ProviderInfo, Result,
    Service,
};
use circle_core_protocol_oidc::{
    AccessToken, Claims, ClientCredentials, DeviceLogin, DeviceRequest, Expect, Introspection, Login, LoginRequest,
    LoopbackListener, OpenIdClient, RefreshToken, Session, TokenHint,
};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::config::OidcConfig;

circle_core_common::operations! {
    "Identity" => {
        /// Begins a login.
        START_LOGIN = "identity.start_login", Read;
        /// Finishes a login.
        FINISH_LOGIN = "identity.finish_login", Write;
        /// Begins a login on another device.
        START_DEVICE = "identity.start_device", Write;
        /// Waits for a login on another device.
        FINISH_DEVICE = "identity.finish_device", Write;
        /// Gets new tokens for a session.
        REFRESH = "identity.refresh", Write;
        /// Tells of a user.
        USER_INFO = "identity.user_info", Read;
        /// Gives the address of the provider's own logout.
        LOGOUT_URL = "identity.logout_url", Read;
        /// Revokes the tokens of a session.
        REVOKE = "identity.revoke", Delete;
        /// Verifies a token.
        VERIFY = "identity.verify", Read;
        /// Asks the provider about a token.
        INTROSPECT = "identity.introspect", Read;
    }
}

/// A client of an OpenID provider: what applications hold. Clones share keys and what is known of the provider.
#[derive(Clone)]
pub struct Oidc {
    shared: Arc<Shared>,
    core: HandleCore,
}

struct Shared {
    info: ProviderInfo,
    environment: Environment,
    client: OpenIdClient,
    scopes: Vec<String>,
    redirect_uri: Option<String>,
    post_logout_redirect_uri: Option<String>,
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
            is_closed: AtomicBool::new(false),
        };
        let core = HandleCore::new(cx.environment().clone(), cx.name(), Self::NAME);
        Ok(Self { shared: Arc::new(shared), core })
    }

    /// The same client, whose calls have these options.
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

    /// A user's tokens, by a refresh token that was kept: refreshed before they end, and the refresh token replaced whenever the
    /// provider replaces it.
    #[must_use]
    pub fn refreshing(&self, refresh_token: SecretString) -> CredentialCache<AccessToken> {
        CredentialCache::new(RefreshToken::new(self.shared.client.oauth().clone(), refresh_token))
    }

    fn opened(&self) -> Result<&OpenIdClient> {
        if self.shared.is_closed.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Closed, "the client of the OpenID provider is closed"));
        }
        Ok(&self.shared.client)
    }

    /// Begins a login whose answer comes to the `redirect_uri` of the config.
    ///
    /// # Errors
    /// `ConfigInvalid` without one; those of asking the provider for its endpoints.
    pub async fn start_login(&self) -> Result<Login> {
        let missing = || Error::new(ErrorKind::ConfigInvalid, "a login with a browser needs a `redirect_uri`");
        let uri =
            self.shared.redirect_uri.as_deref().ok_or_else(missing).map_err(|error| self.core.place(error, &START_LOGIN))?;
        self.start_login_with(LoginRequest::new(uri).scopes(&self.shared.scopes)).await
    }

    /// Begins a login of one's own making.
    ///
    /// # Errors
    /// As [`start_login`](Self::start_login).
    pub async fn start_login_with(&self, request: LoginRequest) -> Result<Login> {
        let mut call = self.core.open(&START_LOGIN);
        let client = call.start(Resources::None, || self.opened()).await?;
        let result = call.guard(client.start_login(call.cx(), request)).await;
        call.finish(result).await
    }

    /// Finishes a login with the query that the browser brought.
    ///
    /// # Errors
    /// `Unauthenticated` when the answer belongs to another login, or its ID token is refused
    /// ([`TokenRefusal`](crate::TokenRefusal)); what the user or the provider refused ([`OAuthError`](crate::OAuthError)).
    pub async fn finish_login(&self, login: Login, callback_query: &str) -> Result<Session> {
        let mut call = self.core.open(&FINISH_LOGIN);
        let client = call.start(Resources::None, || self.opened()).await?;
        let result = call.guard(client.finish_login(call.cx(), login, callback_query)).await;
        call.finish(result).await
    }

    /// Logs the user of this machine in, with a browser that `open` sends to an address (RFC 8252): for applications on the command
    /// line. The provider knows `http://127.0.0.1/callback` as a redirect address of the client.
    ///
    /// # Errors
    /// As [`start_login`](Self::start_login) and [`finish_login`](Self::finish_login); `Timeout` of the call's options; those of
    /// `open`.
    pub async fn login_here(&self, open: impl FnOnce(&str) -> Result<()> + Send) -> Result<Session> {
        let mut call = self.core.open(&FINISH_LOGIN);
        let client = call.start(Resources::None, || self.opened()).await?;
        let work = async {
            let listener = LoopbackListener::bind().await?;
            let request = LoginRequest::new(listener.redirect_uri()).scopes(&self.shared.scopes);
            let login = client.start_login(call.cx(), request).await?;
            open(login.url())?;
            let query = listener.answer(call.cx(), &login).await?;
            client.finish_login(call.cx(), login, secrecy::ExposeSecret::expose_secret(&query)).await
        };
        let result = call.guard(work).await;
        call.finish(result).await
    }

    /// Begins a login on another device.
    ///
    /// # Errors
    /// Those of the provider; `Unsupported` where it has no endpoint for devices.
    pub async fn start_device(&self) -> Result<DeviceLogin> {
        let mut call = self.core.open(&START_DEVICE);
        let client = call.start(Resources::None, || self.opened()).await?;
        let result = call.guard(client.start_device(call.cx(), DeviceRequest::new().scopes(&self.shared.scopes))).await;
        call.finish(result).await
    }

    /// Waits until the user has decided on the other device.
    ///
    /// # Errors
    /// `PermissionDenied` when the user said no, `Unauthenticated` when time was up.
    pub async fn finish_device(&self, login: DeviceLogin) -> Result<Session> {
        let mut call = self.core.open(&FINISH_DEVICE);
        let client = call.start(Resources::None, || self.opened()).await?;
        let result = call.guard(client.finish_device(call.cx(), login)).await;
        call.finish(result).await
    }

    /// Gets new tokens for a session. The old session is not to be used again: its refresh token may have been replaced.
    ///
    /// # Errors
    /// `Unauthenticated` when the user has to log in again; `InvalidInput` for a session without a refresh token.
    pub async fn refresh(&self, session: &Session) -> Result<Session> {
        let mut call = self.core.open(&REFRESH);
        let client = call.start(Resources::None, || self.opened()).await?;
        let result = call.guard(client.refresh(call.cx(), session)).await;
        call.finish(result).await
    }

    /// What the provider tells of the user of a session.
    ///
    /// # Errors
    /// Those of the provider; `Unauthenticated` when it tells of another user.
    pub async fn user_info(&self, session: &Session) -> Result<Map<String, Value>> {
        let mut call = self.core.open(&USER_INFO);
        let client = call.start(Resources::None, || self.opened()).await?;
        let result = call.guard(client.user_info(call.cx(), session)).await;
        call.finish(result).await
    }

    /// Where the browser is to go so that the provider's own session ends, too; back from there to the
    /// `post_logout_redirect_uri` of the config.
    ///
    /// # Errors
    /// `Unsupported` where the provider has no address for this.
    pub async fn logout_url(&self, session: &Session) -> Result<SecretString> {
        let mut call = self.core.open(&LOGOUT_URL);
        let client = call.start(Resources::None, || self.opened()).await?;
        let back = self.shared.post_logout_redirect_uri.as_deref();
        let result = call.guard(client.logout_url(call.cx(), session, back)).await;
        call.finish(result).await
    }

    /// Revokes the tokens of a session.
    ///
    /// # Errors
    /// Those of the provider; `Unsupported` where it revokes none.
    pub async fn revoke(&self, session: Session) -> Result<()> {
        let mut call = self.core.open(&REVOKE);
        let client = call.start(Resources::None, || self.opened()).await?;
        let result = call.guard(client.revoke(call.cx(), session)).await;
        call.finish(result).await
    }

    /// Verifies a token that came with a request: that the provider signed it, for this side, and that it is good now.
    ///
    /// # Errors
    /// `Unauthenticated` with a [`TokenRefusal`](crate::TokenRefusal): answer 401 and nothing else. `PermissionDenied` for one that
    /// is good for less: 403. Other errors are not the sender's.
    pub async fn verify(&self, token: &SecretString, expect: &Expect) -> Result<Claims> {
        let mut call = self.core.open(&VERIFY);
        let client = call.start(Resources::None, || self.opened()).await?;
        let result = call.guard(client.verifier().verify(call.cx(), token, expect)).await;
        call.finish(result).await
    }

    /// Asks the provider about a token that cannot be verified here, because it is no JWT or may be revoked.
    ///
    /// # Errors
    /// Those of the provider; a token that is good no more is none.
    pub async fn introspect(&self, token: &SecretString, hint: Option<TokenHint>) -> Result<Introspection> {
        let mut call = self.core.open(&INTROSPECT);
        let client = call.start(Resources::None, || self.opened()).await?;
        let result = call.guard(client.oauth().introspect(call.cx(), token, hint)).await;
        call.finish(result).await
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
    const INTERFACES: &'static [&'static str] = &[];
    const REMOTE: bool = true;

    async fn build(config: OidcConfig, cx: BuildContext) -> Result<Service> {
        Ok(Service::new(Arc::new(Self::new(config, cx)?)))
    }
}
