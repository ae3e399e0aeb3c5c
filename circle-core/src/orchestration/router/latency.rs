//! How long the legs of a router take.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::{CallContext, Handle, Result, Tick};

use crate::orchestration::leg::Leg;
use crate::orchestration::legs::LegCall;

/// How old a measurement may be before a call is spent on a new one.
const STALE: Duration = Duration::from_secs(60);
/// How much of a new measurement goes into the mean: one in so many.
const WEIGHT: u64 = 4;

/// A mean that forgets. Where two calls write at a time one measurement is lost: it is an estimate.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// In microseconds, at least 1; 0 where nothing is known.
    mean: AtomicU64,
    /// When it was last measured, or began to be, in milliseconds of the clock and 1; 0 is never.
    at: AtomicU64,
    /// Whether the mean is too old to count in the next measurement.
    outdated: AtomicBool,
}

fn millis(now: Tick) -> u64 {
    u64::try_from(now.since_start().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

impl Latency {
    pub(super) fn get(&self) -> Option<Duration> {
        Some(self.mean.load(Ordering::Relaxed)).filter(|mean| *mean > 0).map(Duration::from_micros)
    }

    pub(super) fn record(&self, took: Duration, now: Tick) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 2).max(1);
        let next = match self.mean.load(Ordering::Relaxed) {
            mean if mean == 0 || self.outdated.swap(false, Ordering::Relaxed) => micros,
            mean => (mean - mean / WEIGHT).saturating_add(micros.div_ceil(WEIGHT)),
        };
        self.mean.store(next, Ordering::Relaxed);
        self.at.store(millis(now), Ordering::Relaxed);
    }

    /// Whether this call is the one that measures anew.
    pub(super) fn claims_trial(&self, now: Tick) -> bool {
        let (at, now) = (self.at.load(Ordering::Relaxed), millis(now));
        let due = at == 0 || now.saturating_sub(at) >= STALE.as_millis() as u64;
        let claimed = due && self.at.compare_exchange(at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if claimed {
            self.outdated.store(true, Ordering::Relaxed);
        }
        claimed
    }
}

/// A call and how long it took until it was answered, or a stream until its first word.
pub(super) struct Timed<C>(pub(super) C);

#[async_trait]
impl<H: Handle, C: LegCall<H>> LegCall<H> for Timed<C> {
    type Answer = (C::Answer, Duration);

    const STREAMS: bool = C::STREAMS;

    async fn make(&self, leg: &Leg<H>, cx: &CallContext) -> Result<Self::Answer> {
        let answer = self.0.make(leg, cx).await?;
        Ok((answer, cx.clock().now().since(cx.started())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_follows_and_a_stale_one_is_measured_by_one_call() {
        let latency = Latency::default();
        let at = |seconds| Tick::from_start(Duration::from_secs(seconds));
        assert!(latency.claims_trial(at(0)) && !latency.claims_trial(at(1)), "one call at a time");
        latency.record(Duration::from_millis(100), at(2));
        (0..40).for_each(|_| latency.record(Duration::from_millis(900), at(3)));
        let mean = latency.get().unwrap();
        assert!((Duration::from_millis(890)..Duration::from_millis(910)).contains(&mean), "{mean:?}");
        assert!(!latency.claims_trial(at(62)) && latency.claims_trial(at(63)) && !latency.claims_trial(at(63)));
        latency.record(Duration::MAX, at(64));
        latency.record(Duration::MAX, at(64));
    }
}
