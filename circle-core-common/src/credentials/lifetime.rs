//! How long a token lives, from what its issuer says.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, ErrorKind, Result};
use crate::units::Timestamp;

/// The life of a token whose issuer names none, and for which its provider knows no better.
pub const DEFAULT_LIFE: Duration = Duration::from_secs(300);
/// The longest life that is believed, ten years. Beyond that an issuer means "for ever", which no token is.
const LIFE_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How far two clocks may differ before the difference is an error.
const SKEW_MAX: Duration = Duration::from_secs(300);

/// `expires_in` as issuers write it: a number, a number as text, a fraction; missing, `null`, negative or nonsense where they
/// write no life that one could rely on. It never means *for ever*.
///
/// ```
/// use std::time::Duration;
/// use circle_core_common::credentials::ExpiresIn;
/// # #[derive(serde::Deserialize)]
/// # struct Answer { #[serde(default)] expires_in: ExpiresIn }
/// # fn main() -> Result<(), serde_json::Error> {
/// let answer: Answer = serde_json::from_str(r#"{"expires_in": "3600"}"#)?;
/// assert_eq!(answer.expires_in.life(), Duration::from_secs(3600));
/// let answer: Answer = serde_json::from_str("{}")?;
/// assert_eq!(answer.expires_in.life(), Duration::from_secs(300));
/// assert_eq!(answer.expires_in.life_or(Duration::from_secs(7200)), Duration::from_secs(7200));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiresIn(Option<Duration>);

impl ExpiresIn {
    /// So many seconds, of which whole ones count.
    #[must_use]
    pub fn seconds(seconds: f64) -> Self {
        // Zero and less say that the token has ended, which no issuer means of one that it has just given. What is no number at
        // all fails both comparisons.
        let is_life = seconds >= 1.0 && seconds.is_finite();
        Self(is_life.then(|| Duration::from_secs_f64(seconds.floor().min(LIFE_MAX.as_secs_f64()))))
    }

    /// What the issuer said, where it said something.
    #[must_use]
    pub const fn stated(self) -> Option<Duration> {
        self.0
    }

    /// The life of the token: what the issuer said, or [`DEFAULT_LIFE`].
    #[must_use]
    pub fn life(self) -> Duration {
        self.life_or(DEFAULT_LIFE)
    }

    /// The life of the token: what the issuer said, or what the provider documents.
    #[must_use]
    pub fn life_or(self, usual: Duration) -> Duration {
        self.0.unwrap_or(usual)
    }
}

impl<'de> Deserialize<'de> for ExpiresIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl<'de> Visitor<'de> for Seconds {
            type Value = ExpiresIn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds")
            }

            fn visit_u64<E>(self, seconds: u64) -> Result<ExpiresIn, E> {
                Ok(ExpiresIn::seconds(seconds as f64))
            }

            fn visit_i64<E>(self, seconds: i64) -> Result<ExpiresIn, E> {
                Ok(ExpiresIn::seconds(seconds as f64))
            }

            fn visit_f64<E>(self, seconds: f64) -> Result<ExpiresIn, E> {
                Ok(ExpiresIn::seconds(seconds))
            }

            fn visit_str<E>(self, text: &str) -> Result<ExpiresIn, E> {
                Ok(text.trim().parse().map_or(ExpiresIn(None), ExpiresIn::seconds))
            }

            // What is no number names no life: the token itself is good.
            fn visit_unit<E>(self) -> Result<ExpiresIn, E> {
                Ok(ExpiresIn(None))
            }

            fn visit_none<E>(self) -> Result<ExpiresIn, E> {
                Ok(ExpiresIn(None))
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<ExpiresIn, D::Error> {
                deserializer.deserialize_any(self)
            }

            fn visit_bool<E>(self, _: bool) -> Result<ExpiresIn, E> {
                Ok(ExpiresIn(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ExpiresIn, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(ExpiresIn(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ExpiresIn, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(ExpiresIn(None))
            }
        }

        deserializer.deserialize_any(Seconds)
    }
}

/// The difference between an issuer's clock and this machine's, measured by the date of its answer: what an issuer says of
/// times is told by its own clock.
///
/// Of a life in seconds (`expires_in`) no clock is needed; this is for moments (`expiration`, `exp`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuerClock {
    ahead: Duration,
    behind: Duration,
}

impl IssuerClock {
    /// The difference, from the `Date` of an answer and when it came by this machine's clock.
    ///
    /// # Errors
    /// `ConfigInvalid` when the clocks differ by more than 5 minutes: signatures and tokens of this machine will not be
    /// accepted, and correcting what one does not trust would only hide it.
    pub fn measured(issuer: Timestamp, local: Timestamp) -> Result<Self> {
        let clock = Self { ahead: issuer.since(local), behind: local.since(issuer) };
        let difference = clock.ahead.max(clock.behind);
        if difference <= SKEW_MAX {
            return Ok(clock);
        }
        let direction = if clock.ahead.is_zero() { "ahead of" } else { "behind" };
        let text = format!(
            "this machine's clock is {} s {direction} the issuer's ({local} here, {issuer} there); set it by a time server",
            difference.as_secs()
        );
        Err(Error::new(ErrorKind::ConfigInvalid, text))
    }

    /// What this machine's clock shows at a moment of the issuer's.
    #[must_use]
    pub fn to_local(self, issuer: Timestamp) -> Timestamp {
        issuer + self.behind - self.ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_life() {
        for (json, seconds) in [
            ("3600", Some(3600.0)),
            (r#""3600""#, Some(3600.0)),
            (r#"" 3600 ""#, Some(3600.0)),
            ("3599.9", Some(3599.0)),
            ("0.9", None),
            ("1e3", Some(1000.0)),
            ("0", None),
            ("-1", None),
            ("-0.0", None),
            (r#""-1""#, None),
            (r#""""#, None),
            (r#""soon""#, None),
            (r#""NaN""#, None),
            (r#""inf""#, None),
            ("null", None),
            ("true", None),
            ("[1, [2]]", None),
            (r#"{"a": {"b": 1}}"#, None),
            // Milliseconds, and more than a duration holds.
            ("1e12", Some(LIFE_MAX.as_secs_f64())),
            ("18446744073709551615", Some(LIFE_MAX.as_secs_f64())),
            ("1e300", Some(LIFE_MAX.as_secs_f64())),
        ] {
            let read: ExpiresIn = serde_json::from_str(json).unwrap();
            assert_eq!(read.stated().map(|life| life.as_secs_f64()), seconds, "{json}");
        }
    }

    #[test]
    fn clocks_that_differ_a_little_are_corrected_and_by_much_an_error() {
        let now = Timestamp::from_unix(1_700_000_000, 0);
        let life = Duration::from_secs(600);
        for (issuer, local) in [(now, now), (now + SKEW_MAX, now), (now, now + SKEW_MAX)] {
            let clock = IssuerClock::measured(issuer, local).unwrap();
            assert_eq!(clock.to_local(issuer + life), local + life);
        }
        let far = SKEW_MAX + Duration::from_secs(1);
        for (issuer, local, says) in [(now + far, now, "301 s behind"), (now, now + far, "301 s ahead of")] {
            let error = IssuerClock::measured(issuer, local).unwrap_err();
            assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains(says), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_lives_for_ever_or_not_at_all(seconds: f64, text: String) {
            let written = serde_json::to_string(&text).unwrap();
            for read in [ExpiresIn::seconds(seconds), serde_json::from_str(&written).unwrap()] {
                assert!(!read.life().is_zero() && read.life() <= LIFE_MAX);
            }
        }
    }
}
