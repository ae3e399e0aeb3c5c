//! When a limit is whole again: a wait or a moment, in any form.

use std::time::Duration;

use crate::http::date::parse_date;
use crate::http::retry_after::seconds;
use crate::units::Timestamp;

/// No window lasts 31 years: a number from here on is a moment.
const MOMENT: u64 = 1_000_000_000;
/// And from here on, which in seconds is the year 33658, a moment in milliseconds.
const MILLIS: u64 = 1_000_000_000_000;

/// A wait from `1`, `6m0s`, `17ms`, a Unix time in seconds or milliseconds, an RFC 3339 or an HTTP date.
pub(super) fn reset_after(text: &str, answered: Timestamp) -> Option<Duration> {
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
    let moment = parse_date(text).or_else(|| text.parse().ok()).or_else(|| without_seconds(text))?;
    Some(moment.since(answered))
}

/// `2026-03-26T16:00Z`, as Jira writes it.
fn without_seconds(text: &str) -> Option<Timestamp> {
    format!("{}:00Z", text.strip_suffix('Z')?).parse().ok()
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

    #[test]
    fn waits_and_moments() {
        let answered = Timestamp::from_unix(1_700_000_000, 0); // 2023-11-14T22:13:20Z
        for (text, expected) in [
            ("0", Some(0.0)),
            ("12", Some(12.0)),
            ("0.25", Some(0.25)),
            ("1700000060", Some(60.0)),
            ("1700000060.5", Some(60.5)),
            ("1700000060500", Some(60.5)),
            ("1699999999", Some(0.0)),
            ("6m0s", Some(360.0)),
            ("2023-11-14T22:13:30Z", Some(10.0)),
            ("2023-11-14T23:13:30+01:00", Some(10.0)),
            ("2023-11-14T22:14Z", Some(40.0)),
            ("Tue, 14 Nov 2023 22:13:30 GMT", Some(10.0)),
            ("-1", None),
            ("soon", None),
            ("Z", None),
        ] {
            assert_eq!(reset_after(text, answered).map(|wait| wait.as_secs_f64()), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_tried(text in "[ -~]{0,40}|[0-9.hmsd]{0,30}|\\PC*") {
            let _ = reset_after(&text, Timestamp::from_unix(1_700_000_000, 0));
        }
    }
}
