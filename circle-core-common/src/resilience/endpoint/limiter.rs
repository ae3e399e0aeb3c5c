//! How many requests per second go out: a local limit, and the moment before which the service wants none.

mod gcra;
mod keyed;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::gcra::Gcra;
pub(in crate::resilience) use self::gcra::{Rate, nanos};
use self::keyed::Keyed;
use crate::resilience::{LimitBy, Resolved};

/// The limits of one endpoint. Times are on the clock of the calls, counted from its beginning.
#[derive(Debug)]
pub(in crate::resilience) struct Limiter {
    local: Local,
    /// Set by answers that ask to wait, so that every caller knows what one has been told. Nanoseconds.
    not_before: AtomicU64,
    /// The longest that a service may close the gate for.
    hold_max: Duration,
}

#[derive(Debug)]
enum Local {
    Unlimited,
    Together(Gcra),
    Each(Box<Keyed>),
}

/// What a request takes of the local limit, as small as it can be, because every attempt carries it: how many requests in 16
/// bits, and whose limit it is in 48.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::resilience) struct Reserved([u32; 2]);

impl Reserved {
    /// The most requests that a call counts for.
    const COST_MAX: u32 = u16::MAX as u32;

    fn new(key: u64, cost: u32) -> Self {
        let word = key & !u64::from(Self::COST_MAX) | u64::from(cost);
        Self([(word >> 32) as u32, word as u32])
    }

    /// How many requests; 0 is nothing reserved.
    pub(in crate::resilience) fn cost(self) -> u32 {
        self.0[1] & Self::COST_MAX
    }

    fn key(self) -> u64 {
        u64::from(self.0[0]) << 32 | u64::from(self.0[1] & !Self::COST_MAX)
    }
}

impl Limiter {
    /// The limits of an endpoint. `shared` is one whose rate is kept elsewhere.
    pub(super) fn new(settings: &Resolved, shared: bool) -> Self {
        let local = match settings.per_second.filter(|rate| *rate > 0.0 && !shared) {
            None => Local::Unlimited,
            Some(rate) => Self::local(Rate::new(rate, settings.burst), settings.by),
        };
        Self { local, not_before: AtomicU64::new(0), hold_max: settings.retry_after_max }
    }

    /// A limiter of this rate alone, which no service closes.
    pub(super) fn of_rate(rate: Rate, by: LimitBy) -> Self {
        Self { local: Self::local(rate, by), not_before: AtomicU64::new(0), hold_max: Duration::ZERO }
    }

    fn local(rate: Rate, by: LimitBy) -> Local {
        match by {
            LimitBy::Endpoint => Local::Together(Gcra::new(rate)),
            LimitBy::Tenant | LimitBy::Principal => Local::Each(Box::new(Keyed::new(rate))),
        }
    }

    /// Reserves `cost` requests of whoever calls, and says how long they must wait; when that is longer than `patience`, nothing
    /// is reserved and the wait is the error.
    #[inline]
    pub(in crate::resilience) fn reserve(
        &self,
        now: Duration,
        patience: Duration,
        caller: Option<&str>,
        cost: u32,
    ) -> Result<(Duration, Reserved), Duration> {
        let cost = cost.clamp(1, Reserved::COST_MAX);
        let gate = self.gate(now);
        if gate > patience {
            return Err(gate);
        }
        // Behind the gate the limit holds as before: whoever waits for it takes his turn from its opening on.
        let opens = || nanos(now.saturating_add(gate));
        let (wait, key) = match &self.local {
            Local::Unlimited => return Ok((gate, Reserved::default())),
            Local::Together(limit) => (limit.reserve(nanos(now), opens(), patience, cost), 0),
            Local::Each(limits) => {
                let key = Reserved::new(limits.key(caller.unwrap_or_default()), 0).key();
                (limits.reserve(key, nanos(now), opens(), patience, cost), key)
            }
        };
        wait.map(|wait| (wait.max(gate), Reserved::new(key, cost)))
    }

    /// Gives requests back that were reserved and not made.
    pub(super) fn release(&self, reserved: Reserved) {
        match &self.local {
            Local::Unlimited => {}
            Local::Together(limit) => limit.release(reserved.cost()),
            Local::Each(limits) => limits.release(reserved.key(), reserved.cost()),
        }
    }

    /// How long the service wants no requests yet.
    #[inline]
    pub(in crate::resilience) fn gate(&self, now: Duration) -> Duration {
        Duration::from_nanos(self.not_before.load(Ordering::Relaxed).saturating_sub(nanos(now)))
    }

    /// Closes the gate for `wait` from now. It is never moved back, and no answer closes it for longer than a retry may
    /// wait.
    pub(in crate::resilience) fn hold(&self, now: Duration, wait: Duration) {
        let until = nanos(now.saturating_add(wait.min(self.hold_max)));
        self.not_before.fetch_max(until, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
