//! What a service says of its rate limits, in one form for all services.

use std::time::Duration;

/// What a service says about one of its rate limits.
///
/// An answer may tell of several: a second's and a day's, requests and tokens. The machine heeds them before they are used
/// up: [`Endpoint::told`](super::Endpoint::told).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// Which requests it counts.
    pub scope: LimitScope,
    /// What it counts of them.
    pub unit: LimitUnit,
    /// How many a window has.
    pub limit: Option<u64>,
    /// How many are left.
    pub remaining: Option<u64>,
    /// How long until as many are left again as at first.
    pub reset_after: Option<Duration>,
    /// What happens until then.
    pub refill: Refill,
    /// Whether the service warns that few are left.
    pub near: bool,
}

/// Which requests a limit counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitScope {
    /// All at the endpoint; of a request that is [limited as](super::Attempts::limited_as) a part, all of that part.
    #[default]
    Endpoint,
    /// All at the endpoint, whatever part they are of.
    Everything,
    /// Those that the service counts under this name: a resource, a bucket, a policy.
    Named(String),
    /// Those of one kind, which the service does not name: calls of one model. Without a part, those of one operation.
    Kind(String),
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitUnit {
    /// Requests, one each.
    #[default]
    Requests,
    /// Something whose amount nobody knows before the request: tokens, bytes, points.
    Amount,
    /// Requests that run at the same time: no time brings them back, their end does.
    Concurrent,
}

/// What happens to a limit until it is whole again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refill {
    /// Nothing: then it begins anew.
    #[default]
    AtOnce,
    /// It fills all the time: a bucket.
    Steadily,
}

impl RateLimit {
    /// How much of it is left, from 0 to 1.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only HTTP has headers that tell of limits"))]
    pub(crate) fn left(&self) -> f64 {
        let Some(remaining) = self.remaining else { return 1.0 };
        // Of an unknown whole: more is more.
        let whole = self.limit.unwrap_or_else(|| remaining.saturating_add(1)).max(1);
        remaining as f64 / whole as f64
    }
}
