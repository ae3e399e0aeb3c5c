//! Which share of the calls of one endpoint may be hedged.

use super::atomic::{AtomicU32, Ordering};
use crate::resilience::Resolved;

/// The parts that a hedge is counted in.
const HEDGE: u32 = 10_000;

/// As many hedges may be saved up: a burst of slow answers after a quiet time.
const SAVED_MAX: u32 = 10 * HEDGE;

/// Every call that may be hedged brings its share of a hedge, and each hedge takes a whole one: of n calls at most the share
/// of n and one are hedged. While enough is saved, the word is read by every call and written by none.
#[derive(Debug)]
pub(in crate::resilience) struct Hedges {
    saved: AtomicU32,
    share: u32,
}

impl Hedges {
    pub(super) fn new(settings: &Resolved) -> Self {
        // A number from 0 to 1, so it fits.
        let share = (settings.hedge_max_ratio.clamp(0.0, 1.0) * f64::from(HEDGE)) as u32;
        Self { saved: AtomicU32::new(HEDGE), share }
    }

    fn change(&self, change: impl Fn(u32) -> Option<u32>) -> bool {
        let next = |saved: u32| change(saved).map(|saved| saved.min(SAVED_MAX));
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    /// Counts a call that may be hedged.
    pub(in crate::resilience) fn count_call(&self) {
        if self.saved.load(Ordering::Relaxed) < SAVED_MAX {
            self.change(|saved| Some(saved + self.share));
        }
    }

    /// Takes a hedge, if there is one.
    #[must_use]
    pub(in crate::resilience) fn take(&self) -> bool {
        self.change(|saved| saved.checked_sub(HEDGE))
    }

    /// Gives a hedge back that was not made.
    pub(in crate::resilience) fn give_back(&self) {
        self.change(|saved| Some(saved + HEDGE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::Profile;

    fn hedges(hedge_max_ratio: f64) -> Hedges {
        Hedges::new(&Resolved { hedge_max_ratio, ..Profile::Interactive.values() })
    }

    #[test]
    fn of_many_calls_the_share_is_hedged_and_one() {
        for (ratio, calls, expected) in [(0.05, 1, 1), (0.05, 19, 1), (0.05, 1000, 51), (0.01, 1000, 11), (1.0, 50, 51)] {
            let hedges = hedges(ratio);
            let made = (0..calls).map(|_| {
                hedges.count_call();
                u32::from(hedges.take()) + u32::from(hedges.take())
            });
            assert_eq!(made.sum::<u32>(), expected, "{ratio} of {calls}");
        }
    }

    #[test]
    fn a_quiet_time_saves_ten_and_a_hedge_that_was_not_made_is_there_again() {
        let hedges = hedges(0.05);
        (0..10_000).for_each(|_| hedges.count_call());
        assert_eq!((0..100).filter(|_| hedges.take()).count(), 10);
        hedges.give_back();
        assert!(hedges.take() && !hedges.take());
    }
}
