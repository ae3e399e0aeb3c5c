//! What a caller chooses for one call.

use std::sync::Arc;
use std::time::Duration;

use super::{CallReport, Cancel, RetryOn};
use crate::clock::Tick;
use crate::error::Error;
use crate::identifier::OperationId;
use crate::resilience::{HedgeSettings, Retry, StallSettings};
use crate::telemetry::TraceContext;
use crate::units::ByteSize;

/// What to do about a call that needs a capability that the provider lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnsupported {
    /// Answer `Unsupported`; nothing is sent.
    #[default]
    Refuse,
    /// Emulate, where the interface's documentation lists an emulation; the report says so.
    Emulate,
}

/// Which kept answers a caller takes. It chooses among what the service's settings keep: where they keep nothing, it changes
/// nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheUse {
    /// Those that are fresh.
    #[default]
    Fresh,
    /// Those that are fresh and not older than this.
    MaxAge(Duration),
    /// Those that the service confirms now.
    Confirmed,
    /// None, and nothing is kept. The request is the caller's own.
    NoStore,
}

/// What a caller chooses for its calls; `handle.with(options)` is a handle whose calls have them.
///
/// Options given again are merged over the earlier ones, field by field; the last wins.
///
/// ```
/// # use circle_core_common::CallOptions;
/// # use std::time::Duration;
/// let options = CallOptions::new().timeout(Duration::from_secs(2)).tenant("acme");
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CallOptions {
    /// How long the whole call may take, everything included. With `deadline`, the earlier one counts.
    pub timeout: Option<Duration>,
    /// When the call must have ended, on the clock of the environment.
    pub deadline: Option<Tick>,
    /// The id of the write, in place of a generated one. Repeating a write with its id is safe where the service
    /// looks at it.
    pub idempotency_key: Option<OperationId>,
    /// On whose behalf.
    pub tenant: Option<Arc<str>>,
    /// Who calls; access rules and audit name it.
    pub principal: Option<Arc<str>>,
    /// The largest body that is collected into memory; a larger one is `InvalidInput`. Streams are not limited.
    pub body_limit: Option<ByteSize>,
    /// Cancels the call from outside.
    pub cancel: Option<Cancel>,
    /// Filled with what happened.
    pub report: Option<CallReport>,
    /// What to do about a missing capability; refusing it by default.
    pub on_unsupported: Option<OnUnsupported>,
    /// How long one attempt may take, in place of the service's setting. Zero is no limit.
    pub attempt_timeout: Option<Duration>,
    /// When and how often requests are repeated, over the service's settings. The budget is the endpoint's: of its settings
    /// only `enabled` can be chosen for one call, whose repetitions are free without it.
    pub retry: Option<Retry>,
    /// Which failures may pass, in place of the service's classification.
    pub retry_on: Option<RetryOn>,
    /// Whether the call goes although the breaker is open or isolated; what comes of it does not count there.
    pub ignore_breaker: Option<bool>,
    /// Whether slow attempts are hedged, over the service's settings.
    pub hedge: Option<HedgeSettings>,
    /// The trace that the call belongs to, where no [`Propagator`](crate::telemetry::Propagator) knows better.
    pub trace: Option<TraceContext>,
    /// When content that hardly flows is given up, over the service's settings and what the request is by its nature.
    pub stall: Option<StallSettings>,
    /// Which kept answers may be given, of services whose answers are kept.
    pub cache: Option<CacheUse>,
    /// How many requests of the local rate limit each attempt counts for; 1 by default.
    pub rate_cost: Option<u32>,
    /// Made by [`CallOptions::repeat`] of an error without an id: a fresh one would make the write a second one.
    pub(crate) unrepeatable: bool,
}

impl CallOptions {
    /// Nothing chosen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The options that repeat the write whose outcome `error` leaves open: the same operation id.
    ///
    /// An error that names no operation id has nothing to repeat under: calls with these options are `InvalidInput`,
    /// and nothing is sent, until they are given an [`idempotency_key`](Self::idempotency_key).
    #[must_use]
    pub fn repeat(error: &Error) -> Self {
        let idempotency_key = error.operation_id().cloned();
        Self { unrepeatable: idempotency_key.is_none(), idempotency_key, ..Self::default() }
    }

