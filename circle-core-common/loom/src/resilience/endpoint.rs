//! The lock-free parts of an endpoint.

#![allow(dead_code, unused_imports, reason = "the files serve the common crate; a model needs a part of them")]

use std::time::Duration;

#[path = "../../../src/resilience/endpoint/adaptive.rs"]
mod adaptive;
mod atomic;
#[path = "../../../src/resilience/endpoint/breaker.rs"]
mod breaker;
#[path = "../../../src/resilience/endpoint/budget.rs"]
mod budget;
#[path = "../../../src/resilience/endpoint/bulkhead.rs"]
mod bulkhead;
#[path = "../../../src/resilience/endpoint/hedges.rs"]
mod hedges;
mod limiter;
pub(crate) mod models;
mod notify;
#[path = "../../../src/resilience/endpoint/places.rs"]
mod places;
mod shard;
#[path = "../../../src/resilience/endpoint/window.rs"]
mod window;

/// How a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakerState {
    Closed,
    Open { remaining: Duration },
    HalfOpen,
    Isolated,
}
