//! What follows a failure: another attempt, or the error.

use std::time::Duration;

use super::admission::Interrupted;
use super::{Failed, Machine};
use crate::error::{Error, ErrorKind, FailedAttempt, Reason, Result, Sent};
use crate::operation::Class;
use crate::resilience::event::{RejectedBy, Stage, Step};
use crate::resilience::{Attempts, Idempotency, Writes};

impl Machine<'_, '_> {
    /// Waits for another attempt, or ends the call with its error.
    pub(in crate::resilience) async fn recover<A: Attempts>(&mut self, failed: Failed, work: &A) -> Result<()> {
        self.cx.note_attempts(self.made);
        let failed = match failed {
            Failed::Attempt(failed) => *failed,
            Failed::Rejected(error) => return self.wait_for_breaker(error).await,
            Failed::Over(error) => return Err(self.conclude_early(error)),
        };
        let error = &failed.cause;
        let throttled = error.is(ErrorKind::RateLimited);
        match self.repair(error, work).await {
            Ok(false) => {}
            Ok(true) => {
                self.failed.push(failed);
                return Ok(());
            }
            Err(cancelled) => return Err(self.conclude_instead(failed, cancelled)),
        }
        let passes = match self.may_pass(error) {
            Ok(passes) => passes,
            Err(panicked) => return Err(self.conclude_instead(failed, panicked)),
        };
        // What a policy within the attempt has repeated to its end is not multiplied.
        let repeated_within = error.attempts() > 1;
        // A hedge is one more beside an attempt, not one of them; nor is the repetition after a repair.
        if repeated_within || !passes || self.retries + 1 >= self.max_attempts || !self.may_repeat(error) {
            return Err(self.conclude_with(failed, |error| error));
        }
        if !work.replayable() {
            return Err(self.conclude_with(failed, |error| {
                let told = error.context("not repeated, because the body can be sent only once");
                let reason = told.reason().unwrap_or(Reason::BodyConsumed);
                told.with_reason(reason)
            }));
        }
        let Some(wait) = self.wait_before_retry(error, throttled) else {
            return Err(self.conclude_with(failed, |error| error));
        };
        let Some(drawn) = self.draw(throttled) else {
            self.endpoint.telemetry().rejected(self.operation, RejectedBy::RetryBudget);
            self.tell(|| Step::Rejected(RejectedBy::RetryBudget));
            return Err(self.conclude_with(failed, |error| {
                let told = error.context("not repeated, because the retry budget is used up");
                told.with_reason(Reason::RetryBudget)
            }));
        };
        (self.drawn, self.unspent) = (drawn, drawn);
        self.tell_retry(wait, error);
        self.failed.push(failed);
        self.wait(wait).await
    }

    /// Asks `work` to repair what the error complains of, once per call, within deadline and cancellation.
    async fn repair<A: Attempts>(&mut self, error: &Error, work: &A) -> Result<bool> {
        let twice = self.operation.idempotency() == Idempotency::NonIdempotent && error.sent() == Sent::Maybe;
        if self.repaired || twice || !work.replayable() {
            return Ok(false);
        }
        let repaired = self.within(self.deadline, work.repair(error)).await;
        self.read_clock();
        match repaired {
            Ok(repaired) => {
                self.repaired = repaired;
                if repaired {
                    self.tell(|| Step::Repaired(error));
                }
                Ok(repaired)
            }
            Err(Interrupted::Deadline) => Ok(false),
            Err(Interrupted::Cancelled) => Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller while it waited")),
        }
    }

    /// Whether the failure may pass: as the caller judges, or else as the service's classification does.
    pub(super) fn may_pass(&self, error: &Error) -> Result<bool> {
        let Some(retry_on) = self.cx.options().and_then(|options| options.retry_on.as_ref()) else {
            return Ok(error.is_retryable());
        };
        retry_on.judge(error).map(|judged| judged.unwrap_or_else(|| error.is_retryable()))
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

    fn tell_retry(&mut self, wait: Duration, error: &Error) {
        self.retries = self.retries.saturating_add(1);
        self.endpoint.telemetry().retry(self.operation, error);
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
        self.tell(|| Step::Retry { number, wait, error });
    }

    async fn wait(&mut self, wait: Duration) -> Result<()> {
        match self.pause(Stage::Retry, wait).await {
            Ok(()) => Ok(()),
            Err(Failed::Over(error) | Failed::Rejected(error)) => Err(self.conclude_early(error)),
            Err(Failed::Attempt(failed)) => Err(self.conclude_early(failed.cause)),
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
        self.tell_retry(next, &error);
        self.wait(next).await
    }

    /// The error of a call that ends before its next attempt: what the last attempt came to is its source.
    fn conclude_early(&mut self, error: Error) -> Error {
        let error = match self.failed.last() {
            Some(last) => error.with_source(last.cause.clone()),
            None => error,
        };
        self.conclude(error)
    }

    /// The error of a call that ends with another error than that of its last attempt, which is its source.
    fn conclude_instead(&mut self, failed: FailedAttempt, error: Error) -> Error {
        self.failed.push(failed);
        self.conclude_early(error)
    }

    /// The error of a call that ends with that of its last attempt.
    fn conclude_with(&mut self, failed: FailedAttempt, tell: impl FnOnce(Error) -> Error) -> Error {
        let error = if self.failed.is_empty() {
            failed.cause
        } else {
            let cause = failed.cause.clone();
            self.failed.push(failed);
            cause
        };
        self.conclude(tell(error))
    }

    /// The error with what the whole call knows: its attempts, and whether any of them may have arrived.
    fn conclude(&mut self, error: Error) -> Error {
        let failed = std::mem::take(&mut self.failed);
        let error = error.with_attempts(self.made.max(1));
        if !self.unsure {
            return error.with_failed_attempts(failed);
        }
        let error = error.with_sent(Sent::Maybe);
        let repeatable = self.operation.idempotency() != Idempotency::NonIdempotent;
        if repeatable || self.cx.operation().class() == Class::Read || error.is(ErrorKind::OutcomeUnknown) {
            return error.with_failed_attempts(failed);
        }
        let text = "the request may have arrived, and is not repeated because a repetition would have its effect twice";
        let unknown = Error::new(ErrorKind::OutcomeUnknown, text).with_sent(Sent::Maybe).with_attempts(error.attempts());
        let unknown = match self.cx.operation_id() {
            Ok(id) => unknown.with_operation_id(id.clone()),
            // Without an id the outcome is as unknown.
            Err(_) => unknown,
        };
        unknown.with_source(error).with_failed_attempts(failed)
    }
}
