//! Headers that belong together by their names: limit, remaining, reset.

use std::time::Duration;

use http::HeaderMap;

use super::reset::reset_after;
use super::{LimitScope, LimitUnit, RateLimit, Refill};
use crate::http::headers::text;
use crate::units::Timestamp;

pub(super) const SHOPIFY: &str = "x-shopify-shop-api-call-limit";
pub(super) const SALESFORCE: &str = "sforce-limit-info";

/// How a family says when it is whole again.
enum Reset {
    /// A wait or a moment in one of these headers.
    In(&'static [&'static str]),
    /// A window of as many milliseconds as this header says, of which nobody knows how much has passed.
    Millis(&'static str),
    /// Windows that begin with the full second, minute, day of the service's clock.
    Every(Duration),
    /// Not at all.
    Untold,
}

struct Family {
    limit: &'static str,
    remaining: &'static str,
    reset: Reset,
    /// Where the limit's name is.
    names: &'static [&'static str],
    /// The name of one that always has the same.
    called: Option<&'static str>,
    /// Whether only its limit tells it from others.
    by_limit: bool,
}

const fn family(limit: &'static str, remaining: &'static str, reset: Reset) -> Family {
    Family { limit, remaining, reset, names: &[], called: None, by_limit: false }
}

const FAMILIES: [Family; 9] = [
    Family {
        names: &["x-ratelimit-resource", "x-ratelimit-bucket", "x-ratelimit-name"],
        ..family("x-ratelimit-limit", "x-ratelimit-remaining", Reset::In(&["x-ratelimit-reset-after", "x-ratelimit-reset"]))
    },
    Family { names: &["ratelimit-name"], ..family("ratelimit-limit", "ratelimit-remaining", Reset::In(&["ratelimit-reset"])) },
    // Zendesk's limit is of the current minute. Other services have what remains under the same name.
    Family { by_limit: true, ..family("x-rate-limit", "x-rate-limit-remaining", Reset::Every(Duration::from_secs(60))) },
    family("x-rate-limit-limit", "x-rate-limit-remaining", Reset::In(&["x-rate-limit-reset"])),
    family("x-sentry-rate-limit-limit", "x-sentry-rate-limit-remaining", Reset::In(&["x-sentry-rate-limit-reset"])),
    family("fastly-ratelimit-limit", "fastly-ratelimit-remaining", Reset::In(&["fastly-ratelimit-reset"])),
    Family {
        called: Some("interval"),
        ..family(
            "x-hubspot-ratelimit-max",
            "x-hubspot-ratelimit-remaining",
            Reset::Millis("x-hubspot-ratelimit-interval-milliseconds"),
        )
    },
    Family {
        called: Some("secondly"),
        ..family("x-hubspot-ratelimit-secondly", "x-hubspot-ratelimit-secondly-remaining", Reset::Every(Duration::from_secs(1)))
    },
    // It begins anew at midnight, in a time zone that only the account knows.
    Family { called: Some("daily"), ..family("x-hubspot-ratelimit-daily", "x-hubspot-ratelimit-daily-remaining", Reset::Untold) },
];

pub(super) fn read(headers: &HeaderMap, answered: Timestamp, found: &mut Vec<RateLimit>) {
    let before = found.len();
    for family in &FAMILIES {
        let remaining = number(headers, family.remaining);
        let limit = number(headers, family.limit);
        if limit.is_none() && (remaining.is_none() || family.by_limit) {
            continue;
        }
        let reset_after = match family.reset {
            Reset::In(names) => names.iter().find_map(|name| reset_after(text(headers, name)?, answered)),
            Reset::Millis(name) => number(headers, name).map(Duration::from_millis),
            Reset::Every(window) => Some(rest_of(window, answered)),
            Reset::Untold => None,
        };
        let name = family.called.or_else(|| family.names.iter().find_map(|name| text(headers, name)));
        let scope = match name {
            // HubSpot's names tell windows of one account apart, not requests.
            Some(name) if family.called.is_some() => LimitScope::Named(name.to_owned()),
            _ if is_global(headers) => LimitScope::Everything,
            Some(name) => LimitScope::Named(name.to_owned()),
            None => LimitScope::Endpoint,
        };
        found.push(RateLimit { scope, limit, remaining, reset_after, ..RateLimit::default() });
    }
    if let Some(limit) = found.get_mut(before) {
        fill_rate(headers, limit);
    }
}

/// Confluence's buckets get so many every so many seconds, and say no other reset.
fn fill_rate(headers: &HeaderMap, told: &mut RateLimit) {
    let (Some(fill), Some(interval)) = (number(headers, "x-ratelimit-fillrate"), number(headers, "x-ratelimit-interval-seconds"))
    else {
        return;
    };
    if let (Some(limit), Some(remaining), None) = (told.limit, told.remaining, told.reset_after) {
        told.refill = Refill::Steadily;
        told.reset_after = bucket(limit, remaining, fill as f64 / interval.max(1) as f64);
    }
}

/// Whether Discord says that everything is meant.
fn is_global(headers: &HeaderMap) -> bool {
    text(headers, "x-ratelimit-global").is_some_and(|global| global.eq_ignore_ascii_case("true"))
        || text(headers, "x-ratelimit-scope") == Some("global")
}

/// How long a bucket takes to be full.
pub(super) fn bucket(limit: u64, remaining: u64, per_second: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(limit.saturating_sub(remaining) as f64 / per_second).ok()
}

/// What is left of a window that began when the service's clock was a multiple of it.
pub(super) fn rest_of(window: Duration, answered: Timestamp) -> Duration {
    let seconds = i64::try_from(window.as_secs()).unwrap_or(i64::MAX).max(1);
    Duration::from_secs((seconds - answered.unix_seconds().rem_euclid(seconds)).unsigned_abs())
}

/// A count: `5000`, `100, 100;w=60` of which the first counts, and Reddit's `599.0`.
pub(super) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    count(text(headers, name)?)
}

pub(super) fn count(text: &str) -> Option<u64> {
    let first = text.split([',', ';']).next()?.trim();
    first.parse().ok().or_else(|| crate::http::retry_after::seconds(first).map(|number| number.as_secs()))
}

/// What a limit of this name counts.
pub(super) fn unit(name: &str) -> LimitUnit {
    const AMOUNTS: [&str; 5] = ["token", "bytes", "complexity", "points", "cost"];
    if name.contains("concurrent") {
        LimitUnit::Concurrent
    } else if AMOUNTS.iter().any(|word| name.contains(word)) {
        LimitUnit::Amount
    } else {
        LimitUnit::Requests
    }
}
