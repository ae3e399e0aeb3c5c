//! One request through every policy.
//!
//! A single state machine for every provider: [`Machine`] decides and waits, and is the same code for every kind of
//! request; only [`Machine::round`], [`Machine::hedged`] and [`Machine::recover`] are generic over what is attempted.
//! What is on every call's way is inline, without a box and without a lock; waits are cold and boxed, because inline they
//! would grow the future of every caller.

mod admission;
mod hedge;
mod recovery;
mod running;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tracing::Span;

use self::running::Running;
use super::endpoint::Reserved;
use super::event::{Stage, Step};
use super::settings::limit;
use super::{Attempt, Attempts, Endpoint, HedgeSettings, Idempotency, Lasting, Permit, RemoteOperation, Resolved, Retry};
use crate::clock::Tick;
use crate::context::{CallContext, CallOptions, Cancel};
use crate::error::{Error, ErrorKind, FailedAttempt, Reason, Result, Sent};

/// The least that a hedge waits when its delay comes from measurements.
const HEDGE_DELAY_MIN: Duration = Duration::from_millis(50);

/// Why a round came to nothing.
pub(super) enum Failed {
    /// The attempt failed. Boxed: it must not make every answer as large.
    Attempt(Box<FailedAttempt>),
    /// A policy refused the attempt; nothing was sent.
    Rejected(Error),
    /// The call ends with this.
    Over(Error),
}

/// The state of one request.
pub(super) struct Machine<'c, 'a> {
    cx: &'c CallContext,
    operation: &'static RemoteOperation,
    endpoint: &'a Arc<Endpoint>,
    settings: &'c Resolved,
    /// What the request is limited as.
    part: Option<&'c str>,
    /// When the request began.
    started: Tick,
    /// The clock as it was read last.
    now: Tick,
    deadline: Option<Tick>,
    attempt_timeout: Option<Duration>,
    /// How many attempts may be made; a repaired error adds one.
    max_attempts: u32,
    hedges: bool,
    /// Attempts made.
    made: u32,
    /// Repetitions, those included that a policy refused: what the waits grow by.
    retries: u32,
    /// What the last retry was paid with.
    drawn: u32,
    /// What is paid for an attempt that is not made yet.
    unspent: u32,
    repaired: bool,
    /// Whether an attempt may have arrived that was not answered.
    unsure: bool,
    /// The attempts that failed and are repeated, or were overtaken.
    failed: Vec<FailedAttempt>,
}

impl<'c, 'a> Machine<'c, 'a> {
    #[inline]
    pub(super) fn new(
        cx: &'c CallContext,
        operation: &'static RemoteOperation,
        endpoint: &'a Arc<Endpoint>,
        settings: &'c Resolved,
        lasting: Lasting,
        part: Option<&'c str>,
    ) -> Self {
        let started = cx.clock().now();
        let options = cx.options();
        let mut machine = Self {
            cx,
            operation,
            endpoint,
            settings,
            part,
            started,
            now: started,
            // The caller's deadline takes the place of the policy's.
            deadline: cx
                .deadline()
                .or_else(|| lasting.total_timeout.or(settings.total_timeout).map(|total| started.after(total))),
            attempt_timeout: limit(
                options.and_then(|options| options.attempt_timeout),
                lasting.attempt_timeout.or(settings.attempt_timeout),
            ),
            max_attempts: settings.max_attempts,
            hedges: settings.hedge,
            made: 0,
            retries: 0,
            drawn: 0,
            unspent: 0,
            repaired: false,
            unsure: false,
            failed: Vec::new(),
        };
        if let Some(options) = options {
            machine.choose(options);
        }
        machine
    }

