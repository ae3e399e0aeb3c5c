//! The parser: bytes in any chunks, events that borrow from its buffer.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use memchr::{memchr, memchr2};
use serde::Deserialize;

use crate::error::{Detail, Error, ErrorKind, Reason, Result};
use crate::units::ByteSize;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const DEFAULT_LIMIT: usize = 1 << 20;

/// Reads server-sent events out of bytes that come in any chunks. Once its buffer has grown to the size of the events, it
/// allocates nothing.
///
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>
#[derive(Clone)]
pub struct SseParser {
    buffer: Vec<u8>,
    /// Where the line begins that is being read.
    line: usize,
    /// Up to where that line is known not to end.
    scanned: usize,
    /// The data of the event so far. Lines of data are joined here, in the buffer, over what stood between them.
    data: std::ops::Range<usize>,
    has_data: bool,
    /// Whether a line of an event has been read.
    in_event: bool,
    /// Whether the event is complete and given out.
    given: bool,
    /// The bytes of its lines.
    size: usize,
    event: String,
    /// The id that the event being read sets for itself and for those behind it.
    next_id: String,
    /// Whether that is another than `id`. Comparing the two at every event costs more than the rest of it: of two empty texts,
    /// too, the processor looks at what their pointers point to.
    new_id: bool,
    id: String,
    retry: Option<Duration>,
    started: bool,
    /// A line feed that comes next belongs to the carriage return before.
    skip_line_feed: bool,
    failed: bool,
    limit: usize,
}

/// An event.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SseEvent<'a> {
    /// What kind it is; `message` where the stream does not say.
    pub event: &'a str,
    /// Its data: UTF-8, if the service keeps to the standard.
    pub data: &'a [u8],
    /// The last id that the stream has said; empty where it has said none.
    pub id: &'a str,
}

impl<'a> SseEvent<'a> {
    /// The data as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.data)
    }

    /// The data as JSON, which can borrow from it.
    ///
    /// # Errors
    /// `Decode`, with what stands around the place and no secret.
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T> {
        // Text is checked once and as a whole; from bytes, every string in it would be checked for itself.
        let read = match std::str::from_utf8(self.data) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(self.data),
        };
        read.map_err(|error| super::super::json::undecodable("an event of the answer", self.data, &error, Detail::new()))
    }
}

/// Without the data, which may be anything.
impl fmt::Debug for SseEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SseEvent({}, {} bytes)", self.event, self.data.len())
    }
}

