//! The difference between a service's clock and this machine's.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Tick};
use crate::error::Detail;
use crate::units::Timestamp;

/// The least difference that explains a refusal which may have other reasons; services allow 5 to 15 minutes.
const SIGNIFICANT: Duration = Duration::from_secs(4 * 60);
/// The least that is a difference at all: dates of HTTP have whole seconds.
const NOTICEABLE: Duration = Duration::from_secs(1);
/// The longest that an answer may have taken for its date to tell the time.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(4);
/// How long after a correction a refusal may still be of a request that was signed before it.
const RECENT: Duration = Duration::from_secs(60);

/// A correction of the clock, learned from refusals and kept for later requests: for whatever signs a date.
///
/// ```
/// # use circle_core_common::{CallContext, Clock, Error};
/// # use circle_core_common::http::ClockSkew;
/// # struct Signer { skew: ClockSkew }
/// # impl Signer {
/// // In `Sign::sign`:
/// fn date(&self, cx: &CallContext) -> circle_core_common::Timestamp {
///     self.skew.now(cx.clock())
/// }
/// // In `Sign::repair`: `true` repeats the request, once.
/// fn repair(&self, cx: &CallContext, error: &Error) -> bool {
///     error.detail().is_some_and(|detail| match detail.code.as_deref() {
///         Some("RequestTimeTooSkewed") => self.skew.learn(detail, true, cx.clock()),
///         Some("SignatureDoesNotMatch") => self.skew.learn(detail, false, cx.clock()),
///         _ => false,
///     })
/// }
/// # }
/// ```
#[derive(Debug, Default)]
pub struct ClockSkew(Mutex<Known>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    offset: Offset,
    learned: Option<Tick>,
}

/// One of the two is zero.
#[derive(Clone, Copy, Debug, Default)]
struct Offset {
    ahead: Duration,
    behind: Duration,
}

impl Offset {
    fn between(service: Timestamp, local: Timestamp) -> Self {
        Self { ahead: service.since(local), behind: local.since(service) }
    }

    fn correct(self, local: Timestamp) -> Timestamp {
        local + self.ahead - self.behind
    }
}

impl ClockSkew {
    /// No difference known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What time it is for the service.
    #[must_use]
    pub fn now(&self, clock: &Clock) -> Timestamp {
        self.known().offset.correct(clock.timestamp())
    }

    /// Learns from a refusal; `true` when the clock explains it, and the next request will have a better date.
    ///
    /// `certain` is that the service says so: then any difference counts. Else only one of minutes explains the refusal. The
    /// service answered in the middle between the request and the answer; an answer that took more than 4 s, one from a cache
    /// and one without a date tell nothing.
    pub fn learn(&self, refusal: &Detail, certain: bool, clock: &Clock) -> bool {
        let Some(service) = refusal.answered_at else { return false };
        let took = refusal.round_trip.unwrap_or_default();
        let local = refusal.received_at.unwrap_or_else(|| clock.timestamp()) - took / 2;
        let now = clock.now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = known.offset.correct(local);
        let error = service.since(believed).max(believed.since(service));
        if took <= ROUND_TRIP_MAX && (error >= SIGNIFICANT || certain && error >= NOTICEABLE) {
            *known = Known { offset: Offset::between(service, local), learned: Some(now) };
            return true;
        }
        // Another request may have learned it while this one was on its way.
        known.learned.is_some_and(|learned| now.since(learned) < RECENT)
    }

    fn known(&self) -> Known {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(answered_at: Option<Timestamp>, round_trip: Option<Duration>) -> Detail {
        Detail { answered_at, round_trip, ..Detail::default() }
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    fn apart(one: Timestamp, other: Timestamp) -> Duration {
        one.since(other).max(other.since(one))
    }

    #[test]
    fn a_clock_that_is_wrong_either_way_is_corrected() {
        let clock = Clock::System;
        for (service, certain) in [
            (clock.timestamp() + minutes(16), true),
            (clock.timestamp() - minutes(16), true),
            (clock.timestamp() + minutes(60), false),
            (clock.timestamp() - minutes(60), false),
            (clock.timestamp() + Duration::from_secs(90), true),
        ] {
            let skew = ClockSkew::new();
            assert!(skew.learn(&refusal(Some(service), None), certain, &clock), "{service} {certain}");
            assert!(apart(skew.now(&clock), service) < Duration::from_secs(5), "{service} {certain}");
            // A request that was signed before is told to go again, too.
            assert!(skew.learn(&refusal(Some(service), None), certain, &clock));
        }
    }

    #[test]
    fn a_correction_is_taken_back_when_the_clock_is_set() {
        let (clock, skew) = (Clock::System, ClockSkew::new());
        assert!(skew.learn(&refusal(Some(clock.timestamp() + minutes(16)), None), true, &clock));
        assert!(skew.learn(&refusal(Some(clock.timestamp()), None), true, &clock));
        assert!(apart(skew.now(&clock), clock.timestamp()) < Duration::from_secs(2));
    }

    #[test]
    fn nothing_is_learned_from_what_tells_no_time() {
        let clock = Clock::System;
        let now = clock.timestamp();
        for (date, took, certain) in [
            (None, None, true),
            (Some(now + minutes(1)), None, false),
            (Some(now), None, true),
            (Some(now + minutes(60)), Some(Duration::from_millis(4001)), true),
        ] {
            let skew = ClockSkew::new();
            assert!(!skew.learn(&refusal(date, took), certain, &clock), "{date:?} {took:?}");
            assert!(apart(skew.now(&clock), now) < minutes(1));
        }
    }

    #[test]
    fn the_service_answered_midway() {
        let clock = Clock::System;
        let (received, took) = (clock.timestamp(), Duration::from_secs(4));
        // Its clock is right: it answered two seconds ago.
        let right = Detail { received_at: Some(received), ..refusal(Some(received - took / 2), Some(took)) };
        assert!(!ClockSkew::new().learn(&right, true, &clock));
        let skew = ClockSkew::new();
        let ahead = Detail { received_at: Some(received), ..refusal(Some(received + minutes(16)), Some(took)) };
        assert!(skew.learn(&ahead, true, &clock));
        let expected = received + minutes(16) + took / 2;
        assert!(apart(skew.now(&clock), expected) < Duration::from_secs(1));
    }
}
