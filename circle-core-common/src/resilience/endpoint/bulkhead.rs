//! How many attempts run at the same time, and who waits for a place.

use std::pin::pin;
use std::time::Duration;

use super::adaptive::Adaptive;
use super::atomic::{AtomicU32, Ordering};
use super::notify::Notify;
use super::places::{Place, Places};
use super::shard::{SHARDED_FROM, mine};
use crate::resilience::Resolved;

/// The places of one endpoint.
#[derive(Debug)]
pub(in crate::resilience) struct Bulkhead {
    places: Places,
    /// 0 is no limit.
    limit: u32,
    adaptive: Option<Adaptive>,
    max_queued: u32,
    waiting: AtomicU32,
    freed: Notify,
}

impl Bulkhead {
    pub(super) fn new(settings: &Resolved) -> Self {
        Self {
            places: Places::default(),
            limit: settings.max_in_flight,
            adaptive: settings.adaptive.then(|| Adaptive::new(settings.max_in_flight)),
            max_queued: settings.max_queued,
            waiting: AtomicU32::new(0),
            freed: Notify::new(),
        }
    }

    /// The places that are taken.
    pub(super) fn in_flight(&self) -> u64 {
        self.places.taken()
    }

    /// The places that there are; 0 is no limit.
    pub(super) fn limit(&self) -> u32 {
        self.adaptive.as_ref().map_or(self.limit, Adaptive::limit)
    }

    /// Takes a place, if there is one and nobody waits for it.
    #[inline]
    pub(in crate::resilience) fn enter(&self) -> Option<Place> {
        if self.waiting.load(Ordering::SeqCst) > 0 { None } else { self.take() }
    }

    #[inline]
    fn take(&self) -> Option<Place> {
        match &self.adaptive {
            Some(adaptive) => self.places.take_exactly(adaptive.limit()),
            None if self.limit != 0 && self.limit < SHARDED_FROM => self.places.take_exactly(self.limit),
            None => {
                let place = self.places.take(mine(), self.limit);
                if place.is_none() {
                    self.step_back();
                }
                place
            }
        }
    }

    /// Who takes of many places counts first and looks then, so that two may see each other at the last place and both step back
    /// from it: then one of those who wait must be woken, or it is free and nobody comes.
    #[cold]
    fn step_back(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 && self.places.taken() < u64::from(self.limit) {
            self.wake();
        }
    }

    /// Gives a place back.
    #[inline]
    pub(super) fn leave(&self, place: Place) {
        self.places.give_back(place);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.wake();
        }
    }

    /// Wakes one that waits: the first, so that each gets its turn; but when more than half of the queue is taken, the last.
    /// Then the first have waited so long that their time is almost over: served in turn, all would be served too late.
    fn wake(&self) {
        // A limit that was lowered may leave no place for anybody: woken in vain, one would lose its turn.
        let full = self.adaptive.as_ref().is_some_and(|adaptive| self.places.taken() >= u64::from(adaptive.limit()));
        if full {
            return;
        }
        if self.waiting.load(Ordering::SeqCst) > self.max_queued / 2 { self.freed.notify_last() } else { self.freed.notify_one() }
    }

    /// Learns from an attempt, where the limit adapts. `overloaded` is one that shows that the service cannot bear as many.
    #[inline]
    pub(super) fn learn(&self, overloaded: Option<bool>, began: Duration, now: Duration) {
        if let (Some(adaptive), Some(overloaded)) = (&self.adaptive, overloaded) {
            if overloaded {
                adaptive.lower(began, now);
            } else if adaptive.raise(self.places.taken()) && self.waiting.load(Ordering::SeqCst) > 0 {
                self.wake();
            }
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
    use std::pin::Pin;
    use std::sync::atomic::AtomicU64;
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
            assert!(bulkhead.places.is_empty());
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

    type Waiting<'a> = Pin<Box<dyn Future<Output = Option<Place>> + 'a>>;

    /// Waits `count` times, in this order.
    fn waiting(bulkhead: &Bulkhead, count: usize) -> Vec<Waiting<'_>> {
        let mut waiting: Vec<Waiting<'_>> = (0..count).map(|_| Box::pin(bulkhead.queue()) as Waiting<'_>).collect();
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(waiting.iter_mut().all(|one| one.as_mut().poll(cx).is_pending()));
        waiting
    }

    /// Whose turn it was, by the place in line, as one place goes from hand to hand.
    fn served(bulkhead: &Bulkhead, mut place: Place, waiting: Vec<Waiting<'_>>) -> Vec<usize> {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut waiting: Vec<Option<Waiting<'_>>> = waiting.into_iter().map(Some).collect();
        let mut order = Vec::new();
        while waiting.iter().any(Option::is_some) {
            bulkhead.leave(place);
            let next = waiting.iter_mut().enumerate().find_map(|(at, one)| match one.as_mut()?.as_mut().poll(cx) {
                Poll::Ready(place) => Some((at, place.expect("they are in the queue"))),
                Poll::Pending => None,
            });
            let (at, taken) = next.expect("a place is free");
            (waiting[at], place) = (None, taken);
            order.push(at);
        }
        bulkhead.leave(place);
        order
    }

    #[test]
    fn each_gets_its_turn_and_under_overload_the_last_come_goes_first() {
        let calm = bulkhead(1, 8);
        let place = calm.enter().unwrap();
        assert_eq!(served(&calm, place, waiting(&calm, 4)), [0, 1, 2, 3]);
        let crowded = bulkhead(1, 8);
        let place = crowded.enter().unwrap();
        // Until half of the queue is empty again; then in turn.
        assert_eq!(served(&crowded, place, waiting(&crowded, 7)), [6, 5, 4, 0, 1, 2, 3]);
        assert!(crowded.places.is_empty() && crowded.waiting.load(Ordering::SeqCst) == 0);
    }

    #[test]
    fn a_limit_that_adapts_refuses_above_what_it_has_learnt_and_wakes_whom_it_makes_room_for() {
        let settings = Resolved { max_in_flight: 100, max_queued: 8, adaptive: true, ..Profile::Interactive.values() };
        let (bulkhead, second) = (Bulkhead::new(&settings), Duration::from_secs(1));
        let mut places: Vec<Place> = std::iter::from_fn(|| bulkhead.enter()).collect();
        assert_eq!((places.len(), bulkhead.limit()), (100, 100));
        bulkhead.learn(Some(true), second, 2 * second);
        bulkhead.learn(None, 3 * second, 3 * second);
        assert_eq!(bulkhead.limit(), 90);
        let mut one = waiting(&bulkhead, 1);
        let cx = &mut Context::from_waker(Waker::noop());
        // Ten more run than may.
        for _ in 0..10 {
            bulkhead.leave(places.pop().unwrap());
            assert!(one[0].as_mut().poll(cx).is_pending());
        }
        while bulkhead.limit() == 90 {
            bulkhead.learn(Some(false), second, second);
        }
        assert!(one[0].as_mut().poll(cx).is_ready());
    }
}
