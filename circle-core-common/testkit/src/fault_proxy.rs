//! A real server, seen through a bad network.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use circle_core_common::suite::{Fault, Faults};
use tokio::net::TcpStream;

use crate::fault_server::{Break, Connection, Handler, Listener, Place, Received, Reply, malformed, parse_head};

/// Stands between a client and a real HTTP/1.1 server, and breaks the requests that a test says: the
/// [`faults`](circle_core_common::suite::Subject::faults) of a subject on a live server.
///
/// A request goes on byte for byte, so that its signature holds; the answer comes back with its status, headers and
/// content, in framing of the proxy's own. Both are held whole. An injected fault happens to one *request*: where a
/// client repeats requests, one call can meet several.
///
/// ```no_run
/// # use circle_core_testkit::{Fault, FaultProxy, Faults as _};
/// # async fn f() -> std::io::Result<()> {
/// let proxy = FaultProxy::start(([127, 0, 0, 1], 9000).into()).await?;
/// proxy.inject(Fault::LoseAnswer); // the next request is done, and its answer is lost
/// proxy.hold(Fault::CutBefore); // and then the network is down
/// proxy.release(); // until now
/// # Ok(())
/// # }
/// ```
pub struct FaultProxy {
    listener: Listener,
    path: Arc<Path>,
}

struct Path {
    upstream: SocketAddr,
    faults: Mutex<Injected>,
    refusal: Refusal,
    has_content: Condition,
    hits: AtomicUsize,
    forwarded: AtomicUsize,
}

#[derive(Default)]
struct Injected {
    next: VecDeque<Fault>,
    held: Option<Fault>,
}

type Refusal = Box<dyn Fn(&Fault) -> Option<Reply> + Send + Sync>;
type Condition = Box<dyn Fn(&Received) -> bool + Send + Sync>;

impl FaultProxy {
    /// Starts a proxy before the server at this address.
    ///
    /// # Errors
    /// Why no port can be had.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        Self::speaking(upstream, |_| None, |request| request.method == "GET").await
    }

    /// Starts a proxy that speaks the server's language.
    ///
    /// `refusal` gives what the server says where it refuses: for [`Fault::RefuseConflicting`], [`Fault::Throttle`],
    /// [`Fault::Unavailable`] and [`Fault::NoContainer`]; `None` is an empty 409, 429 with `retry-after`, 503 or 404.
    /// `has_content` says which requests are answered with content, the ones that [`Fault::CutBody`] and
    /// [`Fault::TruncateBody`] are about.
    ///
    /// # Errors
    /// Why no port can be had.
    pub async fn speaking(
        upstream: SocketAddr,
        refusal: impl Fn(&Fault) -> Option<Reply> + Send + Sync + 'static,
        has_content: impl Fn(&Received) -> bool + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let path = Arc::new(Path {
            upstream,
            faults: Mutex::default(),
            refusal: Box::new(refusal),
            has_content: Box::new(has_content),
            hits: AtomicUsize::new(0),
            forwarded: AtomicUsize::new(0),
        });
        let listener = Listener::start(Arc::clone(&path) as Arc<dyn Handler>).await?;
        Ok(Self { listener, path })
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

    /// Has a fault happen to every request from now on that no injected one happens to.
    pub fn hold(&self, fault: Fault) {
        self.path.faults().held = Some(fault);
    }

    /// Ends what [`hold`](Self::hold) began, and forgets the faults that were injected and have not happened.
    pub fn release(&self) {
        *self.path.faults() = Injected::default();
    }

    /// How many injected faults have not happened yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.path.faults().next.len()
    }

    /// How many requests came.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.path.hits.load(Ordering::SeqCst)
    }

    /// How many of them the server got.
    #[must_use]
    pub fn forwarded(&self) -> usize {
        self.path.forwarded.load(Ordering::SeqCst)
    }
}

impl Faults for FaultProxy {
    fn inject(&self, fault: Fault) {
        self.path.faults().next.push_back(fault);
    }

