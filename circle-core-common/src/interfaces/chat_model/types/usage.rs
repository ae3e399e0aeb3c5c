//! What an answer cost, in tokens.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The tokens of a call. Unknown is not zero.
///
/// Where all parts of the input are known, they add up: `input_total = input_uncached + cache_read + cache_write`. Services
/// count in two ways, and so there are two constructors; both keep that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    input_total: Option<u64>,
    input_uncached: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    output_total: Option<u64>,
    reasoning: Option<u64>,
}

impl Usage {
    /// Nothing known.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { input_total: None, input_uncached: None, cache_read: None, cache_write: None, output_total: None, reasoning: None }
    }

    /// Of a service whose input count includes what was read from the cache and written into it. A service that knows no
    /// such thing as writing has `Some(0)` there.
    ///
    /// Parts that are larger than the whole are a mistake of the service: the whole is kept, the parts are unknown.
    #[must_use]
    pub fn inclusive(input_total: Option<u64>, cache_read: Option<u64>, cache_write: Option<u64>) -> Self {
        let cached = [cache_read, cache_write].into_iter().flatten().try_fold(0_u64, u64::checked_add);
        if let (Some(total), cached) = (input_total, cached)
            && cached.is_none_or(|cached| cached > total)
        {
            return Self { input_total, ..Self::unknown() };
        }
        let uncached = match (input_total, cache_read, cache_write) {
            (Some(total), Some(read), Some(write)) => Some(total - read - write),
            _ => None,
        };
        Self { input_total, input_uncached: uncached, cache_read, cache_write, ..Self::unknown() }
    }

    /// Of a service whose input count leaves out what was read from the cache and written into it.
    #[must_use]
    pub fn exclusive(input_uncached: Option<u64>, cache_read: Option<u64>, cache_write: Option<u64>) -> Self {
        let parts = [input_uncached, cache_read, cache_write];
        let input_total = parts.into_iter().try_fold(0_u64, |sum, part| sum.checked_add(part?));
        Self { input_total, input_uncached, cache_read, cache_write, ..Self::unknown() }
    }

    /// Sets the tokens of the answer, those of reasoning included.
    #[must_use]
    pub const fn output(mut self, output_total: Option<u64>) -> Self {
        self.output_total = output_total;
        self
    }

    /// Sets the tokens of reasoning, which are part of the output.
    #[must_use]
    pub const fn reasoning(mut self, reasoning: Option<u64>) -> Self {
        self.reasoning = reasoning;
        self
    }

    /// All tokens of the request.
    #[must_use]
    pub const fn input_total(&self) -> Option<u64> {
        self.input_total
    }

    /// Those that were neither read from the cache nor written into it.
    #[must_use]
    pub const fn input_uncached(&self) -> Option<u64> {
        self.input_uncached
    }

    /// Those that were read from the cache.
    #[must_use]
    pub const fn cache_read(&self) -> Option<u64> {
        self.cache_read
    }

    /// Those that were written into the cache.
    #[must_use]
    pub const fn cache_write(&self) -> Option<u64> {
        self.cache_write
    }

    /// All tokens of the answer.
    #[must_use]
    pub const fn output_total(&self) -> Option<u64> {
        self.output_total
    }

    /// Those of reasoning.
    #[must_use]
    pub const fn reasoning_total(&self) -> Option<u64> {
        self.reasoning
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::unknown()
    }

    /// Takes a later count of the same answer: snapshots are cumulative, so what is known later replaces what was known
    /// before, and what is not known later stays.
    pub fn update(&mut self, later: &Self) {
        let (read, write) = (later.cache_read.or(self.cache_read), later.cache_write.or(self.cache_write));
        let input = match (later.input_total, later.input_uncached) {
            // Parts without a whole, or a whole made of them.
            (_, Some(uncached)) => Self::exclusive(Some(uncached), read, write),
            (Some(total), None) => Self::inclusive(Some(total), read, write),
            (None, None) if self.input_uncached.is_some() => Self::exclusive(self.input_uncached, read, write),
            (None, None) => Self::inclusive(self.input_total, read, write),
        };
        *self = input.output(later.output_total.or(self.output_total)).reasoning(later.reasoning.or(self.reasoning));
    }

    /// The tokens of two calls together; a sum with an unknown part is unknown.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let sum = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        Self {
            input_total: sum(self.input_total, other.input_total),
            input_uncached: sum(self.input_uncached, other.input_uncached),
            cache_read: sum(self.cache_read, other.cache_read),
            cache_write: sum(self.cache_write, other.cache_write),
            output_total: sum(self.output_total, other.output_total),
            reasoning: sum(self.reasoning, other.reasoning),
        }
    }
}

