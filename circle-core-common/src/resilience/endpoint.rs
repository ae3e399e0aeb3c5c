//! What the machine knows of one endpoint: breaker, retry budget, rate limit, places.

mod adaptive;
mod atomic;
mod breaker;
mod budget;
mod bulkhead;
mod hedges;
mod latency;
mod lent;
mod limiter;
mod notify;
mod places;
mod quotas;
pub(crate) mod shard;
mod shared;
mod slow_start;
mod window;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
pub(super) use self::breaker::tests::model as breaker_model;
pub(super) use self::breaker::{Breaker, Refusal, Ticket};
pub(super) use self::budget::Budget;
pub(super) use self::bulkhead::Bulkhead;
pub(super) use self::hedges::Hedges;
pub(super) use self::latency::Latency;
pub(crate) use self::lent::Lent;
pub use self::lent::RetryBudget;
pub(super) use self::limiter::{Limiter, Rate, Reserved};
pub(super) use self::places::Place;
pub(crate) use self::quotas::Counted;
pub(super) use self::quotas::Quotas;
pub(super) use self::shared::Shared;
pub(super) use self::slow_start::{SlowStart, Turn};
use super::event::Step;
use super::telemetry::Telemetry;
use super::{Attempt, RateLimit, RateLimitStore, RemoteOperation, Resolved};
use crate::clock::Tick;
use crate::error::{Error, ErrorKind, Reason};
use crate::telemetry::OTHER;
#[cfg(feature = "http")]
use crate::telemetry::Series;

/// One place that requests go to: an origin, a region, a host. [`Policy::endpoint`](super::Policy::endpoint) gives it.
pub struct Endpoint {
    key: Box<str>,
    /// Whether its key is a label of metrics; of very many endpoints only the first are.
    labelled: bool,
    telemetry: Arc<Telemetry>,
    /// The metrics of its attempts; made when the first is told.
    #[cfg(feature = "http")]
    series: std::sync::OnceLock<Box<Series>>,
    pub(super) breaker: Option<Breaker>,
    pub(super) budget: Arc<Budget>,
    lent: [Lent; shard::SHARDS],
    pub(super) limiter: Limiter,
    pub(super) quotas: Quotas,
    pub(super) shared: Option<Arc<Shared>>,
    pub(super) slow_start: SlowStart,
    /// Whether there is one.
    starts_slowly: bool,
    pub(super) bulkhead: Bulkhead,
    pub(super) latency: Latency,
    pub(super) hedges: Hedges,
}

/// How an endpoint is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EndpointState {
    /// What it is known by; empty for a service that has one endpoint.
    pub key: String,
    /// Its breaker; `None` where that is switched off.
    pub breaker: Option<BreakerState>,
    /// Attempts that run now.
    pub in_flight: u64,
    /// As many can run now; 0 is no limit.
    pub max_in_flight: u32,
    /// The tokens for retries that are left.
    pub retry_tokens: u32,
    /// How long the service wants no requests yet.
    pub held: Duration,
    /// The least that any quota has left, of a service that tells.
    pub quota_left: Option<u64>,
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
    /// Requests are refused until somebody resets it.
    Isolated,
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Open { remaining } => write!(f, "open for {:.1} s", remaining.as_secs_f64()),
            Self::HalfOpen => f.write_str("half open"),
            Self::Isolated => f.write_str("isolated"),
        }
    }
}

/// What one attempt holds of an endpoint.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) ticket: Option<Ticket>,
    /// The requests of the rate limit that are reserved and not made yet.
    pub(super) reserved: Reserved,
    /// By what it is counted in the quotas that the service tells of; 0 is not.
    pub(super) counted: u16,
    /// Whether the request went out, as far as anybody knows.
    pub(super) sent: bool,
    /// Its turn at a service that had too many requests.
    pub(super) turn: Option<Turn>,
    pub(super) place: Option<Place>,
}

