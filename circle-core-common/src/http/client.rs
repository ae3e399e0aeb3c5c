//! The client that every HTTP provider sends with.

use std::fmt;
use std::sync::{Arc, Mutex};

use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::attempt::{Exchange, Streamed, Whole};
use super::auth::{Auth, Authorizer};
use super::cache::Cache;
use super::classify::{Classify, StatusTable};
use super::guard::Guard;
use super::headers::{self, Fields};
use super::interceptor::Interceptor;
use super::origin::{BaseUrl, Origin};
use super::request::Request;
use super::response::{Opened, Response};
use super::target::Target;
use super::transport::{Identity, TlsIdentity, Transport};
use crate::client_certificate::ClientCertificate;
use crate::context::CallContext;
use crate::credentials::{CredentialCache, LOAD};
use crate::environment::Environment;
use crate::error::Result;
use crate::resilience::{Endpoint, Idempotency, Policy, RemoteOperation, Stall, StallSettings};
use crate::scope::{HandleCore, Resources, ServiceStats};
use crate::service::BuildContext;
use crate::telemetry::Propagator;
use crate::units::ByteSize;

/// The largest body that is read into memory where nobody says otherwise.
const BODY_LIMIT: ByteSize = ByteSize::mib(16);

/// Sends requests: every policy around every attempt, the credential last, the answer judged. Cheap to clone.
///
/// A provider has one for each credential, made by [`BuildContext::http`].
#[derive(Clone)]
pub struct HttpClient {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) environment: Environment,
    pub(super) service: Arc<str>,
    pub(super) origin: Arc<Origin>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) policy: Policy,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) interceptors: Arc<[Arc<dyn Interceptor>]>,
    pub(super) auth: Authorizer,
    pub(super) trusted: Vec<Trusted>,
    /// What the client shows of itself when a service asks, where the credential may go.
    pub(super) identity: Option<CredentialCache<TlsIdentity>>,
    pub(super) classify: Arc<dyn Classify>,
    pub(super) headers: Fields,
    pub(super) body_limit: ByteSize,
    pub(super) stall: Stall,
    pub(super) cache: Option<Box<Cache>>,
    pub(super) stats: Arc<ServiceStats>,
    /// Whether requests carry the application's trace.
    pub(super) traced: bool,
    pub(super) propagator: Option<Arc<dyn Propagator>>,
}

/// Another origin that the credential may be sent to.
pub(super) enum Trusted {
    Exactly(Arc<Origin>),
    Within(Arc<Origin>),
}

impl Inner {
    /// Sends a request by every policy, and reads its answer.
    pub(super) async fn execute(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        request: &Request,
        added: Option<&Mutex<Vec<HeaderName>>>,
    ) -> Result<Response> {
        let other = self.other_endpoint(&request.target.origin, operation);
        let endpoint = other.as_ref().unwrap_or(&self.endpoint);
        let work = Whole(Exchange { inner: self, cx, operation, request, endpoint, added });
        let done = self.policy.execute(cx, operation, endpoint, &work).await?;
        Ok(done.output)
    }

    /// Sends a request that gets a credential, in a scope of its own: nobody's handle opened one, and it is on record as every
    /// call is.
    async fn load(&self, cx: &CallContext, operation: &'static RemoteOperation, request: &Request) -> Result<Response> {
        let core = HandleCore::new(self.environment.clone(), Arc::clone(&self.service), "credentials");
        let core = cx.options().map_or_else(|| core.clone(), |options| core.with(options.clone()));
        let origin = Arc::from(request.target.origin.as_str());
        let mut call = core.open_load(cx);
        call.start(Resources::One(&origin), || Ok(())).await?;
        let result = call.guard(self.execute(call.cx(), operation, request, None)).await;
        call.finish(result).await
    }

