//! An authorisation server: its issuer, and where its endpoints are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialCache, CredentialSource, Lease};
use circle_core_common::http::{BaseUrl, Guard, HttpClient, Origin, Request, Target};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{BuildContext, ByteSize, CallContext, Error, ErrorKind, Result};
use serde::Deserialize;

use crate::error::Refusals;
use crate::tokens::read;

pub(crate) static DISCOVER: RemoteOperation =
    RemoteOperation::new("oidc.Discover", Idempotency::Safe, "/.well-known/openid-configuration");

/// The largest description of a server, and the largest set of keys.
pub(crate) const DOCUMENT_MAX: ByteSize = ByteSize::kib(512);
/// After how long a server's description is read again; it serves on for as long again when that fails.
const DESCRIPTION_TTL: Duration = Duration::from_secs(12 * 3600);

/// Where the endpoints of a server are, as its description or the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Endpoints {
    /// Who signs tokens; what `iss` has to be.
    pub issuer: String,
    /// Where browsers are sent.
    pub authorization_endpoint: Option<String>,
    /// Where tokens come from.
    pub token_endpoint: Option<String>,
    /// RFC 8628: where devices begin.
    pub device_authorization_endpoint: Option<String>,
    /// RFC 7662: where tokens are asked about.
    pub introspection_endpoint: Option<String>,
    /// RFC 7009: where tokens are revoked.
    pub revocation_endpoint: Option<String>,
    /// Where users are told about.
    pub userinfo_endpoint: Option<String>,
    /// Where users log out.
    pub end_session_endpoint: Option<String>,
    /// Where the keys are that tokens are signed with.
    pub jwks_uri: Option<String>,
    /// RFC 9207: whether every answer of the authorisation endpoint says whose it is.
    pub authorization_response_iss_parameter_supported: bool,
}

/// An endpoint of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Authorization,
    Token,
    DeviceAuthorization,
    Introspection,
    Revocation,
    UserInfo,
    EndSession,
    Jwks,
}

impl Endpoints {
    /// A server of this issuer, whose endpoints are to be set.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), ..Self::default() }
    }

    /// Sets where tokens come from.
    #[must_use]
    pub fn token(mut self, endpoint: impl Into<String>) -> Self {
        self.token_endpoint = Some(endpoint.into());
        self
    }

    /// Sets where browsers are sent.
    #[must_use]
    pub fn authorization(mut self, endpoint: impl Into<String>) -> Self {
        self.authorization_endpoint = Some(endpoint.into());
        self
    }

    /// Sets where the keys are.
    #[must_use]
    pub fn jwks(mut self, endpoint: impl Into<String>) -> Self {
        self.jwks_uri = Some(endpoint.into());
        self
    }

    pub(crate) fn get(&self, endpoint: Endpoint) -> Result<&str> {
        let (name, address) = match endpoint {
            Endpoint::Authorization => ("authorization_endpoint", &self.authorization_endpoint),
            Endpoint::Token => ("token_endpoint", &self.token_endpoint),
            Endpoint::DeviceAuthorization => ("device_authorization_endpoint", &self.device_authorization_endpoint),
            Endpoint::Introspection => ("introspection_endpoint", &self.introspection_endpoint),
            Endpoint::Revocation => ("revocation_endpoint", &self.revocation_endpoint),
            Endpoint::UserInfo => ("userinfo_endpoint", &self.userinfo_endpoint),
            Endpoint::EndSession => ("end_session_endpoint", &self.end_session_endpoint),
            Endpoint::Jwks => ("jwks_uri", &self.jwks_uri),
        };
        let missing = || Error::new(ErrorKind::Unsupported, format!("the authorisation server names no `{name}`"));
        address.as_deref().ok_or_else(missing)
    }
}

/// An authorisation server. Clones share what is known of it.
///
/// Nothing is asked before something is needed. Its description is believed when it names the very issuer that was asked for,
/// and only in endpoints at the issuer's own origin or at one that [`AuthorizationServerBuilder::also_at`] names.
#[derive(Clone)]
pub struct AuthorizationServer {
    shared: Arc<Shared>,
}

struct Shared {
    issuer: String,
    http: HttpClient,
    guard: Guard,
    origins: Vec<Arc<Origin>>,
    described: Described,
}

enum Described {
    /// By the configuration.
    Here(Arc<Endpoints>),
    /// By the server.
    There(CredentialCache<Arc<Endpoints>>),
}

/// Makes an [`AuthorizationServer`].
#[must_use]
pub struct AuthorizationServerBuilder {
    issuer: String,
    also_at: Vec<String>,
    endpoints: Option<Endpoints>,
}

impl AuthorizationServerBuilder {
    /// Lets endpoints be at this origin, too: some have their keys at another one than their issuer.
    pub fn also_at(mut self, origin: impl Into<String>) -> Self {
        self.also_at.push(origin.into());
        self
    }

    /// Says where the endpoints are, so that the server is not asked.
    pub fn endpoints(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = Some(endpoints);
        self
    }

