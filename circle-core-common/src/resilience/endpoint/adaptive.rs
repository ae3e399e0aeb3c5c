//! A limit of attempts at the same time that finds out what the service can bear.

use std::time::Duration;

use super::atomic::{AtomicU64, Ordering};

/// Parts of a place that the limit is counted in.
const PLACE: u64 = 1 << 16;

/// The most places that 16 bits of whole ones hold.
const MOST: u32 = u16::MAX as u32;

/// Additive increase, multiplicative decrease: a success adds a place divided by their number, so that a round of successes
/// adds one; a sign of overload takes a tenth of them, at least down to one.
///
/// One word, `limit (32, in parts of a place) | when it was lowered last (32)`. It begins at the most there may be: nothing
/// changes until the service is overloaded.
#[derive(Debug)]
pub(super) struct Adaptive {
    word: AtomicU64,
    most: u64,
}

/// Steps of 16 ms from the beginning of the clock, the first being 1: two years.
fn step(time: Duration) -> u64 {
    u64::try_from(time.as_millis() >> 4).unwrap_or(u64::MAX).saturating_add(1).min(u64::from(u32::MAX))
}

fn word(limit: u64, lowered: u64) -> u64 {
    limit << 32 | lowered
}

fn read(word: u64) -> (u64, u64) {
    (word >> 32, word & u64::from(u32::MAX))
}

impl Adaptive {
    /// At most so many places; 0 is as many as can be counted.
    pub(super) fn new(most: u32) -> Self {
        let most = if most == 0 { MOST } else { most.min(MOST) };
        let most = u64::from(most) * PLACE;
        Self { word: AtomicU64::new(word(most, 0)), most }
    }

    /// The places that there are now.
    pub(super) fn limit(&self) -> u32 {
        (read(self.word.load(Ordering::SeqCst)).0 / PLACE) as u32
    }

    /// An attempt has succeeded while so many ran; whether there is a place more for it. A limit that nobody reaches has
    /// proved nothing, and stays.
    pub(super) fn raise(&self, in_flight: u64) -> bool {
        let next = |current: u64| {
            let (limit, lowered) = read(current);
            let used = in_flight * 2 >= limit / PLACE;
            (used && limit < self.most).then(|| word((limit + (PLACE * PLACE / limit).max(1)).min(self.most), lowered))
        };
        let before = self.word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        before.is_ok_and(|before| next(before).is_some_and(|after| read(after).0 / PLACE > read(before).0 / PLACE))
    }

    /// An attempt that began at `began` shows that the service is overloaded. Of those that ran together only the first lowers
    /// the limit: the others tell of the same moment.
    pub(super) fn lower(&self, began: Duration, now: Duration) {
        let next = |current: u64| {
            let (limit, lowered) = read(current);
            (step(began) > lowered).then(|| word((limit - limit / 10).max(PLACE), step(now)))
        };
        // What began before is known already.
        let _ = self.word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_begins_at_the_most_and_never_leaves_one_to_it() {
        let limit = Adaptive::new(100);
        assert_eq!(limit.limit(), 100);
        assert!(!limit.raise(100));
        assert_eq!(limit.limit(), 100);
        for second in 1..100 {
            limit.lower(second * SECOND, second * SECOND);
        }
        assert_eq!(limit.limit(), 1);
        assert_eq!((Adaptive::new(0).limit(), Adaptive::new(u32::MAX).limit()), (MOST, MOST));
    }

    #[test]
    fn what_ran_together_lowers_it_once() {
        let limit = Adaptive::new(100);
        (0..50).for_each(|_| limit.lower(SECOND, 2 * SECOND));
        assert_eq!(limit.limit(), 90);
        limit.lower(2 * SECOND, 3 * SECOND);
        assert_eq!(limit.limit(), 90, "it began as the limit was lowered");
        limit.lower(2 * SECOND + Duration::from_millis(20), 3 * SECOND);
        assert_eq!(limit.limit(), 81);
    }

    #[test]
    fn a_round_of_successes_adds_one_place_and_only_where_they_are_used() {
        let limit = Adaptive::new(100);
        (1..30).for_each(|second| limit.lower(second * SECOND, second * SECOND));
        let before = limit.limit();
        assert!((0..1000).all(|_| !limit.raise(u64::from(before) / 2 - 1)));
        let round = (0..=before + 1).filter(|_| limit.raise(u64::from(before))).count();
        assert_eq!((round, limit.limit()), (1, before + 1));
        (0..20_000).for_each(|_| _ = limit.raise(100));
        assert_eq!(limit.limit(), 100);
    }
}
