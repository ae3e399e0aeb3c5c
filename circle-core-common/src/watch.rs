//! Changes as they happen.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::error::Result;

/// A stream of changes: `Stream<Item = Result<T>> + Send`, with a `try_next` of its own. Dropping it ends the watch.
///
/// It begins when the call that gives it returns: what is written afterwards is seen.
pub struct Watch<T> {
    changes: Pin<Box<dyn Stream<Item = Result<T>> + Send>>,
}

impl<T> Watch<T> {
    /// From any stream of changes.
    #[must_use]
    pub fn new(changes: impl Stream<Item = Result<T>> + Send + 'static) -> Self {
        Self { changes: Box::pin(changes) }
    }

    /// The next change; `None` once the watch has ended in order.
    ///
    /// # Errors
    /// What broke the watch.
    pub async fn try_next(&mut self) -> Result<Option<T>> {
        poll_fn(|cx| self.changes.as_mut().poll_next(cx)).await.transpose()
    }
}

impl<T> Stream for Watch<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.changes.as_mut().poll_next(cx)
    }
}

impl<T> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
