//! The modules under which the files expect each other.

use std::time::Duration;

pub(crate) mod endpoint;

/// What the files read of the settings, by the same names.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) budget_tokens: u32,
    pub(crate) retry_cost: u32,
    pub(crate) throttle_cost: u32,
    pub(crate) refill_per_second: u32,
    pub(crate) budget_ratio: Option<f64>,
    pub(crate) budget_min_per_second: u32,
    pub(crate) window: Duration,
    pub(crate) min_calls: u32,
    pub(crate) failure_ratio: f64,
    pub(crate) slow_after: Option<Duration>,
    pub(crate) slow_ratio: f64,
    pub(crate) open: Duration,
    pub(crate) open_max: Duration,
    pub(crate) close_after: u32,
    pub(crate) hedge_max_ratio: f64,
    pub(crate) max_in_flight: u32,
    pub(crate) max_queued: u32,
    pub(crate) adaptive: bool,
}
