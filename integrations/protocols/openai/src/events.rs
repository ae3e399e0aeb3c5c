//! Streams of typed events, other than those of chat models.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use circle_core_common::http::{Opened, SseEvent, SseStream};
use circle_core_common::{ByteSize, Error, Result};
use futures_core::Stream;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{self, Asked};

/// The largest event: an image, in Base64.
const EVENT_MAX: ByteSize = ByteSize::mib(64);

/// An event, and whether it is one of the last.
pub(crate) struct Read<T> {
    pub(crate) event: T,
    pub(crate) last: bool,
}

/// Events as they come: `Stream<Item = Result<T>> + Send`, with a `try_next` of its own.
///
/// A stream that ends before its last event ends in an error, `Connection` with reason `Truncated`. Dropping it ends the
/// answer at the service.
pub struct EventStream<T> {
    /// What is there before any event is asked for.
    ahead: Option<T>,
    /// `None` once it is over.
    events: Option<SseStream>,
    read: fn(&SseEvent<'_>) -> Result<Read<T>>,
    asked: Asked,
    /// How many last events are still to come.
    left: u32,
}

impl<T> EventStream<T> {
    /// The events of an answer, which ends after so many of the last kind, or at `[DONE]`.
    pub(crate) fn new(opened: Opened, left: u32, read: fn(&SseEvent<'_>) -> Result<Read<T>>) -> Self {
        let (asked, body) = Asked::of(opened);
        let events = SseStream::with_limit(body, EVENT_MAX);
        Self { ahead: None, events: Some(events), read, asked, left }
    }

    /// One event, of an answer that came whole.
    pub(crate) fn whole(event: T, read: fn(&SseEvent<'_>) -> Result<Read<T>>) -> Self {
        Self { ahead: Some(event), events: None, read, asked: Asked::default(), left: 0 }
    }

    /// The next event; `None` after the last.
    ///
    /// # Errors
    /// What the service says in the middle of its answer; `Connection`, reason `Truncated`; `Decode` for an event that cannot
    /// be read; what broke the transfer. After an error it is over.
    pub async fn try_next(&mut self) -> Result<Option<T>> {
        poll_fn(|cx| self.poll_event(cx)).await.transpose()
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        if let Some(event) = self.ahead.take() {
            return Poll::Ready(Some(Ok(event)));
        }
        let Some(events) = &mut self.events else { return Poll::Ready(None) };
        let asked = &self.asked;
        let result = match ready!(events.poll_event(cx)) {
            Err(error) => Err(error),
            Ok(Some(event)) if event.data.starts_with(b"[DONE]") => {
                self.events = None;
                return Poll::Ready(None);
            }
            Ok(Some(event)) => match refusal(&event, asked) {
                Some(error) => Err(error),
                None => (self.read)(&event).map_err(|error| error::unread(error, asked)),
            },
            Ok(None) => Err(events.cut()),
        };
        if result.as_ref().is_ok_and(|read| read.last) {
            self.left = self.left.saturating_sub(1);
        }
        if result.is_err() || self.left == 0 {
            self.events = None;
        }
        Poll::Ready(Some(result.map(|read| read.event)))
    }
}

/// The error that an event is, where it is one.
fn refusal(event: &SseEvent<'_>, asked: &Asked) -> Option<Error> {
    #[derive(Deserialize)]
    struct Refusal<'a> {
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
    }
    if event.event == "error" {
        return Some(error::midway(&event.text(), asked));
    }
    // An image is not read twice to find that it is none.
    let named = event.data.len() < 64 * 1024 && event.data.windows(7).any(|window| window == b"\"error\"");
    let refusal = named.then(|| event.json::<Refusal<'_>>().ok()).flatten()?;
    refusal.error.map(|raw| error::midway(raw.get(), asked))
}

impl<T: Unpin> Stream for EventStream<T> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}
