//! Calls that are being made, within the future that waits for them.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use circle_core_common::interfaces::chat_model::ToolCall;

type Call<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Calls that run side by side; dropped, they are cancelled.
pub(super) struct Running<T> {
    calls: Vec<(ToolCall, Call<T>)>,
    done: Vec<(ToolCall, T)>,
}

impl<T> Running<T> {
    pub(super) fn new() -> Self {
        Self { calls: Vec::new(), done: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len() + self.done.len()
    }

    pub(super) fn push(&mut self, id: ToolCall, call: impl Future<Output = T> + Send + 'static) {
        self.calls.push((id, Box::pin(call)));
    }

    /// Those that have ended, in the order in which they did; waits for one. Empty when there is none to wait for.
    pub(super) async fn next(&mut self) -> Vec<(ToolCall, T)> {
        poll_fn(|cx| {
            self.poll(cx);
            if self.done.is_empty() && !self.calls.is_empty() {
                return Poll::Pending;
            }
            Poll::Ready(std::mem::take(&mut self.done))
        })
        .await
    }

    /// Waits for something else while the calls go on.
    pub(super) async fn beside<O>(&mut self, other: impl Future<Output = O> + Send) -> O {
        let mut other = Box::pin(other);
        poll_fn(|cx| {
            self.poll(cx);
            other.as_mut().poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        let done = &mut self.done;
        self.calls.retain_mut(|(id, call)| match call.as_mut().poll(cx) {
            Poll::Ready(output) => {
                done.push((id.clone(), output));
                false
            }
            Poll::Pending => true,
        });
    }
}

/// A call panicked.
pub(super) struct Panicked;

/// A future whose panic is a value.
pub(super) async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = Box::pin(future);
    // What a panic left half done is dropped with the future, and was nobody else's: a tool shares what it chooses to.
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}
