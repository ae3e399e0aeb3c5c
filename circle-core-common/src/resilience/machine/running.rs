//! An attempt that runs.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tracing::Span;

use crate::clock::{Clock, Sleep, Tick};
use crate::error::Result;
use crate::resilience::{Attempt, Permit};

/// An attempt with its place, its span and its time limit. Dropping it is a cancellation: the place is given back, and
/// nothing is counted.
pub(super) struct Running<'a, 'f, F> {
    pub(super) permit: Permit<'a>,
    pub(super) attempt: Attempt,
    pub(super) began: Tick,
    pub(super) span: Span,
    /// Whether it did not answer at once, so that the clock must be read again.
    pub(super) pended: bool,
    /// By reference: by value, the future would lie twice in the caller's.
    future: Pin<&'f mut F>,
    timer: Option<Sleep>,
}

impl<'a, 'f, F> Running<'a, 'f, F> {
    pub(super) fn new(permit: Permit<'a>, attempt: Attempt, began: Tick, span: Span, future: Pin<&'f mut F>) -> Self {
        Self { permit, attempt, began, span, pended: false, future, timer: None }
    }

    /// Polls the attempt; `None` when its time is over. A timer exists only once it is pending.
    pub(super) fn poll<T>(&mut self, clock: &Clock, context: &mut Context<'_>) -> Poll<Option<Result<T>>>
    where
        F: Future<Output = Result<T>>,
    {
        {
            let _entered = self.span.enter();
            if let Poll::Ready(result) = self.future.as_mut().poll(context) {
                return Poll::Ready(Some(result));
            }
        }
        self.pended = true;
        let Some(deadline) = self.attempt.deadline else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| clock.sleep_until(deadline));
        Pin::new(timer).poll(context).map(|()| None)
    }
}
