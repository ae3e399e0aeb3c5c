//! Rate limits that services tell in headers, in one form.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::date::parse_date;
use super::headers;
use super::retry_after::{answered, seconds};
use crate::clock::Clock;
use crate::units::Timestamp;

/// What a service says about its rate limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// How many requests a window has.
    pub limit: Option<u64>,
    /// How many are left.
    pub remaining: Option<u64>,
    /// How long until the window begins anew.
    pub reset_after: Option<Duration>,
}

/// Three headers that belong together: limit, remaining, reset. The last of each is a moment or a wait in any form.
const FAMILIES: [[&str; 3]; 6] = [
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    ["anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"],
    ["anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"],
];

/// How many of [`FAMILIES`] are windows that refuse everything until they begin anew. The others are buckets that fill all
/// the time: their reset says when they are full, and waiting for it would be far too long.
const WINDOWS: usize = 2;

impl RateLimit {
    /// Reads the headers of the IETF draft (`RateLimit` with `RateLimit-Policy`, and its earlier forms), `X-RateLimit-*`,
    /// and those of OpenAI and Anthropic. Of several limits, the one that is used up most.
    ///
    /// A moment counts from the answer's own `Date`; `now` is used where there is none.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        let families = FAMILIES.iter().filter_map(|family| Self::of_family(headers, family, now));
        Self::of_draft(headers).into_iter().chain(families).min_by_key(|limit| limit.remaining.unwrap_or(u64::MAX))
    }

    /// How long nothing will be accepted, where the headers say that a window is used up.
    pub(super) fn closed_for(headers: &HeaderMap, clock: &Clock) -> Option<Duration> {
        // Nearly no answer has such headers: one look at the names that are there costs less than looking for each.
        let tells_limits = |name: &HeaderName| {
            let name = name.as_str();
            name.strip_prefix("x-").unwrap_or(name).starts_with("ratelimit")
        };
        if !headers.keys().any(tells_limits) {
            return None;
        }
        let draft = Self::of_draft(headers).into_iter();
        let families = FAMILIES[..WINDOWS].iter().filter(|[_, remaining, _]| headers::text(headers, remaining) == Some("0"));
        let windows = families.filter_map(|family| Self::of_family(headers, family, clock.timestamp()));
        let closed = |limit: Self| limit.reset_after.filter(|_| limit.remaining == Some(0));
        draft.chain(windows).filter_map(closed).max()
    }

    fn of_family(headers: &HeaderMap, [limit, remaining, reset]: &[&str; 3], now: Timestamp) -> Option<Self> {
        let number = |name: &str| headers::text(headers, name)?.split([',', ';']).next()?.trim().parse().ok();
        let (limit, remaining) = (number(limit), number(remaining));
        let reset_after = headers::text(headers, reset).and_then(|text| reset_after(text, answered(headers, now)));
        (limit.is_some() || remaining.is_some()).then_some(Self { limit, remaining, reset_after })
    }

    /// `RateLimit: "default";r=50;t=30` with `RateLimit-Policy: "default";q=100;w=60`; or, in drafts until 7,
    /// `RateLimit: limit=100, remaining=50, reset=30`.
    fn of_draft(headers: &HeaderMap) -> Option<Self> {
        let text = headers::text(headers, "ratelimit")?;
        if let Some(remaining) = parameter(text, "remaining") {
            let reset_after = parameter(text, "reset").map(Duration::from_secs);
            return Some(Self { limit: parameter(text, "limit"), remaining: Some(remaining), reset_after });
        }
        let policies = headers::text(headers, "ratelimit-policy").unwrap_or_default();
        let items = text.split(',').filter_map(|item| {
            let name = item.split(';').next()?.trim();
            let policy = policies.split(',').find(|policy| policy.split(';').next().map(str::trim) == Some(name));
            let limit = policy.and_then(|policy| parameter(policy, "q"));
            Some(Self {
                limit,
                remaining: Some(parameter(item, "r")?),
                reset_after: parameter(item, "t").map(Duration::from_secs),
            })
        });
        items.min_by_key(|limit| limit.remaining)
    }
}

fn parameter(text: &str, name: &str) -> Option<u64> {
    text.split([';', ',']).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        if key.trim() == name { value.trim().parse().ok() } else { None }
    })
}