    fn clear(&self) {
        self.path.faults().next.clear();
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultProxy({} before {}, {} hits)", self.address(), self.path.upstream, self.hits())
    }
}

#[async_trait]
impl Handler for Path {
    async fn handle(&self, request: Received) -> Reply {
        self.hits.fetch_add(1, Ordering::SeqCst);
        match self.fault(&request) {
            Some(fault) => self.broken(fault, &request).await,
            None => self.forward(&request).await,
        }
    }
}

impl Path {
    fn faults(&self) -> MutexGuard<'_, Injected> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, request: &Received) -> Option<Fault> {
        let applies = |fault: &Fault| match fault {
            Fault::CutBody { .. } | Fault::TruncateBody { .. } => (self.has_content)(request),
            _ => true,
        };
        let mut faults = self.faults();
        match faults.next.front() {
            Some(next) if applies(next) => faults.next.pop_front(),
            _ => faults.held.clone().filter(applies),
        }
    }

    async fn broken(&self, fault: Fault, request: &Received) -> Reply {
        let refusal = || (self.refusal)(&fault);
        match &fault {
            Fault::CutBefore => Reply::reset(),
            Fault::Silent => Reply::silent(),
            Fault::LoseAnswer => {
                drop(self.forward(request).await);
                Reply::reset()
            }
            Fault::CutBody { after } => self.forward(request).await.breaking(Place::Body(*after), Break::Reset),
            // Announced whole, and ended as an answer ends: nothing but the announcement tells.
            Fault::TruncateBody { after } => self.forward(request).await.breaking(Place::Body(*after), Break::Close),
            Fault::Delay { by } => self.forward(request).await.after(*by),
            Fault::RefuseConflicting => refusal().unwrap_or_else(|| Reply::status(409)),
            Fault::Throttle { retry_after } => refusal().unwrap_or_else(|| {
                let seconds = retry_after.as_millis().div_ceil(1000);
                Reply::status(429).header("retry-after", seconds.to_string())
            }),
            Fault::Unavailable => refusal().unwrap_or_else(|| Reply::status(503)),
            Fault::NoContainer => refusal().unwrap_or_else(|| Reply::status(404)),
            // A fault that is added later must not pass as none.
            _ => Reply::status(501).body(format!("the proxy cannot make {fault:?}")),
        }
    }

    /// What the server says; a server that fails is one that resets.
    async fn forward(&self, request: &Received) -> Reply {
        self.forwarded.fetch_add(1, Ordering::SeqCst);
        self.ask(request).await.unwrap_or_else(|_| Reply::reset())
    }

    async fn ask(&self, request: &Received) -> io::Result<Reply> {
        let mut upstream = Connection::new(TcpStream::connect(self.upstream).await?, 0);
        upstream.send(&request.raw).await?;
        loop {
            let head = upstream.head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let (line, headers) = parse_head(&head)?;
            let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
            let status: u16 = status.ok_or_else(|| malformed("the status line"))?;
            if status < 200 {
                continue;
            }
            let bodiless = request.method == "HEAD" || matches!(status, 204 | 304);
            let content = match bodiless {
                true => Default::default(),
                false => upstream.body(&headers, usize::MAX).await?.0,
            };
            let of_the_connection = |name: &str| {
                ["connection", "keep-alive", "transfer-encoding"].iter().any(|other| name.eq_ignore_ascii_case(other))
                    || (!bodiless && name.eq_ignore_ascii_case("content-length"))
            };
            let headers = headers.into_iter().filter(|(name, _)| !of_the_connection(name));
            return Ok(headers.fold(Reply::status(status).body(content), |reply, (name, value)| reply.header(name, value)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::FaultServer;

    const REQUEST: &str = "PUT /a?b=%20 HTTP/1.1\r\nHost: signed\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";

    async fn send(proxy: &FaultProxy, request: &str) -> String {
        let mut stream = TcpStream::connect(proxy.address()).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut bytes = Vec::new();
        // The proxy keeps connections, so that only what breaks ends soon.
        let reading = tokio::time::timeout(Duration::from_millis(100), stream.read_to_end(&mut bytes));
        let end = match reading.await {
            Ok(Ok(_)) => "closed",
            Ok(Err(_)) => "reset",
            Err(_) => "open",
        };
        format!("{} {end}", String::from_utf8_lossy(&bytes))
    }

    async fn behind(reply: Reply) -> io::Result<(FaultServer, FaultProxy)> {
        let server = FaultServer::start().await?;
        server.always(reply);
        let refusal = |fault: &Fault| (*fault == Fault::NoContainer).then(|| Reply::status(404).body("NoSuchBucket"));
        let proxy = FaultProxy::speaking(server.address(), refusal, |request| request.method == "GET").await?;
        Ok((server, proxy))
    }

    #[tokio::test]
    async fn without_faults_requests_and_answers_pass() -> io::Result<()> {
        let (server, proxy) = behind(Reply::ok("content").header("etag", "\"1\"").chunked()).await?;
        let answer = send(&proxy, REQUEST).await;
        assert_eq!(answer, "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 7\r\n\r\ncontent open");
        let head = send(&proxy, "HEAD / HTTP/1.1\r\n\r\n").await;
        assert!(head.ends_with("\r\n\r\n open"), "{head}");
        assert_eq!(server.received()[0].raw, REQUEST.as_bytes());
        assert_eq!((proxy.hits(), proxy.forwarded(), server.hits()), (2, 2, 2));
        drop(server);
        assert_eq!(send(&proxy, REQUEST).await, " reset", "a server that is gone");
        Ok(())
    }

    #[tokio::test]
    async fn every_fault_happens_once_and_in_order() -> io::Result<()> {
        let (server, proxy) = behind(Reply::ok("content")).await?;
        let get = "GET / HTTP/1.1\r\n\r\n";
        let slow = Duration::from_millis(50);
        let cases = [
            (Fault::LoseAnswer, " reset", 1),
            (Fault::CutBefore, " reset", 0),
            (Fault::Silent, " open", 0),
            (Fault::CutBody { after: 3 }, "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ncon reset", 1),
            (Fault::TruncateBody { after: 3 }, "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ncon closed", 1),
            (Fault::RefuseConflicting, "HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n open", 0),
            (Fault::Unavailable, "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n open", 0),
            (Fault::NoContainer, "HTTP/1.1 404 Not Found\r\ncontent-length: 12\r\n\r\nNoSuchBucket open", 0),
            (
                Fault::Throttle { retry_after: Duration::from_millis(1500) },
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n open",
                0,
            ),
            (Fault::Delay { by: slow }, "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ncontent open", 1),
        ];
        for (fault, _, _) in &cases {
            proxy.inject(fault.clone());
        }
        assert_eq!(proxy.pending(), cases.len());
        let began = Instant::now();
        for (fault, expected, forwarded) in cases {
            let before = server.hits();
            assert_eq!((send(&proxy, get).await.as_str(), server.hits() - before), (expected, forwarded), "{fault:?}");
        }
        assert!(began.elapsed() >= slow && proxy.pending() == 0);
        Ok(())
    }

    #[tokio::test]
    async fn a_fault_of_content_waits_for_content_and_a_held_one_for_its_release() -> io::Result<()> {
        let (_server, proxy) = behind(Reply::ok("content")).await?;
        proxy.inject(Fault::CutBody { after: 0 });
        assert!(send(&proxy, REQUEST).await.ends_with("content open"));
        proxy.hold(Fault::CutBefore);
        for _ in 0..2 {
            assert_eq!(send(&proxy, REQUEST).await, " reset");
        }
        assert_eq!(proxy.pending(), 1);
        proxy.release();
        assert!(send(&proxy, "GET / HTTP/1.1\r\n\r\n").await.ends_with("content open"));
        Ok(())
    }
}
