//! How long attempts take, for the delay before a hedge.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Buckets: four per doubling of microseconds, to an hour and more.
const BUCKETS: usize = 4 * 33;

/// When so many are counted, all counts are halved: what is older counts less and less.
const HALVE_AT: u32 = 1024;

/// Before so many are counted, nothing is said.
const ENOUGH: u32 = 20;

/// A histogram of durations that forgets. Counts may be off by a few where threads meet: it is an estimate.
#[derive(Debug)]
pub(in crate::resilience) struct Latency {
    buckets: [AtomicU32; BUCKETS],
    total: AtomicU32,
}

fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(4);
    let doublings = micros.ilog2();
    let quarter = (micros >> (doublings - 2)) & 3;
    (doublings as usize * 4 + quarter as usize).min(BUCKETS - 1)
}

/// The end of a bucket.
fn upper(bucket: usize) -> Duration {
    let (doublings, quarter) = (bucket / 4, bucket as u64 % 4);
    Duration::from_micros((4 + quarter + 1) << doublings.saturating_sub(2))
}

impl Latency {
    pub(super) fn new() -> Self {
        Self { buckets: [const { AtomicU32::new(0) }; BUCKETS], total: AtomicU32::new(0) }
    }

    pub(in crate::resilience) fn record(&self, took: Duration) {
        self.buckets[bucket(took)].fetch_add(1, Ordering::Relaxed);
        if self.total.fetch_add(1, Ordering::Relaxed) + 1 == HALVE_AT {
            let mut total = 0;
            for bucket in &self.buckets {
                let half = bucket.load(Ordering::Relaxed) / 2;
                bucket.store(half, Ordering::Relaxed);
                total += half;
            }
            self.total.store(total, Ordering::Relaxed);
        }
    }

    /// What 95 of 100 attempts do not exceed, once enough are known.
    pub(in crate::resilience) fn p95(&self) -> Option<Duration> {
        let total: u32 = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum();
        if total < ENOUGH {
            return None;
        }
        let wanted = (total * 95).div_ceil(100);
        let mut seen = 0;
        let at = self.buckets.iter().position(|bucket| {
            seen += bucket.load(Ordering::Relaxed);
            seen >= wanted
        });
        at.map(upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p95_is_within_a_quarter_and_forgets() {
        let latency = Latency::new();
        (0..19).for_each(|_| latency.record(Duration::from_millis(10)));
        assert_eq!(latency.p95(), None);
        (0..81).for_each(|_| latency.record(Duration::from_millis(10)));
        (0..4).for_each(|_| latency.record(Duration::from_secs(9)));
        let p95 = latency.p95().unwrap();
        assert!((Duration::from_millis(10)..Duration::from_micros(12_500)).contains(&p95), "{p95:?}");
        (0..20_000).for_each(|_| latency.record(Duration::from_millis(100)));
        let p95 = latency.p95().unwrap();
        assert!((Duration::from_millis(100)..Duration::from_millis(125)).contains(&p95), "{p95:?}");
    }

    #[test]
    fn every_duration_has_a_bucket_that_holds_it() {
        for micros in (0..200_000).chain([u64::MAX]) {
            let took = Duration::from_micros(micros);
            let bucket = bucket(took);
            assert!(bucket == BUCKETS - 1 || took < upper(bucket).max(Duration::from_micros(5)), "{took:?}");
        }
    }
}
