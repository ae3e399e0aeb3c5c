//! Streaming answers.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::emulated::Emulated;
use super::{Assembler, ChatEvent, ChatResponse, Received, Warning, telemetry};
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::scope::Call;

type Events = Pin<Box<dyn Stream<Item = Result<ChatEvent>> + Send>>;

/// An answer as it comes: `Stream<Item = Result<ChatEvent>> + Send`, with a `try_next` of its own.
///
/// After [`ChatEvent::End`] it is over; one that ends otherwise ends in an error that holds what was received
/// ([`Received::of`]). The timeout, deadline and cancellation of the call bound all of it. Nothing runs in the background:
/// dropping it ends the answer at the service where the protocol can, and is recorded as the call's cancellation.
pub struct ChatStream {
    /// `None` once the last event is known.
    events: Option<Events>,
    /// What has been read already, before anybody got it.
    ahead: VecDeque<ChatEvent>,
    assembler: Assembler,
    /// The call that this is the answer of, for streams that a handle gives.
    open: Option<Box<Open>>,
    ending: Option<Ending>,
    failed: Option<Error>,
}

struct Open {
    call: Call<'static>,
    interruption: Option<Pin<Box<dyn Future<Output = Error> + Send>>>,
    emulated: Option<Emulated>,
    warnings: Vec<Warning>,
    chunks: telemetry::Chunks,
}

struct Ending {
    record: Pin<Box<dyn Future<Output = Result<()>> + Send>>,
    last: Option<ChatEvent>,
}

impl ChatStream {
    /// From a provider's events: `Start` first, `End` last.
    #[must_use]
    pub fn new(events: impl Stream<Item = Result<ChatEvent>> + Send + 'static) -> Self {
        let (ahead, assembler) = (VecDeque::new(), Assembler::new());
        Self { events: Some(Box::pin(events)), ahead, assembler, open: None, ending: None, failed: None }
    }

    /// From events that are all there.
    #[must_use]
    pub fn from_events(events: impl IntoIterator<Item = ChatEvent>) -> Self {
        let events: Vec<_> = events.into_iter().collect();
        Self::new(Ready(events.into_iter()))
    }

    /// The same events within a call, which ends when they do.
    pub(super) fn within(mut self, call: Call<'static>, emulated: Option<Emulated>, warnings: Vec<Warning>) -> Self {
        self.open = Some(Box::new(Open { call, interruption: None, emulated, warnings, chunks: telemetry::Chunks::default() }));
        self
    }

    /// Waits until the service says something, so that what fails before that fails in the opening call.
    pub(super) async fn begin(&mut self) -> Result<()> {
        if self.ahead.is_empty() { self.read_ahead().await } else { Ok(()) }
    }

    /// Reads ahead until the answer has content, or its end: for what asks another model where this one fails before it has
    /// said a word. What was read is given by [`try_next`](Self::try_next) as if it had not been; heartbeats are not kept.
    ///
    /// # Errors
    /// What the service says in place of content; `Connection`, reason `Truncated`, when the stream ends without any.
    pub async fn begin_content(&mut self) -> Result<()> {
        while !self.ahead.back().is_some_and(ChatEvent::is_content) {
            self.read_ahead().await?;
        }
        Ok(())
    }

    /// Reads one event that says something.
    async fn read_ahead(&mut self) -> Result<()> {
        loop {
            let events = &mut self.events;
            let next = poll_fn(|cx| match events {
                Some(events) => events.as_mut().poll_next(cx),
                None => Poll::Ready(None),
            });
            match next.await {
                Some(Ok(ChatEvent::Heartbeat)) => {}
                Some(Ok(event)) => {
                    self.ahead.push_back(event);
                    return Ok(());
                }
                Some(Err(error)) => return Err(error),
                None => return Err(cut()),
            }
        }
    }

    /// Adds to the warnings that the answer begins with, as long as its beginning has only been read ahead.
    pub fn warn(&mut self, warning: Warning) {
        if let Some(ChatEvent::Start { warnings, .. }) = self.ahead.front_mut() {
            warnings.push(warning);
        }
    }

