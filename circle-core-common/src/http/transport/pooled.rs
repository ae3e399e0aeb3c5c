//! The transport that is used where the application brings none.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;

use super::connect::Connector;
use super::tls::{self, Tls};
use super::upload::Upload;
use super::{Transport, TransportRequest, TransportResponse, answer, failure};
use crate::error::Result;

/// HTTP/1.1 and HTTP/2 over pooled connections: hyper and rustls.
///
/// It follows no redirect, repeats nothing that may have been sent, reads no proxy from the environment, and connects to
/// nothing but the target's origin. One belongs to one tokio runtime: its connections live there.
pub struct HttpTransport {
    client: Client<Connector, Upload>,
}

/// Settings of an [`HttpTransport`].
#[derive(Clone, Debug)]
#[must_use]
pub struct HttpTransportBuilder {
    connect_timeout: Duration,
    idle_timeout: Duration,
    max_idle: usize,
    roots: Vec<CertificateDer<'static>>,
}

impl HttpTransport {
    /// The defaults: 3.1 s to connect, connections closed after 18 s without use, at most 32 idle ones per host.
    pub fn builder() -> HttpTransportBuilder {
        HttpTransportBuilder {
            connect_timeout: super::CONNECT_TIMEOUT,
            idle_timeout: super::IDLE_TIMEOUT,
            max_idle: super::MAX_IDLE,
            roots: Vec::new(),
        }
    }
}

impl HttpTransportBuilder {
    /// How long resolving the name, connecting and the TLS handshake may take together.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a connection is kept without use.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How many unused connections are kept for each host.
    pub fn max_idle_per_host(mut self, count: usize) -> Self {
        self.max_idle = count;
        self
    }

    /// Trusts these root certificates, a PEM text, besides the operating system's.
    ///
    /// # Errors
    /// `ConfigInvalid` when it holds no certificate.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self> {
        self.roots.extend(tls::certificates(pem)?);
        Ok(self)
    }

    /// The transport. Nothing is connected, and no certificate of the system is read, before a request needs it.
    #[must_use]
    pub fn build(self) -> HttpTransport {
        let connector = Connector::new(Tls::new(self.roots), self.connect_timeout);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(self.idle_timeout)
            .pool_max_idle_per_host(self.max_idle)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(super::PING_INTERVAL)
            .http2_keep_alive_timeout(super::PING_TIMEOUT)
            .http2_keep_alive_while_idle(true)
            .build(connector);
        HttpTransport { client }
    }
}

impl Default for HttpTransport {
    fn default() -> Self {
        Self::builder().build()
    }
}

#[async_trait::async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        let TransportRequest { method, target, headers, body, .. } = request;
        let origin = Arc::clone(&target.origin);
        let mut outgoing = Request::new(Upload::from(body));
        *outgoing.method_mut() = method;
        *outgoing.uri_mut() = target.into_uri()?;
        *outgoing.headers_mut() = headers;
        match self.client.request(outgoing).await {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                Ok(TransportResponse { status: parts.status, headers: parts.headers, body: answer::stream(body) })
            }
            Err(error) => Err(failure::request(error, &format!("{}:{}", origin.host(), origin.port()))),
        }
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpTransport")
    }
}
