//! Legs that keep failing rest, and are tried again by one call at a time.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use circle_core_common::{Error, ErrorKind, Reason, Tick};

/// When a failing leg rests, and for how long.
///
/// A leg that fails several times in a row, or says itself that it will not serve for a while, is asked only where no other can
/// answer. After its rest a single call tries it; while that runs, and when it fails again, the others stay away, twice as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cooldown {
    /// After how many failures in a row it rests; 0 is never.
    pub failures: u32,
    /// How long it rests at first, or as long as it asks for.
    pub rest: Duration,
    /// How long it rests at most.
    pub rest_max: Duration,
}

impl Cooldown {
    /// After 3 failures in a row for 30 s at first and 5 min at most.
    #[must_use]
    pub const fn new() -> Self {
        Self { failures: 3, rest: Duration::from_secs(30), rest_max: Duration::from_secs(300) }
    }

    /// Every call tries every leg.
    #[must_use]
    pub const fn off() -> Self {
        Self { failures: 0, ..Self::new() }
    }

    /// Sets after how many failures in a row a leg rests.
    #[must_use]
    pub const fn failures(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }

    /// Sets how long it rests at first.
    #[must_use]
    pub const fn rest(mut self, rest: Duration) -> Self {
        self.rest = rest;
        self
    }

    /// Sets how long it rests at most.
    #[must_use]
    pub const fn rest_max(mut self, rest: Duration) -> Self {
        self.rest_max = rest;
        self
    }

    /// Whether one failure is enough: the leg says itself that it will not serve for a while.
    fn is_told(error: &Error) -> bool {
        let lasting = matches!(error.kind(), ErrorKind::QuotaExceeded | ErrorKind::Unauthenticated);
        lasting || error.retry_after().is_some() || error.reason() == Some(Reason::BreakerOpen)
    }

    fn rest_of(&self, round: u32, error: &Error) -> Duration {
        let doubled = self.rest.saturating_mul(1 << round.min(16));
        doubled.max(error.retry_after().unwrap_or_default()).min(self.rest_max)
    }
}

impl Default for Cooldown {
    fn default() -> Self {
        Self::new()
    }
}

/// What is known of the health of one leg. A leg that serves is only read.
#[derive(Debug, Default)]
pub(super) struct LegHealth {
    failures: AtomicU32,
    /// Until when it rests, in milliseconds of the clock; 0 where it does not.
    until: AtomicU64,
    /// How often it has rested without serving in between.
    rounds: AtomicU32,
    probing: AtomicBool,
}

/// Whether a leg may be tried.
pub(super) enum Admission<'a> {
    /// It may.
    Ready(Trial<'a>),
    /// Only where no other can answer.
    Resting,
}

/// A leg that is being tried; dropped without an outcome it leaves everything as it was.
pub(super) struct Trial<'a> {
    health: &'a LegHealth,
    probe: bool,
}

fn millis(tick: Tick) -> u64 {
    u64::try_from(tick.since_start().as_millis()).unwrap_or(u64::MAX)
}

impl LegHealth {
    pub(super) fn admit(&self, now: Tick) -> Admission<'_> {
        let until = self.until.load(Ordering::Acquire);
        if until == 0 {
            return Admission::Ready(Trial { health: self, probe: false });
        }
        if millis(now) < until || self.probing.swap(true, Ordering::AcqRel) {
            return Admission::Resting;
        }
        Admission::Ready(Trial { health: self, probe: true })
    }

    /// A trial that nothing speaks for but that there is no other leg.
    pub(super) fn last_resort(&self) -> Trial<'_> {
        Trial { health: self, probe: false }
    }

    pub(super) fn is_resting(&self, now: Tick) -> bool {
        millis(now) < self.until.load(Ordering::Acquire)
    }
}

