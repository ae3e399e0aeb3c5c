//! How many requests per second go out: a local limit, and the moment before which the service wants none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::resilience::Resolved;

/// The limits of one endpoint. Times are on the clock of the calls, counted from its beginning.
#[derive(Debug)]
pub(in crate::resilience) struct Limiter {
    local: Option<Gcra>,
    /// Set by answers that ask to wait, so that every caller knows what one has been told. Nanoseconds.
    not_before: AtomicU64,
    /// The longest that a service may close the gate for.
    hold_max: Duration,
}

/// The generic cell rate algorithm: one word, the theoretical arrival time of the next request. Idle time gives no more
/// than the burst.
#[derive(Debug)]
struct Gcra {
    arrival: AtomicU64,
    interval: u64,
    tolerance: u64,
}

#[inline]
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Limiter {
    pub(super) fn new(settings: &Resolved) -> Self {
        let local = settings.per_second.filter(|rate| *rate > 0.0).map(|rate| {
            let interval = Duration::try_from_secs_f64(1.0 / rate).map_or(u64::MAX, nanos).max(1);
            // A second's worth; a fraction of a request cannot go at once.
            let burst = settings.burst.map_or(rate.floor() as u64, u64::from).max(1);
            Gcra { arrival: AtomicU64::new(0), interval, tolerance: interval.saturating_mul(burst - 1) }
        });
        Self { local, not_before: AtomicU64::new(0), hold_max: settings.retry_after_max }
    }

    /// Reserves a request, and says how long it must wait; when that is longer than `patience`, nothing is reserved and
    /// the wait is the error.
    #[inline]
    pub(in crate::resilience) fn reserve(&self, now: Duration, patience: Duration) -> Result<Duration, Duration> {
        let gate = self.gate(now);
        if gate > patience {
            return Err(gate);
        }
        let Some(local) = &self.local else { return Ok(gate) };
        // Behind the gate the limit holds as before: whoever waits for it takes his turn from its opening on.
        let (opens, now, patience) = (nanos(now.saturating_add(gate)), nanos(now), nanos(patience));
        let wait = |arrival: u64| arrival.saturating_sub(local.tolerance).saturating_sub(now);
        let reserved = local.arrival.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |arrival| {
            (wait(arrival) <= patience).then(|| arrival.max(opens).saturating_add(local.interval))
        });
        reserved
            .map(|arrival| Duration::from_nanos(wait(arrival)).max(gate))
            .map_err(|arrival| Duration::from_nanos(wait(arrival)))
    }

    /// Gives a reserved request back that was not made.
    pub(super) fn release(&self) {
        if let Some(local) = &self.local {
            let back = |arrival: u64| Some(arrival.saturating_sub(local.interval));
            let _ = local.arrival.fetch_update(Ordering::Relaxed, Ordering::Relaxed, back);
        }
    }

    /// How long the service wants no requests yet.
    #[inline]
    pub(in crate::resilience) fn gate(&self, now: Duration) -> Duration {
        Duration::from_nanos(self.not_before.load(Ordering::Relaxed).saturating_sub(nanos(now)))
    }

    /// Closes the gate for `wait` from now. It is never moved back, and no answer closes it for longer than a retry may
    /// wait.
    pub(in crate::resilience) fn hold(&self, now: Duration, wait: Duration) {
        let until = nanos(now.saturating_add(wait.min(self.hold_max)));
        self.not_before.fetch_max(until, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::Profile;

    const SECOND: Duration = Duration::from_secs(1);
    const EVER: Duration = Duration::MAX;

    fn limiter(per_second: f64, burst: Option<u32>) -> Limiter {
        Limiter::new(&Resolved { per_second: Some(per_second), burst, ..Profile::Interactive.values() })
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_in_step() {
        for (per_second, burst, at_once) in [(10.0, None, 10), (10.0, Some(1), 1), (10.0, Some(25), 25), (0.5, None, 1)] {
            let limiter = limiter(per_second, burst);
            let waits: Vec<Duration> = (0..at_once + 2).map(|_| limiter.reserve(SECOND, EVER).unwrap()).collect();
            assert!(waits[..at_once].iter().all(Duration::is_zero), "{per_second} {burst:?}: {waits:?}");
            let step = Duration::from_secs_f64(1.0 / per_second);
            assert_eq!(waits[at_once..], [step, 2 * step], "{per_second} {burst:?}");
        }
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let limiter = limiter(10.0, None);
        (0..30).for_each(|_| assert!(limiter.reserve(SECOND, EVER).is_ok()));
        let free = (0..30).take_while(|_| limiter.reserve(1000 * SECOND, Duration::ZERO).is_ok()).count();
        assert_eq!(free, 10);
    }

    #[test]
    fn what_cannot_wait_reserves_nothing_and_a_request_given_back_is_free_again() {
        let limiter = limiter(1.0, None);
        assert_eq!(limiter.reserve(SECOND, EVER), Ok(Duration::ZERO));
        for _ in 0..3 {
            assert_eq!(limiter.reserve(SECOND, SECOND / 2), Err(SECOND));
        }
        assert_eq!(limiter.reserve(SECOND, SECOND), Ok(SECOND));
        limiter.release();
        assert_eq!(limiter.reserve(SECOND, SECOND), Ok(SECOND));
    }

    #[test]
    fn the_gate_only_moves_forward_and_not_further_than_a_retry_may_wait() {
        let limiter = Limiter::new(&Profile::Interactive.values());
        assert_eq!(limiter.reserve(SECOND, Duration::ZERO), Ok(Duration::ZERO));
        limiter.hold(SECOND, 3 * SECOND);
        limiter.hold(SECOND, SECOND);
        assert_eq!(limiter.reserve(2 * SECOND, EVER), Ok(2 * SECOND));
        assert_eq!(limiter.reserve(2 * SECOND, SECOND), Err(2 * SECOND));
        limiter.hold(SECOND, Duration::MAX);
        assert_eq!(limiter.gate(SECOND), 120 * SECOND);
    }
}