    /// The events as the provider gives them, not checked and not put together: for decorators, whose own stream does both.
    #[must_use]
    pub fn into_events(mut self) -> Pin<Box<dyn Stream<Item = Result<ChatEvent>> + Send>> {
        match self.events.take() {
            Some(events) if self.open.is_none() && self.ahead.is_empty() => events,
            Some(events) if self.open.is_none() => Box::pin(Behind { ahead: self.ahead, events }),
            events => Box::pin(Self { events, ..self }),
        }
    }

    /// The next event; `None` behind the last.
    ///
    /// # Errors
    /// `Connection`, reason `Truncated`, when it ends before its end; `Timeout`, `Cancelled`; what the service says in the
    /// middle of its answer. All hold what was received.
    pub async fn try_next(&mut self) -> Result<Option<ChatEvent>> {
        poll_fn(|cx| self.poll_event(cx)).await.transpose()
    }

    /// Reads to the end, and gives the whole answer: also the part that was read before.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub async fn finish(mut self) -> Result<ChatResponse> {
        while self.try_next().await?.is_some() {}
        match self.failed.take() {
            Some(error) => Err(error),
            None => std::mem::take(&mut self.assembler).finish(),
        }
    }

    /// What has been received so far.
    #[must_use]
    pub fn into_partial(mut self) -> ChatResponse {
        std::mem::take(&mut self.assembler).into_partial()
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatEvent>>> {
        loop {
            if let Some(ending) = &mut self.ending {
                let recorded = ready!(ending.record.as_mut().poll(cx));
                let last = ending.last.take();
                self.ending = None;
                return Poll::Ready(match (recorded, last) {
                    (Ok(()), last) => last.map(Ok),
                    (Err(error), _) => Some(Err(self.failed(error))),
                });
            }
            let Some(events) = &mut self.events else { return Poll::Ready(None) };
            let polled = match (self.ahead.pop_front(), &self.open) {
                (Some(event), _) => Poll::Ready(Some(Ok(event))),
                (None, Some(open)) => open.call.span().in_scope(|| events.as_mut().poll_next(cx)),
                (None, None) => events.as_mut().poll_next(cx),
            };
            let result = match polled {
                Poll::Pending => match self.open.as_mut().map(|open| open.poll_interruption(cx)) {
                    Some(Poll::Ready(error)) => Err(error),
                    _ => return Poll::Pending,
                },
                Poll::Ready(Some(result)) => result,
                Poll::Ready(None) => Err(cut()),
            };
            let result = result.and_then(|event| {
                let event = match &mut self.open {
                    Some(open) => {
                        if event.is_content() && !matches!(event, ChatEvent::End { .. }) {
                            open.chunks.note(&open.call);
                        }
                        open.adapt(event)
                    }
                    None => event,
                };
                self.assembler.push(&event).map(|()| event)
            });
            match result {
                Ok(event) if !self.assembler.is_complete() => return Poll::Ready(Some(Ok(event))),
                Ok(last) => {
                    if let Some(direct) = self.end(Ok(last)) {
                        return Poll::Ready(Some(direct));
                    }
                }
                Err(error) => {
                    if let Some(direct) = self.end(Err(error)) {
                        return Poll::Ready(Some(direct));
                    }
                }
            }
        }
    }

    /// Ends the call, where there is one; else gives the last item.
    fn end(&mut self, last: Result<ChatEvent>) -> Option<Result<ChatEvent>> {
        // The connection is free for others from here on.
        self.events = None;
        let Some(mut open) = self.open.take() else {
            return Some(last.map_err(|error| self.failed(error)));
        };
        telemetry::note_usage(&open.call, self.assembler.usage());
        let (last, result) = match last {
            Ok(last) => (Some(last), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let record = Box::pin(async move { open.call.finish(result).await });
        self.ending = Some(Ending { record, last });
        None
    }

    fn failed(&mut self, error: Error) -> Error {
        let received = std::mem::take(&mut self.assembler).into_partial();
        let error = Received::attach(error, received);
        self.failed = Some(error.clone());
        error
    }
}

impl Open {
    fn poll_interruption(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let interruption = match &mut self.interruption {
            Some(interruption) => interruption,
            None => {
                let call = self.call.cx();
                if call.deadline().is_none() && call.cancel().is_none() {
                    return Poll::Pending;
                }
                // Made once, at the first wait: events are many.
                let call = call.clone();
                self.interruption.insert(Box::pin(async move { call.interruption().await }))
            }
        };
        interruption.as_mut().poll(cx)
    }

    fn adapt(&mut self, event: ChatEvent) -> ChatEvent {
        let mut event = match &self.emulated {
            Some(emulated) => emulated.event(event),
            None => event,
        };
        if let ChatEvent::Start { warnings, .. } = &mut event {
            warnings.splice(0..0, self.warnings.drain(..));
        }
        event
    }
}

fn cut() -> Error {
    let text = "the answer ended before its end";
    Error::new(ErrorKind::Connection, text).with_reason(Reason::Truncated).with_sent(Sent::Yes)
}

impl Stream for ChatStream {
    type Item = Result<ChatEvent>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChatStream")
    }
}

struct Ready(std::vec::IntoIter<ChatEvent>);

impl Stream for Ready {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

/// Events that have been read already, and the rest.
struct Behind {
    ahead: VecDeque<ChatEvent>,
    events: Events,
}

impl Stream for Behind {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.ahead.pop_front() {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None => self.events.as_mut().poll_next(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FinishReason, PartKind, WarningKind};
    use super::*;

    fn events() -> Vec<ChatEvent> {
        vec![
            ChatEvent::start(None, None),
            ChatEvent::Heartbeat,
            ChatEvent::part_start(0, PartKind::Text),
            ChatEvent::text(0, ""),
            ChatEvent::text(0, "So"),
            ChatEvent::end(FinishReason::Stop),
        ]
    }

    #[tokio::test]
    async fn what_was_read_ahead_is_given_in_order_and_can_be_warned_of() {
        let mut stream = ChatStream::from_events(events());
        stream.begin_content().await.unwrap();
        stream.begin_content().await.unwrap();
        stream.begin().await.unwrap();
        stream.warn(Warning::new(WarningKind::Other, "careful"));
        let mut seen = Vec::new();
        while let Some(event) = stream.try_next().await.unwrap() {
            seen.push(event);
        }
        assert!(matches!(&seen[0], ChatEvent::Start { warnings, .. } if warnings.len() == 1));
        let without_heartbeat: Vec<_> = events().into_iter().filter(|event| *event != ChatEvent::Heartbeat).collect();
        assert_eq!(seen[1..], without_heartbeat[1..]);
        let reply = stream.finish().await.unwrap();
        assert_eq!((reply.text().as_str(), reply.warnings.len()), ("So", 1));
    }

    #[tokio::test]
    async fn an_answer_that_ends_before_it_has_content_fails_while_it_is_awaited() {
        let mut stream = ChatStream::from_events(events().into_iter().take(4));
        let error = stream.begin_content().await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)));
        let mut empty = ChatStream::from_events([ChatEvent::start(None, None), ChatEvent::end(FinishReason::Stop)]);
        empty.begin_content().await.unwrap();
        assert_eq!(empty.finish().await.unwrap().finish, FinishReason::Stop, "an answer may say nothing");
    }

    #[tokio::test]
    async fn raw_events_are_those_of_the_provider_whatever_was_read_ahead() {
        for ahead in [false, true] {
            let mut stream = ChatStream::from_events(events());
            if ahead {
                stream.begin_content().await.unwrap();
            }
            let reply = ChatStream::new(stream.into_events()).finish().await.unwrap();
            assert_eq!(reply.text(), "So");
        }
    }
}
