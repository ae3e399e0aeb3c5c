//! Breaker, rate limit, bulkhead: what lets an attempt go.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::{Failed, Machine};
use crate::clock::Tick;
use crate::error::{Detail, Error, ErrorKind, Reason};
use crate::resilience::endpoint::{Breaker, Counted, Place, Refusal, Shared, Turn};
use crate::resilience::event::{RejectedBy, Stage, Step};
use crate::resilience::{LimitBy, Permit};

/// What ended a wait before its time.
pub(super) enum Interrupted {
    Deadline,
    Cancelled,
}

impl<'c, 'a> Machine<'c, 'a> {
    /// Passes breaker, rate limit and bulkhead. A wait in one of them starts over when the endpoint has changed in the
    /// meantime.
    pub(super) async fn admit(&mut self) -> Result<Permit<'a>, Failed> {
        loop {
            let mut permit = Permit::new(self.endpoint);
            self.pass_breaker(&mut permit)?;
            self.tell(|| Step::Passed(Stage::RateLimit));
            let mut reserved = false;
            let wait = self.pass_limits(&mut permit, &mut reserved)?;
            let mut waited = wait.is_some() || self.endpoint.shared.is_some() || self.endpoint.slow_start.is_on();
            if waited {
                // Boxed: waits are cold, and inline they would grow the future of every caller.
                Box::pin(self.wait_for_limits(&mut permit, wait, reserved)).await?;
            }
            self.tell(|| Step::Passed(Stage::Bulkhead));
            permit.held.place = match self.endpoint.bulkhead.enter() {
                Some(place) => Some(place),
                None => {
                    waited = true;
                    Some(Box::pin(self.queue()).await?)
                }
            };
            if waited {
                self.check_deadline()?;
            }
            if !waited || self.is_still_admitted(&permit) {
                return Ok(permit);
            }
        }
    }

    fn is_still_admitted(&self, permit: &Permit<'a>) -> bool {
        let current = match (&self.endpoint.breaker, permit.held.ticket) {
            (Some(breaker), Some(ticket)) => breaker.is_current(ticket),
            _ => true,
        };
        let (now, counted) = (self.now.since_start(), permit.held.counted);
        current
            && self.endpoint.limiter.gate(now).is_zero()
            && self.endpoint.slow_start.is_current(permit.held.turn)
            && (counted == 0 || self.endpoint.quotas.is_current(counted, now))
    }

    #[inline]
    fn pass_breaker(&self, permit: &mut Permit<'a>) -> Result<(), Failed> {
        self.tell(|| Step::Passed(Stage::Breaker));
        let Some(breaker) = &self.endpoint.breaker else { return Ok(()) };
        permit.held.ticket = breaker.admit_closed();
        if permit.held.ticket.is_none() { self.ask_breaker(breaker, permit) } else { Ok(()) }
    }

    fn ask_breaker(&self, breaker: &Breaker, permit: &mut Permit<'a>) -> Result<(), Failed> {
        let (admitted, entered) = breaker.admit(self.now.since_start());
        if let Some(state) = entered {
            self.endpoint.entered(state);
        }
        match admitted {
            Ok(ticket) => {
                permit.held.ticket = Some(ticket);
                Ok(())
            }
            // A call that goes anyway holds no ticket: its result counts for nothing.
            Err(_) if self.cx.options().is_some_and(|options| options.ignore_breaker == Some(true)) => Ok(()),
            Err(refusal) => {
                let (text, wait) = match refusal {
                    Refusal::Open { remaining } => {
                        ("the circuit breaker is open: too many requests have failed", Some(remaining))
                    }
                    Refusal::Probing => ("the circuit breaker is half open: another request probes the service", None),
                    Refusal::Isolated => ("the circuit breaker is isolated: somebody has switched the endpoint off", None),
                };
                Err(self.rejected(RejectedBy::Breaker, ErrorKind::Unavailable, Reason::BreakerOpen, text, wait))
            }
        }
    }

    /// The longest that may be waited: a wait as long as the deadline leaves no time for the attempt.
    #[inline]
    fn patience(&self) -> Duration {
        self.remaining().map_or(Duration::MAX, |remaining| remaining.saturating_sub(Duration::from_nanos(1)))
    }

    /// Counts a request in the quotas that the service tells of; the answer is how long it must wait, for its turn or to ask
    /// again.
    #[inline]
    fn pass_quotas(&self, permit: &mut Permit<'a>) -> Result<Option<Duration>, Failed> {
        if permit.held.counted > 0 || !self.endpoint.quotas.are_told() { Ok(None) } else { self.ask_quotas(permit) }
    }

    fn ask_quotas(&self, permit: &mut Permit<'a>) -> Result<Option<Duration>, Failed> {
        let (patience, counted) = (self.patience(), Counted { operation: self.operation, part: self.part });
        match self.endpoint.quotas.take(self.now.since_start(), patience, counted) {
            Ok((flight, pace)) => {
                permit.held.counted = flight;
                Ok((!pace.is_zero()).then_some(pace))
            }
            Err(closed) if closed > patience => Err(self.limited(closed)),
            Err(closed) => Ok(self.spread(closed)),
        }
    }

    /// Passes the quotas of the service and the local rate limit, as far as it can be done at once; the answer is how long to wait
    /// before the next step. `reserved` is whether a turn of the local limit has been reserved.
    #[inline]
    fn pass_limits(&self, permit: &mut Permit<'a>, reserved: &mut bool) -> Result<Option<Duration>, Failed> {
        if let Some(wait) = self.pass_quotas(permit)? {
            return Ok(Some(wait));
        }
        // When the service has closed the gate during a wait, the turn that was reserved lies in a time without requests, and
        // another is needed behind it.
        if *reserved && self.endpoint.limiter.gate(self.now.since_start()).is_zero() {
            return Ok(None);
        }
        *reserved = true;
        self.reserve(permit)
    }

    async fn wait_for_limits(
        &mut self,
        permit: &mut Permit<'a>,
        mut wait: Option<Duration>,
        mut reserved: bool,
    ) -> Result<(), Failed> {
        while let Some(pause) = wait {
            self.pause(Stage::RateLimit, pause).await?;
            wait = self.pass_limits(permit, &mut reserved)?;
        }
        let endpoint = self.endpoint;
        if let Some(shared) = endpoint.shared.as_deref() {
            self.pass_shared(shared).await?;
        }
        self.take_turn(permit).await
    }

    /// Takes a turn at a service that had too many requests, and waits with it until the service takes some again.
    async fn take_turn(&mut self, permit: &mut Permit<'a>) -> Result<(), Failed> {
        let endpoint = self.endpoint;
        while endpoint.slow_start.is_on() {
            permit.held.turn = match endpoint.slow_start.enter(self.now.since_start()) {
                Some(turn) => Some(turn),
                None => self.queue_for_turn().await?,
            };
            loop {
                let gate = endpoint.limiter.gate(self.now.since_start());
                if gate > self.patience() {
                    return Err(self.limited(gate));
                }
                if gate.is_zero() {
                    break;
                }
                let wait = endpoint.slow_start.spread(gate, || endpoint.telemetry().jitter()).min(self.patience());
                self.pause(Stage::RateLimit, wait).await?;
            }
            if endpoint.slow_start.is_current(permit.held.turn) {
                break;
            }
            permit.held.turn = None;
        }
        Ok(())
    }

    async fn queue_for_turn(&mut self) -> Result<Option<Turn>, Failed> {
        self.tell(|| Step::Waits { at: Stage::RateLimit, wait: None });
        let (began, endpoint) = (self.now, self.endpoint);
        let turn = self.within(self.deadline, endpoint.slow_start.queue(self.cx.clock())).await;
        self.read_clock();
        let waited = self.now.since(began);
        self.cx.report(|report| report.waits.push(waited));
        turn.map_err(|interrupted| match interrupted {
            Interrupted::Cancelled => self.cancelled(),
            Interrupted::Deadline => {
                let text = "the service had too many requests, and the turn of this one has not come before the deadline";
                self.rejected(RejectedBy::RateLimit, ErrorKind::RateLimited, Reason::LocalRateLimit, text, None)
            }
        })
    }

    #[inline]
    fn reserve(&self, permit: &mut Permit<'a>) -> Result<Option<Duration>, Failed> {
        let (caller, cost) = (self.caller(), self.cost());
        let reserved = self.endpoint.limiter.reserve(self.now.since_start(), self.patience(), caller, cost);
        let (wait, reserved) = reserved.map_err(|wait| self.limited(wait))?;
        permit.held.reserved = reserved;
        Ok(self.spread(wait))
    }

    /// How many requests of the rate limit the call counts for.
    #[inline]
    fn cost(&self) -> u32 {
        self.cx.options().and_then(|options| options.rate_cost).unwrap_or(1).clamp(1, u32::from(u16::MAX))
    }

    /// Whose rate limit it is, where everybody has his own.
    #[inline]
    fn caller(&self) -> Option<&'c str> {
        let caller = match self.settings.by {
            LimitBy::Endpoint => return None,
            LimitBy::Tenant => self.cx.tenant(),
            LimitBy::Principal => self.cx.principal(),
        };
        caller.map(|caller| &**caller)
    }

    /// Takes the call's part of a rate that several processes share.
    async fn pass_shared(&mut self, shared: &Shared) -> Result<(), Failed> {
        loop {
            let taking = shared.take(self.cx.clock(), self.caller(), self.cost());
            let taken = match self.within(self.deadline, taking).await {
                Ok(taken) => taken,
                Err(Interrupted::Cancelled) => return Err(self.cancelled()),
                // A caller who has no more time says nothing of the store: others may get its answer.
                Err(Interrupted::Deadline) => {
                    Err(Error::new(ErrorKind::Timeout, "the deadline left no time to ask for the rate"))
                }
            };
            self.read_clock();
            self.check_deadline()?;
            let wait = match taken {
                Ok(None) => return Ok(()),
                Ok(Some(wait)) => wait,
                Err(error) => match shared.alone(self.now.since_start(), self.patience(), self.caller(), self.cost()) {
                    None => return Err(self.unshared(error)),
                    Some(Err(wait)) => return Err(self.limited(wait)),
                    Some(Ok(wait)) if wait.is_zero() => return Ok(()),
                    Some(Ok(wait)) => return self.pause(Stage::RateLimit, wait).await,
                },
            };
            if wait > self.patience() {
                return Err(self.limited(wait));
            }
            let wait = self.spread(wait).unwrap_or(wait);
            self.pause(Stage::RateLimit, wait).await?;
        }
    }

    /// Up to a tenth longer, so that not everybody who waits for one moment goes in it.
    #[inline]
    fn spread(&self, wait: Duration) -> Option<Duration> {
        let longer = || wait.saturating_add(wait.mul_f64(self.endpoint.telemetry().jitter() / 10.0)).min(self.patience());
        if wait.is_zero() { None } else { Some(longer()) }
    }

    fn limited(&self, wait: Duration) -> Failed {
        let text = "the rate limit leaves no time before the deadline";
        self.rejected(RejectedBy::RateLimit, ErrorKind::RateLimited, Reason::LocalRateLimit, text, Some(wait))
    }

    fn unshared(&self, error: Error) -> Failed {
        let text = "the rate that is shared with other processes cannot be asked for";
        let rejected = self.rejected(RejectedBy::RateLimit, ErrorKind::RateLimited, Reason::LocalRateLimit, text, None);
        match rejected {
            Failed::Rejected(refusal) => Failed::Rejected(refusal.with_source(error)),
            other => other,
        }
    }

    /// Waits for a place, within deadline and cancellation.
    async fn queue(&mut self) -> Result<Place, Failed> {
        let full = "as many requests are running and waiting as the bulkhead allows";
        if self.settings.max_queued == 0 {
            return Err(self.rejected(RejectedBy::Bulkhead, ErrorKind::RateLimited, Reason::BulkheadFull, full, None));
        }
        self.tell(|| Step::Waits { at: Stage::Bulkhead, wait: None });
        let began = self.now;
        let place = self.within(self.deadline, self.endpoint.bulkhead.queue()).await;
        self.read_clock();
        let waited = self.now.since(began);
        self.cx.report(|report| report.waits.push(waited));
        let text = match place {
            Ok(Some(place)) => return Ok(place),
            Ok(None) => full,
            Err(Interrupted::Deadline) => "no request has ended before the deadline that would have made room for this one",
            Err(Interrupted::Cancelled) => return Err(self.cancelled()),
        };
        Err(self.rejected(RejectedBy::Bulkhead, ErrorKind::RateLimited, Reason::BulkheadFull, text, None))
    }

    /// Waits so long, unless the call is cancelled.
    pub(super) async fn pause(&mut self, at: Stage, wait: Duration) -> Result<(), Failed> {
        self.tell(|| Step::Waits { at, wait: Some(wait) });
        self.cx.report(|report| report.waits.push(wait));
        if wait.is_zero() {
            return self.check_deadline();
        }
        let paused = self.within(Some(self.now.after(wait)), std::future::pending::<()>()).await;
        self.read_clock();
        match paused {
            Err(Interrupted::Cancelled) => Err(self.cancelled()),
            Ok(()) | Err(Interrupted::Deadline) => self.check_deadline(),
        }
    }

    /// After a wait: a timer may be late, and behind the deadline nothing is sent any more.
    fn check_deadline(&self) -> Result<(), Failed> {
        match self.deadline {
            Some(deadline) if deadline <= self.now => {
                let text = format!("the deadline passed while it waited: {:?}", deadline.since(self.started));
                Err(Failed::Over(Error::new(ErrorKind::Timeout, text)))
            }
            _ => Ok(()),
        }
    }

    fn cancelled(&self) -> Failed {
        Failed::Over(Error::new(ErrorKind::Cancelled, "cancelled by the caller while it waited"))
    }

    /// Runs a future until it ends, `until` has come or the call is cancelled.
    pub(super) async fn within<T>(&self, until: Option<Tick>, future: impl Future<Output = T>) -> Result<T, Interrupted> {
        let (mut future, mut timer) = (pin!(future), until.map(|until| self.cx.clock().sleep_until(until)));
        let mut cancelled = self.cx.cancel().map(|cancel| Box::pin(cancel.cancelled()));
        poll_fn(|context| {
            if cancelled.as_mut().is_some_and(|cancelled| cancelled.as_mut().poll(context).is_ready()) {
                return Poll::Ready(Err(Interrupted::Cancelled));
            }
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            match timer.as_mut().map(|timer| std::pin::Pin::new(timer).poll(context)) {
                Some(Poll::Ready(())) => Poll::Ready(Err(Interrupted::Deadline)),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Counts and tells a refusal.
    fn rejected(
        &self,
        by: RejectedBy,
        kind: ErrorKind,
        reason: Reason,
        text: &'static str,
        retry_after: Option<Duration>,
    ) -> Failed {
        self.endpoint.telemetry().rejected(self.operation, by);
        self.tell(|| Step::Rejected(by));
        let error = Error::new(kind, text).with_reason(reason);
        Failed::Rejected(match retry_after {
            Some(_) => error.with_detail(Detail { retry_after, ..Detail::default() }),
            None => error,
        })
    }
}
