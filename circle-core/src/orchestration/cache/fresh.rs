//! What a store said a short while ago.

use std::sync::Mutex;
use std::time::Duration;

use circle_core_common::{ByteSize, CallContext, Tick};

use super::lru::Lru;
use super::store::lock;
use crate::orchestration::stamps::Stamps;

/// Answers of a store in this process, up to a number and a size: those that were asked for most recently, and that nobody
/// has written over through here.
pub struct Fresh<V> {
    kept: Mutex<Lru<Held<V>>>,
    pub(super) stamps: Stamps,
}

#[derive(Clone)]
struct Held<V> {
    value: V,
    stamp: u64,
    at: Tick,
}

/// A read that has begun: what it gives is as old as this.
#[derive(Clone, Copy)]
pub(super) struct Began {
    stamp: u64,
    at: Tick,
}

impl<V: Clone> Fresh<V> {
    pub(super) fn new(entries: usize, bytes: ByteSize) -> Self {
        Self { kept: Mutex::new(Lru::new(entries, bytes.as_usize())), stamps: Stamps::new() }
    }

    /// What is kept of a thing under a key, and how old it is.
    pub(super) fn get(&self, cx: &CallContext, thing: &str, key: &str) -> Option<(V, Duration)> {
        // The stamp first: a write that begins in between must not be missed.
        let stamp = self.stamps.of(thing);
        let held = lock(&self.kept).get(key)?;
        (held.stamp == stamp).then(|| (held.value, cx.clock().now().since(held.at)))
    }

    /// To be called before a thing is read.
    pub(super) fn begin(&self, cx: &CallContext, thing: &str) -> Began {
        Began { stamp: self.stamps.of(thing), at: cx.clock().now() }
    }

    /// Keeps what a read has given. What was written since it began is not found.
    pub(super) fn keep(&self, key: &str, began: Began, value: V, bytes: usize) {
        let mut kept = lock(&self.kept);
        // Of two reads that ran together, the one that began later may have seen what the other has not.
        if kept.get(key).is_none_or(|held| held.stamp != began.stamp || held.at <= began.at) {
            kept.put(key, Held { value, stamp: began.stamp, at: began.at }, bytes);
        }
    }
}
