//! Timestamps: Slack's ids of messages are moments, in seconds and six decimals.

use circle_core_common::Timestamp;

/// The moment of a message.
pub(crate) fn moment(ts: &str) -> Option<Timestamp> {
    let (seconds, decimals) = ts.split_once('.').unwrap_or((ts, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(seconds) || !is_number(decimals) || decimals.len() > 9 {
        return None;
    }
    let nanos = format!("{decimals:0<9}").parse().ok()?;
    Some(Timestamp::from_unix(seconds.parse().ok()?, nanos))
}

/// The first moment that Slack can tell apart that is not before this one, in microseconds.
fn micros(at: Timestamp) -> i64 {
    at.unix_seconds().max(0).saturating_mul(1_000_000).saturating_add(i64::from(at.subsecond_nanos().div_ceil(1000)))
}

fn written(micros: i64) -> String {
    format!("{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000))
}

/// The first moment of a span that begins with this one.
pub(crate) fn oldest(from: Timestamp) -> String {
    written(micros(from))
}

/// The last moment of a span that ends before this one; `None` where there is none.
pub(crate) fn latest(until: Timestamp) -> Option<String> {
    Some(micros(until).min(9_999_999_999_999_999)).filter(|micros| *micros > 0).map(|micros| written(micros - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_exact() {
        let at = Timestamp::from_unix(1_503_435_956, 247_000);
        assert_eq!(moment("1503435956.000247"), Some(at));
        assert_eq!(oldest(at), "1503435956.000247");
        assert_eq!(latest(at).as_deref(), Some("1503435956.000246"));
        assert_eq!(oldest(Timestamp::from_unix(1, 1)), "1.000001");
        assert_eq!(latest(Timestamp::from_unix(1, 1)).as_deref(), Some("1.000000"));
        assert_eq!(latest(Timestamp::UNIX_EPOCH), None);
        assert_eq!(oldest(Timestamp::from_unix(-5, 0)), "0.000000");
        assert!(latest(Timestamp::MAX).is_some_and(|latest| latest.len() == 17));
        for text in ["", "x", "1.x", "-1.0", "1.0000000000"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