    /// The headers that a request describes, its own and the client's.
    pub(super) fn head_of(&self, request: &Request, headers: &mut HeaderMap) {
        request.headers.add_to(headers, |_| true);
        self.headers.add_to(headers, |name| request.headers.get(name).is_none() && self.describes(request, name));
        if request.compressed {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }

    /// Whether a header is one that the request describes, itself or by the client.
    pub(super) fn describes(&self, request: &Request, name: &HeaderName) -> bool {
        let ours = || self.headers.get(name).is_some() && (!request.abroad || *name == USER_AGENT);
        request.headers.get(name).is_some() || ours()
    }

    /// The largest body that is read into memory for a request.
    pub(super) fn body_limit(&self, cx: &CallContext, request: &Request) -> ByteSize {
        let chosen = cx.options().and_then(|options| options.body_limit);
        chosen.or(request.body_limit).unwrap_or(self.body_limit)
    }

    /// Whether the credential belongs to this origin.
    pub(super) fn trusts(&self, origin: &Origin) -> bool {
        *origin == *self.origin
            || self.trusted.iter().any(|trusted| match trusted {
                Trusted::Exactly(own) => *origin == **own,
                Trusted::Within(own) => origin.is_within(own),
            })
    }

    /// The endpoint of another origin, or of an operation that has one of its own; the client's own is at hand.
    pub(super) fn other_endpoint(&self, origin: &Origin, operation: &RemoteOperation) -> Option<Arc<Endpoint>> {
        if operation.is_apart() {
            return Some(self.policy.endpoint(&format!("{origin} {operation}")));
        }
        (*origin != *self.origin).then(|| self.policy.endpoint(origin.as_str()))
    }
}

impl HttpClient {
    /// Sends a request and reads its answer into memory, within the attempt: an answer that breaks off is asked for again
    /// where that is harmless.
    ///
    /// # Errors
    /// What the classification makes of the answer; `Connection`; `Timeout`; `InvalidInput`, reason
    /// [`OutsideLimit`](crate::Reason::OutsideLimit), for an answer beyond the body limit; what the policies refuse.
    pub fn send(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        request: Request,
    ) -> impl Future<Output = Result<Response>> + Send {
        let inner = &*self.inner;
        // A block and no `async fn`, whose future holds every argument twice and copies it when it is first polled.
        async move {
            if std::ptr::eq(cx.operation(), &raw const LOAD) {
                return Box::pin(inner.load(cx, operation, &request)).await;
            }
            if let Some(cache) = &inner.cache {
                return Box::pin(cache.send(inner, cx, operation, &request)).await;
            }
            let other = inner.other_endpoint(&request.target.origin, operation);
            let endpoint = other.as_ref().unwrap_or(&inner.endpoint);
            let work = Whole(Exchange { inner, cx, operation, request: &request, endpoint, added: None });
            let done = inner.policy.execute(cx, operation, endpoint, &work).await?;
            Ok(done.output)
        }
    }

    /// Sends a request and returns at the headers of its answer. The body holds the call's place at the endpoint until it is
    /// read or dropped; it is not under the attempt's timeout, but must not stall ([`Stall`]).
    ///
    /// # Errors
    /// As [`send`](Self::send). An error within the body comes from the body.
    pub async fn open(&self, cx: &CallContext, operation: &'static RemoteOperation, request: Request) -> Result<Opened> {
        let inner = &*self.inner;
        let other = inner.other_endpoint(&request.target.origin, operation);
        let endpoint = other.as_ref().unwrap_or(&inner.endpoint);
        let work = Streamed(Exchange { inner, cx, operation, request: &request, endpoint, added: None });
        let changes = inner.cache.as_deref().filter(|_| operation.idempotency() != Idempotency::Safe);
        let _forgets = changes.map(|cache| cache.changing(&request.target));
        let done = inner.policy.execute(cx, operation, endpoint, &work).await?;
        Ok(done.output.holding(done.permit))
    }

    /// The origin that it was made for.
    #[must_use]
    pub fn origin(&self) -> &Arc<Origin> {
        &self.inner.origin
    }

    /// A target at its origin; the path is percent-encoded already.
    #[must_use]
    pub fn target(&self, path_and_query: impl AsRef<str>) -> Target {
        Target::new(&self.inner.origin, path_and_query)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({}, {:?})", self.inner.origin, self.inner.auth)
    }
}

/// Makes an [`HttpClient`].
#[must_use]
pub struct HttpClientBuilder {
    inner: Inner,
    /// What the service's user chose.
    chosen: StallSettings,
}

impl HttpClientBuilder {
    /// How requests are authorised; bound to the client's own origin.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.inner.auth = Authorizer::new(auth, &self.inner.environment);
        self
    }