impl Trial<'_> {
    /// The leg has served, or has at least said what is wrong with the request.
    pub(super) fn served(self) {
        let health = self.health;
        if health.failures.load(Ordering::Relaxed) != 0 {
            health.failures.store(0, Ordering::Relaxed);
        }
        if health.until.load(Ordering::Relaxed) != 0 {
            health.rounds.store(0, Ordering::Relaxed);
            health.until.store(0, Ordering::Release);
        }
    }

    /// The leg has failed.
    pub(super) fn failed(self, settings: &Cooldown, now: Tick, error: &Error) {
        if settings.failures == 0 {
            return;
        }
        let health = self.health;
        let failures = health.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let until = health.until.load(Ordering::Acquire);
        // Calls that failed together are one reason to rest, not many.
        let rests = until != 0 && !self.probe;
        if rests || !(self.probe || failures >= settings.failures || Cooldown::is_told(error)) {
            return;
        }
        let round = health.rounds.load(Ordering::Relaxed);
        let next = millis(now.after(settings.rest_of(round, error))).max(1);
        if health.until.compare_exchange(until, next, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            health.rounds.store(round.saturating_add(1), Ordering::Relaxed);
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.health.probing.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use circle_core_common::Detail;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u32) -> Tick {
        Tick::from_start(SECOND * seconds)
    }

    fn trial(health: &LegHealth, seconds: u32) -> Option<Trial<'_>> {
        match health.admit(at(seconds)) {
            Admission::Ready(trial) => Some(trial),
            Admission::Resting => None,
        }
    }

    fn fails(health: &LegHealth, seconds: u32, error: &Error) -> bool {
        trial(health, seconds).map(|trial| trial.failed(&Cooldown::new(), at(seconds), error)).is_some()
    }

    #[test]
    fn a_leg_rests_after_failures_in_a_row_and_longer_each_time() {
        let (health, error) = (LegHealth::default(), Error::new(ErrorKind::Unavailable, ""));
        assert!(fails(&health, 1, &error) && fails(&health, 1, &error));
        trial(&health, 1).unwrap().served();
        assert!((0..3).all(|_| fails(&health, 2, &error)), "a success in between starts anew");
        assert!(!fails(&health, 31, &error), "it rests for 30 s");
        assert!(fails(&health, 32, &error), "one call tries it");
        assert!(!fails(&health, 91, &error), "it rests for 60 s");
        trial(&health, 92).unwrap().served();
        assert!(!health.is_resting(at(92)) && fails(&health, 92, &error));
    }

    #[test]
    fn one_call_at_a_time_tries_a_leg_that_has_rested() {
        let (health, error) = (LegHealth::default(), Error::new(ErrorKind::QuotaExceeded, ""));
        assert!(fails(&health, 0, &error), "a quota does not come back by itself");
        let probe = trial(&health, 30).unwrap();
        assert!(trial(&health, 30).is_none(), "another call stays away while it is tried");
        drop(probe);
        assert!(trial(&health, 30).is_some(), "a dropped trial leaves it to be tried");
    }

    #[test]
    fn what_the_service_asks_for_counts_up_to_the_most() {
        let mut detail = Detail::new();
        detail.retry_after = Some(Duration::from_secs(100));
        let error = Error::new(ErrorKind::RateLimited, "").with_detail(detail);
        let health = LegHealth::default();
        assert!(fails(&health, 1, &error));
        assert!(trial(&health, 100).is_none() && trial(&health, 101).is_some());
        assert_eq!(Cooldown::new().rest_of(30, &error), Duration::from_secs(300));
    }

    #[test]
    fn calls_that_fail_together_are_one_rest() {
        let (health, error) = (LegHealth::default(), Error::new(ErrorKind::Unavailable, ""));
        let trials: Vec<_> = (0..100).map(|_| trial(&health, 0).unwrap()).collect();
        trials.into_iter().for_each(|trial| trial.failed(&Cooldown::new(), at(0), &error));
        assert!(trial(&health, 29).is_none() && trial(&health, 30).is_some());
    }
}