    /// The server.
    ///
    /// # Errors
    /// `ConfigInvalid` for an issuer or an endpoint that is no address of a public server (of this machine, with
    /// `allow_loopback`), endpoints of another issuer, and endpoints at other origins than those that were named.
    pub fn build(self, cx: &BuildContext) -> Result<AuthorizationServer> {
        let guard = cx.guard();
        let base = BaseUrl::parse_guarded(&self.issuer, guard.clone()).map_err(|error| error.context("the issuer"))?;
        let mut origins = vec![Arc::clone(&base.origin)];
        for origin in &self.also_at {
            origins.push(Arc::new(cx.origin(origin)?));
        }
        let http = cx.http(Arc::clone(&base.origin)).classify(Refusals).body_limit(DOCUMENT_MAX).build();
        let described = match self.endpoints {
            Some(endpoints) => {
                check(&endpoints, &self.issuer, &guard, &origins)?;
                Described::Here(Arc::new(endpoints))
            }
            None => {
                let target = base.target("/.well-known/openid-configuration");
                let (http, origins) = (http.clone(), origins.clone());
                Described::There(CredentialCache::new(Discovery {
                    http,
                    target,
                    issuer: self.issuer.clone(),
                    guard: guard.clone(),
                    origins,
                }))
            }
        };
        Ok(AuthorizationServer { shared: Arc::new(Shared { issuer: self.issuer, http, guard, origins, described }) })
    }
}

impl AuthorizationServer {
    /// A server of this issuer: the text that stands as `iss` in its tokens, to the letter.
    pub fn builder(issuer: impl Into<String>) -> AuthorizationServerBuilder {
        AuthorizationServerBuilder { issuer: issuer.into(), also_at: Vec::new(), endpoints: None }
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Where its endpoints are.
    ///
    /// # Errors
    /// Those of asking it; `ConfigInvalid` when it describes another issuer, or names endpoints elsewhere.
    pub async fn endpoints(&self, cx: &CallContext) -> Result<Arc<Endpoints>> {
        match &self.shared.described {
            Described::Here(endpoints) => Ok(Arc::clone(endpoints)),
            Described::There(cache) => Ok(Arc::clone(cache.get(cx).await?.value())),
        }
    }

    /// The client that speaks to it. It follows no redirect, and has no credential of its own.
    pub(crate) fn http(&self) -> &HttpClient {
        &self.shared.http
    }

    /// The address of an endpoint, as text and as a target at an origin that was checked.
    pub(crate) async fn endpoint(&self, cx: &CallContext, endpoint: Endpoint) -> Result<(Target, String)> {
        let endpoints = self.endpoints(cx).await?;
        let text = endpoints.get(endpoint)?;
        Ok((target(text, &self.shared.guard, &self.shared.origins)?, text.to_owned()))
    }
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizationServer({})", self.shared.issuer)
    }
}

/// Parses the address of an endpoint, which may have a query, at one of these origins.
fn target(text: &str, guard: &Guard, origins: &[Arc<Origin>]) -> Result<Target> {
    let (address, query) = text.split_once('?').map_or((text, None), |(address, query)| (address, Some(query)));
    let base = BaseUrl::parse_guarded(address, guard.clone())?;
    if !origins.contains(&base.origin) {
        let text =
            format!("an endpoint of the authorisation server is at {}, which is none of its origins: `also_at`", base.origin);
        return Err(Error::new(ErrorKind::ConfigInvalid, text));
    }
    let mut target = base.target(if address.ends_with('/') { "/" } else { "" });
    if target.path_and_query.is_empty() {
        target.path_and_query.push('/');
    }
    if let Some(query) = query {
        target.path_and_query.push('?');
        target.path_and_query.push_str(query);
    }
    // Checked here, so that no later step meets an address that cannot be sent.
    target.clone().into_uri()?;
    Ok(target)
}

/// Who describes another issuer may be in the middle (RFC 8414, 3.3); who names endpoints elsewhere gets what is sent to them.
fn check(endpoints: &Endpoints, issuer: &str, guard: &Guard, origins: &[Arc<Origin>]) -> Result<()> {
    if endpoints.issuer != issuer {
        let text = format!("the server at {issuer} describes itself as another issuer");
        return Err(Error::new(ErrorKind::ConfigInvalid, text));
    }
    // What browsers are sent to is public; what this side sends to is checked before it is used, and here so that it is known early.
    for endpoint in [Endpoint::Token, Endpoint::Jwks] {
        if let Ok(text) = endpoints.get(endpoint) {
            target(text, guard, origins)?;
        }
    }
    Ok(())
}

/// Reads the description of a server.
struct Discovery {
    http: HttpClient,
    target: Target,
    issuer: String,
    guard: Guard,
    origins: Vec<Arc<Origin>>,
}

#[async_trait]
impl CredentialSource for Discovery {
    type Credential = Arc<Endpoints>;

    async fn load(&self, cx: &CallContext) -> Result<Lease<Arc<Endpoints>>> {
        let request = Request::get(self.target.clone()).header("accept", "application/json")?;
        let response = self.http.send(cx, &DISCOVER, request).await?;
        let endpoints: Endpoints = read("the description of the authorisation server", &response.body)?;
        check(&endpoints, &self.issuer, &self.guard, &self.origins)?;
        let now = cx.clock().timestamp();
        Ok(Lease::new(Arc::new(endpoints)).until(now + 2 * DESCRIPTION_TTL).refresh_from(now + DESCRIPTION_TTL))
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
