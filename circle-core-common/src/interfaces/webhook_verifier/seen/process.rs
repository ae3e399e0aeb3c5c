//! Events that one process knows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Known;
use crate::clock::Tick;

/// The events that were handled, oldest first, and those that are being handled.
pub(super) struct Process {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` while an event is handled, else until when it is known.
    events: HashMap<Arc<str>, Option<Tick>>,
    /// What was handled, in that order, which is the order in which it is forgotten.
    handled: VecDeque<Arc<str>>,
}

/// An event that is being handled; free again when this is dropped.
pub(super) struct Claim<'a> {
    process: &'a Process,
    id: Arc<str>,
    open: bool,
}

impl Process {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().handled.len()
    }

    pub(super) fn claim(&self, id: &Arc<str>, now: Tick) -> Known<Claim<'_>> {
        let mut state = self.lock();
        state.forget(now);
        match state.events.get(id) {
            Some(None) => Known::Busy,
            Some(Some(_)) => Known::Seen,
            None => {
                state.events.insert(Arc::clone(id), None);
                Known::Claimed(Claim { process: self, id: Arc::clone(id), open: true })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, now: Tick) {
        while let Some(oldest) = self.handled.front() {
            if self.events.get(oldest).copied().flatten().is_some_and(|until| until > now) {
                break;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.handled.pop_front() {
            self.events.remove(&oldest);
        }
    }
}

impl Claim<'_> {
    pub(super) fn complete(mut self, until: Tick) {
        self.open = false;
        let mut state = self.process.lock();
        state.events.insert(Arc::clone(&self.id), Some(until));
        state.handled.push_back(Arc::clone(&self.id));
        while state.handled.len() > self.process.capacity {
            state.forget_oldest();
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.open {
            self.process.lock().events.remove(&self.id);
        }
    }
}
