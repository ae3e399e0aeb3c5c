//! How long a service asks to wait, in every form that is in use.

use std::time::Duration;

use http::HeaderMap;

use super::date::parse_date;
use super::headers;
use crate::units::Timestamp;

/// The wait that the headers ask for: `retry-after-ms`, `x-ms-retry-after-ms`, or `Retry-After` in seconds or as a date.
///
/// A date counts from the answer's own `Date`, so a wrong clock here changes nothing; `now` is used where there is none.
/// What cannot be read is no wait; how long a wait may be is decided by the policy.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let millis = ["retry-after-ms", "x-ms-retry-after-ms"];
    let in_millis = millis.iter().find_map(|name| seconds(headers::text(headers, name)?)).map(|millis| millis / 1000);
    in_millis.or_else(|| {
        // Of several, the longest: whoever repeats too early is refused again.
        headers.get_all("retry-after").iter().filter_map(|value| one(value.to_str().ok()?.trim(), headers, now)).max()
    })
}

fn one(text: &str, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    seconds(text).or_else(|| Some(parse_date(text)?.since(answered(headers, now))))
}

/// When the service answered, by its own clock where it tells.
pub(super) fn answered(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    headers::text(headers, "date").and_then(parse_date).unwrap_or(now)
}

/// A number that is not negative, as seconds. One that is too large for any clock is the largest.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    Some(Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const NOW: i64 = 784_111_777;

    fn wait(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        retry_after(&headers, Timestamp::from_unix(NOW, 0))
    }

    #[test]
    fn every_form() {
        let (date, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:47 GMT");
        for (pairs, expected) in [
            (&[("retry-after", "0")][..], Some(0.0)),
            (&[("retry-after", "1")], Some(1.0)),
            (&[("retry-after", " 1.5 ")], Some(1.5)),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "+1")], None),
            (&[("retry-after", "1e20")], None),
            (&[("retry-after", "abc")], None),
            (&[("retry-after", "")], None),
            (&[("retry-after", "1.2.3")], None),
            (&[("retry-after", "inf")], None),
            (&[("retry-after", "2"), ("retry-after", "7")], Some(7.0)),
            (&[("retry-after", "x"), ("retry-after", "7")], Some(7.0)),
            (&[("retry-after", later)], Some(10.0)),
            (&[("retry-after", date), ("date", later)], Some(0.0)),
            (&[("retry-after", "Sun, 06 Nov 1994 09:49:57 GMT"), ("date", "Sun, 06 Nov 1994 09:49:37 GMT")], Some(20.0)),
            (&[("retry-after-ms", "1500"), ("retry-after", "9")], Some(1.5)),
            (&[("x-ms-retry-after-ms", "20")], Some(0.02)),
            (&[("retry-after-ms", "abc"), ("retry-after", "9")], Some(9.0)),
            (&[], None),
        ] {
            assert_eq!(wait(pairs), expected.map(Duration::from_secs_f64), "{pairs:?}");
        }
        assert_eq!(wait(&[("retry-after", "100000000000000000000")]), Some(Duration::MAX));
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_tried(text in "[ -~]{0,40}") {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", HeaderValue::from_str(&text).unwrap());
            let _ = retry_after(&headers, Timestamp::from_unix(NOW, 0));
        }
    }

    /// A clock here that is wrong by an hour changes nothing where the answer has a date, and no wait is longer than the date
    /// says where it has none.
    #[test]
    fn a_wrong_clock_changes_nothing() {
        let dated = [("retry-after", "Sun, 06 Nov 1994 08:49:57 GMT"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
        let mut headers = HeaderMap::new();
        for (name, value) in dated {
            headers.append(name, HeaderValue::from_static(value));
        }
        for wrong in [-3600, 0, 3600] {
            assert_eq!(retry_after(&headers, Timestamp::from_unix(NOW + wrong, 0)), Some(Duration::from_secs(20)), "{wrong}");
        }
        headers.remove("date");
        for (wrong, expected) in [(-3600, 3620), (0, 20), (3600, 0)] {
            let wait = retry_after(&headers, Timestamp::from_unix(NOW + wrong, 0));
            assert_eq!(wait, Some(Duration::from_secs(expected)), "{wrong}");
        }
    }
}