    /// Shows this certificate to services that ask for one, at the origins that the credential may go to; that of the service's
    /// configuration where nothing is said.
    pub fn client_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.inner.identity = Some(CredentialCache::new(Identity::new(&certificate, &self.inner.environment)));
        self
    }

    /// Lets the credential go to this origin too.
    pub fn also_at(mut self, origin: impl Into<Arc<Origin>>) -> Self {
        self.inner.trusted.push(Trusted::Exactly(origin.into()));
        self
    }

    /// Lets the credential go to this origin and every host below it, with the same scheme and port: a service that has a
    /// host for each bucket.
    pub fn also_within(mut self, origin: impl Into<Arc<Origin>>) -> Self {
        self.inner.trusted.push(Trusted::Within(origin.into()));
        self
    }

    /// How answers are judged; by [`StatusTable::new`] where nothing is said.
    pub fn classify(mut self, classify: impl Classify) -> Self {
        self.inner.classify = Arc::new(classify);
        self
    }

    /// A header of every request; a request's own wins.
    ///
    /// # Errors
    /// As [`Request::header`].
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let (name, value) = headers::field(name, value)?;
        self.inner.headers.set(name, value);
        Ok(self)
    }

    /// The largest body that is read into memory; 16 MiB where nothing is said.
    pub fn body_limit(mut self, limit: ByteSize) -> Self {
        self.inner.body_limit = limit;
        self
    }

    /// When a body that hardly flows is given up, where the user has chosen nothing; the profile's where nothing is said: less
    /// than 1 B/s for 20 s.
    pub fn stall(mut self, stall: Stall) -> Self {
        self.inner.stall = self.chosen.resolved(stall);
        self
    }

    /// Whether requests carry the trace that the application's calls belong to (`traceparent`): the service's choice where
    /// nothing is said. They never do at an origin that the credential may not go to.
    pub fn traced(mut self, traced: bool) -> Self {
        self.inner.traced = traced;
        self
    }

    /// The client.
    #[must_use]
    pub fn build(self) -> HttpClient {
        HttpClient { inner: Arc::new(self.inner) }
    }
}

impl fmt::Debug for HttpClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClientBuilder({}, {:?})", self.inner.origin, self.inner.auth)
    }
}

impl BuildContext {
    /// A client for requests to `origin`, with the policies of the service and the transport of the environment.
    pub fn http(&self, origin: impl Into<Arc<Origin>>) -> HttpClientBuilder {
        let (origin, policy) = (origin.into(), self.policy());
        let (stall, cache) = (policy.resolved().stall, Cache::new(self.chosen_resilience(), policy.resolved()));
        let mut headers = Fields::new();
        headers.set(USER_AGENT, HeaderValue::from_static(concat!("circle-core/", env!("CARGO_PKG_VERSION"))));
        HttpClientBuilder {
            inner: Inner {
                environment: self.environment().sharing_nothing(),
                service: self.name().into(),
                endpoint: policy.endpoint(origin.as_str()),
                origin,
                policy,
                transport: self.environment().transport(),
                interceptors: self.environment().interceptors(),
                auth: Authorizer::none(),
                trusted: Vec::new(),
                identity: self.client_certificate().map(|pair| CredentialCache::new(Identity::new(pair, self.environment()))),
                classify: Arc::new(StatusTable::new()),
                headers,
                body_limit: BODY_LIMIT,
                stall,
                cache,
                stats: ServiceStats::of(self.environment(), self.name()),
                traced: self.is_traced(),
                propagator: self.environment().propagator().cloned(),
            },
            chosen: self.chosen_resilience().stall.clone(),
        }
    }

    /// Parses the origin of an endpoint from the service's configuration: public or private, or on this machine with
    /// `allow_loopback`.
    ///
    /// # Errors
    /// As [`Origin::parse`].
    pub fn origin(&self, endpoint: &str) -> Result<Origin> {
        Origin::parse_guarded(endpoint, self.guard())
    }

    /// As [`origin`](Self::origin), for an endpoint with a path.
    ///
    /// # Errors
    /// As [`BaseUrl::parse`].
    pub fn base_url(&self, endpoint: &str) -> Result<BaseUrl> {
        BaseUrl::parse_guarded(endpoint, self.guard())
    }

    /// Which addresses an endpoint may have that the service's configuration names: the operator's own networks are among them,
    /// unless he says `allow_private = false`.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.public_guard().private(self.allows_private())
    }

    /// Which addresses somebody else may name: a user, a model, an answer of the service. Public ones, and what the
    /// configuration allows by name.
    #[must_use]
    pub fn public_guard(&self) -> Guard {
        Guard::new().loopback(self.allows_loopback()).networks(self.allowed_networks().iter().copied())
    }
}
