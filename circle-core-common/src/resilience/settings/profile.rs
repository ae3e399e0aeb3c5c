//! Named sets of values.

use std::time::Duration;

use super::{LimitBy, Resolved, Stall, StoreFailure, Writes};
use crate::resilience::backoff::Backoff;

/// A named set of values for one way of using a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Profile {
    /// Somebody waits: 3 attempts, 10 s each, 30 s in all.
    #[default]
    Interactive,
    /// Nobody waits: 8 attempts, 30 s each, 5 minutes in all.
    Batch,
    /// Language models: 3 attempts, 120 s until an answer begins, no limit in all, and slower retries.
    Llm,
    /// Money: as `interactive`, but a write that may have arrived is repeated only under an idempotency key.
    Payments,
}

/// U[0, `base`] at first and at most U[0, `cap`] later, doubling: full jitter in the vocabulary of [`Backoff`].
fn full_jitter(base: Duration, cap: Duration) -> Backoff {
    Backoff::new().initial_interval(base / 2).max_interval(cap / 2)
}

impl Profile {
    /// The values of this profile.
    #[must_use]
    pub fn values(self) -> Resolved {
        let interactive = Resolved {
            total_timeout: Some(Duration::from_secs(30)),
            attempt_timeout: Some(Duration::from_secs(10)),
            max_attempts: 3,
            writes: Writes::Idempotent,
            retry_after_max: Duration::from_secs(120),
            backoff: full_jitter(Duration::from_millis(50), Duration::from_secs(20)),
            throttle_backoff: full_jitter(Duration::from_secs(1), Duration::from_secs(20)),
            budget: true,
            budget_tokens: 500,
            retry_cost: 14,
            throttle_cost: 5,
            refill_per_second: 1,
            budget_ratio: None,
            budget_min_per_second: 10,
            breaker: true,
            window: Duration::from_secs(30),
            min_calls: 20,
            failure_ratio: 0.5,
            slow_after: None,
            slow_ratio: 0.8,
            open: Duration::from_secs(5),
            open_max: Duration::from_secs(60),
            close_after: 3,
            per_second: None,
            burst: None,
            by: LimitBy::Endpoint,
            on_store_failure: StoreFailure::Share,
            local_share: 0.1,
            pace: 0.1,
            slow_start: true,
            max_in_flight: 1000,
            max_queued: 0,
            adaptive: false,
            hedge: false,
            hedge_delay: None,
            hedge_max_ratio: 0.05,
            stall: Stall::default(),
            cache: None,
            coalesce: false,
        };
        match self {
            Self::Interactive => interactive,
            Self::Batch => Resolved {
                total_timeout: Some(Duration::from_secs(300)),
                attempt_timeout: Some(Duration::from_secs(30)),
                max_attempts: 8,
                ..interactive
            },
            Self::Llm => Resolved {
                total_timeout: None,
                attempt_timeout: Some(Duration::from_secs(120)),
                backoff: full_jitter(Duration::from_millis(500), Duration::from_secs(8)),
                throttle_backoff: full_jitter(Duration::from_millis(500), Duration::from_secs(8)),
                // A model that reasons is silent between its words.
                stall: Stall::silence(Duration::from_secs(60)),
                ..interactive
            },
            Self::Payments => Resolved { writes: Writes::Keyed, ..interactive },
        }
    }
}
