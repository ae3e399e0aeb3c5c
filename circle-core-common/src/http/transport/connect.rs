//! Connections: name, TCP and TLS within one time limit.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::counted::Counted;
use super::resolve::{Guarded, Names};
use super::tls::Tls;
use crate::http::Guard;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Makes connections, to addresses that a guard allows.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Guarded>,
    guard: Guard,
    tls: Arc<Tls>,
    timeout: Duration,
    only_http1: bool,
}

impl Connector {
    pub(super) fn new(tls: Arc<Tls>, timeout: Duration, names: Names, guard: Guard) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Guarded::new(names, guard.clone()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        // Each address of a name gets its share of it, so that a dead one does not use it up.
        tcp.set_connect_timeout(Some(timeout));
        Self { tcp, guard, tls, timeout, only_http1: false }
    }

    /// Makes connections that speak HTTP/1.1, whatever else the service speaks.
    pub(super) fn only_http1(self) -> Self {
        Self { only_http1: true, ..self }
    }
}

impl Service<Uri> for Connector {
    type Response = Counted<MaybeHttpsStream<TokioIo<TcpStream>>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let mut tcp = self.tcp.clone();
        // The resolver hears of names only.
        let judged = Names::judge(address.host().unwrap_or_default(), &self.guard);
        let (tls, timeout, only_http1) = (Arc::clone(&self.tls), self.timeout, self.only_http1);
        Box::pin(async move {
            judged?;
            let connected = tokio::time::timeout(timeout, async move {
                if address.scheme() == Some(&Scheme::HTTP) {
                    return Ok(MaybeHttpsStream::Http(tcp.call(address).await?));
                }
                let tls = if only_http1 { tls.http1()? } else { tls.config()? };
                HttpsConnector::from((tcp, tls)).call(address).await
            });
            let connected = connected.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
            connected.map(Counted::new)
        })
    }
}
