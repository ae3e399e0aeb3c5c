//! Durations in configuration: `"20s"`, `"1m30s"`, `"500ms"`, `"2h"`.
//!
//! ```
//! # use std::time::Duration;
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Timeouts {
//!     #[serde(with = "circle_core_common::config::duration")]
//!     #[schemars(schema_with = "circle_core_common::config::duration::schema")]
//!     attempt: Duration,
//!     // `with` needs `default`, or serde asks for the key although the field is optional.
//!     #[serde(default, with = "circle_core_common::config::duration::option")]
//!     #[schemars(schema_with = "circle_core_common::config::duration::option::schema")]
//!     total: Option<Duration>,
//! }
//! ```
//!
//! A number without a unit is an error: nobody can tell seconds from milliseconds in it.

use std::fmt;
use std::time::Duration;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

/// The units with their nanoseconds, the largest first.
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const EXPECTED: &str = "a duration with a unit (d, h, m, s, ms, us, ns), such as `20s`, `1m30s` or `500ms`";

/// Why a text is no duration. `Display` does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DurationError {
    /// A number without a unit, or with one that does not exist.
    Unit,
    /// Something else than numbers with units.
    Form,
    /// A fraction.
    Fraction,
    /// The same unit twice, or a larger one after a smaller.
    Order,
    /// Longer than the type can hold.
    TooLong,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit | Self::Form => write!(f, "expected {EXPECTED}"),
            Self::Fraction => f.write_str("a duration takes whole numbers: `1500ms`, not `1.5s`"),
            Self::Order => f.write_str("the units of a duration go from large to small, each once: `1h30m`"),
            Self::TooLong => f.write_str("the duration is too long"),
        }
    }
}

impl std::error::Error for DurationError {}

/// Reads `"20s"`, `"1m30s"`, `"1h 5m"`.
///
/// # Errors
///
/// A missing or unknown unit, a fraction, units out of order, more than [`Duration::MAX`].
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(DurationError::Form);
    }
    let mut total: u128 = 0;
    let mut allowed = &UNITS[..];
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        if after.starts_with(['.', ',']) {
            return Err(DurationError::Fraction);
        }
        let (unit, after) = split(after.trim_start(), char::is_alphabetic);
        if number.is_empty() {
            return Err(DurationError::Form);
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(DurationError::Unit);
        }
        let at = allowed.iter().position(|(name, _)| *name == unit).ok_or(DurationError::Order)?;
        // More digits than the type holds can only be too long.
        let number: u128 = number.parse().map_err(|_| DurationError::TooLong)?;
        total = number.checked_mul(allowed[at].1).and_then(|n| total.checked_add(n)).ok_or(DurationError::TooLong)?;
        allowed = &allowed[at + 1..];
        rest = after.trim_start();
    }
    let seconds = u64::try_from(total / 1_000_000_000).map_err(|_| DurationError::TooLong)?;
    let nanos = u32::try_from(total % 1_000_000_000).map_err(|_| DurationError::TooLong)?;
    Ok(Duration::new(seconds, nanos))
}

fn split(text: &str, of: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !of(c)).unwrap_or(text.len()))
}

/// Writes a duration so that [`parse`] gives the same: `1m30s`, `0s`.
#[must_use]
pub fn format(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, nanos) in UNITS {
        if rest >= nanos {
            text += &format!("{}{unit}", rest / nanos);
            rest %= nanos;
        }
    }
    text
}

/// For `#[serde(with = …)]`.
///
/// # Errors
///
/// Anything but text that [`parse`] takes.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(EXPECTED)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            parse(text).map_err(E::custom)
        }
    }
    deserializer.deserialize_any(Text)
}

/// For `#[serde(with = …)]`.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

/// For `#[schemars(schema_with = …)]`.
pub fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "description": "A duration with a unit: d, h, m, s, ms, us or ns.",
        "pattern": "^([0-9]+(d|h|m|s|ms|us|ns) ?)+$",
        "examples": ["20s", "1m30s", "500ms"],
    })
}

/// The same for `Option<Duration>`; the field needs `#[serde(default)]` too.
pub mod option {
    use super::{Deserializer, Duration, Error, Schema, SchemaGenerator, Serializer, Visitor, fmt};

    /// For `#[serde(with = …)]`.
    ///
    /// # Errors
    ///
    /// Anything but text that [`parse`](super::parse) takes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        struct Maybe;
        impl<'de> Visitor<'de> for Maybe {
            type Value = Option<Duration>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(super::EXPECTED)
            }

            fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                super::deserialize(deserializer).map(Some)
            }
        }
        deserializer.deserialize_option(Maybe)
    }

    /// For `#[serde(with = …)]`.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// For `#[schemars(schema_with = …)]`.
    pub fn schema(generator: &mut SchemaGenerator) -> Schema {
        super::schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parse_table() {
        let ok = |seconds, nanos| Ok(Duration::new(seconds, nanos));
        for (text, expected) in [
            ("20s", ok(20, 0)),
            ("1m30s", ok(90, 0)),
            (" 1h 5 m ", ok(3900, 0)),
            ("500ms", ok(0, 500_000_000)),
            ("2h", ok(7200, 0)),
            ("7d", ok(604_800, 0)),
            ("3us4ns", ok(0, 3004)),
            ("0s", ok(0, 0)),
            ("20", Err(DurationError::Unit)),
            ("20 sec", Err(DurationError::Unit)),
            ("20S", Err(DurationError::Unit)),
            ("", Err(DurationError::Form)),
            ("s", Err(DurationError::Form)),
            ("-1s", Err(DurationError::Form)),
            ("1s-", Err(DurationError::Form)),
            ("1.5s", Err(DurationError::Fraction)),
            ("30s1m", Err(DurationError::Order)),
            ("1s1s", Err(DurationError::Order)),
            ("99999999999999999999s", Err(DurationError::TooLong)),
            (&format!("{}s", "9".repeat(60)), Err(DurationError::TooLong)),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn format_is_short() {
        for (duration, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_secs(90), "1m30s"),
            (Duration::from_millis(1500), "1s500ms"),
            (Duration::from_secs(86_400 + 3), "1d3s"),
        ] {
            assert_eq!(format(duration), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(duration in any::<Duration>()) {
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn arbitrary_text_never_panics(text in any::<String>(), near in "[0-9dhmsun., ]{0,20}") {
            let _ = parse(&text);
            let _ = parse(&near);
        }
    }
}
