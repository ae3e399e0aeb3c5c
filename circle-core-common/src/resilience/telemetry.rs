//! What the machine tells: an observer, metrics, events and the span of an attempt.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::Span;
use tracing::field::Empty;

use super::event::{Observer, PolicyEvent, RejectedBy, Step};
use super::{Attempt, BreakerState, RemoteOperation};
use crate::clock::{Clock, Tick};
use crate::environment::Environment;
use crate::error::Error;
use crate::random::Random;
#[cfg(feature = "http")]
use crate::telemetry::Series;

/// The counter of repetitions; labels: service, remote operation, and `error.type` of what was repeated.
pub const RETRIES: &str = "circle.retries";

/// The counter of what a policy refused; labels: service, remote operation, `circle.rejected_by`.
pub const REJECTED: &str = "circle.rejected";

/// The gauge of a breaker: 0 closed, 1 half open, 2 open, 3 isolated; labels: service, endpoint.
pub const BREAKER_STATE: &str = "circle.breaker.state";

/// What a service's policies share to tell what they do.
pub(super) struct Telemetry {
    service: Arc<str>,
    clock: Clock,
    random: Random,
    observer: Option<Arc<dyn Observer>>,
    /// The metrics of the attempts at all endpoints that are not told apart.
    #[cfg(feature = "http")]
    others: std::sync::OnceLock<Box<Series>>,
}

impl Telemetry {
    pub(super) fn new(environment: &Environment, service: &str) -> Self {
        Self {
            service: service.into(),
            clock: environment.clock().clone(),
            random: environment.random().clone(),
            observer: environment.observer().cloned(),
            #[cfg(feature = "http")]
            others: std::sync::OnceLock::new(),
        }
    }

    pub(super) fn service(&self) -> &str {
        &self.service
    }

    #[cfg(feature = "http")]
    pub(super) fn others(&self) -> &Series {
        self.others.get_or_init(|| Box::new(Series::new()))
    }

    pub(super) fn now(&self) -> Tick {
        self.clock.now()
    }

    /// A number in `0.0..1.0`. Without randomness, none is as good as any: it only spreads waits.
    pub(super) fn jitter(&self) -> f64 {
        self.random.unit().unwrap_or(0.5)
    }

    #[inline]
    pub(super) fn tell<'e>(
        &'e self,
        endpoint: &'e str,
        operation: Option<&'static RemoteOperation>,
        step: impl FnOnce() -> Step<'e>,
    ) {
        if let Some(observer) = &self.observer {
            let event = PolicyEvent { service: &self.service, endpoint, operation, step: step() };
            // What an observer breaks is its own: the call goes on.
            if catch_unwind(AssertUnwindSafe(|| observer.event(&event))).is_err() {
                tracing::warn!(target: "circle", "an observer of the policies panicked");
            }
        }
    }

    pub(super) fn retry(&self, operation: &'static RemoteOperation, error: &Error) {
        metrics::counter!(
            RETRIES,
            "circle.service" => Arc::clone(&self.service),
            "circle.remote_operation" => operation.name(),
            "error.type" => error.kind().code(),
        )
        .increment(1);
    }

    pub(super) fn rejected(&self, operation: &'static RemoteOperation, by: RejectedBy) {
        metrics::counter!(
            REJECTED,
            "circle.service" => Arc::clone(&self.service),
            "circle.remote_operation" => operation.name(),
            "circle.rejected_by" => by.code(),
        )
        .increment(1);
    }

    pub(super) fn breaker(&self, endpoint: &str, state: BreakerState) {
        let value = match state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open { .. } => 2.0,
            BreakerState::Isolated => 3.0,
        };
        metrics::gauge!(
            BREAKER_STATE,
            "circle.service" => Arc::clone(&self.service),
            "circle.endpoint" => endpoint.to_owned(),
        )
        .set(value);
        tracing::info!(target: "circle", service = &*self.service, endpoint, %state, "circuit breaker");
    }

    /// The span of an attempt of which nothing more is known.
    pub(super) fn span(&self, operation: &'static RemoteOperation, attempt: Attempt) -> Span {
        tracing::debug_span!(
            target: "circle",
            "attempt",
            otel.name = operation.name(),
            otel.kind = "client",
            circle.service = &*self.service,
            circle.attempt = attempt.number,
            circle.hedged = attempt.hedged,
            circle.remote_operation = operation.name(),
            url.template = operation.template(),
            error.r#type = Empty,
        )
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Telemetry({})", self.service)
    }
}
