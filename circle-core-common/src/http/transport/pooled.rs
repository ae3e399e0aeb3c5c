//! The transport that is used where the application brings none.

use std::fmt;
use std::sync::Arc;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::connect::Connector;
use super::connections::{Connections, connection_setters};
use super::identity::TlsIdentity;
use super::pools::Pools;
use super::tls::Tls;
use super::upload::Upload;
use super::{RawConnection, Transport, TransportRequest, TransportResponse, TransportUpgrade, answer, failure};
use crate::error::Result;
use crate::http::Origin;
use crate::http::upload::Progress;

/// HTTP/1.1 and HTTP/2 over pooled connections: hyper and rustls.
///
/// It follows no redirect, repeats nothing that may have been sent, reads no proxy from the environment, and connects to
/// nothing but the target's origin, at addresses that the origin's [`Guard`](crate::http::Guard) allows. One belongs to one tokio
/// runtime: its connections live there.
pub struct HttpTransport {
    connections: Connections,
    tls: Arc<Tls>,
    pools: Pools<Pool>,
}

struct Pool {
    client: Client<Connector, Upload>,
    /// For connections that leave HTTP; the others are shared by HTTP/2.
    upgrading: Client<Connector, Upload>,
}

/// Settings of an [`HttpTransport`].
#[derive(Clone, Debug)]
#[must_use]
pub struct HttpTransportBuilder {
    connections: Connections,
}

impl HttpTransport {
    /// The defaults: 3.1 s to connect, connections closed after 18 s without use, at most 32 idle ones per host.
    pub fn builder() -> HttpTransportBuilder {
        HttpTransportBuilder { connections: Connections::new() }
    }
}

impl HttpTransportBuilder {
    connection_setters!();

    /// The transport. Nothing is connected, and no certificate of the system is read, before a request needs it.
    #[must_use]
    pub fn build(self) -> HttpTransport {
        let mut connections = self.connections;
        let tls = Arc::new(Tls::new(std::mem::take(&mut connections.roots)));
        HttpTransport { connections, tls, pools: Pools::new() }
    }
}

impl HttpTransport {
    fn pool(&self, request: &TransportRequest) -> Result<Arc<Pool>> {
        let (guard, identity) = (request.target.origin.guard(), request.extensions.get::<TlsIdentity>());
        self.pools.of(guard, identity, || {
            let connections = &self.connections;
            let (tls, names) = (self.tls.showing(identity), connections.names.clone());
            let connector = Connector::new(tls, connections.connect_timeout, names, guard.clone());
            let client = Client::builder(TokioExecutor::new())
                .pool_idle_timeout(connections.idle_timeout)
                .pool_max_idle_per_host(connections.max_idle)
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .http2_keep_alive_interval(connections.ping_interval)
                .http2_keep_alive_timeout(connections.ping_timeout)
                .http2_keep_alive_while_idle(true)
                .build(connector.clone());
            // What has left HTTP does not come back: there is nothing to keep.
            let upgrading = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector.only_http1());
            Ok(Pool { client, upgrading })
        })
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
        let pool = self.pool(&request)?;
        Ok(received(request_by(&pool.client, request).await?))
    }

    async fn upgrade(&self, request: TransportRequest) -> Result<TransportUpgrade> {
        let origin = Arc::clone(&request.target.origin);
        let pool = self.pool(&request)?;
        let mut response = request_by(&pool.upgrading, request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(TransportUpgrade::Answered(received(response)));
        }
        let upgraded = hyper::upgrade::on(&mut response).await;
        let upgraded = upgraded.map_err(|error| failure::request(error, &place(&origin)))?;
        let connection = RawConnection::new(TokioIo::new(upgraded));
        Ok(TransportUpgrade::Switched { headers: std::mem::take(response.headers_mut()), connection })
    }
}

async fn request_by(client: &Client<Connector, Upload>, request: TransportRequest) -> Result<http::Response<Incoming>> {
    let TransportRequest { method, target, headers, body, mut extensions, .. } = request;
    let origin = Arc::clone(&target.origin);
    let mut outgoing = Request::new(Upload::from(body));
    if let Some(progress) = extensions.remove::<Arc<Progress>>() {
        let connection = capture_connection(&mut outgoing);
        outgoing.body_mut().tell(progress, connection);
    }
    *outgoing.method_mut() = method;
    *outgoing.uri_mut() = target.into_uri()?;
    *outgoing.headers_mut() = headers;
    client.request(outgoing).await.map_err(|error| failure::request(error, &place(&origin)))
}

fn received(response: http::Response<Incoming>) -> TransportResponse {
    let (parts, body) = response.into_parts();
    let version = Some(parts.version);
    TransportResponse { status: parts.status, headers: parts.headers, body: answer::stream(body), version }
}

fn place(origin: &Origin) -> String {
    format!("{}:{}", origin.host(), origin.port())
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpTransport")
    }
}
