//! A typed call of a service that answers with one JSON document: as a provider makes it, without the network.

use bytes::Bytes;
use circle_core_common::http::{Auth, HttpClient, Request, Target, Transport, TransportRequest, TransportResponse};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{BuildContext, ByteStream, CallContext, Environment, Result, SecretRef, operations};
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

    /// A client of the service at this address.
    ///
    /// # Panics
    /// When the address is none.
    #[must_use]
    pub fn new(environment: Environment, endpoint: &str) -> Self {
        let context = BuildContext::new(environment.clone(), "issues").allow_loopback(true);
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