    /// Sets the time that the whole call may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the moment when the call must have ended.
    #[must_use]
    pub fn deadline(mut self, deadline: Tick) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the id of the write.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<OperationId>) -> Self {
        self.idempotency_key = Some(key.into());
        self.unrepeatable = false;
        self
    }

    /// Sets the tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Arc<str>>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Sets the principal.
    #[must_use]
    pub fn principal(mut self, principal: impl Into<Arc<str>>) -> Self {
        self.principal = Some(principal.into());
        self
    }

    /// Sets the largest body that is collected into memory.
    #[must_use]
    pub fn body_limit(mut self, limit: ByteSize) -> Self {
        self.body_limit = Some(limit);
        self
    }

    /// Lets `cancel` cancel the call.
    #[must_use]
    pub fn cancel(mut self, cancel: impl Into<Cancel>) -> Self {
        self.cancel = Some(cancel.into());
        self
    }

    /// Has `report` filled.
    #[must_use]
    pub fn report(mut self, report: impl Into<CallReport>) -> Self {
        self.report = Some(report.into());
        self
    }

    /// Chooses what happens about a missing capability.
    #[must_use]
    pub fn on_unsupported(mut self, choice: OnUnsupported) -> Self {
        self.on_unsupported = Some(choice);
        self
    }

    /// Sets the time that one attempt may take.
    #[must_use]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// Chooses when and how often requests are repeated: `Retry::off()`, `Retry::new().max_attempts(5)`.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Judges failures by `judge` in place of the service's classification.
    #[must_use]
    pub fn retry_on(mut self, judge: RetryOn) -> Self {
        self.retry_on = Some(judge);
        self
    }

    /// Lets the call go although the breaker is open or isolated: the check of somebody who repairs the service.
    #[must_use]
    pub fn ignore_breaker(mut self) -> Self {
        self.ignore_breaker = Some(true);
        self
    }

    /// Chooses whether slow attempts are hedged.
    #[must_use]
    pub fn hedge(mut self, hedge: HedgeSettings) -> Self {
        self.hedge = Some(hedge);
        self
    }

    /// Says which trace the call belongs to: that of the request which the application is answering, say.
    #[must_use]
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Chooses when content that hardly flows is given up: `StallSettings::off()`, `StallSettings::new().grace(…)`.
    #[must_use]
    pub fn stall(mut self, stall: StallSettings) -> Self {
        self.stall = Some(stall);
        self
    }

    /// Chooses which kept answers may be given: `CacheUse::NoStore`, `CacheUse::MaxAge(…)`.
    #[must_use]
    pub fn cache(mut self, cache: CacheUse) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Sets how many requests of the local rate limit each attempt counts for: a batch, an expensive query.
    #[must_use]
    pub fn rate_cost(mut self, requests: u32) -> Self {
        self.rate_cost = Some(requests);
        self
    }

    /// These options over `base`: what is not chosen here is taken from there.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        Self {
            // An id of the base belongs to another write than the one that `repeat` was to repeat.
            unrepeatable: self.unrepeatable || self.idempotency_key.is_none() && base.unrepeatable,
            timeout: self.timeout.or(base.timeout),
            deadline: self.deadline.or(base.deadline),
            idempotency_key: self.idempotency_key.or_else(|| base.idempotency_key.clone()),
            tenant: self.tenant.or_else(|| base.tenant.clone()),
            principal: self.principal.or_else(|| base.principal.clone()),
            body_limit: self.body_limit.or(base.body_limit),
            cancel: self.cancel.or_else(|| base.cancel.clone()),
            report: self.report.or_else(|| base.report.clone()),
            on_unsupported: self.on_unsupported.or(base.on_unsupported),
            attempt_timeout: self.attempt_timeout.or(base.attempt_timeout),
            retry_on: self.retry_on.or_else(|| base.retry_on.clone()),
            ignore_breaker: self.ignore_breaker.or(base.ignore_breaker),
            retry: merged(self.retry, base.retry.as_ref(), Retry::over),
            trace: self.trace.or_else(|| base.trace.clone()),
            rate_cost: self.rate_cost.or(base.rate_cost),
            hedge: merged(self.hedge, base.hedge.as_ref(), HedgeSettings::over),
            stall: merged(self.stall, base.stall.as_ref(), StallSettings::over),
            cache: self.cache.or(base.cache),
        }
    }

    pub(crate) fn deadline_after(&self, started: Tick) -> Option<Tick> {
        let by_timeout = self.timeout.map(|timeout| started.after(timeout));
        self.deadline.into_iter().chain(by_timeout).min()
    }
}

/// One table of settings over another, where there are any.
fn merged<T: Clone>(own: Option<T>, base: Option<&T>, over: impl FnOnce(T, &T) -> T) -> Option<T> {
    match (own, base) {
        (Some(own), Some(base)) => Some(over(own, base)),
        (own, base) => own.or_else(|| base.cloned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_what_is_not_chosen_again() {
        let base = CallOptions::new().tenant("acme").timeout(Duration::from_secs(1));
        let merged = CallOptions::new().timeout(Duration::from_secs(2)).over(&base);
        assert_eq!(merged.tenant.as_deref(), Some("acme"));
        assert_eq!(merged.timeout, Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_repeat_without_an_id_stays_refused_until_it_has_one() {
        let nameless = CallOptions::repeat(&Error::new(crate::ErrorKind::OutcomeUnknown, ""));
        assert!(nameless.clone().over(&CallOptions::new().idempotency_key("other")).unrepeatable);
        assert!(CallOptions::new().tenant("acme").over(&nameless).unrepeatable);
        assert!(!CallOptions::new().idempotency_key("own").over(&nameless).unrepeatable);
        assert!(!nameless.idempotency_key("own").unrepeatable);
    }

    #[test]
    fn the_earlier_of_timeout_and_deadline_counts() {
        let start = Tick::from_start(Duration::from_secs(10));
        let options = CallOptions::new().timeout(Duration::from_secs(5)).deadline(Tick::from_start(Duration::from_secs(12)));
        assert_eq!(options.deadline_after(start), Some(Tick::from_start(Duration::from_secs(12))));
    }
}
