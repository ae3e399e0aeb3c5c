//! How long to wait between attempts, in the vocabulary of the `backoff` crate.
//!
//! That crate is unmaintained (RUSTSEC-2025-0012), so it is not in anybody's dependency tree by default; the feature
//! `backoff` converts both ways, and the tests use it as an oracle.

use std::time::Duration;

use crate::error::Result;
use crate::random::Random;

/// An exponential schedule with jitter.
///
/// The nth interval is `initial_interval · multiplierⁿ`, at most `max_interval`; a wait is drawn uniformly from
/// `interval · (1 ± randomization_factor)`. A factor of 1 is *full jitter*: anything from 0 to twice the interval.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backoff {
    /// The first interval.
    pub initial_interval: Duration,
    /// What each interval is multiplied by for the next.
    pub multiplier: f64,
    /// How far a wait strays from its interval, 0 to 1.
    pub randomization_factor: f64,
    /// The longest interval.
    pub max_interval: Duration,
    /// When the schedule ends, counted in waits given out; `None` is never.
    pub max_elapsed_time: Option<Duration>,
}

impl Backoff {
    /// Full jitter from 0 to 50 ms, doubling to 20 s, without end (the AWS SDKs' standard mode).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            initial_interval: Duration::from_millis(25),
            multiplier: 2.0,
            randomization_factor: 1.0,
            max_interval: Duration::from_secs(10),
            max_elapsed_time: None,
        }
    }

    /// Sets the first interval.
    #[must_use]
    pub const fn initial_interval(mut self, interval: Duration) -> Self {
        self.initial_interval = interval;
        self
    }

    /// Sets the multiplier.
    #[must_use]
    pub const fn multiplier(mut self, multiplier: f64) -> Self {
        self.multiplier = multiplier;
        self
    }

    /// Sets how far a wait strays from its interval, 0 to 1.
    #[must_use]
    pub const fn randomization_factor(mut self, factor: f64) -> Self {
        self.randomization_factor = factor;
        self
    }

    /// Sets the longest interval.
    #[must_use]
    pub const fn max_interval(mut self, interval: Duration) -> Self {
        self.max_interval = interval;
        self
    }

    /// Sets when the schedule ends.
    #[must_use]
    pub const fn max_elapsed_time(mut self, elapsed: Option<Duration>) -> Self {
        self.max_elapsed_time = elapsed;
        self
    }

    /// The wait before one retry, the first being 0; `unit` is the throw of the dice, 0 to 1.
    ///
    /// A caller that counts retries itself needs no [`Waits`], and [`max_elapsed_time`](Self::max_elapsed_time) is its
    /// own deadline.
    #[must_use]
    pub fn wait(&self, retry: u32, unit: f64) -> Duration {
        let doublings = i32::try_from(retry).unwrap_or(i32::MAX);
        let interval = times(self.initial_interval, self.multiplier.powi(doublings)).min(self.max_interval);
        self.jittered(interval, unit)
    }

    fn jittered(&self, interval: Duration, unit: f64) -> Duration {
        let factor = self.randomization_factor.clamp(0.0, 1.0);
        times(interval, 1.0 - factor + 2.0 * factor * unit)
    }

    /// The waits, from the first.
    #[must_use]
    pub fn waits(&self, random: &Random) -> Waits {
        Waits { backoff: self.clone(), random: random.clone(), interval: self.initial_interval, given: Duration::ZERO }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

/// The waits of one [`Backoff`].
#[derive(Clone, Debug)]
pub struct Waits {
    backoff: Backoff,
    random: Random,
    interval: Duration,
    given: Duration,
}

impl Waits {
    /// The next wait; `None` once the schedule has ended.
    ///
    /// # Errors
    /// `Internal` when the operating system has no randomness to give.
    pub fn next_wait(&mut self) -> Result<Option<Duration>> {
        let interval = self.interval.min(self.backoff.max_interval);
        let unit = if self.backoff.randomization_factor > 0.0 { self.random.unit()? } else { 0.5 };
        let wait = self.backoff.jittered(interval, unit);
        self.interval = times(interval, self.backoff.multiplier).min(self.backoff.max_interval);
        self.given = self.given.saturating_add(wait);
        Ok(self.backoff.max_elapsed_time.is_none_or(|max| self.given <= max).then_some(wait))
    }
}

/// Saturating, because a multiplier or an interval from a config may be anything.
fn times(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(if factor > 0.0 {
        Duration::MAX
    } else {
        Duration::ZERO
    })
}

#[cfg(feature = "backoff")]
mod interop {
    //! For applications that use the `backoff` crate already.

    use backoff::ExponentialBackoff;

    use super::Backoff;
    use crate::error::Error;

    impl From<&Backoff> for ExponentialBackoff {
        fn from(backoff: &Backoff) -> Self {
            Self {
                current_interval: backoff.initial_interval,
                initial_interval: backoff.initial_interval,
                randomization_factor: backoff.randomization_factor,
                multiplier: backoff.multiplier,
                max_interval: backoff.max_interval,
                max_elapsed_time: backoff.max_elapsed_time,
                ..Self::default()
            }
        }
    }

    impl From<&ExponentialBackoff> for Backoff {
        fn from(backoff: &ExponentialBackoff) -> Self {
            Self {
                initial_interval: backoff.initial_interval,
                multiplier: backoff.multiplier,
                randomization_factor: backoff.randomization_factor,
                max_interval: backoff.max_interval,
                max_elapsed_time: backoff.max_elapsed_time,
            }
        }
    }

    impl Error {
        /// The error as the `backoff` crate sorts them: what may pass is transient, with the wait that the service asked
        /// for; everything else is permanent. (`?` would make every error transient.)
        #[must_use]
        pub fn into_backoff(self) -> backoff::Error<Self> {
            if self.is_retryable() {
                backoff::Error::Transient { retry_after: self.retry_after(), err: self }
            } else {
                backoff::Error::Permanent(self)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use backoff::ExponentialBackoff;
    use backoff::backoff::Backoff as _;

    use super::*;
    use crate::random::RandomSource;

    fn sample(max_elapsed_time: Option<Duration>) -> Backoff {
        Backoff::new()
            .initial_interval(Duration::from_millis(500))
            .multiplier(1.5)
            .randomization_factor(0.0)
            .max_interval(Duration::from_secs(60))
            .max_elapsed_time(max_elapsed_time)
    }

    fn oracle(backoff: &Backoff) -> ExponentialBackoff {
        ExponentialBackoff {
            current_interval: backoff.initial_interval,
            initial_interval: backoff.initial_interval,
            randomization_factor: backoff.randomization_factor,
            multiplier: backoff.multiplier,
            max_interval: backoff.max_interval,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        }
    }

    /// Without jitter, both schedules are the same to the microsecond.
    #[test]
    fn schedule_is_that_of_the_backoff_crate() {
        for backoff in [sample(None), sample(None).multiplier(3.0), sample(None).max_interval(Duration::from_millis(700))] {
            let (mut ours, mut theirs) = (backoff.waits(&Random::System), oracle(&backoff));
            for attempt in 0..40 {
                let (our, their) = (ours.next_wait().unwrap().unwrap(), theirs.next_backoff().unwrap());
                assert!(our.abs_diff(their) <= Duration::from_micros(1), "{attempt}: {our:?}, {their:?}");
            }
        }
    }

    /// With jitter, both stray within the same bounds, and over the whole of them.
    #[test]
    fn jitter_has_the_bounds_of_the_backoff_crate() {
        let backoff = sample(None).multiplier(1.0).randomization_factor(0.5);
        let (mut ours, mut theirs) = (backoff.waits(&Random::System), oracle(&backoff));
        let (low, high) = (Duration::from_millis(250), Duration::from_millis(750) + Duration::from_nanos(1));
        let mut halves = [0_u32; 2];
        for _ in 0..2000 {
            let our = ours.next_wait().unwrap().unwrap();
            assert!((low..=high).contains(&our) && (low..=high).contains(&theirs.next_backoff().unwrap()));
            halves[usize::from(our > Duration::from_millis(500))] += 1;
        }
        // Of 2,000 fair throws fewer than 800 on one side has a probability below 10⁻¹⁸.
        assert!(halves.iter().all(|half| *half > 800), "{halves:?}");
    }

    #[test]
    fn the_schedule_ends_after_the_elapsed_time() {
        let mut waits = sample(Some(Duration::from_secs(2))).waits(&Random::System);
        let given: Vec<u128> = std::iter::from_fn(|| waits.next_wait().unwrap()).map(|wait| wait.as_millis()).collect();
        assert_eq!(given, [500, 750]);
    }

    /// Without jitter, both ways to a wait are one.
    #[test]
    fn a_wait_by_its_number_is_the_one_of_the_schedule() {
        let backoff = sample(None).max_interval(Duration::from_secs(7));
        let mut waits = backoff.waits(&Random::System);
        for retry in 0..40 {
            let (one, other) = (backoff.wait(retry, 0.5), waits.next_wait().unwrap().unwrap());
            assert!(one.abs_diff(other) <= Duration::from_micros(1), "{retry}: {one:?}, {other:?}");
        }
        let full = Backoff::new();
        assert_eq!((full.wait(0, 0.0), full.wait(0, 1.0)), (Duration::ZERO, Duration::from_millis(50)));
        assert_eq!(full.wait(u32::MAX, 1.0), Duration::from_secs(20));
    }

    #[test]
    fn nonsense_from_a_config_saturates() {
        struct Ones;
        impl RandomSource for Ones {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(0xFF);
            }
        }
        for multiplier in [f64::INFINITY, f64::NAN, -1.0, 1e300] {
            let backoff = Backoff::new().multiplier(multiplier).max_interval(Duration::MAX).randomization_factor(7.0);
            let mut waits = backoff.waits(&Random::from_source(Ones));
            for _ in 0..100 {
                assert!(waits.next_wait().unwrap().is_some());
            }
        }
    }

    #[cfg(feature = "backoff")]
    #[test]
    fn conversions_go_both_ways() {
        use crate::error::{Error, ErrorKind};
        let ours = sample(Some(Duration::from_secs(9))).randomization_factor(0.3);
        assert_eq!(Backoff::from(&ExponentialBackoff::from(&ours)), ours);
        let transient = Error::new(ErrorKind::Unavailable, "").into_backoff();
        assert!(matches!(transient, backoff::Error::Transient { .. }));
        let permanent = Error::new(ErrorKind::NotFound, "").into_backoff();
        assert!(matches!(permanent, backoff::Error::Permanent(_)));
    }
}
