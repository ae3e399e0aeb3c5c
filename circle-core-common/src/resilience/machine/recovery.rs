//! What follows a failure: another attempt, or the error.

use std::time::Duration;

use super::admission::Interrupted;
use super::{Failed, Machine};
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::operation::Class;
use crate::resilience::event::{RejectedBy, Stage, Step};
use crate::resilience::{Attempts, Idempotency, Writes};

impl Machine<'_, '_> {
    /// Waits for another attempt, or ends the call with its error.
    pub(in crate::resilience) async fn recover<A: Attempts>(&mut self, failed: Failed, work: &A) -> Result<()> {
        self.cx.note_attempts(self.made);
        let error = match failed {
            Failed::Attempt(error) => error,
            Failed::Rejected(error) => return self.wait_for_breaker(error).await,
            Failed::Over(error) => return Err(self.conclude_early(error)),
        };
        let throttled = error.is(ErrorKind::RateLimited);
        let said_here = (throttled || error.is(ErrorKind::Unavailable)) && !error.is_of_preparing();
        if let Some(wait) = error.retry_after().filter(|_| said_here) {
            // One answer tells every caller.
            self.endpoint.limiter.hold(self.now.since_start(), wait);
        }
        if self.repair(&error, work).await? {
            return Ok(());
        }
        // A hedge is one more beside an attempt, not one of them; nor is the repetition after a repair.
        if !error.is_retryable() || self.retries + 1 >= self.max_attempts || !self.may_repeat(&error) {
            return Err(self.conclude(error));
        }
        if !work.replayable() {
            let told = error.context("not repeated, because the body can be sent only once");
            let reason = told.reason().unwrap_or(Reason::BodyConsumed);
            return Err(self.conclude(told.with_reason(reason)));
        }
        let Some(wait) = self.wait_before_retry(&error, throttled) else { return Err(self.conclude(error)) };
        let Some(drawn) = self.endpoint.budget.draw(self.now.since_start(), throttled) else {
            self.endpoint.telemetry().rejected(self.operation, RejectedBy::RetryBudget);
            self.tell(|| Step::Rejected(RejectedBy::RetryBudget));
            let told = error.context("not repeated, because the retry budget is used up");
            return Err(self.conclude(told.with_reason(Reason::RetryBudget)));
        };
        (self.drawn, self.unspent) = (drawn, drawn);
        self.retry_after(wait, error).await
    }

    /// Asks `work` to repair what the error complains of, once per call, within deadline and cancellation.
    async fn repair<A: Attempts>(&mut self, error: &Error, work: &A) -> Result<bool> {
        let twice = self.operation.idempotency() == Idempotency::NonIdempotent && error.sent() == Sent::Maybe;
        if self.repaired || twice || !work.replayable() {
            return Ok(false);
        }
        match self.within(self.deadline, work.repair(error)).await {
            Ok(repaired) => {
                self.read_clock();
                self.repaired = repaired;
                if repaired {
                    self.tell(|| Step::Repaired(error));
                    self.last = Some(error.clone());
                }
                Ok(repaired)
            }
            Err(Interrupted::Deadline) => {
                self.read_clock();
                Ok(false)
            }
            Err(Interrupted::Cancelled) => {
                let cancelled = Error::new(ErrorKind::Cancelled, "cancelled by the caller while it waited");
                Err(self.conclude_early(cancelled.with_source(error.clone())))
            }
        }
    }

    /// Whether repeating cannot have an effect twice.
    fn may_repeat(&self, error: &Error) -> bool {
        let unsent = (error.sent() == Sent::No || error.is_unprocessed()) && !self.unsure;
        let writes = self.chosen_retry().and_then(|retry| retry.writes).unwrap_or(self.settings.writes);
        match self.operation.idempotency() {
            Idempotency::Safe => true,
            Idempotency::Idempotent => unsent || writes == Writes::Idempotent,
            Idempotency::Keyed => unsent || self.cx.known_operation_id().is_some(),
            Idempotency::NonIdempotent => unsent,
        }
    }

