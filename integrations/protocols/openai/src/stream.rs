//! The events of a stream that was opened, whichever way it was asked for.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use circle_core_common::http::{SseEvent, SseStream};
use circle_core_common::interfaces::chat_model::ChatEvent;
use circle_core_common::{Clock, Result, Sleep};
use futures_core::Stream;

/// How long the end of the body, which lets its connection be used again, is waited for behind the last event. It mostly comes
/// with it.
const GRACE: Duration = Duration::from_millis(250);

/// Makes events of an answer of what one API sends.
pub(crate) trait Decode {
    /// Takes the next event, and says whether it was the last.
    fn take(&mut self, event: SseEvent<'_>) -> Result<bool>;

    /// Ends the answer, once its last event has come.
    fn end(&mut self) -> Result<()>;

    /// What has been made so far and not been given.
    fn events(&mut self) -> &mut VecDeque<ChatEvent>;
}

/// The events of an answer.
pub(crate) struct Events<D> {
    stream: SseStream,
    decoder: D,
    clock: Clock,
    /// The last event has come.
    done: bool,
    /// How much longer the end of the body is waited for.
    grace: Option<Pin<Box<Sleep>>>,
    over: bool,
}

impl<D: Decode> Events<D> {
    pub(crate) fn new(stream: SseStream, clock: Clock, decoder: D) -> Self {
        Self { stream, decoder, clock, done: false, grace: None, over: false }
    }

    /// Whether the end of the body has been waited for long enough.
    fn poll_grace(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let clock = &self.clock;
        self.grace.get_or_insert_with(|| Box::pin(clock.sleep(GRACE))).as_mut().poll(cx)
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatEvent>>> {
        loop {
            if let Some(event) = self.decoder.events().pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if self.over {
                return Poll::Ready(None);
            }
            let step = match self.stream.poll_event(cx) {
                // What goes wrong behind the last event changes nothing.
                Poll::Ready(Ok(None) | Err(_)) if self.done => {
                    self.over = true;
                    self.decoder.end()
                }
                Poll::Pending if self.done => {
                    ready!(self.poll_grace(cx));
                    self.over = true;
                    self.decoder.end()
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => Err(error),
                Poll::Ready(Ok(None)) => Err(self.stream.cut()),
                Poll::Ready(Ok(Some(_))) if self.done => Ok(()),
                // A sign of life.
                Poll::Ready(Ok(Some(event))) if event.data.is_empty() => Ok(()),
                Poll::Ready(Ok(Some(event))) => self.decoder.take(event).map(|last| self.done = last),
            };
            if let Err(error) = step {
                self.over = true;
                self.decoder.events().clear();
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl<D: Decode + Unpin> Stream for Events<D> {
    type Item = Result<ChatEvent>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}
