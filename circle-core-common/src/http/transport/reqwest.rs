//! A transport over reqwest, for networks that are left through a proxy.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, NoProxy, Proxy, Url};

use super::connections::{Connections, connection_setters};
use super::identity::TlsIdentity;
use super::pools::Pools;
use super::resolve::Names;
use super::tls::Tls;
use super::upload::Upload;
use super::{Target, Transport, TransportRequest, TransportResponse, answer, failure};
use crate::error::{Error, ErrorKind, Result};
use crate::http::Guard;

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
///
/// Behind a proxy it is the proxy that resolves names and connects: what addresses they may have is the proxy's to say. Without
/// one, and for hosts that go around it, the guard of the origin holds here too.
pub struct ReqwestTransport {
    settings: ReqwestTransportBuilder,
    tls: Arc<Tls>,
    pools: Pools<Client>,
}

/// Settings of a [`ReqwestTransport`].
#[must_use]
pub struct ReqwestTransportBuilder {
    connections: Connections,
    proxies: Vec<Proxy>,
    /// The hosts of the proxies, which may be anywhere: the operator named them.
    proxy_hosts: Arc<[Box<str>]>,
    system_proxies: bool,
}

impl ReqwestTransport {
    /// The defaults of [`HttpTransport`](super::HttpTransport); no proxy.
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder {
            connections: Connections::new(),
            proxies: Vec::new(),
            proxy_hosts: Arc::default(),
            system_proxies: false,
        }
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
        self.proxy_hosts = self.proxy_hosts.iter().cloned().chain(host_of(address)).collect();
        Ok(self)
    }

    /// Takes the proxies that the machine names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, and the system's
    /// settings. One in a private network that none of these variables names is refused: give it to [`proxy`](Self::proxy).
    pub fn system_proxies(mut self) -> Self {
        let variables = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].into_iter();
        let named = variables.flat_map(|name| [std::env::var(name), std::env::var(name.to_ascii_lowercase())]).flatten();
        let hosts = named.filter_map(|address| host_of(&address));
        self.proxy_hosts = self.proxy_hosts.iter().cloned().chain(hosts).collect();
        self.system_proxies = true;
        self
    }

    connection_setters!();

    /// The transport.
    ///
    /// # Errors
    /// `ConfigInvalid` when TLS cannot be set up: reqwest wants it before the first connection.
    pub fn build(mut self) -> Result<ReqwestTransport> {
        let tls = Arc::new(Tls::new(std::mem::take(&mut self.connections.roots)));
        let transport = ReqwestTransport { settings: self, tls, pools: Pools::new() };
        transport.pool(&Guard::new(), None)?;
        Ok(transport)
    }
}

impl ReqwestTransport {
    fn pool(&self, guard: &Guard, identity: Option<&TlsIdentity>) -> Result<Arc<Client>> {
        let ReqwestTransportBuilder { connections, proxies, proxy_hosts, system_proxies } = &self.settings;
        self.pools.of(guard, identity, || {
            let tls = self.tls.showing(identity).config()?;
            let resolver =
                Resolver { names: connections.names.clone(), guard: guard.clone(), proxy_hosts: Arc::clone(proxy_hosts) };
            let mut builder = Client::builder()
                .tls_backend_preconfigured((*tls).clone())
                .dns_resolver(resolver)
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
            if !system_proxies {
                builder = builder.no_proxy();
            }
            let client = proxies.iter().cloned().fold(builder, reqwest::ClientBuilder::proxy).build();
            client.map_err(|error| {
                Error::new(ErrorKind::ConfigInvalid, "the HTTP client cannot be set up").with_source(error.without_url())
            })
        })
    }
}

/// The host of a proxy's address.
fn host_of(address: &str) -> Option<Box<str>> {
    let whole = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    Url::parse(&whole).ok()?.host_str().map(|host| host.to_ascii_lowercase().into())
}

/// The guard of the origin, but for the proxies themselves.
struct Resolver {
    names: Names,
    guard: Guard,
    proxy_hosts: Arc<[Box<str>]>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxy_hosts.iter().any(|host| host.eq_ignore_ascii_case(name.as_str()));
        let guard = if is_proxy { Guard::new().loopback(true).private(true) } else { self.guard.clone() };
        let names = self.names.clone();
        Box::pin(async move {
            let found = names.resolve(name.as_str(), &guard).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
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
        let TransportRequest { method, target, headers, body, extensions, .. } = request;
        let origin = Arc::clone(&target.origin);
        let client = self.pool(origin.guard(), extensions.get::<TlsIdentity>())?;
        let place = || format!("{}:{}", origin.host(), origin.port());
        // The resolver hears of names only.
        Names::judge(origin.host(), origin.guard())?;
        let mut outgoing = reqwest::Request::new(method, exact(&target)?);
        *outgoing.headers_mut() = headers;
        if !matches!(body, super::TransportBody::Empty) {
            *outgoing.body_mut() = Some(reqwest::Body::wrap(Shared(Mutex::new(body.into()))));
        }
        match client.execute(outgoing).await {
            Ok(response) => {
                let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
                let version = Some(parts.version);
                Ok(TransportResponse { status: parts.status, headers: parts.headers, body: answer::stream(body), version })
            }
            Err(error) => Err(failure::request(error.without_url(), &place())),
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
