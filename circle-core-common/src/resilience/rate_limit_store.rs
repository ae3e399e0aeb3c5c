//! Where a rate is kept that several processes share.

mod key_value;
mod local;

use std::time::Duration;

use async_trait::async_trait;

pub use self::key_value::KeyValueRates;
pub use self::local::LocalRates;
use crate::error::Result;
use crate::units::Timestamp;

/// Keeps rates that several policies share, in one process or in many.
///
/// [`LocalRates`] is for one process. [`KeyValueRates`] is for many, over any key-value store with compare-and-swap. A store
/// of one's own passes [`conformance`](super::conformance) too.
#[async_trait]
pub trait RateLimitStore: Send + Sync + 'static {
    /// Takes from the rate of a key, all that is asked for or nothing. What is not used in time is not saved up beyond the burst.
    ///
    /// # Errors
    /// Why it could not be asked. A policy goes on with its own share then, or refuses: `rate_limit.on_store_failure`.
    async fn take(&self, request: TakeRequest<'_>) -> Result<Taken>;
}

/// What is asked of a [`RateLimitStore`].
#[derive(Clone, Copy, Debug)]
pub struct TakeRequest<'a> {
    /// Whose rate.
    pub key: &'a str,
    /// How many requests. More than the burst are given as soon as a whole burst could be.
    pub cost: u32,
    /// The rate; whoever shares a key gives the same.
    pub rate: SharedRate,
    /// What time it is. Between processes whose clocks differ, the one that is ahead is served first; the rate holds.
    pub now: Timestamp,
}

/// A rate that is shared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharedRate {
    /// How many requests each second.
    pub per_second: f64,
    /// How many of them at once.
    pub burst: u32,
}

/// What a [`RateLimitStore`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// They may go.
    Granted,
    /// Nothing was taken; asking again is worthwhile after so long.
    Wait(Duration),
}

impl TakeRequest<'_> {
    /// Nanoseconds since 1970.
    fn nanos(&self) -> u64 {
        let (seconds, nanos) = (self.now.unix_seconds(), self.now.subsecond_nanos());
        u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(u64::from(nanos))
    }

    /// How long they must wait when the next is due at `arrival`, and when the one behind them is due.
    fn against(&self, arrival: u64) -> (Duration, u64) {
        let now = self.nanos();
        super::endpoint::Rate::new(self.rate.per_second, Some(self.rate.burst)).take(arrival, now, now, self.cost)
    }
}
