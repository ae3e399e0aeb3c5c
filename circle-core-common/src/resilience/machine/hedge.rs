//! A second attempt beside a slow one.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::running::Running;
use super::{Failed, Machine};
use crate::clock::Sleep;
use crate::error::Result;
use crate::resilience::event::{RejectedBy, Stage, Step};
use crate::resilience::{Attempts, Idempotency, Permit};

impl<'a> Machine<'_, 'a> {
    /// One round of at most two attempts. The first success counts; a loser that is still running is dropped and counts for
    /// nothing, but one that has failed counts for the breaker, whoever wins.
    pub(in crate::resilience) async fn hedged<A: Attempts>(
        &mut self,
        work: &A,
        delay: Duration,
    ) -> Result<(A::Output, Permit<'a>), Failed> {
        self.tell(|| Step::Passed(Stage::Hedge));
        self.endpoint.hedges.count_call();
        let permit = self.admit().await?;
        let attempt = self.next_attempt(&permit, false);
        let future = pin!(work.attempt(attempt));
        let mut first = self.start(permit, attempt, work.span(self.operation, attempt), future);
        let clock = self.cx.clock();
        let hedge_at = first.began.after(delay);
        let mut timer: Option<Sleep> = None;
        let early = poll_fn(|context| match first.poll(clock, context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => Pin::new(timer.get_or_insert_with(|| clock.sleep_until(hedge_at))).poll(context).map(|()| None),
        })
        .await;
        if let Some(result) = early {
            return self.finish(&mut first, result).map(|output| (output, first.permit));
        }
        self.read_clock();
        let Some(permit) = self.admit_hedge(work).await else {
            let result = poll_fn(|context| first.poll(clock, context)).await;
            return self.finish(&mut first, result).map(|output| (output, first.permit));
        };
        let attempt = self.next_attempt(&permit, true);
        let mut future = Box::pin(work.attempt(attempt));
        let mut second = self.start(permit, attempt, work.span(self.operation, attempt), future.as_mut());
        let (is_first, result) = poll_fn(|context| match first.poll(clock, context) {
            Poll::Ready(result) => Poll::Ready((true, result)),
            Poll::Pending => second.poll(clock, context).map(|result| (false, result)),
        })
        .await;
        if is_first { self.decide(first, second, result).await } else { self.decide(second, first, result).await }
    }

    /// One of two attempts has ended: it wins, or the other has the word.
    async fn decide<T, F, G>(
        &mut self,
        mut ended: Running<'a, '_, F>,
        mut other: Running<'a, '_, G>,
        result: Option<Result<T>>,
    ) -> Result<(T, Permit<'a>), Failed>
    where
        G: Future<Output = Result<T>>,
    {
        let passing = match self.finish(&mut ended, result) {
            Ok(output) => {
                self.dismiss(other).await;
                return Ok((output, ended.permit));
            }
            Err(Failed::Attempt(failed)) if self.may_pass(&failed.cause).unwrap_or(false) => failed,
            Err(failed) => {
                // The other is dropped where it stands.
                self.unsure |= self.operation.idempotency() != Idempotency::Safe;
                return Err(failed);
            }
        };
        drop(ended);
        // What failed may pass, and the other attempt may show that it has.
        tracing::debug!(target: "circle", error = %passing.cause, "one of two hedged attempts has failed");
        self.failed.push(*passing);
        let clock = self.cx.clock();
        let result = poll_fn(|context| other.poll(clock, context)).await;
        self.finish(&mut other, result).map(|output| (output, other.permit))
    }

    /// Drops the loser, after a last look at whether it has ended in the same moment.
    async fn dismiss<T, F: Future<Output = Result<T>>>(&mut self, mut loser: Running<'a, '_, F>) {
        let clock = self.cx.clock();
        let ended = poll_fn(|context| match loser.poll(clock, context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => Poll::Ready(None),
        })
        .await;
        match ended {
            Some(result) => drop(self.finish(&mut loser, result)),
            // It took at least as long; were only the quick ones counted, ever more would seem slow.
            None => self.endpoint.latency.record(self.now.since(loser.began)),
        }
    }

    /// Admits the second attempt, if that is possible at once: a hedge waits for nothing and is worth no refusal.
    async fn admit_hedge<A: Attempts>(&mut self, work: &A) -> Option<Permit<'a>> {
        if !work.replayable() {
            return None;
        }
        if !self.endpoint.hedges.take() {
            self.keep_back(RejectedBy::HedgeRatio);
            return None;
        }
        let permit = {
            let mut admission = Box::pin(self.admit());
            match poll_fn(|context| Poll::Ready(admission.as_mut().poll(context))).await {
                Poll::Ready(Ok(permit)) => Some(permit),
                Poll::Ready(Err(_)) | Poll::Pending => None,
            }
        };
        let Some(permit) = permit else {
            self.endpoint.hedges.give_back();
            return None;
        };
        // Not given back after a success, as the price of a retry is: it is what bounds the share of hedged calls.
        if self.draw(false).is_some() {
            return Some(permit);
        }
        self.endpoint.hedges.give_back();
        self.keep_back(RejectedBy::RetryBudget);
        None
    }

    fn keep_back(&self, by: RejectedBy) {
        self.endpoint.telemetry().rejected(self.operation, by);
        self.tell(|| Step::Rejected(by));
    }
}
