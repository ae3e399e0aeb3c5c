//! What a request is answered with, and how.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::gzip;

/// An answer of a [`FaultServer`](crate::FaultServer): what it says, how fast, and where it breaks.
#[derive(Clone)]
#[must_use]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) framing: Framing,
    pub(super) delay: Duration,
    /// Of a request that is interrupted, how many bytes of its body are read before.
    pub(super) reading: u64,
    /// How long each byte of the head takes.
    pub(super) head_pace: Option<Duration>,
    /// So many bytes of the body, and how long they take.
    pub(super) body_pace: Option<(usize, Duration)>,
    pub(super) broken: Option<(Place, Break)>,
    pub(super) end: End,
    /// All of it, instead of everything above but delay and break.
    pub(super) raw: Option<Bytes>,
    /// How many bytes follow the body that are made while they are sent.
    pub(super) filler: u64,
    /// What an HTTP/2 server does in place of an answer.
    #[cfg(feature = "http")]
    http2: Option<Http2Fault>,
}

/// What an HTTP/2 server does to a stream or its connection in place of an answer.
#[cfg(feature = "http")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http2Fault {
    RefusedStream,
    GoAway,
    BlackHole,
}

/// Where an answer breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before its first byte.
    Start,
    /// In the middle of the head.
    Head,
    /// Behind so many bytes of the body as it is sent; 0 is behind the head.
    Body(u64),
}

/// How an answer breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The connection is closed, as by a server that stops (FIN).
    Close,
    /// The connection is reset, as by a server that crashes (RST).
    Reset,
    /// Nothing more comes, and the connection stays open until the client closes it.
    Stall,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `content-length`, which may lie.
    Length(Option<u64>),
    Chunked,
    /// Chunks, of which one has a size that is none.
    BadChunks,
    /// The end of the connection is the end of the body.
    UntilClose,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The connection stays open.
    Keep,
    /// It is closed, and the answer says so.
    Close,
    /// It says nothing, and closes when the next request begins to arrive.
    CloseOnReuse,
}

