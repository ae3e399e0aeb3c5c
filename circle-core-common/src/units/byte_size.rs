//! Sizes in bytes.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes, written `5 MiB`.
///
/// ```
/// use circle_core_common::ByteSize;
/// assert_eq!("5 MiB".parse::<ByteSize>()?, ByteSize::mib(5));
/// assert_eq!(ByteSize::kib(1536).to_string(), "1536 KiB");
/// # Ok::<(), circle_core_common::ParseByteSizeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl ByteSize {
    /// The largest size there is.
    pub const MAX: Self = Self(u64::MAX);

    /// So many bytes.
    #[must_use]
    pub const fn bytes(count: u64) -> Self {
        Self(count)
    }

    /// So many times 1,024 bytes; the largest size when that overflows.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// So many times 1,024² bytes; the largest size when that overflows.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// So many times 1,024³ bytes; the largest size when that overflows.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 30))
    }

    /// So many times 1,024⁴ bytes; the largest size when that overflows.
    #[must_use]
    pub const fn tib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 40))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The number of bytes, or the largest `usize` where that is smaller.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The largest binary unit that divides the size exactly, so that the text reads back as the same size.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = UNITS
            .iter()
            .rev()
            .find(|(name, unit)| (name.ends_with("iB") || *name == "B") && self.0 != 0 && self.0.is_multiple_of(*unit))
            .unwrap_or(&UNITS[0]);
        write!(f, "{} {name}", self.0 / unit)
    }
}

/// A text is not a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseByteSizeError(String);

impl fmt::Display for ParseByteSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a size: write a number with a unit, such as `64 KiB`, `5 MiB`, `1 GiB` or `10 MB`", self.0)
    }
}

impl std::error::Error for ParseByteSizeError {}

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseByteSizeError(text.chars().take(40).collect());
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let (number, unit) = trimmed.split_at(digits);
        let factor = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(error)?.1;
        let number: u64 = number.parse().map_err(|_| error())?;
        number.checked_mul(factor).map(Self).ok_or_else(error)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size with a unit, such as `5 MiB`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(feature = "config")]
impl schemars::JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A size with a unit, such as `64 KiB`, `5 MiB` or `10 MB`.",
            "pattern": "^[0-9]+ *(B|kB|KB|MB|GB|KiB|MiB|GiB|TiB)$"
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_as_the_same_size() {
        for size in [0, 1, 1023, 1024, 1536, 5 << 20, 1_000_000, 3 << 40, u64::MAX].map(ByteSize::bytes) {
            assert_eq!(size.to_string().parse(), Ok(size), "{size}");
        }
    }

    #[test]
    fn bare_numbers_and_nonsense_are_refused() {
        for text in ["5", "", "MiB", "-1 KiB", "5 mib", "1.5 GiB", "99999999999999999999 B", "99999999999 TiB", "5 MiB x"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!("10MB".parse(), Ok(ByteSize::bytes(10_000_000)));
    }
}