    /// A draw from the schedule.
    fn jittered(&self, throttled: bool) -> Duration {
        let chosen = self.chosen_retry();
        let (chosen, base) = match throttled {
            true => (chosen.map(|retry| &retry.throttle_backoff), &self.settings.throttle_backoff),
            false => (chosen.map(|retry| &retry.backoff), &self.settings.backoff),
        };
        let unit = self.endpoint.telemetry().jitter();
        match chosen {
            Some(chosen) => chosen.resolved(base).wait(self.retries, unit),
            None => base.wait(self.retries, unit),
        }
    }

    /// How long to wait before the next attempt; `None` when the service wants a longer wait than is allowed, or the
    /// deadline would pass.
    fn wait_before_retry(&self, error: &Error, throttled: bool) -> Option<Duration> {
        let jittered = self.jittered(throttled);
        let wait = match error.retry_after() {
            None => jittered,
            Some(asked) => {
                let chosen = self.chosen_retry().and_then(|retry| retry.retry_after_max);
                if asked > chosen.unwrap_or(self.settings.retry_after_max) {
                    return None;
                }
                let wait = asked.max(jittered);
                wait.saturating_add(wait.mul_f64(self.endpoint.telemetry().jitter() / 10.0))
            }
        };
        self.remaining().is_none_or(|remaining| wait < remaining).then_some(wait)
    }

    /// Tells of the retry, and waits for it.
    async fn retry_after(&mut self, wait: Duration, error: Error) -> Result<()> {
        self.retries = self.retries.saturating_add(1);
        self.endpoint.telemetry().retry(self.operation, &error);
        tracing::debug!(
            target: "circle",
            service = self.endpoint.telemetry().service(),
            operation = self.operation.name(),
            attempts = self.made,
            ?wait,
            %error,
            "retry"
        );
        let number = self.made + 1;
        self.tell(|| Step::Retry { number, wait, error: &error });
        self.last = Some(error);
        match self.pause(Stage::Retry, wait).await {
            Ok(()) => Ok(()),
            Err(Failed::Over(error) | Failed::Rejected(error) | Failed::Attempt(error)) => Err(self.conclude_early(error)),
        }
    }

    /// A refusal ends the call, except that of a breaker that opens before the next attempt would have been made anyway.
    async fn wait_for_breaker(&mut self, error: Error) -> Result<()> {
        let open = error.retry_after().filter(|_| error.reason() == Some(Reason::BreakerOpen));
        let next = self.jittered(false);
        let waits = open.is_some_and(|remaining| remaining < next)
            && self.retries + 1 < self.max_attempts
            && self.remaining().is_none_or(|remaining| next < remaining);
        if !waits {
            return Err(self.conclude_early(error));
        }
        // Nothing was sent, so nothing is paid.
        self.retry_after(next, error).await
    }

    /// The error of a call that ends before its next attempt: what the attempts before came to is its source.
    fn conclude_early(&mut self, error: Error) -> Error {
        let error = match self.last.take() {
            Some(last) if self.made > 0 => error.with_source(last),
            _ => error,
        };
        self.conclude(error)
    }

    /// The error with what the whole call knows: its attempts, and whether any of them may have arrived.
    fn conclude(&self, error: Error) -> Error {
        let error = error.with_attempts(self.made.max(1));
        if !self.unsure {
            return error;
        }
        let error = error.with_sent(Sent::Maybe);
        let repeatable = self.operation.idempotency() != Idempotency::NonIdempotent;
        if repeatable || self.cx.operation().class() == Class::Read || error.is(ErrorKind::OutcomeUnknown) {
            return error;
        }
        let text = "the request may have arrived, and is not repeated because a repetition would have its effect twice";
        let unknown = Error::new(ErrorKind::OutcomeUnknown, text).with_sent(Sent::Maybe).with_attempts(error.attempts());
        let unknown = match self.cx.operation_id() {
            Ok(id) => unknown.with_operation_id(id.clone()),
            // Without an id the outcome is as unknown.
            Err(_) => unknown,
        };
        unknown.with_source(error)
    }
}
