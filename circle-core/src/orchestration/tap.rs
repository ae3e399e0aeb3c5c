//! Looking on at a streaming answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use circle_core_common::Result;
use circle_core_common::interfaces::chat_model::{ChatEvent, ChatStream};
use futures_core::Stream;

/// What is left to do before the last event of an answer is given.
pub(super) type Last = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who looks on at an answer; dropped without [`end`](Self::end), the answer was.
pub(super) trait Tap: Send + Unpin + 'static {
    /// An event has come.
    fn event(&mut self, event: &ChatEvent);

    /// The answer is over: complete, or broken off.
    fn end(self, complete: bool) -> Option<Last>;
}

/// The same answer, with somebody who looks on.
pub(super) fn tapped(stream: ChatStream, tap: impl Tap) -> ChatStream {
    ChatStream::new(Tapped { events: stream.into_events(), tap: Some(tap), last: None })
}

struct Tapped<T> {
    events: Pin<Box<dyn Stream<Item = Result<ChatEvent>> + Send>>,
    tap: Option<T>,
    last: Option<(Last, ChatEvent)>,
}

impl<T: Tap> Stream for Tapped<T> {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.last.is_none() {
            let next = ready!(this.events.as_mut().poll_next(cx));
            let Some(tap) = &mut this.tap else { return Poll::Ready(next) };
            match next {
                Some(Ok(event)) => {
                    tap.event(&event);
                    if !matches!(event, ChatEvent::End { .. }) {
                        return Poll::Ready(Some(Ok(event)));
                    }
                    match this.tap.take().and_then(|tap| tap.end(true)) {
                        Some(last) => this.last = Some((last, event)),
                        None => return Poll::Ready(Some(Ok(event))),
                    }
                }
                broken => {
                    // What follows a failure is nobody's to wait for.
                    drop(this.tap.take().and_then(|tap| tap.end(false)));
                    return Poll::Ready(broken);
                }
            }
        }
        if let Some((last, _)) = &mut this.last {
            ready!(last.as_mut().poll(cx));
        }
        Poll::Ready(this.last.take().map(|(_, event)| Ok(event)))
    }
}
