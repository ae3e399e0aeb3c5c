//! What the machine knows of one endpoint: breaker, budget, rate limit, places.

use std::fmt;
use std::time::Duration;

/// One place that requests go to: an origin, a region, a host.
pub struct Endpoint {
    key: Box<str>,
}

impl Endpoint {
    pub(super) fn new(key: &str) -> Self {
        Self { key: key.into() }
    }

    /// What it is known by.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.key)
    }
}

/// How an endpoint is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EndpointState {
    /// What it is known by.
    pub key: String,
    /// Its breaker.
    pub breaker: BreakerState,
    /// Attempts that run now.
    pub in_flight: u64,
    /// The tokens for retries that are left.
    pub retry_tokens: u32,
}

/// How a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// Requests are refused for so long yet.
    Open {
        /// How long.
        remaining: Duration,
    },
    /// One request at a time probes whether the endpoint is back.
    HalfOpen,
    /// Refusing until somebody resets it.
    Isolated,
}
