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
/// `interval · (1 ± randomization_factor)`. With a factor of 1 that is *full jitter* around the interval.
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
    /// 50 ms, doubling to 20 s, fully jittered, without end.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            initial_interval: Duration::from_millis(50),
            multiplier: 2.0,
            randomization_factor: 1.0,
            max_interval: Duration::from_secs(20),
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
        let factor = self.backoff.randomization_factor.clamp(0.0, 1.0);
        let unit = if factor > 0.0 { self.random.unit()? } else { 0.5 };
        let wait = times(interval, 1.0 - factor + 2.0 * factor * unit);
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
