//! Watches: bounded queues that writers fill and streams empty.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};

/// The most changes that wait for one watch.
const CHANGES_MAX: usize = 1024;
/// The most bytes of values that wait for one watch.
const BYTES_MAX: usize = 64 << 20;

/// A change that a watch tells of.
pub(crate) trait Told {
    /// That changes were missed.
    const LAGGED: Self;

    /// How many bytes of values it has.
    fn size(&self) -> usize;
}

/// The watches of a store.
pub(crate) struct Watchers<C> {
    // Weak: a watch ends when its stream is dropped.
    queues: Vec<Weak<Queue<C>>>,
}

pub(crate) struct Queue<C> {
    prefix: Arc<str>,
    waiting: Mutex<Waiting<C>>,
}

struct Waiting<C> {
    changes: VecDeque<C>,
    bytes: usize,
    waker: Option<Waker>,
}

impl<C> Default for Watchers<C> {
    fn default() -> Self {
        Self { queues: Vec::new() }
    }
}

impl<C: Told> Watchers<C> {
    pub(crate) fn add(&mut self, prefix: Arc<str>) -> Arc<Queue<C>> {
        let waiting = Waiting { changes: VecDeque::new(), bytes: 0, waker: None };
        let queue = Arc::new(Queue { prefix, waiting: Mutex::new(waiting) });
        self.queues.retain(|queue| queue.strong_count() > 0);
        self.queues.push(Arc::downgrade(&queue));
        queue
    }

    pub(crate) fn tell(&mut self, name: &str, change: impl Fn() -> C) {
        self.queues.retain(|queue| {
            let Some(queue) = queue.upgrade() else { return false };
            if name.starts_with(&*queue.prefix) {
                queue.push(change());
            }
            true
        });
    }

    pub(crate) fn close(self) {
        self.queues.iter().filter_map(Weak::upgrade).for_each(|queue| queue.wake());
    }
}

impl<C: Told> Queue<C> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<C>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What does not fit any more drops all that waits: whoever reads too slowly reads anew what matters anyway, and
    /// then the newest changes are worth more than the oldest.
    fn push(&self, change: C) {
        let mut waiting = self.waiting();
        waiting.bytes += change.size();
        if waiting.changes.len() >= CHANGES_MAX || waiting.bytes > BYTES_MAX {
            waiting.bytes = change.size();
            waiting.changes.clear();
            waiting.changes.push_back(C::LAGGED);
        }
        waiting.changes.push_back(change);
        drop(waiting);
        self.wake();
    }

    /// The change that has waited longest; without one, the task is woken by the next.
    pub(crate) fn pop(&self, cx: &Context<'_>) -> Option<C> {
        let mut waiting = self.waiting();
        match waiting.changes.pop_front() {
            Some(change) => {
                waiting.bytes = waiting.bytes.saturating_sub(change.size());
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
