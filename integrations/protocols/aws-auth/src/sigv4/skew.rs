//! The difference between the service's clock and this machine's.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use circle_core_common::{Clock, Detail, Tick, Timestamp};

/// What a service says when the date of a signature is too far from its own.
const SKEWED: [&str; 3] = ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"];
/// What a service may say for that reason and for others.
const PERHAPS_SKEWED: [&str; 3] = ["AuthFailure", "InvalidSignatureException", "SignatureDoesNotMatch"];
/// The least difference that explains a refusal which may have other reasons; services allow 5 to 15 minutes.
const SIGNIFICANT: Duration = Duration::from_secs(4 * 60);
/// How long after a correction a refusal may still be of a request that was signed before it.
const RECENT: Duration = Duration::from_secs(60);

/// A correction that is learned from an answer and kept for later requests.
#[derive(Debug, Default)]
pub(super) struct Skew(Mutex<Known>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    offset: Offset,
    learned: Option<Tick>,
}

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

impl Skew {
    /// What time it is for the service.
    pub(super) fn now(&self, clock: &Clock) -> Timestamp {
        self.known().offset.correct(clock.timestamp())
    }

    /// Looks at a refusal; `true` when it was for the date of the signature and the next one has a better date.
    pub(super) fn learn(&self, refusal: &Detail, clock: &Clock) -> bool {
        let certain = match refusal.code.as_deref() {
            Some(code) if SKEWED.contains(&code) => true,
            Some(code) if PERHAPS_SKEWED.contains(&code) => false,
            // The answer to a HEAD has no body to say why.
            None if refusal.status == Some(403) => false,
            _ => return false,
        };
        // Without a date, or with one that a cache has kept, there is nothing to learn.
        let Some(service) = refusal.answered_at else { return false };
        let (local, now) = (clock.timestamp(), clock.now());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = known.offset.correct(local);
        let error = service.since(believed).max(believed.since(service));
        if error >= SIGNIFICANT || (certain && error >= Duration::from_secs(1)) {
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

    fn refusal(status: u16, code: Option<&str>, answered_at: Option<Timestamp>) -> Detail {
        let mut detail = Detail::new();
        detail.status = Some(status);
        detail.code = code.map(str::to_owned);
        detail.answered_at = answered_at;
        detail
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    #[test]
    fn a_clock_that_is_wrong_either_way_is_corrected() {
        let clock = Clock::System;
        for (service, code) in [
            (clock.timestamp() + minutes(16), Some("RequestTimeTooSkewed")),
            (clock.timestamp() - minutes(16), Some("RequestTimeTooSkewed")),
            (clock.timestamp() + minutes(60), Some("SignatureDoesNotMatch")),
            (clock.timestamp() - minutes(60), None),
            (clock.timestamp() + Duration::from_secs(90), Some("RequestInTheFuture")),
        ] {
            let skew = Skew::default();
            assert!(skew.learn(&refusal(403, code, Some(service)), &clock), "{code:?}");
            let now = skew.now(&clock);
            assert!(now.since(service).max(service.since(now)) < Duration::from_secs(5), "{code:?}");
            // A request that was signed before is told to go again, too.
            assert!(skew.learn(&refusal(403, code, Some(service)), &clock));
        }
    }

    #[test]
    fn nothing_is_learned_from_other_refusals() {
        let clock = Clock::System;
        let (now, hour) = (clock.timestamp(), Duration::from_secs(3600));
        for (status, code, date) in [
            (403, Some("AccessDenied"), Some(now + hour)),
            (403, Some("RequestTimeTooSkewed"), None),
            (403, Some("SignatureDoesNotMatch"), Some(now + minutes(1))),
            (403, None, Some(now)),
            (404, None, Some(now + hour)),
        ] {
            let skew = Skew::default();
            assert!(!skew.learn(&refusal(status, code, date), &clock), "{status} {code:?}");
            assert!(skew.now(&clock).since(now) < minutes(1));
        }
    }
}