/// A wait from `1`, `6m0s`, `17ms`, a Unix time in seconds or milliseconds, an RFC 3339 or an HTTP date.
fn reset_after(text: &str, answered: Timestamp) -> Option<Duration> {
    /// No window lasts 31 years: a number from here on is a moment.
    const MOMENT: u64 = 1_000_000_000;
    /// And from here on, which in seconds is the year 33658, a moment in milliseconds.
    const MILLIS: u64 = 1_000_000_000_000;
    if let Some(number) = seconds(text) {
        let whole = number.as_secs();
        let moment = match whole {
            MILLIS.. => Timestamp::from_unix(i64::try_from(whole / 1000).ok()?, u32::try_from(whole % 1000).ok()? * 1_000_000),
            MOMENT.. => Timestamp::from_unix(i64::try_from(whole).ok()?, number.subsec_nanos()),
            _ => return Some(number),
        };
        return Some(moment.since(answered));
    }
    if let Some(wait) = go_duration(text) {
        return Some(wait);
    }
    let moment = parse_date(text).or_else(|| text.parse().ok())?;
    Some(moment.since(answered))
}

/// `1h2m3.5s`, as Go prints durations.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = &rest[letters..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const NOW: i64 = 1_700_000_000;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn read(pairs: &[(&'static str, &str)]) -> Option<(Option<u64>, Option<u64>, Option<f64>)> {
        let limit = RateLimit::from_headers(&headers(pairs), Timestamp::from_unix(NOW, 0))?;
        Some((limit.limit, limit.remaining, limit.reset_after.map(|wait| wait.as_secs_f64())))
    }

    #[test]
    fn every_family() {
        for (pairs, expected) in [
            (
                &[("ratelimit", "\"default\";r=50;t=30"), ("ratelimit-policy", "\"default\";q=100;w=60")][..],
                Some((Some(100), Some(50), Some(30.0))),
            ),
            (
                &[
                    ("ratelimit", "\"burst\";r=9;t=1, \"daily\";r=0;t=3600"),
                    ("ratelimit-policy", "\"burst\";q=10;w=1, \"daily\";q=5;w=86400"),
                ],
                Some((Some(5), Some(0), Some(3600.0))),
            ),
            (&[("ratelimit", "limit=100, remaining=5, reset=7")], Some((Some(100), Some(5), Some(7.0)))),
            (
                &[("ratelimit-limit", "100, 100;w=60"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "7")],
                Some((Some(100), Some(0), Some(7.0))),
            ),
            (
                &[("x-ratelimit-limit", "5000"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000060")],
                Some((Some(5000), Some(0), Some(60.0))),
            ),
            (&[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "1700000060500")], Some((None, Some(1), Some(60.5)))),
            (&[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "12")], Some((None, Some(1), Some(12.0)))),
            (&[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "1699999999")], Some((None, Some(1), Some(0.0)))),
            (
                &[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "1700000060"), ("date", "Tue, 14 Nov 2023 22:14:00 GMT")],
                Some((None, Some(1), Some(20.0))),
            ),
            (
                &[
                    ("x-ratelimit-remaining-requests", "59"),
                    ("x-ratelimit-reset-requests", "1s"),
                    ("x-ratelimit-remaining-tokens", "3"),
                    ("x-ratelimit-reset-tokens", "6m0s"),
                ],
                Some((None, Some(3), Some(360.0))),
            ),
            (
                &[
                    ("anthropic-ratelimit-requests-remaining", "4"),
                    ("anthropic-ratelimit-requests-reset", "2023-11-14T22:13:30Z"),
                ],
                Some((None, Some(4), Some(10.0))),
            ),
            (&[("x-ratelimit-remaining", "lots"), ("x-ratelimit-reset", "x")], None),
            (&[], None),
        ] {
            assert_eq!(read(pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn only_a_window_that_is_used_up_closes() {
        let closed = |pairs: &[(&'static str, &str)]| RateLimit::closed_for(&headers(pairs), &Clock::System);
        assert_eq!(closed(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "9")]), Some(Duration::from_secs(9)));
        assert_eq!(closed(&[("ratelimit", "\"a\";r=0;t=4")]), Some(Duration::from_secs(4)));
        assert_eq!(closed(&[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "9")]), None);
        assert_eq!(closed(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")]), None);
    }

    #[test]
    fn go_durations() {
        for (text, expected) in [
            ("6m0s", Some(360.0)),
            ("17ms", Some(0.017)),
            ("1h2m3.5s", Some(3723.5)),
            ("1d", Some(86400.0)),
            ("", None),
            ("s", None),
            ("3", None),
            ("3x", None),
            ("1e9s", None),
        ] {
            assert_eq!(go_duration(text).map(|wait| wait.as_secs_f64()), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_tried(text in "[ -~]{0,40}|[0-9.hmsd]{0,30}") {
            let _ = reset_after(&text, Timestamp::from_unix(NOW, 0));
            let _ = read(&[("ratelimit", &text), ("ratelimit-policy", &text)]);
        }
    }
}
