//! Which refusals are for the date of the signature.

use circle_core_common::http::ClockSkew;
use circle_core_common::{Clock, Detail};

/// What a service says when the date of a signature is too far from its own.
const SKEWED: [&str; 3] = ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"];
/// What a service may say for that reason and for others.
const PERHAPS_SKEWED: [&str; 3] = ["AuthFailure", "InvalidSignatureException", "SignatureDoesNotMatch"];

/// Looks at a refusal; `true` when it was for the date of the signature and the next one has a better date.
pub(super) fn learn(skew: &ClockSkew, refusal: &Detail, clock: &Clock) -> bool {
    let certain = match refusal.code.as_deref() {
        Some(code) if SKEWED.contains(&code) => true,
        Some(code) if PERHAPS_SKEWED.contains(&code) => false,
        // The answer to a HEAD has no body to say why.
        None if refusal.status == Some(403) => false,
        _ => return false,
    };
    skew.learn(refusal, certain, clock)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use circle_core_common::Timestamp;

    use super::*;

    fn refusal(status: u16, code: Option<&str>, answered_at: Option<Timestamp>) -> Detail {
        let mut detail = Detail::new();
        detail.status = Some(status);
        detail.code = code.map(str::to_owned);
        detail.answered_at = answered_at;
        detail
    }

    #[test]
    fn only_refusals_that_the_date_explains_are_learned_from() {
        let clock = Clock::System;
        let (now, minute) = (clock.timestamp(), Duration::from_secs(60));
        for (status, code, date, learned) in [
            (403, Some("RequestTimeTooSkewed"), Some(now + 16 * minute), true),
            (403, Some("RequestTimeTooSkewed"), Some(now - 16 * minute), true),
            (400, Some("RequestExpired"), Some(now - 16 * minute), true),
            (403, Some("SignatureDoesNotMatch"), Some(now + 60 * minute), true),
            (403, None, Some(now - 60 * minute), true),
            (403, Some("RequestInTheFuture"), Some(now + 2 * minute), true),
            (403, Some("SignatureDoesNotMatch"), Some(now + minute), false),
            (403, Some("AccessDenied"), Some(now + 60 * minute), false),
            (403, Some("RequestTimeTooSkewed"), None, false),
            (403, None, Some(now), false),
            (404, None, Some(now + 60 * minute), false),
        ] {
            let skew = ClockSkew::new();
            assert_eq!(learn(&skew, &refusal(status, code, date), &clock), learned, "{status} {code:?} {date:?}");
        }
    }
}