impl Endpoint {
    pub(super) fn new(
        key: &str,
        labelled: bool,
        settings: &Resolved,
        telemetry: Arc<Telemetry>,
        rates: Option<&Arc<dyn RateLimitStore>>,
    ) -> Self {
        let shared = rates.and_then(|store| Shared::new(Arc::clone(store), telemetry.service(), key, settings)).map(Arc::new);
        let budget = Arc::new(Budget::new(settings));
        Self {
            key: key.into(),
            labelled,
            telemetry,
            #[cfg(feature = "http")]
            series: std::sync::OnceLock::new(),
            breaker: settings.breaker.then(|| Breaker::new(settings)),
            lent: std::array::from_fn(|_| Lent::new(&budget)),
            budget,
            limiter: Limiter::new(settings, shared.is_some()),
            quotas: Quotas::new(settings),
            shared,
            slow_start: SlowStart::default(),
            starts_slowly: settings.slow_start,
            bulkhead: Bulkhead::new(settings),
            latency: Latency::new(),
            hedges: Hedges::new(settings),
        }
    }

    /// What it is known by.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> EndpointState {
        let now = self.telemetry.now().since_start();
        EndpointState {
            key: self.key.to_string(),
            breaker: self.breaker.as_ref().map(|breaker| breaker.state(now)),
            in_flight: self.bulkhead.in_flight(),
            max_in_flight: self.bulkhead.limit(),
            retry_tokens: self.budget.tokens(now),
            held: self.limiter.gate(now).max(self.quotas.closed_for(now)),
            quota_left: self.quotas.least(now),
        }
    }

    /// Refuses every request until [`reset`](Self::reset).
    pub fn isolate(&self) {
        self.force(true);
    }

    /// Closes the breaker with nothing counted.
    pub fn reset(&self) {
        self.force(false);
    }

    /// Lets no request out for so long, because the service has said that it takes none: a used-up quota that an answer
    /// tells of. At most as long as a service may ask a retry to wait.
    pub fn hold(&self, wait: Duration) {
        self.limiter.hold(self.telemetry.now().since_start(), wait);
    }

    /// Heeds what the service tells of its rate limits, for a client that is not of HTTP. Of requests of which *n* are left, no
    /// more than that are started until there are more.
    pub fn told(&self, operation: &'static RemoteOperation, limits: &[RateLimit]) {
        let counted = Counted { operation, part: None };
        self.quotas.hear(self.telemetry.now().since_start(), None, counted, limits, None);
    }

    /// As [`told`](Self::told), from the answer to an attempt. Whether a refusal concerns only requests of this kind, so that
    /// others may go on.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only HTTP has headers that tell of limits"))]
    pub(crate) fn hear(&self, attempt: Attempt, counted: Counted<'_>, limits: &[RateLimit], refused: Option<Duration>) -> bool {
        if limits.is_empty() && refused.is_none() && !self.quotas.are_told() {
            return false;
        }
        let now = self.telemetry.now().since_start();
        self.quotas.hear(now, Some(attempt.counted), counted, limits, refused)
    }

    /// Whether nothing is known of it that would be missed.
    pub(super) fn is_idle(&self) -> bool {
        let now = self.telemetry.now().since_start();
        let closed = self.breaker.as_ref().is_none_or(|breaker| breaker.state(now) == BreakerState::Closed);
        closed && self.bulkhead.in_flight() == 0 && self.limiter.gate(now).is_zero() && !self.quotas.is_any_closed(now)
    }

    /// The retry budget, for a call to carry.
    pub(super) fn lend(&self) -> Lent {
        self.lent[shard::mine()].clone()
    }

    fn force(&self, isolated: bool) {
        if let Some(breaker) = &self.breaker {
            breaker.force(isolated);
            self.entered(breaker.state(self.telemetry.now().since_start()));
        }
    }

    /// Tells that the breaker has changed.
    pub(super) fn entered(&self, state: BreakerState) {
        self.telemetry.breaker(if self.labelled { &self.key } else { OTHER }, state);
        self.tell(None, || Step::Breaker(state));
    }

    /// Tells the observer, if there is one.
    #[inline]
    pub(super) fn tell<'e>(&'e self, operation: Option<&'static RemoteOperation>, step: impl FnOnce() -> Step<'e>) {
        self.telemetry.tell(&self.key, operation, step);
    }

    /// Whether it is told apart from others in metrics.
    #[cfg(feature = "http")]
    pub(crate) fn is_labelled(&self) -> bool {
        self.labelled
    }

    /// The metrics of its attempts; endpoints that are not told apart share theirs.
    #[cfg(feature = "http")]
    pub(crate) fn series(&self) -> &Series {
        if self.labelled { self.series.get_or_init(|| Box::new(Series::new())) } else { self.telemetry.others() }
    }

    pub(super) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Counts the result of an attempt for the breaker; what is neither success nor failure frees a probe's place.
    #[inline]
    pub(super) fn settle(&self, held: &mut Held, failed: Option<bool>, now: Tick, took: Duration) {
        let (Some(breaker), Some(ticket)) = (&self.breaker, held.ticket.take()) else { return };
        match failed {
            None => breaker.release(ticket),
            Some(failed) => {
                let entered = breaker.settle(ticket, failed, took, now.since_start(), || self.telemetry.jitter());
                if let Some(state) = entered {
                    self.entered(state);
                }
            }
        }
    }

    /// Lets a limit that adapts learn from an attempt: of what the breaker does not count, and of connections that break, nothing.
    #[inline]
    pub(super) fn learn(&self, failed: Option<bool>, error: Option<&Error>, began: Tick, now: Tick) {
        let overloaded = match (failed, error.map(Error::kind)) {
            (Some(false), _) => Some(false),
            (Some(true), Some(ErrorKind::Timeout | ErrorKind::Unavailable)) => Some(true),
            _ => None,
        };
        self.bulkhead.learn(overloaded, began.since_start(), now.since_start());
    }

    /// Heeds what an attempt's end says about how many requests the service takes: one answer tells every caller.
    #[inline]
    pub(super) fn heed(&self, held: &mut Held, error: Option<&Error>, now: Tick) {
        match error {
            None => {
                if let Some(turn) = held.turn.take() {
                    self.slow_start.taken(turn, now.since_start());
                }
            }
            Some(error) => self.heed_failure(held, error, now),
        }
    }

    #[cold]
    fn heed_failure(&self, held: &mut Held, error: &Error, now: Tick) {
        let (now, wait) = (now.since_start(), error.retry_after());
        let apart = error.detail().is_some_and(|detail| detail.limited_apart);
        // What a policy within the attempt refused is not the service's word.
        let local = matches!(error.reason(), Some(Reason::BreakerOpen | Reason::BulkheadFull | Reason::LocalRateLimit));
        let said_here = !apart && !local && !error.is_of_preparing();
        let refused = error.is(ErrorKind::RateLimited) || error.is(ErrorKind::Unavailable) && wait.is_some();
        if said_here && refused {
            // The gate first: whoever is woken must find it closed.
            if let Some(wait) = wait {
                self.limiter.hold(now, wait);
            }
            if self.starts_slowly {
                let told = wait.map(|_| self.limiter.gate(now));
                self.slow_start.refused(held.turn.take(), told, self.bulkhead.in_flight(), now);
            }
        }
    }

    /// Takes everything back that is held.
    #[inline]
    pub(super) fn take_back(&self, held: &mut Held) {
        if let (Some(breaker), Some(ticket)) = (&self.breaker, held.ticket.take()) {
            breaker.release(ticket);
        }
        if held.counted > 0 {
            self.quotas.land(std::mem::take(&mut held.counted), held.sent);
        }
        if held.reserved.cost() > 0 {
            self.limiter.release(std::mem::take(&mut held.reserved));
        }
        if let Some(turn) = held.turn.take() {
            self.slow_start.give_back(turn);
        }
        if let Some(place) = held.place.take() {
            self.bulkhead.leave(place);
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({:?})", self.state())
    }
}
