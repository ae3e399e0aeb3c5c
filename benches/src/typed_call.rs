//! A typed call of a service that answers with one JSON document: as a provider makes it, without the network.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use circle_core_common::http::{Auth, HttpClient, Request, Target, Transport, TransportRequest, TransportResponse};
use circle_core_common::resilience::{
    BackoffSettings, BreakerSettings, BudgetSettings, Idempotency, RemoteOperation, Resilience, Retry,
};
use circle_core_common::{BuildContext, ByteStream, CallContext, Environment, Error, ErrorKind, Result, SecretRef, operations};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;

operations! { "Issues" => {
    /// Gets the document.
    GET = "issues.get", Read;
} }

/// The request behind it.
pub static GET_ISSUE: RemoteOperation =
    RemoteOperation::new("issues.GetIssue", Idempotency::Safe, "/repos/{owner}/{name}/issues/{number}");

/// The path of the request.
pub const PATH: &str = "/repos/acme/tools/issues/7";

/// What the request is authorised with.
pub const TOKEN: &str = "a-token-of-a-usual-length";

/// A document with what is read of it, and nothing else.
pub const SHORT: &str = r#"{"number":7,"title":"Found a bug","state":"open"}"#;

/// A document of which three values of ten are read.
pub const DOCUMENT: &str = r#"{"id":1296269,"number":7,"title":"Found a bug","state":"open","comments":3,"locked":false,"user":{"login":"octocat","id":583231},"created_at":"2026-04-10T20:09:31Z","body":"It does not work."}"#;

/// What a call gives.
#[derive(Debug, Deserialize)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: String,
}

/// Answers from memory: what is measured is all that is not the network.
#[derive(Debug)]
pub struct Canned {
    headers: HeaderMap,
    document: Bytes,
}

impl Canned {
    /// With this document.
    #[must_use]
    pub fn new(document: &'static str) -> Self {
        let content_type = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let headers = [content_type, (CONTENT_LENGTH, document.len().into())].into_iter().collect();
        Self { headers, document: Bytes::from_static(document.as_bytes()) }
    }
}

#[async_trait::async_trait]
impl Transport for Canned {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        debug_assert_eq!(request.headers[AUTHORIZATION].as_bytes().strip_prefix(b"Bearer "), Some(TOKEN.as_bytes()));
        let body = ByteStream::from(self.document.clone());
        Ok(TransportResponse::new(StatusCode::OK, self.headers.clone(), body))
    }
}

/// Refuses every connection.
#[derive(Debug)]
pub struct Refusing;

#[async_trait::async_trait]
impl Transport for Refusing {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
        Err(Error::new(ErrorKind::Connection, "refused"))
    }
}

/// As [`Canned`], but refuses the connection of every other request.
#[derive(Debug)]
pub struct Shaky {
    canned: Canned,
    requests: AtomicU32,
}

#[async_trait::async_trait]
impl Transport for Shaky {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        if self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return Refusing.send(request).await;
        }
        self.canned.send(request).await
    }
}

/// A typed client, as a provider writes it.
#[derive(Debug)]
pub struct Typed {
    environment: Environment,
    client: HttpClient,
}

impl Typed {
    /// A client that is answered from memory with this document.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn canned(document: &'static str) -> Self {
        Self::new(Environment::builder().transport(Canned::new(document)).build(), "https://api.example.org")
    }

    /// A client whose every call takes two attempts, without a wait between them and without a budget that ends them.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn shaky(document: &'static str) -> Self {
        let transport = Shaky { canned: Canned::new(document), requests: AtomicU32::new(0) };
        let at_once = BackoffSettings::new().initial_interval(Duration::ZERO).max_interval(Duration::ZERO);
        let retry = Retry::new().backoff(at_once).budget(BudgetSettings::new().enabled(false));
        let resilience = Resilience::new().retry(retry).breaker(BreakerSettings::new().enabled(false));
        Self::with(Environment::builder().transport(transport).build(), "https://api.example.org", resilience)
    }

    /// A client whose every call fails, as its connection is refused and it makes one attempt.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn refused() -> Self {
        let resilience = Resilience::new().retry(Retry::off()).breaker(BreakerSettings::new().enabled(false));
        Self::with(Environment::builder().transport(Refusing).build(), "https://api.example.org", resilience)
    }

    /// A client of the service at this address.
    ///
    /// # Panics
    /// When the address is none.
    #[must_use]
    pub fn new(environment: Environment, endpoint: &str) -> Self {
        Self::with(environment, endpoint, Resilience::new())
    }

    fn with(environment: Environment, endpoint: &str, resilience: Resilience) -> Self {
        let context = BuildContext::new(environment.clone(), "issues").allow_loopback(true).resilience(resilience);
        let origin = context.origin(endpoint).unwrap_or_else(|error| panic!("{error}"));
        let client = context.http(origin).auth(Auth::Bearer(SecretRef::literal(TOKEN))).build();
        Self { environment, client }
    }

    /// One call: context, request, every policy, answer, JSON.
    ///
    /// # Errors
    /// Why the call failed.
    pub async fn issue(&self) -> Result<Issue> {
        let cx = CallContext::new(&self.environment, &GET, None);
        let target = Target::new(self.client.origin(), PATH);
        let request = Request::get(target).header("accept", "application/json")?;
        self.client.send(&cx, &GET_ISSUE, request).await?.json()
    }
}
