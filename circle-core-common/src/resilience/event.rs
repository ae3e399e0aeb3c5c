//! What the machine tells about itself: to tests, and to an application's own telemetry.

use std::time::Duration;

use super::endpoint::BreakerState;
use super::{Attempt, RemoteOperation};
use crate::error::Error;

/// Hears what the machine does. Called on the call's own task: it must be quick and must not block.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: &PolicyEvent<'_>);
}

/// Something that the machine did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyEvent<'a> {
    /// The configured name of the service.
    pub service: &'a str,
    /// The key of the endpoint.
    pub endpoint: &'a str,
    /// The request; `None` for what is no single request's doing.
    pub operation: Option<&'static RemoteOperation>,
    /// What it did.
    pub step: Step<'a>,
}

/// What the machine did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// A request passes this policy: the order of these is the contract.
    Passed(Stage),
    /// A request waits in this policy.
    Waits {
        /// Where.
        at: Stage,
        /// How long at least, where that is known.
        wait: Option<Duration>,
    },
    /// A policy refused; nothing was sent.
    Rejected(RejectedBy),
    /// An attempt starts.
    Started(Attempt),
    /// An attempt has ended.
    Ended {
        /// Which.
        attempt: Attempt,
        /// Why it failed, if it did.
        error: Option<&'a Error>,
    },
    /// Another attempt follows after this wait.
    Retry {
        /// The number of the attempt that follows.
        number: u32,
        /// How long until then.
        wait: Duration,
        /// Why.
        error: &'a Error,
    },
    /// What an error complained of is repaired, and the request repeated for free.
    Repaired(&'a Error),
    /// The breaker of the endpoint has changed.
    Breaker(BreakerState),
}

/// A policy, in the order in which a request passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The deadline of the call and the total timeout.
    TotalDeadline,
    /// Repetition.
    Retry,
    /// A second attempt beside a slow one.
    Hedge,
    /// The breaker of the endpoint.
    Breaker,
    /// The local rate limit and what the service asked for.
    RateLimit,
    /// The limit of attempts at the same time.
    Bulkhead,
    /// The time that one attempt has.
    AttemptTimeout,
    /// The attempt itself: credential, signature, transport, classification.
    Attempt,
}

/// What refused a request or its repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectedBy {
    /// The breaker of the endpoint is open.
    Breaker,
    /// The wait for the rate limit would pass the deadline.
    RateLimit,
    /// Too many attempts at the same time.
    Bulkhead,
    /// The retry budget of the endpoint is used up.
    RetryBudget,
    /// As many calls as may be are hedged already; the call goes on without.
    HedgeRatio,
}

impl RejectedBy {
    /// The name in metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Breaker => "breaker",
            Self::RateLimit => "rate_limit",
            Self::Bulkhead => "bulkhead",
            Self::RetryBudget => "retry_budget",
            Self::HedgeRatio => "hedge_ratio",
        }
    }
}
