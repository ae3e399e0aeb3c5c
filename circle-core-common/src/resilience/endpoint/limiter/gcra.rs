//! The generic cell rate algorithm: one number, the theoretical arrival time of the next request. Idle time, and time that a
//! machine sleeps, gives no more than the burst.

use std::time::Duration;

use super::super::atomic::{AtomicU64, Ordering};

/// How fast requests may come. Times are nanoseconds since a beginning that all of them share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::resilience) struct Rate {
    interval: u64,
    burst: u32,
}

#[inline]
pub(in crate::resilience) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Rate {
    /// So many each second, of which `burst` may go at once; a second's worth where nothing is said. A rate that is none is the
    /// slowest.
    pub(in crate::resilience) fn new(per_second: f64, burst: Option<u32>) -> Self {
        let interval = Duration::try_from_secs_f64(1.0 / per_second).map_or(u64::MAX, nanos).max(1);
        // A fraction of a request cannot go at once.
        Self { interval, burst: burst.map_or(per_second.floor() as u64, u64::from).clamp(1, u64::from(u32::MAX)) as u32 }
    }

    /// How long `cost` requests must wait when the next is due at `arrival`, and when the one behind them is due. None goes
    /// before `opens`.
    pub(in crate::resilience) fn take(&self, arrival: u64, now: u64, opens: u64, cost: u32) -> (Duration, u64) {
        // More than a burst goes as soon as a whole burst may.
        let ahead = u64::from(cost.clamp(1, self.burst)) - 1;
        let due = arrival.max(now).saturating_add(self.interval.saturating_mul(ahead));
        let wait = due.saturating_sub(self.interval.saturating_mul(u64::from(self.burst - 1))).saturating_sub(now);
        let next = arrival.max(opens).saturating_add(self.interval.saturating_mul(u64::from(cost.max(1))));
        (Duration::from_nanos(wait), next)
    }

    /// When the next is due after `cost` requests are given back.
    pub(in crate::resilience) fn give_back(&self, arrival: u64, cost: u32) -> u64 {
        arrival.saturating_sub(self.interval.saturating_mul(u64::from(cost)))
    }
}

/// The rate of everybody together: one word, no lock.
#[derive(Debug)]
pub(super) struct Gcra {
    rate: Rate,
    arrival: AtomicU64,
}

impl Gcra {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, arrival: AtomicU64::new(0) }
    }

    /// Reserves, and says how long to wait; when that is longer than `patience`, nothing is reserved and the wait is the error.
    #[inline]
    pub(super) fn reserve(&self, now: u64, opens: u64, patience: Duration, cost: u32) -> Result<Duration, Duration> {
        let reserved = self.arrival.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |arrival| {
            let (wait, next) = self.rate.take(arrival, now, opens, cost);
            (wait <= patience).then_some(next)
        });
        let wait = |arrival| self.rate.take(arrival, now, opens, cost).0;
        reserved.map(wait).map_err(wait)
    }

    pub(super) fn release(&self, cost: u32) {
        let back = |arrival| Some(self.rate.give_back(arrival, cost));
        let _ = self.arrival.fetch_update(Ordering::Relaxed, Ordering::Relaxed, back);
    }
}