    /// What must hold before the first attempt.
    #[inline]
    pub(super) fn begin(&self) -> Result<()> {
        self.tell(|| Step::Passed(Stage::TotalDeadline));
        if self.deadline.is_some_and(|deadline| deadline <= self.now) {
            return Err(Error::new(ErrorKind::Timeout, "the deadline had passed before anything was sent"));
        }
        if self.cx.cancel().is_some_and(Cancel::is_cancelled) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled before anything was sent"));
        }
        // So that every attempt carries it, and a repetition can be recognised.
        if self.operation.idempotency() == Idempotency::Keyed {
            self.cx.operation_id()?;
        }
        self.endpoint.budget.count_request(self.now.since_start());
        if self.pays() {
            self.cx.lend(|| self.endpoint.lend());
        }
        self.tell(|| Step::Passed(Stage::Retry));
        Ok(())
    }

    fn choose(&mut self, options: &CallOptions) {
        if let Some(attempts) = options.retry.as_ref().and_then(|retry| retry.max_attempts) {
            self.max_attempts = attempts.max(1);
        }
        if let Some(hedge) = options.hedge.as_ref().and_then(|hedge| hedge.enabled) {
            self.hedges = hedge;
        }
    }

    /// What the caller chose about repetitions.
    fn chosen_retry(&self) -> Option<&'c Retry> {
        self.cx.options().and_then(|options| options.retry.as_ref())
    }

    /// After how long an attempt is hedged; `None` is never.
    #[inline]
    pub(super) fn hedge_delay(&self) -> Option<Duration> {
        let harmless = || matches!(self.operation.idempotency(), Idempotency::Safe | Idempotency::Keyed);
        if self.hedges && harmless() { self.chosen_hedge_delay() } else { None }
    }

    fn chosen_hedge_delay(&self) -> Option<Duration> {
        let chosen = self.cx.options().and_then(|options| options.hedge.as_ref()).and_then(|hedge: &HedgeSettings| hedge.delay);
        chosen.or(self.settings.hedge_delay).or_else(|| Some(self.endpoint.latency.p95()?.max(HEDGE_DELAY_MIN)))
    }

    #[inline]
    fn tell<'e>(&'e self, step: impl FnOnce() -> Step<'e>) {
        self.endpoint.tell(Some(self.operation), step);
    }

    /// The time until the deadline, from when the clock was read last.
    #[inline]
    fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.since(self.now))
    }

    fn read_clock(&mut self) {
        self.now = self.cx.clock().now();
    }

    /// One attempt, admitted by every policy.
    pub(super) async fn round<A: Attempts>(&mut self, work: &A) -> Result<(A::Output, Permit<'a>), Failed> {
        let permit = self.admit().await?;
        let attempt = self.next_attempt(&permit, false);
        let future = pin!(work.attempt(attempt));
        let mut running = self.start(permit, attempt, work.span(self.operation, attempt), future);
        let clock = self.cx.clock();
        let result = poll_fn(|context| running.poll(clock, context)).await;
        self.finish(&mut running, result).map(|output| (output, running.permit))
    }

    #[inline]
    fn next_attempt(&mut self, permit: &Permit<'_>, hedged: bool) -> Attempt {
        self.made += 1;
        self.unspent = 0;
        self.tell(|| Step::Passed(Stage::AttemptTimeout));
        let timeout = self.attempt_timeout.map(|timeout| self.now.after(timeout));
        let deadline = timeout.into_iter().chain(self.deadline).min();
        Attempt { number: self.made, began: self.now, deadline, hedged, counted: permit.held.counted }
    }

    #[inline]
    fn start<'f, F>(&self, mut permit: Permit<'a>, attempt: Attempt, span: Span, future: Pin<&'f mut F>) -> Running<'a, 'f, F> {
        if let Some(turn) = &mut permit.held.turn {
            self.endpoint.slow_start.went(turn);
        }
        // The request goes out: what the rate limit reserved is spent.
        (permit.held.reserved, permit.held.sent) = (Reserved::default(), true);
        self.tell(|| Step::Passed(Stage::Attempt));
        self.tell(|| Step::Started(attempt));
        Running::new(permit, attempt, self.now, span, future)
    }

    /// Settles an attempt: breaker, latency, span, observer. `None` is one whose time was over.
    fn finish<T, F>(&mut self, running: &mut Running<'a, '_, F>, result: Option<Result<T>>) -> Result<T, Failed> {
        let (attempt, began) = (running.attempt, running.began);
        if running.pended {
            self.read_clock();
        }
        let result = result.unwrap_or_else(|| Err(self.timed_out(attempt, began)));
        let error = result.as_ref().err();
        running.permit.held.sent = error.is_none_or(|error| error.sent() != Sent::No);
        let took = self.now.since(began);
        let verdict = if self.was_cut_short(error, took) { None } else { verdict(error) };
        self.endpoint.settle(&mut running.permit.held, verdict, self.now, took);
        self.endpoint.learn(verdict, error, began, self.now);
        self.endpoint.heed(&mut running.permit.held, error, self.now);
        if self.hedges {
            self.endpoint.latency.record(took);
        }
        self.tell(|| Step::Ended { attempt, error });
        if let Some(error) = error {
            self.unsure |= error.sent() == Sent::Maybe;
            running.span.record("error.type", error.kind().code());
        }
        result.map_err(|cause| self.failed_attempt(attempt, began, took, cause))
    }

    /// Whether the deadline ended an attempt that had time left by the service's own values. The impatience of a caller says
    /// nothing of the service, nor does the end of a total timeout that other attempts have used up.
    #[inline]
    fn was_cut_short(&self, error: Option<&Error>, took: Duration) -> bool {
        error.is_some_and(|error| error.is(ErrorKind::Timeout) && self.has_ended_before(error, took))
    }

    fn has_ended_before(&self, error: &Error, took: Duration) -> bool {
        let answered = error.detail().is_some_and(|detail| detail.status.is_some());
        let Some(deadline) = self.deadline.filter(|deadline| *deadline <= self.now && !answered) else { return false };
        let total = self.cx.deadline().is_none().then(|| deadline.since(self.started));
        self.attempt_timeout.into_iter().chain(total).min().is_none_or(|allowed| took < allowed)
    }

    #[cold]
    fn failed_attempt(&self, attempt: Attempt, began: Tick, took: Duration, cause: Error) -> Failed {
        let after = began.since(self.started);
        Failed::Attempt(Box::new(FailedAttempt { number: attempt.number, hedged: attempt.hedged, after, took, cause }))
    }

    /// Whether the repetitions of this call are paid for.
    #[inline]
    fn pays(&self) -> bool {
        self.chosen_retry().and_then(|retry| retry.budget.enabled).unwrap_or(self.settings.budget)
    }

    /// Takes the price of a repetition, where this call needs one.
    fn draw(&self, throttled: bool) -> Option<u32> {
        if self.pays() { self.endpoint.budget.draw(self.now.since_start(), throttled) } else { Some(0) }
    }

    fn timed_out(&self, attempt: Attempt, began: Tick) -> Error {
        let text = match (attempt.deadline == self.deadline, self.deadline) {
            (true, Some(deadline)) => format!("no answer within {:?}", deadline.since(self.started)),
            _ => format!("the attempt had no answer within {:?}", self.now.since(began)),
        };
        Error::new(ErrorKind::Timeout, text).with_sent(Sent::Maybe)
    }

    /// Pays the budget back, and says how many attempts it took.
    pub(super) fn succeeded(&self) -> u32 {
        if self.made > 1 {
            self.cx.note_attempts(self.made);
        }
        self.endpoint.budget.put_back(self.now.since_start(), self.drawn.max(1));
        self.made
    }
}

