//! Watches: bounded queues that writers fill and streams empty.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use circle_core_common::interfaces::key_value_store::{Change, Key};
use circle_core_common::{Result, Sleep, Tick};
use futures_core::Stream;

use crate::provider::Store;

/// The most changes that wait for one watch.
const CHANGES_MAX: usize = 1024;
/// The most bytes of values that wait for one watch.
const BYTES_MAX: usize = 64 << 20;

/// The watches of a store.
#[derive(Default)]
pub(super) struct Watchers {
    // Weak: a watch ends when its stream is dropped.
    queues: Vec<Weak<Queue>>,
}

pub(super) struct Queue {
    prefix: Arc<str>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    changes: VecDeque<Change>,
    bytes: usize,
    waker: Option<Waker>,
}

impl Watchers {
    pub(super) fn add(&mut self, prefix: Arc<str>) -> Arc<Queue> {
        let queue = Arc::new(Queue { prefix, waiting: Mutex::default() });
        self.queues.retain(|queue| queue.strong_count() > 0);
        self.queues.push(Arc::downgrade(&queue));
        queue
    }

    pub(super) fn tell(&mut self, key: &Key, change: impl Fn() -> Change) {
        self.queues.retain(|queue| {
            let Some(queue) = queue.upgrade() else { return false };
            if key.as_str().starts_with(&*queue.prefix) {
                queue.push(change());
            }
            true
        });
    }

    pub(super) fn close(self) {
        self.queues.iter().filter_map(Weak::upgrade).for_each(|queue| queue.wake());
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What does not fit any more drops all that waits: whoever reads too slowly reads anew what matters anyway, and
    /// then the newest changes are worth more than the oldest.
    fn push(&self, change: Change) {
        let mut waiting = self.waiting();
        waiting.bytes += size(&change);
        if waiting.changes.len() >= CHANGES_MAX || waiting.bytes > BYTES_MAX {
            waiting.bytes = size(&change);
            waiting.changes.clear();
            waiting.changes.push_back(Change::Lagged);
        }
        waiting.changes.push_back(change);
        drop(waiting);
        self.wake();
    }

    /// The change that has waited longest; without one, the task is woken by the next.
    fn pop(&self, cx: &Context<'_>) -> Option<Change> {
        let mut waiting = self.waiting();
        match waiting.changes.pop_front() {
            Some(change) => {
                waiting.bytes = waiting.bytes.saturating_sub(size(&change));
                Some(change)
            }
            None => {
                waiting.waker = Some(cx.waker().clone());
                None
            }
        }
    }

    fn wake(&self) {
        let waker = self.waiting().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn size(change: &Change) -> usize {
    match change {
        Change::Put(entry) => entry.value.len(),
        _ => 0,
    }
}

/// The changes of one watch. Whoever waits also waits for the next expiry, so that it is told in time without a task.
pub(super) struct Changes {
    store: Arc<Store>,
    queue: Arc<Queue>,
    expiry: Option<(Tick, Sleep)>,
    ended: bool,
}

impl Changes {
    pub(super) fn new(store: Arc<Store>, queue: Arc<Queue>) -> Self {
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
