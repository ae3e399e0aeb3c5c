//! One call: its options, deadline, cancellation, identity and report.

mod cancel;
mod options;
mod report;
mod retry_on;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

pub use cancel::Cancel;
pub use options::{CacheUse, CallOptions, OnUnsupported};
pub use report::{CallReport, Report};
pub use retry_on::RetryOn;

use crate::clock::{Clock, Tick};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result, Sent};
use crate::identifier::OperationId;
use crate::operation::Operation;
use crate::random::Random;
use crate::resilience::{Lent, RetryBudget};

/// One call, as providers see it. Made by the handle; tests of providers make it with [`CallContext::new`].
#[derive(Debug)]
pub struct CallContext {
    operation: &'static Operation,
    options: Option<Arc<CallOptions>>,
    clock: Clock,
    random: Random,
    started: Tick,
    deadline: Option<Tick>,
    id: OnceLock<OperationId>,
    /// Attempts noted so far; 0 is none noted.
    attempts: AtomicU32,
    /// The retry budget of the endpoint that the call went to first.
    budget: OnceLock<Lent>,
}

impl Clone for CallContext {
    fn clone(&self) -> Self {
        Self {
            operation: self.operation,
            options: self.options.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            started: self.started,
            deadline: self.deadline,
            id: self.id.clone(),
            attempts: AtomicU32::new(self.attempts.load(Ordering::Relaxed)),
            budget: self.budget.clone(),
        }
    }
}

impl CallContext {
    /// A call of this operation, starting now.
    #[must_use]
    pub fn new(environment: &Environment, operation: &'static Operation, options: Option<Arc<CallOptions>>) -> Self {
        let clock = environment.clock().clone();
        let started = clock.now();
        let deadline = options.as_deref().and_then(|options| options.deadline_after(started));
        Self {
            operation,
            options,
            clock,
            random: environment.random().clone(),
            started,
            deadline,
            id: OnceLock::new(),
            attempts: AtomicU32::new(0),
            budget: OnceLock::new(),
        }
    }

    /// A call of its own that this one causes and others may come to wait for: the same clock, randomness, tenant and
    /// principal; its own deadline, and not cancelled with this one.
    #[must_use]
    pub fn detached(&self, operation: &'static Operation, timeout: Duration) -> Self {
        self.apart(self.tenant().cloned(), self.principal().cloned(), operation, timeout)
    }

    /// As [`detached`](Self::detached), of this tenant and nobody in particular.
    pub(crate) fn detached_for(&self, tenant: Option<Arc<str>>, operation: &'static Operation, timeout: Duration) -> Self {
        self.apart(tenant, None, operation, timeout)
    }

    fn apart(
        &self,
        tenant: Option<Arc<str>>,
        principal: Option<Arc<str>>,
        operation: &'static Operation,
        timeout: Duration,
    ) -> Self {
        let options = (tenant.is_some() || principal.is_some())
            .then(|| Arc::new(CallOptions { tenant, principal, ..CallOptions::default() }));
        let started = self.clock.now();
        Self {
            operation,
            options,
            clock: self.clock.clone(),
            random: self.random.clone(),
            started,
            deadline: Some(started.after(timeout)),
            id: OnceLock::new(),
            attempts: AtomicU32::new(0),
            budget: OnceLock::new(),
        }
    }

    /// The part of this call that goes to one of several providers: of the same caller, under the same id, with its own count
    /// of attempts; it ends at `deadline` at the latest.
    #[must_use]
    pub fn part(&self, deadline: Option<Tick>) -> Self {
        Self {
            started: self.clock.now(),
            deadline: self.deadline.into_iter().chain(deadline).min(),
            attempts: AtomicU32::new(0),
            budget: OnceLock::new(),
            ..self.clone()
        }
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// The caller's options.
    #[must_use]
    pub fn options(&self) -> Option<&CallOptions> {
        self.options.as_deref()
    }

    /// The clock that the deadline is told by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The random source.
    #[must_use]
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// When the call started.
    #[must_use]
    pub fn started(&self) -> Tick {
        self.started
    }

    /// How long ago that was.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.now().since(self.started)
    }

    /// When the call must have ended, where the caller said so.
    #[must_use]
    pub fn deadline(&self) -> Option<Tick> {
        self.deadline
    }