/// A call that ends before the repetition that it has paid for takes its price back.
impl Drop for Machine<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        if self.unspent > 0 {
            self.endpoint.budget.give_back(self.cx.clock().now().since_start(), self.unspent);
        }
    }
}

/// What an attempt's result says about the endpoint: `Some(true)` is a failure, `None` is nothing.
///
/// Any answer shows that the endpoint serves, except those of a service that fails itself. What never left this process
/// shows nothing, nor does an answer that there are too many requests.
#[inline]
fn verdict(error: Option<&Error>) -> Option<bool> {
    error.map_or(Some(false), blame)
}

fn blame(error: &Error) -> Option<bool> {
    if error.is_of_preparing() {
        return None;
    }
    if matches!(error.reason(), Some(Reason::BreakerOpen | Reason::BulkheadFull | Reason::LocalRateLimit)) {
        return None;
    }
    let answered_by_fault = error.detail().and_then(|detail| detail.status).is_some_and(|status| status >= 500);
    match error.kind() {
        ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Connection => Some(true),
        ErrorKind::RateLimited | ErrorKind::QuotaExceeded | ErrorKind::Cancelled => None,
        ErrorKind::OutcomeUnknown => Some(true),
        ErrorKind::Internal => answered_by_fault.then_some(true),
        _ if error.sent() == Sent::No => None,
        _ => Some(answered_by_fault),
    }
}
