//! What calls of models cost: a dated table of prices, and exact arithmetic on it.

mod amount;
mod table;
#[cfg(test)]
mod tests;

pub use amount::NanoUsd;
pub use table::{Price, PriceTable};

use std::fmt;

use circle_core_common::interfaces::chat_model::Usage;

/// What something costs. Unknown is not nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cost {
    /// So much.
    Exact(NanoUsd),
    /// So much at the most: the service does not tell how many of the tokens it billed at a lower price.
    AtMost(NanoUsd),
    /// Nobody knows: there is no price, or the service does not tell the tokens.
    Unknown,
}

impl Cost {
    /// The most that it can be, where that is known.
    #[must_use]
    pub fn ceiling(self) -> Option<NanoUsd> {
        match self {
            Self::Exact(amount) | Self::AtMost(amount) => Some(amount),
            Self::Unknown => None,
        }
    }

    /// Both together; a sum with an unknown part is unknown.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => one.checked_add(other).map_or(Self::Unknown, Self::Exact),
            _ => match self.ceiling().zip(other.ceiling()).and_then(|(one, other)| one.checked_add(other)) {
                Some(sum) => Self::AtMost(sum),
                None => Self::Unknown,
            },
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(amount) => write!(f, "{amount}"),
            Self::AtMost(amount) => write!(f, "at most {amount}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// How a call is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Billing {
    /// At once.
    #[default]
    Standard,
    /// As part of a batch, whose answers come later and for less.
    Batch,
}

/// Prices in nano-dollars per million tokens; what has none of its own is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rates {
    /// Tokens of the request.
    pub input: Option<NanoUsd>,
    /// Those read from the service's cache.
    pub cache_read: Option<NanoUsd>,
    /// Those written into it.
    pub cache_write: Option<NanoUsd>,
    /// Those written into it for an hour.
    pub cache_write_1h: Option<NanoUsd>,
    /// Tokens of the answer.
    pub output: Option<NanoUsd>,
}

/// A sum of tokens times rates, and whether it is a ceiling only.
struct Sum {
    /// In nano-dollars times a million, so that nothing is rounded before the end.
    total: i128,
    ceiling: bool,
}

impl Sum {
    fn add(&mut self, tokens: u64, rate: NanoUsd) -> Option<()> {
        self.total = self.total.checked_add(i128::from(tokens).checked_mul(rate.nanos())?)?;
        Some(())
    }
}

impl Rates {
    fn sum(&self, usage: &Usage) -> Option<Sum> {
        let mut sum = Sum { total: 0, ceiling: false };
        self.add_input(&mut sum, usage)?;
        match usage.output_total()? {
            0 => {}
            tokens => sum.add(tokens, self.output?)?,
        }
        Some(sum)
    }

    fn add_input(&self, sum: &mut Sum, usage: &Usage) -> Option<()> {
        let total = usage.input_total()?;
        if total == 0 {
            return Some(());
        }
        let input = self.input?;
        // Writing costs more than reading anew, for an hour still more, and which of both it was nobody tells.
        let write_rate = self.cache_write_1h.max(self.cache_write);
        let (written, sure) = match (usage.cache_write(), write_rate) {
            (Some(written), _) => (written, true),
            (None, None) => (0, true),
            (None, Some(_)) => (total - usage.cache_read().unwrap_or(0).min(total), false),
        };
        let (read, read_sure) = match (usage.cache_read(), self.cache_read) {
            (Some(read), _) => (read, true),
            (None, None) => (0, true),
            (None, Some(_)) => (0, false),
        };
        let uncached = total.checked_sub(written)?.checked_sub(read)?;
        sum.add(uncached, input)?;
        if written > 0 {
            sum.add(written, write_rate?.max(if sure { NanoUsd::ZERO } else { input }))?;
        }
        if read > 0 {
            sum.add(read, self.cache_read.unwrap_or(input))?;
        }
        let one_write_rate = written == 0 || self.cache_write_1h.is_none_or(|hour| Some(hour) == self.cache_write);
        let read_has_price = read == 0 || self.cache_read.is_some();
        sum.ceiling |= !sure || !read_sure || !one_write_rate || !read_has_price;
        Some(())
    }
}
