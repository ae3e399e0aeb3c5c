//! Dollars, exactly.

use std::fmt;
use std::str::FromStr;

use circle_core_common::{Error, ErrorKind, Result};
use serde::{Deserialize, Deserializer};

/// An amount of US dollars in billionths, as services price single tokens: an integer, so that sums are exact.
///
/// ```
/// use circle_core::orchestration::NanoUsd;
/// let price: NanoUsd = "0.0375".parse()?;
/// assert_eq!(price, NanoUsd::from_nanos(37_500_000));
/// assert_eq!(NanoUsd::dollars(25).to_string(), "$25.00");
/// # Ok::<(), circle_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(i128);

const DECIMALS: usize = 9;
const PER_DOLLAR: i128 = 1_000_000_000;

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many billionths of a dollar.
    #[must_use]
    pub const fn from_nanos(nanos: i128) -> Self {
        Self(nanos)
    }

    /// So many dollars.
    #[must_use]
    pub const fn dollars(dollars: u64) -> Self {
        Self(dollars as i128 * PER_DOLLAR)
    }

    /// The billionths of a dollar.
    #[must_use]
    pub const fn nanos(self) -> i128 {
        self.0
    }

    /// The sum; `None` where it is too large to be written.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The sum, or the largest amount there is.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left, at least nothing.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }
}

/// `$0.00125`; whole cents at least.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, amount) = if self.0 < 0 { ("-", self.0.unsigned_abs()) } else { ("", self.0.unsigned_abs()) };
        let (dollars, nanos) = (amount / PER_DOLLAR.unsigned_abs(), amount % PER_DOLLAR.unsigned_abs());
        let digits = format!("{nanos:09}");
        let kept = digits.trim_end_matches('0').len().max(2);
        write!(f, "{sign}${dollars}.{}", &digits[..kept])
    }
}

/// A decimal number of dollars with at most nine places: `25`, `0.0375`.
impl FromStr for NanoUsd {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::InvalidInput, "expected dollars as a decimal number such as `25` or `0.0375`");
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > DECIMALS {
            return Err(wrong());
        }
        let whole: i128 = whole.parse().map_err(|_| wrong())?;
        let fraction: i128 = format!("{fraction:0<DECIMALS$}").parse().map_err(|_| wrong())?;
        whole.checked_mul(PER_DOLLAR).and_then(|nanos| nanos.checked_add(fraction)).map(Self).ok_or_else(wrong)
    }
}

/// From text: a float has no exact cents.
impl<'de> Deserialize<'de> for NanoUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: Error| serde::de::Error::custom(error.message()))
    }
}

impl schemars::JsonSchema for NanoUsd {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NanoUsd".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(\\.[0-9]{1,9})?$",
            "description": "US dollars as a decimal number: `\"25\"`, `\"0.0375\"`.",
        })
    }

    fn inline_schema() -> bool {
        true
    }
}
