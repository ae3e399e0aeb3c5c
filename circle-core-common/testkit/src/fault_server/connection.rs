//! Listening, and one connection after another request by request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use super::received::{Received, find, malformed, parse_head};
use super::reply::{Break, End, Place, Reply};

/// The longest head of a message.
const LONGEST_HEAD: usize = 256 * 1024;
/// The longest body that is held.
pub(crate) const LONGEST_BODY: usize = 128 * 1024 * 1024;
/// How long what was sent has to arrive: a reset that overtakes it takes its place.
const BEFORE_RESET: Duration = Duration::from_millis(20);
/// How many connections are served at a time; others wait to be accepted.
const MOST_CONNECTIONS: usize = 4096;
/// What a body is filled up with, piece by piece.
static FILLER: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Decides what a request is answered with.
#[async_trait]
pub(crate) trait Handler: Send + Sync + 'static {
    async fn handle(&self, request: Received) -> Reply;

    /// What a request with a body is answered with before its body is read.
    fn interrupt(&self, _: &Received) -> Option<Reply> {
        None
    }
}

/// A port of loopback, served until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    counts: Arc<Counts>,
    serving: AbortHandle,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
    in_flight: AtomicUsize,
    peak: AtomicUsize,
}

/// Counts for as long as it lives.
struct Counted<'c>(&'c AtomicUsize);

