//! How many attempts run at the same time.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::sync::Notify;

use super::shard::{Padded, SHARDS, mine};
use crate::resilience::Resolved;

/// Below this limit all threads count in one shard: an eighth of it would be too coarse.
const SHARDED_FROM: u32 = 64;

/// The places of one endpoint.
///
/// Each shard owns an eighth of them and gives those out alone. A full shard borrows: it sums all shards, and as long as
/// anything is borrowed everybody does, so that there are never more attempts than places. The orderings are sequential
/// for this: of a borrower that sums and another that takes from its own shard, at least one sees the other.
#[derive(Debug)]
pub(in crate::resilience) struct Bulkhead {
    /// 0 is no limit.
    limit: u32,
    max_queued: u32,
    shards: [Padded<AtomicU64>; SHARDS],
    borrowed: AtomicU64,
    waiting: AtomicU32,
    freed: Notify,
}

/// One place that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::resilience) struct Place {
    shard: u8,
    borrowed: bool,
}

impl Bulkhead {
    pub(super) fn new(settings: &Resolved) -> Self {
        Self {
            limit: settings.max_in_flight,
            max_queued: settings.max_queued,
            shards: Default::default(),
            borrowed: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            freed: Notify::new(),
        }
    }

    /// The places that are taken.
    pub(super) fn in_flight(&self) -> u64 {
        self.shards.iter().map(|shard| shard.0.load(Ordering::SeqCst)).sum()
    }

    /// Takes a place, if there is one and nobody waits for it.
    #[inline]
    pub(in crate::resilience) fn enter(&self) -> Option<Place> {
        if self.waiting.load(Ordering::SeqCst) > 0 { None } else { self.take() }
    }

    fn take(&self) -> Option<Place> {
        if self.limit != 0 && self.limit < SHARDED_FROM {
            let below = |taken: u64| (taken < u64::from(self.limit)).then_some(taken + 1);
            let taken = self.shards[0].0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, below);
            return taken.ok().map(|_| Place { shard: 0, borrowed: false });
        }
        let shard = mine();
        let own = self.shards[shard].0.fetch_add(1, Ordering::SeqCst);
        let share = u64::from(self.limit) / SHARDS as u64;
        // Below `SHARDS`, so it fits.
        let shard = shard as u8;
        if self.limit == 0 || (own < share && self.borrowed.load(Ordering::SeqCst) == 0) {
            return Some(Place { shard, borrowed: false });
        }
        self.borrowed.fetch_add(1, Ordering::SeqCst);
        let place = Place { shard, borrowed: true };
        if self.in_flight() <= u64::from(self.limit) {
            return Some(place);
        }
        self.untake(place);
        None
    }

    #[inline]
    fn untake(&self, place: Place) {
        self.shards[usize::from(place.shard)].0.fetch_sub(1, Ordering::SeqCst);
        if place.borrowed {
            self.borrowed.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Gives a place back.
    #[inline]
    pub(super) fn leave(&self, place: Place) {
        self.untake(place);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_one();
        }
    }

    /// Waits for a place; `None` when too many wait already. Dropping it leaves the queue.
    pub(in crate::resilience) async fn queue(&self) -> Option<Place> {
        let room = |waiting: u32| (waiting < self.max_queued).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, room).ok()?;
        let _queued = Queued(&self.waiting);
        loop {
            let mut freed = pin!(self.freed.notified());
            // In line before looking, so that a place that is freed in between wakes somebody.
            freed.as_mut().enable();
            if let Some(place) = self.take() {
                return Some(place);
            }
            freed.await;
        }
    }
}

struct Queued<'a>(&'a AtomicU32);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::resilience::Profile;

    fn bulkhead(max_in_flight: u32, max_queued: u32) -> Bulkhead {
        Bulkhead::new(&Resolved { max_in_flight, max_queued, ..Profile::Interactive.values() })
    }

    #[test]
    fn there_are_exactly_as_many_places_as_the_limit_says() {
        for limit in [1, 8, 63, 64, 65, 1000] {
            let bulkhead = bulkhead(limit, 0);
            let places: Vec<Place> = std::iter::from_fn(|| bulkhead.enter()).collect();
            assert_eq!(places.len(), limit as usize);
            places.into_iter().for_each(|place| bulkhead.leave(place));
            assert_eq!((bulkhead.in_flight(), bulkhead.borrowed.load(Ordering::SeqCst)), (0, 0));
        }
        let free = bulkhead(0, 0);
        assert_eq!(std::iter::from_fn(|| free.enter()).take(5000).count(), 5000);
    }

    #[test]
    fn threads_never_hold_more_places_than_there_are() {
        for limit in [3, 64, 100] {
            let (bulkhead, held, most) = (bulkhead(limit, 0), AtomicU64::new(0), AtomicU64::new(0));
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..300 {
                            let places: Vec<Place> = std::iter::from_fn(|| bulkhead.enter()).take(40).collect();
                            let count = places.len() as u64;
                            most.fetch_max(held.fetch_add(count, Ordering::SeqCst) + count, Ordering::SeqCst);
                            held.fetch_sub(count, Ordering::SeqCst);
                            places.into_iter().for_each(|place| bulkhead.leave(place));
                        }
                    });
                }
            });
            assert!(most.into_inner() <= u64::from(limit));
            assert_eq!(bulkhead.in_flight(), 0);
        }
    }

    #[test]
    fn the_queue_is_bounded_and_gets_the_place_before_a_newcomer() {
        let bulkhead = bulkhead(1, 1);
        let place = bulkhead.enter().unwrap();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut first = Box::pin(bulkhead.queue());
        assert!(first.as_mut().poll(cx).is_pending());
        assert_eq!(Box::pin(bulkhead.queue()).as_mut().poll(cx), Poll::Ready(None), "no room in the queue");
        bulkhead.leave(place);
        assert_eq!(bulkhead.enter(), None, "a newcomer does not overtake");
        let Poll::Ready(Some(place)) = first.as_mut().poll(cx) else { panic!("the place is free") };
        drop(first);
        bulkhead.leave(place);
        assert!(bulkhead.enter().is_some());
    }

    #[test]
    fn a_waiter_that_gives_up_leaves_the_queue_and_passes_the_place_on() {
        let bulkhead = bulkhead(1, 2);
        let place = bulkhead.enter().unwrap();
        let cx = &mut Context::from_waker(Waker::noop());
        let (mut first, mut second) = (Box::pin(bulkhead.queue()), Box::pin(bulkhead.queue()));
        assert!(first.as_mut().poll(cx).is_pending() && second.as_mut().poll(cx).is_pending());
        bulkhead.leave(place);
        drop(first);
        assert!(second.as_mut().poll(cx).is_ready());
        drop(second);
        assert_eq!(bulkhead.waiting.load(Ordering::SeqCst), 0);
    }
}
