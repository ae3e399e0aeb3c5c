//! The values that hold once everything is merged.

use std::time::Duration;

use super::{BackoffSettings, LimitBy, Resilience, Stall, StoreFailure, Writes};
use crate::context::CallOptions;
use crate::resilience::backoff::Backoff;
use crate::units::ByteSize;

/// The values that hold for a service: its own settings over those of its profile.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Resolved {
    /// How long all attempts of one request and the waits between them may take.
    pub total_timeout: Option<Duration>,
    /// How long one attempt may take.
    pub attempt_timeout: Option<Duration>,
    /// How many attempts are made, the first included.
    pub max_attempts: u32,
    /// Which writes are repeated although they may have arrived.
    pub writes: Writes,
    /// The longest wait that a service may ask for.
    pub retry_after_max: Duration,
    /// The waits after a failure that may pass.
    pub backoff: Backoff,
    /// The waits after too many requests.
    pub throttle_backoff: Backoff,
    /// Whether retries need tokens.
    pub budget: bool,
    /// The most tokens of an endpoint.
    pub budget_tokens: u32,
    /// What a retry costs.
    pub retry_cost: u32,
    /// What a retry after too many requests costs.
    pub throttle_cost: u32,
    /// The tokens that come back each second.
    pub refill_per_second: u32,
    /// The retries as a share of the requests, in place of tokens.
    pub budget_ratio: Option<f64>,
    /// How many retries each second there may always be, where they are a share.
    pub budget_min_per_second: u32,
    /// Whether there is a breaker.
    pub breaker: bool,
    /// How far back attempts count for the breaker.
    pub window: Duration,
    /// How many attempts the window must hold before the breaker can open.
    pub min_calls: u32,
    /// The share of failures that opens the breaker.
    pub failure_ratio: f64,
    /// From how long on an answer is slow for the breaker; `None` is never.
    pub slow_after: Option<Duration>,
    /// The share of slow answers that opens the breaker.
    pub slow_ratio: f64,
    /// How long the breaker stays open the first time.
    pub open: Duration,
    /// The longest that it stays open.
    pub open_max: Duration,
    /// How many probes in a row must succeed to close the breaker.
    pub close_after: u32,
    /// How many requests are sent each second; `None` is no local limit.
    pub per_second: Option<f64>,
    /// How many of them may go at once; `None` is one second's worth.
    pub burst: Option<u32>,
    /// Whose requests count together.
    pub by: LimitBy,
    /// What happens while a shared rate cannot be asked for.
    pub on_store_failure: StoreFailure,
    /// The part of it that this process may use meanwhile.
    pub local_share: f64,
    /// The part of a service's quota below which what is left is spread over the rest of its time.
    pub pace: f64,
    /// Whether requests begin slowly at a service that had too many.
    pub slow_start: bool,
    /// The most attempts at the same time; 0 is no limit.
    pub max_in_flight: u32,
    /// How many wait for their turn.
    pub max_queued: u32,
    /// Whether the limit of attempts at the same time adapts.
    pub adaptive: bool,
    /// Whether slow attempts are hedged.
    pub hedge: bool,
    /// How long the first attempt has before it is hedged; `None` is as long as 95 of 100 take.
    pub hedge_delay: Option<Duration>,
    /// The share of an endpoint's calls that are hedged at most.
    pub hedge_max_ratio: f64,
    /// When content that hardly flows is given up, where its request or provider knows nothing better.
    pub stall: Stall,
    /// How much of the answers is kept, by one credential; `None` is nothing.
    pub cache: Option<ByteSize>,
    /// Whether equal requests at the same time are sent once.
    pub coalesce: bool,
}

/// How much is kept where nobody says otherwise.
pub(crate) const CACHE_SIZE: ByteSize = ByteSize::mib(16);