impl SseParser {
    /// Nothing read yet; an event can have 1 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: Vec::new(),
            line: 0,
            scanned: 0,
            data: 0..0,
            has_data: false,
            in_event: false,
            given: false,
            size: 0,
            event: String::new(),
            next_id: String::new(),
            new_id: false,
            id: String::new(),
            retry: None,
            started: false,
            skip_line_feed: false,
            failed: false,
            limit: DEFAULT_LIMIT,
        }
    }

    /// Nothing read yet; the lines of an event can have `limit` together.
    #[must_use]
    pub fn with_limit(limit: ByteSize) -> Self {
        Self { limit: usize::try_from(limit.as_u64()).unwrap_or(usize::MAX), ..Self::new() }
    }

    /// Takes more bytes. Call [`parse`](Self::parse) until it gives no more events before the next ones.
    pub fn push(&mut self, chunk: &[u8]) {
        self.forget();
        let used = if self.has_data { self.data.start } else { self.line };
        if used > 0 {
            self.buffer.drain(..used);
            self.line -= used;
            self.scanned -= used;
            if self.has_data {
                self.data = 0..self.data.end - used;
            }
        }
        self.buffer.extend_from_slice(chunk);
    }

    /// Goes on to the next event; `false` when it is not all there.
    ///
    /// # Errors
    /// `Decode`, reason `OutsideLimit`, for an event that is too large. The parser is of no more use then.
    pub fn parse(&mut self) -> Result<bool> {
        self.forget();
        if self.failed {
            return Err(self.too_large());
        }
        if !self.skip_byte_order_mark() {
            return Ok(false);
        }
        loop {
            if self.skip_line_feed {
                match self.buffer.get(self.line) {
                    None => return Ok(false),
                    Some(b'\n') => {
                        self.line += 1;
                        self.scanned = self.line;
                    }
                    Some(_) => {}
                }
                self.skip_line_feed = false;
            }
            let Some(found) = memchr2(b'\n', b'\r', &self.buffer[self.scanned..]) else {
                self.scanned = self.buffer.len();
                self.check_size(self.scanned - self.line)?;
                return Ok(false);
            };
            let (start, end) = (self.line, self.scanned + found);
            self.skip_line_feed = self.buffer[end] == b'\r';
            self.line = end + 1;
            self.scanned = self.line;
            if start < end {
                // With its end.
                self.check_size(end - start + 1)?;
                self.size += end - start + 1;
                self.take_line(start, end);
            } else if self.dispatch() {
                return Ok(true);
            }
        }
    }

    /// The event that [`parse`](Self::parse) has gone on to.
    #[must_use]
    pub fn event(&self) -> SseEvent<'_> {
        let event = if self.event.is_empty() { "message" } else { &self.event };
        SseEvent { event, data: &self.buffer[self.data.clone()], id: &self.id }
    }

    /// The last id that the stream has said; empty where it has said none.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.id
    }

    /// How long the service wants a client to wait before it connects again.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Whether the bytes so far end within an event; what of it has come is no event.
    #[must_use]
    pub fn is_midway(&self) -> bool {
        self.failed || !self.given && (self.in_event || self.line < self.buffer.len())
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// Lets go of the event that was given.
    fn forget(&mut self) {
        if std::mem::take(&mut self.given) {
            self.reset();
        }
    }

    fn reset(&mut self) {
        self.has_data = false;
        self.data = 0..0;
        self.in_event = false;
        self.size = 0;
        self.event.clear();
    }

    /// Skips the mark at the very beginning; `false` while it cannot be told.
    fn skip_byte_order_mark(&mut self) -> bool {
        if self.started {
            return true;
        }
        let known = self.buffer.len().min(BYTE_ORDER_MARK.len());
        if self.buffer[..known] == BYTE_ORDER_MARK[..known] {
            if known < BYTE_ORDER_MARK.len() {
                return false;
            }
            self.line = known;
            self.scanned = known;
        }
        self.started = true;
        true
    }

    fn check_size(&mut self, more: usize) -> Result<()> {
        if self.size.saturating_add(more) <= self.limit {
            return Ok(());
        }
        self.failed = true;
        Err(self.too_large())
    }

    fn too_large(&self) -> Error {
        let text = format!("an event of the stream is larger than {} bytes", self.limit);
        Error::new(ErrorKind::Decode, text).with_reason(Reason::OutsideLimit)
    }

    fn take_line(&mut self, start: usize, end: usize) {
        let line = &self.buffer[start..end];
        let (name, mut value) = match memchr(b':', line) {
            // A comment; outside of an event it leaves nothing.
            Some(0) => {
                if !self.in_event {
                    self.size = 0;
                }
                return;
            }
            Some(colon) => (&line[..colon], colon + 1),
            None => (line, line.len()),
        };
        if line.get(value) == Some(&b' ') {
            value += 1;
        }
        self.in_event = true;
        let text = &line[value..];
        match name {
            b"data" => self.take_data(start + value, end),
            b"event" => {
                self.event.clear();
                self.event.push_str(&String::from_utf8_lossy(text));
            }
            b"id" if memchr(0, text).is_none() => {
                self.next_id.clear();
                self.next_id.push_str(&String::from_utf8_lossy(text));
                self.new_id = true;
            }
            b"retry" if !text.is_empty() && text.iter().all(u8::is_ascii_digit) => {
                // All are digits: what does not fit is as good as never.
                let wait = text.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
                self.retry = Some(Duration::from_millis(wait.unwrap_or(u64::MAX)));
            }
            _ => {}
        }
    }

    fn take_data(&mut self, start: usize, end: usize) {
        if !self.has_data {
            self.has_data = true;
            self.data = start..end;
            return;
        }
        // There is room: the end of a line and the name of the field were in between.
        let joined = self.data.end + 1;
        self.buffer[self.data.end] = b'\n';
        self.buffer.copy_within(start..end, joined);
        self.data.end = joined + (end - start);
    }

    /// At an empty line: whether there is an event.
    fn dispatch(&mut self) -> bool {
        if std::mem::take(&mut self.new_id) {
            self.id.clone_from(&self.next_id);
        }
        if self.has_data {
            self.given = true;
        } else {
            self.reset();
        }
        self.has_data
    }
}

impl Default for SseParser {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SseParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SseParser({} bytes waiting)", self.buffer.len() - self.line)
    }
}