impl Reply {
    /// An empty answer of this status.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            framing: Framing::Length(None),
            delay: Duration::ZERO,
            reading: 0,
            head_pace: None,
            body_pace: None,
            broken: None,
            end: End::Keep,
            raw: None,
            filler: 0,
            #[cfg(feature = "http")]
            http2: None,
        }
    }

    /// 200 with a body.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::status(200).body(body)
    }

    /// 200 with a JSON text.
    pub fn json(text: impl Into<String>) -> Self {
        Self::status(200).header("content-type", "application/json").body(text.into())
    }

    /// 200 with an XML text.
    pub fn xml(text: impl Into<String>) -> Self {
        Self::status(200).header("content-type", "application/xml").body(text.into())
    }

    /// A redirect.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::status(status).header("location", location)
    }

    /// The request is taken, and nothing is ever said.
    pub fn silent() -> Self {
        Self::status(200).breaking(Place::Start, Break::Stall)
    }

    /// The connection is closed without a word.
    pub fn hang_up() -> Self {
        Self::status(200).breaking(Place::Start, Break::Close)
    }

    /// The connection is reset without a word.
    pub fn reset() -> Self {
        Self::status(200).breaking(Place::Start, Break::Reset)
    }

    /// 200 with so many zeros, compressed to about a 160th.
    pub fn gzip_bomb(zeros: u32) -> Self {
        Self::ok(gzip::zeros(zeros)).header("content-encoding", "gzip")
    }

    /// 200 with so many bytes of headers, in lines of 4 KiB.
    pub fn huge_headers(bytes: usize) -> Self {
        const LINE: usize = 4096;
        let line = |number: usize| {
            let name = format!("x-filler-{number}");
            let value = "x".repeat(LINE - name.len() - 4);
            (name, value)
        };
        let mut reply = Self::status(200);
        reply.headers = (0..bytes.div_ceil(LINE)).map(line).collect();
        reply
    }

    /// These bytes instead of an answer; then the connection is closed.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        let mut reply = Self::status(200);
        reply.raw = Some(bytes.into());
        reply.end = End::Close;
        reply
    }

    /// The server resets the request's stream with `REFUSED_STREAM`, which says that it has not looked at the request. For an
    /// [`Http2Server`](crate::Http2Server); any other one hangs up.
    #[cfg(feature = "http")]
    pub fn refused_stream() -> Self {
        Self { http2: Some(Http2Fault::RefusedStream), ..Self::hang_up() }
    }

    /// The server says `GOAWAY`, that this request comes after the last one that it has looked at, and closes the connection.
    /// For an [`Http2Server`](crate::Http2Server); any other one hangs up.
    #[cfg(feature = "http")]
    pub fn go_away() -> Self {
        Self { http2: Some(Http2Fault::GoAway), ..Self::hang_up() }
    }

    /// The connection becomes a black hole, as behind a firewall that has forgotten it: it stays open, and from now on nothing
    /// that comes is looked at, a PING neither. For an [`Http2Server`](crate::Http2Server); any other one is silent.
    #[cfg(feature = "http")]
    pub fn black_hole() -> Self {
        Self { http2: Some(Http2Fault::BlackHole), ..Self::silent() }
    }

    /// Adds a header; one name may come several times. A `content-length` or `transfer-encoding` of yours replaces the
    /// server's own.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds so many bytes behind the body, which are made while they are sent: a gigabyte takes no memory here. Not for a body
    /// in chunks.
    pub fn filled(mut self, bytes: u64) -> Self {
        self.filler = bytes;
        self
    }

    /// Begins the answer so much later.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Where it [interrupts](crate::Replies::interrupt) a request, reads so many bytes of the request's body before.
    pub fn reading(mut self, bytes: u64) -> Self {
        self.reading = bytes;
        self
    }

    /// Sends the head one byte at a time, each so long after the other.
    pub fn slow_head(mut self, each: Duration) -> Self {
        self.head_pace = Some(each);
        self
    }

    /// Sends the body so many bytes at a time, each piece so long after the other.
    pub fn drip(mut self, bytes: usize, each: Duration) -> Self {
        self.body_pace = Some((bytes.max(1), each));
        self
    }

    /// Breaks the answer there.
    pub fn breaking(mut self, place: Place, how: Break) -> Self {
        self.broken = Some((place, how));
        self
    }

    /// Announces a length that is not the body's.
    pub fn announcing(mut self, length: u64) -> Self {
        self.framing = Framing::Length(Some(length));
        self
    }

    /// Sends the body in chunks.
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Sends half of the body in a chunk, and then one whose size is no number.
    pub fn bad_chunks(mut self) -> Self {
        self.framing = Framing::BadChunks;
        self
    }

    /// Announces no length: the body ends with the connection.
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::UntilClose;
        self.end = End::Close;
        self
    }

    /// Closes the connection afterwards, and says so.
    pub fn closing(mut self) -> Self {
        self.end = End::Close;
        self
    }

    /// Lets the client believe that the connection stays open, and closes it when the next request begins to arrive:
    /// the race that every pool of connections meets.
    pub fn closing_on_reuse(mut self) -> Self {
        self.end = End::CloseOnReuse;
        self
    }

    pub(crate) fn content(&self) -> &Bytes {
        &self.body
    }

    #[cfg(feature = "http")]
    pub(crate) fn status_code(&self) -> u16 {
        self.status
    }

    #[cfg(feature = "http")]
    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    #[cfg(feature = "http")]
    pub(crate) fn delay(&self) -> Duration {
        self.delay
    }

    #[cfg(feature = "http")]
    pub(crate) fn filler(&self) -> u64 {
        self.filler
    }

    #[cfg(feature = "http")]
    pub(crate) fn body_pace(&self) -> Option<(usize, Duration)> {
        self.body_pace
    }

    #[cfg(feature = "http")]
    pub(crate) fn http2(&self) -> Option<Http2Fault> {
        self.http2
    }

    #[cfg(feature = "http")]
    pub(crate) fn broken(&self) -> Option<(Place, Break)> {
        self.broken
    }

    pub(super) fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        let has = |name: &str| super::received::find(&self.headers, name).is_some();
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        match self.framing {
            _ if has("content-length") || has("transfer-encoding") => {}
            Framing::Length(None) if bodiless => {}
            Framing::Length(length) => {
                head.push_str(&format!("content-length: {}\r\n", length.unwrap_or(self.body.len() as u64 + self.filler)));
            }
            Framing::Chunked | Framing::BadChunks => head.push_str("transfer-encoding: chunked\r\n"),
            Framing::UntilClose => {}
        }
        if self.end == End::Close {
            head.push_str("connection: close\r\n");
        }
        head + "\r\n"
    }

    fn has_no_body(&self, is_head: bool) -> bool {
        is_head || matches!(self.status, 100..=199 | 204 | 304)
    }

    /// How many bytes follow the framed body.
    pub(super) fn filling(&self, is_head: bool) -> u64 {
        let fits = self.raw.is_none() && matches!(self.framing, Framing::Length(_) | Framing::UntilClose);
        if fits && !self.has_no_body(is_head) { self.filler } else { 0 }
    }

    /// The body with its framing. Of an answer to HEAD, and of one that has no body, nothing.
    pub(super) fn framed_body(&self, is_head: bool) -> Bytes {
        if self.has_no_body(is_head) {
            return Bytes::new();
        }
        let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        match self.framing {
            Framing::Length(_) | Framing::UntilClose => self.body.clone(),
            Framing::Chunked if self.body.is_empty() => Bytes::from_static(b"0\r\n\r\n"),
            Framing::Chunked => [&chunk(&self.body), b"0\r\n\r\n".as_slice()].concat().into(),
            Framing::BadChunks => {
                let half = &self.body[..self.body.len() / 2];
                let bad = b"no-size\r\n";
                if half.is_empty() { Bytes::from_static(bad) } else { [&chunk(half), bad.as_slice()].concat().into() }
            }
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, {} bytes", self.status, self.body.len())?;
        if let Some((place, how)) = self.broken {
            write!(f, ", {how:?} at {place:?}")?;
        }
        f.write_str(")")
    }
}

/// What goes behind a status. Clients must not look at it, but some log it.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        412 => "Precondition Failed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