impl Resilience {
    /// The values that hold: these settings over those of their profile.
    #[must_use]
    pub fn resolved(&self) -> Resolved {
        let base = self.profile.unwrap_or_default().values();
        let (retry, budget, breaker) = (&self.retry, &self.retry.budget, &self.breaker);
        Resolved {
            total_timeout: limit(self.total_timeout, base.total_timeout),
            attempt_timeout: limit(self.attempt_timeout, base.attempt_timeout),
            max_attempts: retry.max_attempts.unwrap_or(base.max_attempts).max(1),
            writes: retry.writes.unwrap_or(base.writes),
            retry_after_max: retry.retry_after_max.unwrap_or(base.retry_after_max),
            backoff: retry.backoff.resolved(&base.backoff),
            throttle_backoff: retry.throttle_backoff.resolved(&base.throttle_backoff),
            budget: budget.enabled.unwrap_or(base.budget),
            budget_tokens: budget.tokens.unwrap_or(base.budget_tokens),
            retry_cost: budget.retry_cost.unwrap_or(base.retry_cost),
            throttle_cost: budget.throttle_cost.unwrap_or(base.throttle_cost),
            refill_per_second: budget.refill_per_second.unwrap_or(base.refill_per_second),
            budget_ratio: budget.ratio.or(base.budget_ratio),
            budget_min_per_second: budget.min_per_second.unwrap_or(base.budget_min_per_second),
            breaker: breaker.enabled.unwrap_or(base.breaker),
            window: breaker.window.unwrap_or(base.window),
            min_calls: breaker.min_calls.unwrap_or(base.min_calls),
            failure_ratio: breaker.failure_ratio.unwrap_or(base.failure_ratio),
            slow_after: limit(breaker.slow_after, base.slow_after),
            slow_ratio: breaker.slow_ratio.unwrap_or(base.slow_ratio),
            open: breaker.open.unwrap_or(base.open),
            open_max: breaker.open_max.unwrap_or(base.open_max),
            close_after: breaker.close_after.unwrap_or(base.close_after),
            per_second: self.rate_limit.per_second.or(base.per_second),
            burst: self.rate_limit.burst.or(base.burst),
            by: self.rate_limit.by.unwrap_or(base.by),
            on_store_failure: self.rate_limit.on_store_failure.unwrap_or(base.on_store_failure),
            local_share: self.rate_limit.local_share.unwrap_or(base.local_share),
            pace: self.rate_limit.pace.unwrap_or(base.pace),
            slow_start: self.rate_limit.slow_start.unwrap_or(base.slow_start),
            max_in_flight: self.bulkhead.max_in_flight.unwrap_or(base.max_in_flight),
            max_queued: self.bulkhead.max_queued.unwrap_or(base.max_queued),
            adaptive: self.bulkhead.adaptive.unwrap_or(base.adaptive),
            hedge: self.hedge.enabled.unwrap_or(base.hedge),
            hedge_delay: self.hedge.delay.or(base.hedge_delay),
            hedge_max_ratio: self.hedge.max_ratio.unwrap_or(base.hedge_max_ratio),
            stall: self.stall.resolved(base.stall),
            cache: match self.cache.enabled {
                Some(true) => Some(self.cache.max_size.unwrap_or(CACHE_SIZE)),
                Some(false) => None,
                None => base.cache,
            },
            coalesce: self.cache.coalesce.or(self.cache.enabled).unwrap_or(base.coalesce),
        }
    }
}

impl Resilience {
    /// The values that hold for one remote operation.
    #[must_use]
    pub fn resolved_for(&self, operation: &str) -> Resolved {
        self.operations.get(operation).map_or_else(|| self.resolved(), |own| self.of_operation(own).resolved())
    }
}

impl Resolved {
    /// The values that hold for a call with these options. A `deadline` is a moment and no value: of a call's own limits only
    /// its `timeout` is seen here.
    #[must_use]
    pub fn with(mut self, options: &CallOptions) -> Self {
        self.total_timeout = options.timeout.or(self.total_timeout);
        self.attempt_timeout = limit(options.attempt_timeout, self.attempt_timeout);
        if let Some(retry) = &options.retry {
            self.max_attempts = retry.max_attempts.unwrap_or(self.max_attempts).max(1);
            self.writes = retry.writes.unwrap_or(self.writes);
            self.retry_after_max = retry.retry_after_max.unwrap_or(self.retry_after_max);
            self.backoff = retry.backoff.resolved(&self.backoff);
            self.throttle_backoff = retry.throttle_backoff.resolved(&self.throttle_backoff);
            self.budget = retry.budget.enabled.unwrap_or(self.budget);
        }
        if let Some(hedge) = &options.hedge {
            self.hedge = hedge.enabled.unwrap_or(self.hedge);
            self.hedge_delay = hedge.delay.or(self.hedge_delay);
        }
        if let Some(stall) = &options.stall {
            self.stall = stall.resolved(self.stall);
        }
        self
    }
}

impl BackoffSettings {
    /// These settings over a schedule.
    #[must_use]
    pub fn resolved(&self, base: &Backoff) -> Backoff {
        Backoff {
            initial_interval: self.initial_interval.unwrap_or(base.initial_interval),
            multiplier: self.multiplier.unwrap_or(base.multiplier),
            randomization_factor: self.randomization_factor.unwrap_or(base.randomization_factor),
            max_interval: self.max_interval.unwrap_or(base.max_interval),
            max_elapsed_time: base.max_elapsed_time,
        }
    }
}

/// A limit of zero is none: nothing could be done within it.
pub(in crate::resilience) fn limit(chosen: Option<Duration>, base: Option<Duration>) -> Option<Duration> {
    chosen.or(base).filter(|limit| !limit.is_zero())
}
