//! Server-sent events: `text/event-stream`, as the HTML standard reads it.

mod parser;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

pub use parser::{SseEvent, SseParser};

use crate::body::ByteStream;
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::units::ByteSize;

/// The events of a body. Dropping it drops the body.
///
/// ```
/// # use circle_core_common::{ByteStream, Result, http::SseStream};
/// # async fn example(body: ByteStream) -> Result<()> {
/// let mut events = SseStream::new(body);
/// while let Some(event) = events.try_next().await? {
///     println!("{}: {}", event.event, event.text());
/// }
/// # Ok(())
/// # }
/// ```
///
/// Whether the end of the body is the end of what was to come, only the protocol above knows: where its last event has not
/// come, [`cut`](Self::cut) is the error.
pub struct SseStream {
    body: ByteStream,
    parser: SseParser,
}

impl SseStream {
    /// The events of a body, each of at most 1 MiB.
    #[must_use]
    pub fn new(body: ByteStream) -> Self {
        Self { body, parser: SseParser::new() }
    }

    /// The events of a body, each of at most `limit`.
    #[must_use]
    pub fn with_limit(body: ByteStream, limit: ByteSize) -> Self {
        Self { body, parser: SseParser::with_limit(limit) }
    }

    /// The next event, which borrows from the buffer; `None` at the end of the body.
    ///
    /// # Errors
    /// `Decode`, reason `OutsideLimit`, for an event that is too large; what broke the transfer.
    pub async fn try_next(&mut self) -> Result<Option<SseEvent<'_>>> {
        let found = poll_fn(|cx| self.poll_ready(cx)).await?;
        Ok(found.then(|| self.parser.event()))
    }

    /// As [`try_next`](Self::try_next), for streams that are made of this one.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<SseEvent<'_>>>> {
        let found = ready!(self.poll_ready(cx))?;
        Poll::Ready(Ok(found.then(|| self.parser.event())))
    }

    /// The events as values: `decode` makes one of an event, or leaves it out. An error of it ends the stream.
    #[must_use]
    pub fn decoded<T, F>(self, decode: F) -> Decoded<F>
    where
        F: FnMut(SseEvent<'_>) -> Result<Option<T>>,
    {
        Decoded { events: Some(self), decode }
    }

    /// The error of a body that ended before the last event of the protocol above: `Connection`, reason `Truncated`.
    #[must_use]
    pub fn cut(&self) -> Error {
        let text = if self.parser.is_midway() {
            "the event stream ended within an event"
        } else {
            "the event stream ended before its last event"
        };
        Error::new(ErrorKind::Connection, text).with_reason(Reason::Truncated).with_sent(Sent::Yes)
    }

    /// What the events so far have said about the stream itself: its last id, and when to come again.
    #[must_use]
    pub fn parser(&self) -> &SseParser {
        &self.parser
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        loop {
            // What is there is given before more is asked for.
            if self.parser.parse()? {
                return Poll::Ready(Ok(true));
            }
            match ready!(Pin::new(&mut self.body).poll_next(cx)) {
                Some(Ok(chunk)) => self.parser.push(&chunk),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(false)),
            }
        }
    }
}

impl fmt::Debug for SseStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SseStream")
    }
}

/// The events of an [`SseStream`] as values; see [`SseStream::decoded`].
pub struct Decoded<F> {
    events: Option<SseStream>,
    decode: F,
}

// Nothing in it is pinned: the closure is only called.
impl<F> Unpin for Decoded<F> {}

impl<T, F: FnMut(SseEvent<'_>) -> Result<Option<T>>> Stream for Decoded<F> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let Self { events, decode } = &mut *self;
        loop {
            let Some(stream) = events else { return Poll::Ready(None) };
            let decoded = match ready!(stream.poll_event(cx)) {
                Ok(Some(event)) => decode(event).transpose(),
                Ok(None) => {
                    *events = None;
                    continue;
                }
                Err(error) => Some(Err(error)),
            };
            match decoded {
                Some(Ok(value)) => return Poll::Ready(Some(Ok(value))),
                Some(Err(error)) => {
                    *events = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {}
            }
        }
    }
}

impl<F> fmt::Debug for Decoded<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoded")
    }
}