impl<'c> Counted<'c> {
    fn new(count: &'c AtomicUsize) -> (Self, usize) {
        let now = count.fetch_add(1, Ordering::SeqCst) + 1;
        (Self(count), now)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Listener {
    pub(crate) async fn start(handler: Arc<dyn Handler>) -> io::Result<Self> {
        Self::open(Some(handler)).await
    }

    /// A port whose connections are accepted, and never looked at.
    pub(crate) async fn tarpit() -> io::Result<Self> {
        Self::open(None).await
    }

    async fn open(handler: Option<Arc<dyn Handler>>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let serving = tokio::spawn(accept(listener, handler, Arc::clone(&counts))).abort_handle();
        Ok(Self { address, counts, serving })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connections(&self) -> usize {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    pub(crate) fn peak_in_flight(&self) -> usize {
        self.counts.peak.load(Ordering::SeqCst)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The connections are tasks of a set, so that they end with it.
async fn accept(listener: TcpListener, handler: Option<Arc<dyn Handler>>, counts: Arc<Counts>) {
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely; the connections that end give some back.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let number = counts.accepted.fetch_add(1, Ordering::SeqCst);
        let (handler, counts) = (handler.clone(), Arc::clone(&counts));
        connections.spawn(async move {
            let _permit = permit;
            let _open = Counted::new(&counts.open);
            // Pieces are sent when they are written, not when they fill a packet.
            let _ = stream.set_nodelay(true);
            let Some(handler) = handler else { return std::future::pending().await };
            // A client that goes away is no failure of the server's.
            let _ = Connection::new(stream, number).serve(&*handler, &counts).await;
        });
    }
}

fn has_body(headers: &[(String, String)]) -> bool {
    let length = find(headers, "content-length");
    length.is_some_and(|length| length != "0") || find(headers, "transfer-encoding").is_some()
}

/// What follows an answer.
enum Next {
    Request,
    Nothing,
}

/// One side of a connection, with what has arrived and was not used yet.
pub(crate) struct Connection {
    stream: TcpStream,
    arrived: BytesMut,
    number: usize,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, number: usize) -> Self {
        Self { stream, arrived: BytesMut::new(), number }
    }

    async fn serve(mut self, handler: &dyn Handler, counts: &Counts) -> io::Result<()> {
        while let Some(mut request) = self.request_head().await? {
            let is_head = request.method == "HEAD";
            if has_body(&request.headers)
                && let Some(reply) = handler.interrupt(&request)
            {
                let read = usize::try_from(reply.reading).unwrap_or(usize::MAX);
                while self.arrived.len() < read && self.more().await? {}
                self.arrived.clear();
                self.answer(&reply.closing(), is_head).await?;
                return self.until_client_closes().await;
            }
            self.request_body(&mut request).await?;
            let (_in_flight, now) = Counted::new(&counts.in_flight);
            counts.peak.fetch_max(now, Ordering::SeqCst);
            let reply = handler.handle(request).await;
            match self.answer(&reply, is_head).await? {
                Next::Request => {}
                Next::Nothing => return Ok(()),
            }
        }
        Ok(())
    }

    /// A connection that is closed while the client sends is reset, and the reset takes the answer's place.
    async fn until_client_closes(&mut self) -> io::Result<()> {
        if self.stream.linger()? == Some(Duration::ZERO) {
            return Ok(());
        }
        loop {
            self.arrived.clear();
            if !self.more().await? {
                return Ok(());
            }
        }
    }

    /// The next request without its body; `None` when the client has closed the connection.
    async fn request_head(&mut self) -> io::Result<Option<Received>> {
        let Some(raw) = self.head().await? else { return Ok(None) };
        let (first, headers) = parse_head(&raw)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target), Some(_)) = (words.next(), words.next(), words.next()) else {
            return Err(malformed("the request line"));
        };
        let (method, target) = (method.to_owned(), target.to_owned());
        let (connection, at) = (self.number, Instant::now());
        Ok(Some(Received { method, target, headers, body: Bytes::new(), connection, at, raw }))
    }

    async fn request_body(&mut self, request: &mut Received) -> io::Result<()> {
        if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let (body, framed) = self.body(&request.headers, 0).await?;
        if !framed.is_empty() {
            request.raw = [request.raw.as_ref(), &framed].concat().into();
        }
        request.body = body;
        request.at = Instant::now();
        Ok(())
    }

    /// The next head, blank line included; `None` when the connection ends before it.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Bytes>> {
        let mut seen = 0;
        loop {
            if let Some(end) = self.arrived[seen..].windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(Some(self.arrived.split_to(seen + end + 4).freeze()));
            }
            seen = self.arrived.len().saturating_sub(3);
            if self.arrived.len() > LONGEST_HEAD {
                return Err(malformed("the head is too long"));
            }
            if self.stream.read_buf(&mut self.arrived).await? == 0 {
                return if self.arrived.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// The body that these headers announce, as content and as it came. Without an announcement there are so many
    /// bytes; `usize::MAX` is all until the end.
    pub(crate) async fn body(&mut self, headers: &[(String, String)], otherwise: usize) -> io::Result<(Bytes, Bytes)> {
        if find(headers, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return self.chunks().await;
        }
        let length = match find(headers, "content-length") {
            Some(length) => length.parse().map_err(|_| malformed("the content length"))?,
            None => otherwise,
        };
        let body = if length == usize::MAX {
            while self.more().await? {}
            self.arrived.split().freeze()
        } else {
            self.take(length).await?
        };
        Ok((body.clone(), body))
    }

    async fn chunks(&mut self) -> io::Result<(Bytes, Bytes)> {
        let (mut content, mut framed) = (BytesMut::new(), BytesMut::new());
        loop {
            let line = self.line().await?;
            let text = std::str::from_utf8(&line).unwrap_or_default();
            let size = text.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| malformed("the size of a chunk"))?;
            framed.extend_from_slice(&line);
            if size == 0 {
                // Trailers, up to the blank line.
                loop {
                    let line = self.line().await?;
                    framed.extend_from_slice(&line);
                    if line.as_ref() == b"\r\n" {
                        return Ok((content.freeze(), framed.freeze()));
                    }
                }
            }
            let chunk = self.take(size.saturating_add(2)).await?;
            content.extend_from_slice(&chunk[..size]);
            framed.extend_from_slice(&chunk);
            if framed.len() > LONGEST_BODY {
                return Err(malformed("the body is too long"));
            }
        }
    }

    /// A line with its end.
    async fn line(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(end) = self.arrived.windows(2).position(|two| two == b"\r\n") {
                return Ok(self.arrived.split_to(end + 2).freeze());
            }
            if self.arrived.len() > LONGEST_HEAD || !self.more().await? {
                return Err(malformed("a line without an end"));
            }
        }
    }

    /// Exactly so many bytes.
    async fn take(&mut self, length: usize) -> io::Result<Bytes> {
        if length > LONGEST_BODY {
            return Err(malformed("the body is too long"));
        }
        while self.arrived.len() < length {
            if !self.more().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.arrived.split_to(length).freeze())
    }

    /// Whether more arrived before the end.
    async fn more(&mut self) -> io::Result<bool> {
        if self.arrived.len() > LONGEST_BODY {
            return Err(malformed("the body is too long"));
        }
        Ok(self.stream.read_buf(&mut self.arrived).await? > 0)
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    async fn answer(&mut self, reply: &Reply, is_head: bool) -> io::Result<Next> {
        tokio::time::sleep(reply.delay).await;
        let (head, body) = match &reply.raw {
            Some(raw) => (Bytes::new(), raw.clone()),
            None => (reply.head().into(), reply.framed_body(is_head)),
        };
        let (head_end, sent) = match reply.broken {
            None => (head.len(), u64::MAX),
            Some((Place::Start, _)) => (0, 0),
            Some((Place::Head, _)) => (head.len() / 2, 0),
            Some((Place::Body(sent), _)) => (head.len(), sent),
        };
        let body_end = body.len().min(usize::try_from(sent).unwrap_or(usize::MAX));
        match reply.head_pace {
            Some(each) => self.drip(&head[..head_end], 1, each).await?,
            None => self.send(&head[..head_end]).await?,
        }
        match reply.body_pace {
            Some((bytes, each)) => self.drip(&body[..body_end], bytes, each).await?,
            None => self.send(&body[..body_end]).await?,
        }
        self.fill(reply.filling(is_head).min(sent - body_end as u64)).await?;
        match reply.broken {
            Some((_, how)) => self.break_off(how).await,
            None => self.end(reply.end).await,
        }
    }

    async fn drip(&mut self, bytes: &[u8], at_once: usize, each: Duration) -> io::Result<()> {
        for (number, piece) in bytes.chunks(at_once).enumerate() {
            if number > 0 {
                tokio::time::sleep(each).await;
            }
            self.send(piece).await?;
        }
        Ok(())
    }

    async fn fill(&mut self, bytes: u64) -> io::Result<()> {
        let mut left = bytes;
        while left > 0 {
            let piece = FILLER.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.send(&FILLER[..piece]).await?;
            left -= piece as u64;
        }
        Ok(())
    }

    async fn break_off(&mut self, how: Break) -> io::Result<Next> {
        match how {
            Break::Close => self.stream.shutdown().await?,
            Break::Reset => {
                tokio::time::sleep(BEFORE_RESET).await;
                self.stream.set_zero_linger()?;
            }
            Break::Stall => while self.more().await? {},
        }
        Ok(Next::Nothing)
    }

    async fn end(&mut self, end: End) -> io::Result<Next> {
        match end {
            End::Keep => return Ok(Next::Request),
            End::Close => self.stream.shutdown().await?,
            End::CloseOnReuse => {
                if self.arrived.is_empty() {
                    self.more().await?;
                }
            }
        }
        Ok(Next::Nothing)
    }
}
