//! Several calls at a time.

use std::future::{Future, poll_fn};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::Poll;

/// Runs futures, at most `limit` of them at a time; their results in order. They run within the one that waits for them: when
/// that is dropped, so are they.
pub(super) async fn at_most<F: Future>(limit: NonZeroUsize, futures: impl ExactSizeIterator<Item = F>) -> Vec<F::Output> {
    let mut results: Vec<Option<F::Output>> = Vec::new();
    results.resize_with(futures.len(), || None);
    let mut waiting = futures.enumerate();
    let mut running: Vec<(usize, Pin<Box<F>>)> = Vec::with_capacity(limit.get().min(results.len()));
    poll_fn(|cx| {
        loop {
            let free = limit.get() - running.len();
            running.extend(waiting.by_ref().take(free).map(|(at, future)| (at, Box::pin(future))));
            if running.is_empty() {
                return Poll::Ready(());
            }
            let before = running.len();
            running.retain_mut(|(at, future)| match future.as_mut().poll(cx) {
                Poll::Ready(result) => {
                    results[*at] = Some(result);
                    false
                }
                Poll::Pending => true,
            });
            if running.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn results_are_in_order_and_no_more_run_than_may() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let futures = (0..20_u64).map(|number| {
            let (running, most) = (&running, &most);
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                if number % 3 > 0 {
                    tokio::time::sleep(Duration::from_millis(20 - number)).await;
                }
                running.fetch_sub(1, Ordering::Relaxed);
                number
            }
        });
        let results = at_most(NonZeroUsize::new(4).unwrap(), futures.collect::<Vec<_>>().into_iter()).await;
        assert_eq!(results, (0..20).collect::<Vec<_>>());
        assert_eq!(most.into_inner(), 4);
        assert!(at_most(NonZeroUsize::MIN, std::iter::empty::<std::future::Ready<()>>()).await.is_empty());
    }
}
