//! Watches: what this process writes, and what it learns of others' writes when it reads or writes itself.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use circle_core_common::interfaces::key_value_store::Change;
use circle_core_common::{Error, ErrorKind, Result, Watch};
use futures_core::Stream;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::engine::Engine;
use super::state::Event;
use crate::blocking::blocking;

pub(super) fn watch(engine: Arc<Engine>, events: Receiver<Event>, prefix: Arc<str>) -> Watch<Change> {
    Watch::new(Changes { source: Some(Source { engine, events, prefix }), running: None })
}

struct Source {
    engine: Arc<Engine>,
    events: Receiver<Event>,
    prefix: Arc<str>,
}

impl Source {
    async fn next(&mut self) -> Result<Change> {
        loop {
            match self.event().await {
                Some(Ok(Event::Put(key, slot))) if key.as_str().starts_with(&*self.prefix) => {
                    let engine = Arc::clone(&self.engine);
                    return blocking(move |_| engine.entry(key, &slot)).await.map(Change::Put);
                }
                Some(Ok(Event::Deleted(key))) if key.as_str().starts_with(&*self.prefix) => return Ok(Change::Deleted(key)),
                Some(Ok(Event::Lagged) | Err(RecvError::Lagged(_))) => return Ok(Change::Lagged),
                Some(Err(RecvError::Closed)) => return Err(Error::new(ErrorKind::Closed, "the filesystem store is closed")),
                Some(Ok(_)) => {}
                None => self.engine.expire(),
            }
        }
    }

    /// The next event; `None` when an entry expires before it.
    async fn event(&mut self) -> Option<Result<Event, RecvError>> {
        let clock = &self.engine.clock;
        let expiry = self.engine.next_expiry().map(|at| clock.sleep(at.since(clock.timestamp())));
        let mut expiry = pin!(expiry);
        let mut event = pin!(self.events.recv());
        poll_fn(|cx| {
            if let Poll::Ready(event) = event.as_mut().poll(cx) {
                return Poll::Ready(Some(event));
            }
            match expiry.as_mut().as_pin_mut() {
                Some(expiry) => expiry.poll(cx).map(|()| None),
                None => Poll::Pending,
            }
        })
        .await
    }
}

type Step = Pin<Box<dyn Future<Output = (Source, Result<Change>)> + Send>>;

/// A stream of a source: `None` once it has failed.
struct Changes {
    source: Option<Source>,
    running: Option<Step>,
}

impl Stream for Changes {
    type Item = Result<Change>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(mut source) = self.source.take() {
            self.running = Some(Box::pin(async move {
                let change = source.next().await;
                (source, change)
            }));
        }
        let Some(running) = &mut self.running else { return Poll::Ready(None) };
        let (source, change) = ready!(running.as_mut().poll(cx));
        self.running = None;
        if change.is_ok() {
            self.source = Some(source);
        }
        Poll::Ready(Some(change))
    }
}
