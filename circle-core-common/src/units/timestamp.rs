//! Moments in time.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC with nanoseconds, written as RFC 3339: `2026-11-21T09:30:00.25Z`.
///
/// Features `jiff` and `chrono` convert both ways.
///
/// ```
/// use circle_core_common::Timestamp;
/// let at: Timestamp = "2026-11-21T11:30:00+02:00".parse()?;
/// assert_eq!(at.to_string(), "2026-11-21T09:30:00Z");
/// # Ok::<(), circle_core_common::ParseTimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

const NANOS: u32 = 1_000_000_000;
const DAY: i64 = 86_400;
/// 0000-01-01T00:00:00Z, the first moment that RFC 3339 can write.
const FIRST: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
const LAST: i64 = 253_402_300_799;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self { seconds: 0, nanos: 0 };
    /// The first moment of the year 0.
    pub const MIN: Self = Self { seconds: FIRST, nanos: 0 };
    /// The last nanosecond of the year 9999.
    pub const MAX: Self = Self { seconds: LAST, nanos: NANOS - 1 };

    /// Seconds since 1970 and nanoseconds within the second, kept within the years 0 to 9999.
    #[must_use]
    pub const fn from_unix(seconds: i64, nanos: u32) -> Self {
        let seconds = seconds.saturating_add((nanos / NANOS) as i64);
        if seconds < FIRST {
            Self::MIN
        } else if seconds > LAST {
            Self::MAX
        } else {
            Self { seconds, nanos: nanos % NANOS }
        }
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds within the second.
    #[must_use]
    pub const fn subsecond_nanos(self) -> u32 {
        self.nanos
    }

    /// Milliseconds since 1970, rounded down.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.seconds * 1000 + (self.nanos / 1_000_000) as i64
    }

    /// How long this is after `earlier`; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.total_nanos() - earlier.total_nanos();
        u128::try_from(nanos).map_or(Duration::ZERO, from_total_nanos)
    }

    fn total_nanos(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOS) + i128::from(self.nanos)
    }

    fn from_signed_nanos(nanos: i128) -> Self {
        let seconds = nanos.div_euclid(i128::from(NANOS)).clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Self::from_unix(seconds as i64, nanos.rem_euclid(i128::from(NANOS)) as u32)
    }
}

fn from_total_nanos(nanos: u128) -> Duration {
    let seconds = u64::try_from(nanos / u128::from(NANOS)).unwrap_or(u64::MAX);
    Duration::new(seconds, (nanos % u128::from(NANOS)) as u32)
}

/// Saturates at [`Timestamp::MAX`].
impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        // Both are below a second, so their sum fits; `from_unix` carries it.
        Self::from_unix(self.seconds.saturating_add(seconds), self.nanos + duration.subsec_nanos())
    }
}

/// Saturates at [`Timestamp::MIN`].
impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let nanos = i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / 2);
        Self::from_signed_nanos(self.total_nanos() - nanos)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self::UNIX_EPOCH + after,
            Err(before) => Self::UNIX_EPOCH - before.duration(),
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(at: Timestamp) -> Self {
        let nanos = at.total_nanos();
        let distance = from_total_nanos(nanos.unsigned_abs());
        if nanos < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }
}

/// Days since 1970 to a date of the proleptic Gregorian calendar
/// (Howard Hinnant, <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + (month <= 2) as i64, month, day)
}

/// The inverse of [`civil_from_days`].
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(DAY));
        let second = self.seconds.rem_euclid(DAY);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)?;
        if self.nanos > 0 {
            let fraction = format!("{:09}", self.nanos);
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// A text is not an RFC 3339 timestamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTimestampError(String);

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an RFC 3339 timestamp such as `2026-11-21T09:30:00Z`", self.0)
    }
}

impl std::error::Error for ParseTimestampError {}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339 with any offset; digits beyond nanoseconds are cut, a leap second is the second after `:59`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.as_bytes()).ok_or_else(|| ParseTimestampError(text.chars().take(40).collect()))
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    let all = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    all.then(|| bytes.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators.iter().any(|&(at, byte)| date_time[at] != byte) || !matches!(date_time[10], b'T' | b't' | b' ') {
        return None;
    }
    let field = |from: usize, to: usize| digits(&date_time[from..to]);
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanos, zone) = match rest.strip_prefix(b".") {
        None => (0, rest),
        Some(rest) => {
            let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
            let fraction = rest[..end].iter().chain(std::iter::repeat(&b'0')).take(9).copied().collect::<Vec<_>>();
            if end == 0 {
                return None;
            }
            (digits(&fraction)?, &rest[end..])
        }
    };
    let offset = match zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    Some(Timestamp::from_unix(seconds, u32::try_from(nanos).ok()?))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "jiff")]
impl From<Timestamp> for jiff::Timestamp {
    fn from(at: Timestamp) -> Self {
        Self::new(at.seconds, at.nanos as i32).unwrap_or(if at.seconds < 0 { Self::MIN } else { Self::MAX })
    }
}

#[cfg(feature = "jiff")]
impl From<jiff::Timestamp> for Timestamp {
    fn from(at: jiff::Timestamp) -> Self {
        Self::from_signed_nanos(at.as_nanosecond())
    }
}

#[cfg(feature = "chrono")]
impl From<Timestamp> for chrono::DateTime<chrono::Utc> {
    fn from(at: Timestamp) -> Self {
        Self::from_timestamp(at.seconds, at.nanos).unwrap_or_default()
    }
}

#[cfg(feature = "chrono")]
impl From<chrono::DateTime<chrono::Utc>> for Timestamp {
    fn from(at: chrono::DateTime<chrono::Utc>) -> Self {
        // A chrono leap second counts its nanoseconds beyond one second; `from_unix` carries them.
        Self::from_unix(at.timestamp(), at.timestamp_subsec_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2000-02-29T12:00:00Z", 951_825_600, 0),
            ("1969-12-31T23:59:59.5Z", -1, 500_000_000),
            ("0000-01-01T00:00:00Z", FIRST, 0),
            ("9999-12-31T23:59:59.999999999Z", LAST, 999_999_999),
        ] {
            let at = Timestamp::from_unix(seconds, nanos);
            assert_eq!(at.to_string(), text);
            assert_eq!(text.parse(), Ok(at));
        }
    }

    #[test]
    fn offsets_fractions_and_leap_seconds() {
        let noon: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for text in ["2026-11-21T14:00:00+02:00", "2026-11-21t06:30:00-05:30", "2026-11-21 12:00:00.0000000000009z"] {
            assert_eq!(text.parse(), Ok(noon), "{text}");
        }
        assert_eq!("2016-12-31T23:59:60Z".parse(), "2017-01-01T00:00:00Z".parse::<Timestamp>());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T12:00:00",
            "2026-11-21T12:00:00.Z",
            "2026-11-21T12:00:00+2:00",
            "２026-11-21T12:00:00Z",
            "2026-11-21T12:00:00+24:00",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_day_of_800_years_round_trips() {
        for days in -146_097..146_097 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
            assert!((1..=days_in_month(year, month)).contains(&day));
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::MIN - Duration::MAX, Timestamp::MIN);
        assert_eq!(Timestamp::MIN.since(Timestamp::MAX), Duration::ZERO);
        let at = Timestamp::from_unix(-1, 5);
        assert_eq!(Timestamp::from(SystemTime::from(at)), at);
    }
}
