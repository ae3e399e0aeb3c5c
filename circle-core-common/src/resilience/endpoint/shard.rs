//! State that every call writes is kept once per shard of threads: two threads that write one cache line slow each
//! other down threefold.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many shards there are.
pub(crate) const SHARDS: usize = 8;
/// Below this number of places all threads count theirs in one shard: an eighth of it would be too coarse.
pub(super) const SHARDED_FROM: u32 = 64;

/// A value with cache lines of its own: two of 64 bytes, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// The shard of this thread. Threads are dealt out in turn, so that few threads never share one.
pub(crate) fn mine() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    }
    // A thread that is ending has no locals any more.
    MINE.try_with(|mine| *mine).unwrap_or(0)
}