/// `1200 tokens in (1000 cached), 80 out`; what is unknown is `?`.
impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |f: &mut fmt::Formatter<'_>, count: Option<u64>| match count {
            Some(count) => write!(f, "{count}"),
            None => f.write_str("?"),
        };
        count(f, self.input_total)?;
        f.write_str(" tokens in")?;
        if let Some(read) = self.cache_read.filter(|read| *read > 0) {
            write!(f, " ({read} cached)")?;
        }
        f.write_str(", ")?;
        count(f, self.output_total)?;
        f.write_str(" out")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(usage: &Usage) -> bool {
        match (usage.input_total, usage.input_uncached, usage.cache_read, usage.cache_write) {
            (Some(total), Some(uncached), Some(read), Some(write)) => {
                uncached.checked_add(read).and_then(|sum| sum.checked_add(write)) == Some(total)
            }
            _ => true,
        }
    }

    #[test]
    fn both_ways_of_counting_mean_the_same() {
        let inclusive = Usage::inclusive(Some(1200), Some(1000), Some(0)).output(Some(80));
        assert_eq!(inclusive, Usage::exclusive(Some(200), Some(1000), Some(0)).output(Some(80)));
        assert_eq!(inclusive.to_string(), "1200 tokens in (1000 cached), 80 out");
        assert_eq!(Usage::unknown().to_string(), "? tokens in, ? out");
    }

    #[test]
    fn unknown_is_not_zero() {
        assert_eq!(Usage::exclusive(Some(200), None, Some(0)).input_total(), None);
        assert_eq!(Usage::inclusive(Some(200), Some(100), None).input_uncached(), None);
        assert_eq!(Usage::inclusive(Some(10), Some(1), Some(1)).plus(&Usage::unknown()).input_total(), None);
    }

    #[test]
    fn parts_larger_than_the_whole_are_dropped() {
        let usage = Usage::inclusive(Some(10), Some(11), Some(0));
        assert_eq!((usage.input_total(), usage.cache_read()), (Some(10), None));
    }

    #[test]
    fn snapshots_are_not_added() {
        let mut usage = Usage::exclusive(Some(25), Some(5), Some(0)).output(Some(1));
        usage.update(&Usage::unknown().output(Some(15)));
        usage.update(&Usage::unknown());
        assert_eq!((usage.input_total(), usage.output_total()), (Some(30), Some(15)));
    }

    fn count() -> impl Strategy<Value = Option<u64>> {
        proptest::option::of(prop_oneof![0_u64..100, Just(u64::MAX)])
    }

    fn usage() -> impl Strategy<Value = Usage> {
        (any::<bool>(), count(), count(), count()).prop_map(|(inclusive, input, read, write)| {
            if inclusive { Usage::inclusive(input, read, write) } else { Usage::exclusive(input, read, write) }
        })
    }

    proptest! {
        #[test]
        fn the_parts_always_add_up(mut usage in usage(), later in usage(), added in usage()) {
            prop_assert!(holds(&usage) && holds(&later));
            usage.update(&later);
            prop_assert!(holds(&usage), "{usage:?}");
            let small = |usage: &Usage| usage.input_total.is_none_or(|total| total < u64::MAX / 2);
            if small(&usage) && small(&added) {
                prop_assert!(holds(&usage.plus(&added)));
            }
        }
    }
}
