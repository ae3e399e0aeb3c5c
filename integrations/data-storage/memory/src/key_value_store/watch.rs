//! Changes of entries as they happen.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use circle_core_common::interfaces::key_value_store::Change;
use circle_core_common::{Result, Sleep, Tick};
use futures_core::Stream;

use crate::provider::Store;
use crate::watchers::{Queue, Told};

impl Told for Change {
    const LAGGED: Self = Self::Lagged;

    fn size(&self) -> usize {
        match self {
            Self::Put(entry) => entry.value.len(),
            _ => 0,
        }
    }
}

/// The changes of one watch. Whoever waits also waits for the next expiry, so that it is told in time without a task.
pub(super) struct Changes {
    store: Arc<Store>,
    queue: Arc<Queue<Change>>,
    expiry: Option<(Tick, Sleep)>,
    ended: bool,
}

impl Changes {
    pub(super) fn new(store: Arc<Store>, queue: Arc<Queue<Change>>) -> Self {
        Self { store, queue, expiry: None, ended: false }
    }

    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<Result<Change>> {
        loop {
            if let Some(change) = self.queue.pop(cx) {
                return Poll::Ready(Ok(change));
            }
            let next = self.store.entries().map(|entries| entries.next_expiry());
            let Some(next) = next? else { return Poll::Pending };
            let expiry = match self.expiry.take() {
                Some((at, sleep)) if at == next => (at, sleep),
                _ => (next, self.store.clock().sleep_until(next)),
            };
            let (_, sleep) = self.expiry.insert(expiry);
            ready!(Pin::new(sleep).poll(cx));
            self.expiry = None;
            // Taking the entries for writing sweeps, which tells of what has expired.
            drop(self.store.entries_mut()?);
        }
    }
}

impl Stream for Changes {
    type Item = Result<Change>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let change = ready!(self.poll_change(cx));
        // Only a closed store fails.
        self.ended = change.is_err();
        Poll::Ready(Some(change))
    }
}
