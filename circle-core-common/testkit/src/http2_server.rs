//! An HTTP/2 server over TLS, and the ways in which one ends streams and connections.

mod certificate;
mod connection;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

pub use self::certificate::Certificate;
use crate::replies::Replies;

/// An HTTP/2 server on loopback that answers as a test says: [`Reply::refused_stream`](crate::Reply::refused_stream),
/// [`Reply::go_away`](crate::Reply::go_away), [`Reply::black_hole`](crate::Reply::black_hole), and every reply that a
/// [`FaultServer`](crate::FaultServer) gives, but for framing and pace of the head, which HTTP/2 has not.
///
/// ```
/// # use circle_core_common::{Environment, http::HttpTransport};
/// # use circle_core_testkit::{Http2Server, Reply};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Http2Server::start().await?;
/// server.script([Reply::refused_stream(), Reply::ok("looked at")]);
/// let transport = HttpTransport::builder().root_certificates(server.root().as_bytes())?.build();
/// let environment = Environment::builder().transport(transport).build();
/// // … a client in that environment that calls `server.origin()` …
/// assert_eq!((server.hits(), server.connections()), (0, 0));
/// # Ok(())
/// # }
/// ```
///
/// What is answered, and what arrived, is its [`Replies`]. Dropped, it closes its port and all its connections.
pub struct Http2Server {
    address: SocketAddr,
    root: String,
    replies: Arc<Replies>,
    accepted: Arc<AtomicUsize>,
    serving: AbortHandle,
}

impl Http2Server {
    /// Starts a server on a free port of loopback, with a good certificate and nothing scripted.
    ///
    /// # Errors
    /// Why no port or no certificate can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(&Certificate::of("localhost")?).await
    }

    /// Starts a server with this certificate.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(certificate: &Certificate) -> io::Result<Self> {
        let acceptor = certificate.acceptor()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, replies, accepted) = (listener.local_addr()?, Arc::<Replies>::default(), Arc::<AtomicUsize>::default());
        let (served, counted) = (Arc::clone(&replies), Arc::clone(&accepted));
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let number = counted.fetch_add(1, Ordering::SeqCst);
                connections.spawn(connection::serve(stream, acceptor.clone(), Arc::clone(&served), number));
            }
        });
        Ok(Self { address, root: certificate.pem().to_owned(), replies, accepted, serving: serving.abort_handle() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its origin: `https://localhost:…`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Its certificate, which is its own root, as PEM.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// How many connections were accepted, those included whose handshake failed.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Deref for Http2Server {
    type Target = Replies;

    fn deref(&self) -> &Replies {
        &self.replies
    }
}

impl Drop for Http2Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl fmt::Debug for Http2Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http2Server({}, {} hits)", self.address, self.hits())
    }
}
