//! A request as it came.

use std::fmt;
use std::io;
use std::time::Instant;

use bytes::Bytes;

/// A request that arrived whole, byte for byte.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query as they were sent, still percent-encoded.
    pub target: String,
    /// The headers in the order and case in which they were sent.
    pub headers: Vec<(String, String)>,
    /// The body, without the framing of its chunks.
    pub body: Bytes,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
    /// When the last of it arrived.
    pub at: Instant,
    /// The head and the body with all framing, to pass on.
    pub(crate) raw: Bytes,
}

impl Received {
    /// The path, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The query, still percent-encoded; empty where there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

impl fmt::Debug for Received {
    /// Method and path: headers, query and body can hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.path(), self.body.len())
    }
}

pub(crate) fn find<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The first line and the headers of a message.
pub(crate) type Head = (String, Vec<(String, String)>);

/// Reads a head, blank line included.
pub(crate) fn parse_head(bytes: &[u8]) -> io::Result<Head> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("the head is not UTF-8"))?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header without a colon"))?;
        Ok((name.to_owned(), value.trim().to_owned()))
    };
    let headers = lines.take_while(|line| !line.is_empty()).map(header).collect::<io::Result<_>>()?;
    Ok((first, headers))
}

pub(crate) fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
