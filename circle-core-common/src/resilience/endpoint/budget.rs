//! What the retries of one endpoint are paid with: tokens, or a share of its requests.

use std::time::Duration;

use super::atomic::{AtomicU64, Ordering};
use super::shard::{SHARDS, mine};
use super::window::{SLOTS, Window, sum};
use crate::resilience::Resolved;

/// A bucket of tokens. One word, `tokens (32) | second of the last refill (32)`.
///
/// A success at the first attempt puts one token back, as long as some are missing: while nothing fails, the word is
/// read by every call and written by none.
#[derive(Debug)]
pub(in crate::resilience) struct Budget {
    word: AtomicU64,
    max: u32,
    refill: u32,
    retry_cost: u32,
    throttle_cost: u32,
    ratio: Option<Ratio>,
}

/// Retries as a share of the requests of the last while, in place of tokens. Threads that draw in the same moment may take a
/// retry each where one is left: it is a bound on floods, not a count.
#[derive(Debug)]
struct Ratio {
    windows: Box<[Window; SHARDS]>,
    ratio: f64,
    /// What may always be repeated within the window.
    floor: f64,
}

/// How far back requests count.
const WINDOW: Duration = Duration::from_secs(10);

impl Ratio {
    fn stamp(now: Duration) -> u64 {
        u64::try_from(now.as_millis() * u128::from(SLOTS) / WINDOW.as_millis()).unwrap_or(u64::MAX)
    }

    fn record(&self, now: Duration, retry: bool) {
        self.windows[mine()].record(Self::stamp(now), 0, retry);
    }

    /// Takes a retry out of the count again; it may have been counted by another thread, and its time may be over.
    fn forget(&self, stamp: u64) {
        let own = mine();
        let _ = (0..SHARDS).any(|next| self.windows[(own + next) % SHARDS].take_back(stamp, 0));
    }

    /// How many retries may be made now.
    fn left(&self, now: Duration) -> u32 {
        let (made, retries) = sum(&self.windows, Self::stamp(now), 0);
        // A number below the least is 0, and one above the most the most.
        (self.ratio * (made - retries) as f64 + self.floor - retries as f64) as u32
    }
}

fn seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

impl Budget {
    pub(super) fn new(settings: &Resolved) -> Self {
        Self {
            word: AtomicU64::new(u64::from(settings.budget_tokens) << 32),
            max: settings.budget_tokens,
            refill: settings.refill_per_second,
            retry_cost: settings.retry_cost,
            throttle_cost: settings.throttle_cost,
            ratio: settings.budget_ratio.map(|ratio| Ratio {
                windows: Box::default(),
                ratio,
                floor: f64::from(settings.budget_min_per_second) * WINDOW.as_secs_f64(),
            }),
        }
    }

    fn refilled(&self, word: u64, now: u32) -> u32 {
        let (tokens, last) = ((word >> 32) as u32, word as u32);
        tokens.saturating_add(now.saturating_sub(last).saturating_mul(self.refill)).min(self.max)
    }

    /// The tokens that are there; where retries are a share of the requests, how many may be made.
    pub(super) fn tokens(&self, now: Duration) -> u32 {
        if let Some(ratio) = &self.ratio {
            return ratio.left(now);
        }
        self.refilled(self.word.load(Ordering::Relaxed), seconds(now))
    }

