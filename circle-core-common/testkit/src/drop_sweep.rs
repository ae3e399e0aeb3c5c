//! Dropping a call everywhere it can be dropped.

use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use circle_core_common::suite::{Failed, Outcome};

/// How many polls a future may take at most.
const MOST_POLLS: usize = 10_000;

/// Polls a fresh future once and drops it, another one twice, and so on until one ends by itself; checks an invariant after
/// every one. Says how many were dropped.
///
/// It is how cancellation is tested: whatever a call holds at any of its awaits (a permit, a place in a queue, a probe)
/// has to be given back when it is dropped there.
///
/// ```
/// # use std::sync::Arc;
/// # use circle_core_testkit::{Failed, drop_sweep};
/// # use tokio::sync::Semaphore;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Failed> {
/// let permits = Arc::new(Semaphore::new(3));
/// let dropped = drop_sweep(
///     || async {
///         let _permit = permits.acquire().await;
///         tokio::task::yield_now().await;
///     },
///     async || if permits.available_permits() == 3 { Ok(()) } else { Err("a permit is gone") },
/// )
/// .await?;
/// assert_eq!(dropped, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `Wrong` when the invariant does not hold, with the number of polls; when a future has not ended after 10,000.
pub async fn drop_sweep<F: Future, E: Display>(
    mut call: impl FnMut() -> F,
    mut invariant: impl AsyncFnMut() -> Result<(), E>,
) -> Result<usize, Failed> {
    for polls in 1..=MOST_POLLS {
        let ended = {
            let call = pin!(call());
            ends_within(call, polls).await
        };
        let holds: Outcome = invariant().await.map_err(|why| {
            let how = if ended { "that ended after" } else { "that was dropped after" };
            Failed::Wrong(format!("a call {how} {polls} polls left something behind: {why}"))
        });
        holds?;
        if ended {
            return Ok(polls - 1);
        }
    }
    Err(Failed::Wrong(format!("the call did not end within {MOST_POLLS} polls")))
}

/// Whether a future ends when it is polled so many times, each time after it was woken.
async fn ends_within<F: Future>(mut call: std::pin::Pin<&mut F>, polls: usize) -> bool {
    let mut made = 0;
    poll_fn(|cx| {
        made += 1;
        match call.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if made == polls => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::task::yield_now;

    use super::*;

    /// Adds one, and takes it away again when dropped.
    struct Held<'c>(&'c Cell<i32>);

    impl<'c> Held<'c> {
        fn new(count: &'c Cell<i32>) -> Self {
            count.set(count.get() + 1);
            Self(count)
        }
    }

    impl Drop for Held<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    async fn sweep(leaky: bool) -> Result<usize, Failed> {
        let count = Cell::new(0);
        let call = || async {
            yield_now().await;
            let held = Held::new(&count);
            yield_now().await;
            if leaky {
                std::mem::forget(held);
                yield_now().await;
                count.set(count.get() - 1);
            }
        };
        let invariant = async || if count.get() == 0 { Ok(()) } else { Err(format!("{} are held", count.get())) };
        drop_sweep(call, invariant).await
    }

    #[tokio::test]
    async fn what_cleans_up_is_dropped_at_every_await() {
        assert_eq!(sweep(false).await, Ok(2));
    }

    #[tokio::test]
    async fn what_does_not_clean_up_is_found_where_it_does_not() {
        let Err(Failed::Wrong(text)) = sweep(true).await else { panic!("not found") };
        assert!(text.contains("dropped after 3 polls") && text.contains("1 are held"), "{text}");
    }
}