    /// How long the call may still take; `None` is for ever.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.since(self.clock.now()))
    }

    /// The id of this write, made when it is first asked for and stable from then on; also its idempotency key.
    ///
    /// # Errors
    /// `Internal` when the operating system has no randomness to give.
    pub fn operation_id(&self) -> Result<&OperationId> {
        if let Some(id) = self.id.get() {
            return Ok(id);
        }
        let id = match self.options().and_then(|options| options.idempotency_key.clone()) {
            Some(id) => id,
            None => OperationId::generated(self.random.bits()?),
        };
        Ok(self.id.get_or_init(|| id))
    }

    /// The id of this write, if anybody asked for it.
    #[must_use]
    pub fn known_operation_id(&self) -> Option<&OperationId> {
        self.id.get()
    }

    /// Tells how many attempts the call has taken, for its report and its audit record; of several notes the largest
    /// counts. What repeats a call notes it, so that a success that took several attempts is seen as one.
    pub fn note_attempts(&self, attempts: u32) {
        self.attempts.fetch_max(attempts, Ordering::Relaxed);
    }

    /// The attempts that were noted, at least one.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed).max(1)
    }

    /// Makes the retry budget of an endpoint known to whoever repeats above the policies.
    pub(crate) fn lend(&self, budget: impl FnOnce() -> Lent) {
        self.budget.get_or_init(budget);
    }

    /// Lets this call draw from the retry budget that another one, made for it, was lent.
    pub(crate) fn share_budget(&self, of: &Self) {
        if let Some(budget) = of.budget.get() {
            self.lend(|| budget.clone());
        }
    }

    /// The retry budget of the endpoint that the call went to; `None` until a policy has run whose repetitions are paid for.
    #[must_use]
    pub fn retry_budget(&self) -> Option<RetryBudget> {
        self.budget.get().map(|budget| RetryBudget::new(budget.clone(), self.clock.clone()))
    }

    /// Takes the price of one repetition above the policies, such as a resumed download, from the retry budget; `false`
    /// when it is used up. A call that went through no policy is in this process, and has no budget to spare; nor has one whose
    /// repetitions are free.
    #[must_use]
    pub fn draw_retry(&self) -> bool {
        self.budget.get().is_none_or(|budget| budget.draw(self.clock.now().since_start()))
    }

    /// Who calls.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<str>> {
        self.options().and_then(|options| options.principal.as_ref())
    }

    /// On whose behalf.
    #[must_use]
    pub fn tenant(&self) -> Option<&Arc<str>> {
        self.options().and_then(|options| options.tenant.as_ref())
    }

    /// The caller's cancellation, where there is one.
    #[must_use]
    pub fn cancel(&self) -> Option<&Cancel> {
        self.options().and_then(|options| options.cancel.as_ref())
    }

    /// Whether the caller allows emulations.
    #[must_use]
    pub fn emulates(&self) -> bool {
        self.options().is_some_and(|options| options.on_unsupported == Some(OnUnsupported::Emulate))
    }

    /// Runs a future within the deadline and the cancellation of the call.
    ///
    /// A timer exists only once the future is pending, so an answer that is there at once costs nothing.
    ///
    /// # Errors
    /// The future's own; `Timeout` and `Cancelled`, both with [`Sent::Maybe`].
    pub async fn guard<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        let mut future = pin!(future);
        if let Poll::Ready(result) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return result;
        }
        if self.deadline.is_none() && self.cancel().is_none() {
            return future.await;
        }
        // Boxed: the wait is cold, and inline it would grow every caller's future.
        let mut interruption = Box::pin(self.interruption());
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => interruption.as_mut().poll(cx).map(Err),
        })
        .await
    }

    /// Ends when the deadline passes or the call is cancelled.
    pub(crate) async fn interruption(&self) -> Error {
        let mut deadline = pin!(async {
            match self.deadline {
                Some(deadline) => self.clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        });
        let mut cancelled = pin!(async {
            match self.cancel() {
                Some(cancel) => cancel.cancelled().await,
                None => std::future::pending().await,
            }
        });
        poll_fn(|cx| {
            if cancelled.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Error::new(ErrorKind::Cancelled, "cancelled by the caller"));
            }
            deadline.as_mut().poll(cx).map(|()| {
                let limit = self.deadline.map(|deadline| deadline.since(self.started)).unwrap_or_default();
                Error::new(ErrorKind::Timeout, format!("no answer within {limit:?}"))
            })
        })
        .await
        .with_sent(Sent::Maybe)
    }

    /// Tells the caller's report, if there is one.
    pub fn report(&self, note: impl FnOnce(&mut Report)) {
        if let Some(report) = self.options().and_then(|options| options.report.as_ref()) {
            report.note(note);
        }
    }
}
