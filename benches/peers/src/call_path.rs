//! What the comparisons of the call path share: a service that answers with one JSON document.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use bytes::Bytes;
use circle_core_common::http::{Auth, HttpClient, Request, Target, Transport, TransportRequest, TransportResponse};
use circle_core_common::resilience::{Idempotency, Policy, RemoteOperation};
use circle_core_common::{BuildContext, ByteStream, CallContext, Environment, Result, SecretRef, operations};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;

operations! { "Peers" => {
    /// Gets the document.
    GET = "peers.get", Read;
} }

/// The request behind it.
pub static GET_ISSUE: RemoteOperation =
    RemoteOperation::new("peers.GetIssue", Idempotency::Safe, "/repos/{owner}/{name}/issues/{number}");

/// The path of the request.
pub const PATH: &str = "/repos/acme/tools/issues/7";

/// The document, about 200 bytes.
pub const DOCUMENT: &str = r#"{"id":1296269,"number":7,"title":"Found a bug","state":"open","comments":3,"locked":false,"user":{"login":"octocat","id":583231},"created_at":"2026-04-10T20:09:31Z","body":"It does not work."}"#;

/// Its length, as the answer says it.
const LENGTH: &str = "192";
const _: () = assert!(DOCUMENT.len() == 192);

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
pub struct Canned;

#[async_trait::async_trait]
impl Transport for Canned {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static(LENGTH));
        let body = ByteStream::from(Bytes::from_static(DOCUMENT.as_bytes()));
        Ok(TransportResponse { status: StatusCode::OK, headers, body })
    }
}

/// A typed client, as a provider writes it.
pub struct Typed {
    environment: Environment,
    client: HttpClient,
}

impl Typed {
    /// A client of the service at this address.
    ///
    /// # Panics
    /// When the address is none.
    pub fn new(environment: Environment, endpoint: &str) -> Self {
        let context = BuildContext::new(environment.clone(), "issues").allow_loopback(true);
        let origin = context.origin(endpoint).expect("an origin");
        let client = context.http(origin).auth(Auth::Bearer(SecretRef::literal("a-token-of-a-usual-length"))).build();
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

/// The policies of a service as they are by default: everything on but a rate limit of one's own.
#[must_use]
pub fn policy(environment: &Environment) -> Policy {
    BuildContext::new(environment.clone(), "issues").policy()
}

/// Answers every request on this machine's own interface, from a thread of its own, with the document.
///
/// # Panics
/// When no port is to be had.
#[must_use]
pub fn serve() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { break };
            std::thread::spawn(move || {
                let _ = connection.set_nodelay(true);
                let length = DOCUMENT.len();
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{DOCUMENT}");
                let (mut buffer, mut filled) = ([0; 4096], 0);
                while let Ok(read @ 1..) = connection.read(&mut buffer[filled..]) {
                    filled += read;
                    if buffer[..filled].ends_with(b"\r\n\r\n") {
                        filled = 0;
                        if connection.write_all(answer.as_bytes()).is_err() {
                            break;
                        }
                    }
                }
            });
        }
    });
    address
}
