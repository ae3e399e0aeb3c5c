//! The addresses of a name, of which none may be refused.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use crate::error::{Error, ErrorKind};
use crate::http::Guard;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Finds the addresses of a host.
///
/// An application brings its own with `HttpTransport::builder().resolver(…)`.
#[async_trait::async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `host`, the preferred ones first.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) of a name that does not exist, which is not asked for again (NXDOMAIN); any other kind of a
    /// failure that may pass (SERVFAIL).
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Who resolves names; the operating system where nobody else is chosen.
#[derive(Clone, Default)]
pub(super) struct Names(Option<Arc<dyn Resolve>>);

impl Names {
    pub(super) fn by(resolver: impl Resolve) -> Self {
        Self(Some(Arc::new(resolver)))
    }

    /// The addresses that a name has at this moment, if the guard allows every one. Who connects takes these and asks no second
    /// time: a name that changes in between changes nothing.
    pub(super) async fn resolve(&self, host: &str, guard: &Guard) -> Result<Vec<SocketAddr>, BoxError> {
        let found = match (host.parse(), &self.0) {
            (Ok(address), _) => Ok(vec![address]),
            (_, Some(resolver)) => resolver.resolve(host).await,
            (_, None) => system(host).await,
        };
        let found = match found {
            Ok(found) if found.is_empty() => return Err(unknown(host).into()),
            Ok(found) => found,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Err(unknown(host).with_source(why).into()),
            Err(why) => return Err(why.into()),
        };
        // The port is the connector's to set.
        Ok(guard.all(host, found)?.into_iter().map(|address| SocketAddr::new(address, 0)).collect())
    }

    /// Why the host of an address may not be connected to; a name is judged when it is resolved. Connectors ask no resolver about
    /// what is an address already.
    pub(super) fn judge(host: &str, guard: &Guard) -> Result<(), Error> {
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => guard.all(host, vec![address]).map(drop),
            Err(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "a resolver" } else { "the system's resolver" })
    }
}

/// What the operating system knows of a name.
async fn system(host: &str) -> io::Result<Vec<IpAddr>> {
    let name: Name = host.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let found = GaiResolver::new().call(name).await.map_err(|why| {
        // The standard library gives the resolver's own words only. These stand for the answer that there is no such name, as opposed
        // to none: EAI_NONAME and EAI_NODATA of glibc and musl, of macOS and the BSDs, and WSAHOST_NOT_FOUND and WSANO_DATA.
        const WORDS: [&str; 4] = ["not known", "No address associated", "does not resolve", "has no usable address"];
        let text = why.to_string();
        let unknown = WORDS.iter().any(|words| text.contains(words)) || matches!(why.raw_os_error(), Some(11001 | 11004));
        if unknown { io::Error::new(io::ErrorKind::NotFound, why) } else { why }
    })?;
    Ok(found.map(|address| address.ip()).collect())
}

/// A name that nobody has is not there a second later either.
fn unknown(host: &str) -> Error {
    Error::new(ErrorKind::Connection, format!("no connection to {host}: no such name is known")).with_retryable(false)
}

/// The resolver of a connector: a guard's.
#[derive(Clone)]
pub(super) struct Guarded {
    names: Names,
    guard: Guard,
}

impl Guarded {
    pub(super) fn new(names: Names, guard: Guard) -> Self {
        Self { names, guard }
    }
}

impl Service<Name> for Guarded {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { names, guard } = self.clone();
        Box::pin(async move { Ok(names.resolve(name.as_str(), &guard).await?.into_iter()) })
    }
}