    fn change(&self, now: Duration, change: impl Fn(u32) -> Option<u32>) -> bool {
        let now = seconds(now);
        let next = |word: u64| {
            let tokens = change(self.refilled(word, now))?.min(self.max);
            // A call that read the clock earlier must not turn it back: the time between would be paid out twice.
            Some(u64::from(tokens) << 32 | u64::from(now.max(word as u32)))
        };
        self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    /// Takes the price of a retry, to be [given back](Self::give_back) where the retry is not made; `None` when it cannot be paid.
    /// It is a number of tokens, or for a share the slot in which the retry counts, from 1.
    pub(in crate::resilience) fn draw(&self, now: Duration, throttled: bool) -> Option<u32> {
        if let Some(ratio) = &self.ratio {
            let any = ratio.left(now) > 0;
            if any {
                ratio.record(now, true);
            }
            return any.then(|| u32::try_from(Ratio::stamp(now)).unwrap_or(u32::MAX).saturating_add(1));
        }
        let cost = if throttled { self.throttle_cost } else { self.retry_cost };
        self.change(now, |tokens| tokens.checked_sub(cost)).then_some(cost)
    }

    /// Counts a request, where retries are a share of them.
    #[inline]
    pub(in crate::resilience) fn count_request(&self, now: Duration) {
        if let Some(ratio) = &self.ratio {
            ratio.record(now, false);
        }
    }

    /// Gives the price of a retry back that is not made.
    pub(in crate::resilience) fn give_back(&self, now: Duration, price: u32) {
        match &self.ratio {
            Some(ratio) => ratio.forget(u64::from(price).saturating_sub(1)),
            None => self.put_back(now, price),
        }
    }

    /// Puts tokens back: the price of retries that led to a success, or one for a success without any.
    #[inline]
    pub(in crate::resilience) fn put_back(&self, now: Duration, tokens: u32) {
        if self.ratio.is_none() && (self.word.load(Ordering::Relaxed) >> 32) as u32 != self.max {
            self.change(now, |held| Some(held.saturating_add(tokens)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::Profile;

    const SECOND: Duration = Duration::from_secs(1);

    fn budget() -> Budget {
        Budget::new(&Profile::Interactive.values())
    }

    #[test]
    fn it_drains_and_recovers_with_time_alone() {
        let budget = budget();
        let draws = (0..100).take_while(|_| budget.draw(SECOND, false).is_some()).count();
        // One second has passed since the beginning, but the bucket was full then.
        assert_eq!((draws, budget.tokens(SECOND)), (500 / 14, 500 % 14));
        assert_eq!(budget.draw(4 * SECOND, false), None);
        assert_eq!(budget.draw(4 * SECOND, true), Some(5));
        assert_eq!(budget.tokens(1000 * SECOND), 500);
        assert_eq!(budget.draw(1000 * SECOND, false), Some(14));
    }

    #[test]
    fn successes_put_tokens_back_up_to_the_most() {
        let budget = budget();
        assert_eq!(budget.draw(SECOND, true), Some(5));
        budget.put_back(SECOND, 1);
        assert_eq!(budget.tokens(SECOND), 496);
        budget.put_back(SECOND, 100);
        assert_eq!(budget.tokens(SECOND), 500);
    }

    #[test]
    fn a_share_of_the_requests_of_the_last_while_is_repeated_and_a_few_always() {
        let budget =
            Budget::new(&Resolved { budget_ratio: Some(0.2), budget_min_per_second: 1, ..Profile::Interactive.values() });
        let draws = |now: Duration| (0..1000).take_while(|_| budget.draw(now, false).is_some()).count();
        // Ten seconds' worth of the least.
        assert_eq!((budget.tokens(SECOND), draws(SECOND), budget.tokens(SECOND)), (10, 10, 0));
        (0..100).for_each(|_| budget.count_request(SECOND));
        assert_eq!(draws(SECOND), 20);
        budget.put_back(SECOND, 100);
        assert_eq!(draws(5 * SECOND), 0, "a success pays nothing back");
        // What was long ago counts no more: neither the requests nor their repetitions.
        assert_eq!(draws(12 * SECOND), 10);
    }

    #[test]
    fn a_share_takes_back_what_was_not_made_as_long_as_it_counts() {
        let budget =
            Budget::new(&Resolved { budget_ratio: Some(0.2), budget_min_per_second: 1, ..Profile::Interactive.values() });
        let prices: Vec<u32> = (0..20).map_while(|_| budget.draw(Duration::ZERO, false)).collect();
        assert_eq!((prices.len(), budget.tokens(Duration::ZERO)), (10, 0));
        // From another thread, which counts in another shard.
        std::thread::scope(|scope| {
            for price in &prices[..4] {
                scope.spawn(|| budget.give_back(5 * SECOND, *price));
            }
        });
        assert_eq!(budget.tokens(5 * SECOND), 4);
        // What is too old to count gives nothing back, though a later one stands in its slot.
        let late = budget.draw(10 * SECOND, false);
        assert_eq!((late.is_some(), budget.tokens(10 * SECOND)), (true, 9));
        budget.give_back(10 * SECOND, prices[4]);
        assert_eq!(budget.tokens(10 * SECOND), 9);
        late.into_iter().for_each(|price| budget.give_back(10 * SECOND, price));
        assert_eq!(budget.tokens(10 * SECOND), 10);
    }

    #[test]
    fn a_clock_read_late_pays_no_time_twice() {
        let budget = budget();
        (0..35).for_each(|_| assert!(budget.draw(10 * SECOND, false).is_some()));
        budget.put_back(5 * SECOND, 1);
        assert_eq!(budget.tokens(10 * SECOND), 11);
    }

    #[test]
    fn threads_draw_no_token_twice() {
        let budget = budget();
        let drawn = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while budget.draw(Duration::ZERO, true).is_some() {
                        drawn.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(drawn.into_inner(), 100);
    }
}
