//! An HTTP/1.1 server whose every byte is a test's.

mod connection;
mod gzip;
mod received;
mod reply;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
pub(crate) use connection::{Connection, Handler, Listener};
pub use received::Received;
pub(crate) use received::{malformed, parse_head};
#[cfg(feature = "http")]
pub(crate) use reply::Http2Fault;
pub use reply::{Break, Place, Reply};

use crate::replies::Replies;

/// A server on loopback that answers as a test says: right, late, in drips, in halves, with garbage, or never.
///
/// ```
/// # use std::time::Duration;
/// # use circle_core_testkit::{Break, FaultServer, Place, Reply};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = FaultServer::start().await?;
/// server.script([
///     Reply::status(503).header("retry-after", "1"),
///     Reply::ok("half of it").breaking(Place::Body(4), Break::Reset),
///     Reply::ok("all of it").after(Duration::from_millis(10)),
/// ]);
/// server.at("/slow").always(Reply::silent());
/// // … a client that calls `server.origin()` …
/// assert_eq!(server.hits(), 0);
/// # Ok(())
/// # }
/// ```
///
/// What is answered, and what arrived, is its [`Replies`]. Real sockets need real time: not under a paused clock. What is
/// held, a request's head and body included, is bounded. Dropped, the server closes its port and all its connections.
pub struct FaultServer {
    listener: Listener,
    replies: Arc<Replies>,
}

impl FaultServer {
    /// Starts a server on a free port of loopback, with nothing scripted.
    ///
    /// # Errors
    /// Why no port can be had.
    pub async fn start() -> std::io::Result<Self> {
        let replies = Arc::new(Replies::default());
        let listener = Listener::start(Arc::clone(&replies) as Arc<dyn Handler>).await?;
        Ok(Self { listener, replies })
    }

    /// Starts a server that accepts connections, and neither reads nor says anything: a tarpit.
    ///
    /// # Errors
    /// Why no port can be had.
    pub async fn tarpit() -> std::io::Result<Self> {
        Ok(Self { listener: Listener::tarpit().await?, replies: Arc::default() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Its origin: `http://127.0.0.1:…`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address())
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.listener.connections()
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.listener.open_connections()
    }

    /// The largest number of requests that were being answered at one time.
    #[must_use]
    pub fn peak_in_flight(&self) -> usize {
        self.listener.peak_in_flight()
    }
}

impl Deref for FaultServer {
    type Target = Replies;

    fn deref(&self) -> &Replies {
        &self.replies
    }
}

impl fmt::Debug for FaultServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultServer({}, {} hits)", self.address(), self.hits())
    }
}

#[async_trait]
impl Handler for Replies {
    async fn handle(&self, request: Received) -> Reply {
        self.reply(request)
    }

    fn interrupt(&self, request: &Received) -> Option<Reply> {
        self.interruption(request)
    }
}
