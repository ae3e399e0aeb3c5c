//! A transport over reqwest, for networks that are left through a proxy.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::{Client, NoProxy, Proxy, Url};

use super::connections::{Connections, connection_setters};
use super::tls::Tls;
use super::upload::Upload;
use super::{Target, Transport, TransportRequest, TransportResponse, answer, failure};
use crate::error::{Error, ErrorKind, Result};

/// HTTP/1.1 and HTTP/2 through HTTP and SOCKS proxies, over reqwest.
///
/// As [`HttpTransport`](super::HttpTransport) it follows no redirect and repeats nothing. The difference is reqwest's
/// address, which rewrites `.` and `..` in a path: a request whose path would be another one is refused, and nothing is
/// sent. Object keys such as `../x` are out of its reach.
///
/// ```
/// use circle_core_common::Environment;
/// use circle_core_common::http::ReqwestTransport;
///
/// let transport = ReqwestTransport::builder().proxy("http://proxy.example.org:3128")?.build()?;
/// let environment = Environment::builder().transport(transport).build();
/// # Ok::<(), circle_core_common::Error>(())
/// ```
pub struct ReqwestTransport {
    client: Client,
}

/// Settings of a [`ReqwestTransport`].
#[must_use]
pub struct ReqwestTransportBuilder {
    connections: Connections,
    proxies: Vec<Proxy>,
    system_proxies: bool,
}

impl ReqwestTransport {
    /// The defaults of [`HttpTransport`](super::HttpTransport); no proxy.
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder { connections: Connections::new(), proxies: Vec::new(), system_proxies: false }
    }
}

impl ReqwestTransportBuilder {
    /// Sends every request through this proxy: `http://`, `https://`, `socks5://` or `socks5h://`, with a user and password
    /// before an `@` where it wants them. Of several, the first that fits is taken.
    ///
    /// # Errors
    /// `ConfigInvalid` when it is no address of a proxy. The message does not repeat the address: a password may be in it.
    pub fn proxy(self, address: &str) -> Result<Self> {
        self.proxy_except(address, &[])
    }

    /// As [`proxy`](Self::proxy), but for these hosts: names, which stand for all below them, and addresses or networks.
    ///
    /// # Errors
    /// As [`proxy`](Self::proxy).
    pub fn proxy_except(mut self, address: &str, direct: &[&str]) -> Result<Self> {
        let invalid = "this is no address of a proxy: write `http://host:port` or `socks5h://host:port`";
        let proxy = Proxy::all(address).map_err(|_| Error::new(ErrorKind::ConfigInvalid, invalid))?;
        self.proxies.push(proxy.no_proxy(NoProxy::from_string(&direct.join(","))));
        Ok(self)
    }

    /// Takes the proxies that the machine names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, and the system's
    /// settings. They are read once, when the transport is built.
    pub fn system_proxies(mut self) -> Self {
        self.system_proxies = true;
        self
    }

    connection_setters!();

    /// The transport.
    ///
    /// # Errors
    /// `ConfigInvalid` when TLS cannot be set up: reqwest wants it before the first connection.
    pub fn build(self) -> Result<ReqwestTransport> {
        let connections = self.connections;
        let tls = Tls::new(connections.roots).config()?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .redirect(reqwest::redirect::Policy::none())
            // Its own retries reach beyond their scope; what is repeated is the policies' business.
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(connections.connect_timeout)
            .pool_idle_timeout(connections.idle_timeout)
            .pool_max_idle_per_host(connections.max_idle)
            .http2_keep_alive_interval(connections.ping_interval)
            .http2_keep_alive_timeout(connections.ping_timeout)
            .http2_keep_alive_while_idle(true);
        if !self.system_proxies {
            builder = builder.no_proxy();
        }
        let client = self.proxies.into_iter().fold(builder, reqwest::ClientBuilder::proxy).build();
        let client = client.map_err(|error| {
            Error::new(ErrorKind::ConfigInvalid, "the HTTP client cannot be set up").with_source(error.without_url())
        })?;
        Ok(ReqwestTransport { client })
    }
}

/// The address, if reqwest sends it byte for byte.
fn exact(target: &Target) -> Result<Url> {
    let refused = || {
        let text = "this transport would send another path than the one asked for: it rewrites `.` and `..`";
        Error::new(ErrorKind::InvalidInput, text)
    };
    let url = Url::parse(&format!("{}{}", target.origin, target.path_and_query)).map_err(|_| refused())?;
    let (path, query) = match target.path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&*target.path_and_query, None),
    };
    if url.path() == path && url.query() == query { Ok(url) } else { Err(refused()) }
}

#[async_trait::async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        let TransportRequest { method, target, headers, body, .. } = request;
        let origin = Arc::clone(&target.origin);
        let mut outgoing = reqwest::Request::new(method, exact(&target)?);
        *outgoing.headers_mut() = headers;
        if !matches!(body, super::TransportBody::Empty) {
            *outgoing.body_mut() = Some(reqwest::Body::wrap(Shared(Mutex::new(body.into()))));
        }
        match self.client.execute(outgoing).await {
            Ok(response) => {
                let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
                let version = Some(parts.version);
                Ok(TransportResponse { status: parts.status, headers: parts.headers, body: answer::stream(body), version })
            }
            Err(error) => Err(failure::request(error.without_url(), &format!("{}:{}", origin.host(), origin.port()))),
        }
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestTransport")
    }
}

impl fmt::Debug for ReqwestTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReqwestTransportBuilder({} proxies)", self.proxies.len())
    }
}

/// An upload that is `Sync`, as reqwest wants it. Nobody ever waits for the lock: one task has the body.
struct Shared(Mutex<Upload>);

impl Body for Shared {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let upload = self.get_mut().0.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(upload).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_ok_and(|upload| upload.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().map_or_else(|_| SizeHint::new(), |upload| upload.size_hint())
    }
}
