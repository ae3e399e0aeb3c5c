//! Two shards, and threads that are told theirs: the number of a thread must be the same in every order.

use std::cell::Cell;

pub(super) const SHARDS: usize = 2;
/// One place is counted in one shard, and two are in both.
pub(super) const SHARDED_FROM: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Padded<T>(pub(crate) T);

loom::thread_local! {
    static MINE: Cell<usize> = Cell::new(0);
}

pub(super) fn mine() -> usize {
    MINE.with(Cell::get)
}

/// Lets this thread count in the shard.
pub(super) fn be(shard: usize) {
    MINE.with(|mine| mine.set(shard));
}
