//! The count of attempts that run at the same time: lock-free, and never more than the limit.

use super::atomic::{AtomicU64, Ordering};
use super::shard::{Padded, SHARDS};

/// The places that are taken.
///
/// Each shard owns an eighth of the limit and gives that out alone. A full shard borrows: it sums all shards, and as long as
/// anything is borrowed everybody does, so that there are never more attempts than places. The orderings are sequential
/// for this: of a borrower that sums and another that takes from its own shard, at least one sees the other.
#[derive(Debug, Default)]
pub(super) struct Places {
    shards: [Padded<AtomicU64>; SHARDS],
    borrowed: AtomicU64,
}

/// One place that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::resilience) struct Place {
    shard: u8,
    borrowed: bool,
}

impl Places {
    /// The places that are taken.
    pub(super) fn taken(&self) -> u64 {
        self.shards.iter().map(|shard| shard.0.load(Ordering::SeqCst)).sum()
    }

    /// Whether all are given back, borrowed ones too.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.taken() == 0 && self.borrowed.load(Ordering::SeqCst) == 0
    }

    /// Takes a place of a few, or of a number that changes: all threads count in one shard, and no place is taken even for a
    /// moment that there is not.
    pub(super) fn take_exactly(&self, limit: u32) -> Option<Place> {
        let below = |taken: u64| (taken < u64::from(limit)).then_some(taken + 1);
        let taken = self.shards[0].0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, below);
        taken.ok().map(|_| Place { shard: 0, borrowed: false })
    }

    /// Takes a place of many, in the shard of the thread that asks. 0 is no limit.
    #[inline]
    pub(super) fn take(&self, shard: usize, limit: u32) -> Option<Place> {
        let own = self.shards[shard].0.fetch_add(1, Ordering::SeqCst);
        let share = u64::from(limit) / SHARDS as u64;
        // Below `SHARDS`, so it fits.
        let shard = shard as u8;
        if limit == 0 || (own < share && self.borrowed.load(Ordering::SeqCst) == 0) {
            return Some(Place { shard, borrowed: false });
        }
        self.borrowed.fetch_add(1, Ordering::SeqCst);
        let place = Place { shard, borrowed: true };
        if self.taken() <= u64::from(limit) {
            return Some(place);
        }
        self.give_back(place);
        None
    }

    #[inline]
    pub(super) fn give_back(&self, place: Place) {
        self.shards[usize::from(place.shard)].0.fetch_sub(1, Ordering::SeqCst);
        if place.borrowed {
            self.borrowed.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
