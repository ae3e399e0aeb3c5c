//! Deletes: one by one, or many in one request.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use circle_core_common::interfaces::object_store::{DeleteItem, Deleted};
use circle_core_common::{Bulk, CallContext, Error, ErrorKind, Result};

use crate::client::S3Client;
use crate::xml;

/// How many single deletes are on their way at once.
const AT_ONCE: usize = 16;

pub(super) async fn all(client: &S3Client, cx: &CallContext, items: Vec<DeleteItem>) -> Result<Bulk<Deleted>> {
    // A closed client has attempted none.
    client.check_open()?;
    let together = client.profile().bulk_delete.is_some() && items.len() > 1;
    // What XML cannot carry goes in a path, which carries everything.
    let (many, single): (Vec<_>, Vec<_>) =
        items.into_iter().enumerate().partition(|(_, item)| together && xml::carries(item.key.as_str()));
    let mut results: Vec<(usize, Result<Deleted>)> = Vec::with_capacity(many.len() + single.len());
    if !many.is_empty() {
        let (places, items): (Vec<_>, Vec<_>) = many.into_iter().unzip();
        match client.delete_objects(cx, &items).await {
            Ok(bulk) => results.extend(places.into_iter().zip(bulk)),
            Err(error) if single.is_empty() => return Err(error),
            Err(error) => results.extend(
                places.into_iter().zip(&items).map(|(at, item)| (at, Err(error.clone().with_own_resource(item.key.shared())))),
            ),
        }
    }
    let deletes = single.into_iter().map(|(at, item)| async move {
        let deleted = client.delete_object(cx, &item.key, &item.options).await;
        (at, deleted.map_err(|error| error.with_own_resource(item.key.shared())))
    });
    results.extend(bounded(deletes.map(Box::pin)).await);
    results.sort_by_key(|(at, _)| *at);
    let missing = || Error::new(ErrorKind::Internal, "a delete gave no result");
    if results.is_empty() {
        return Err(missing());
    }
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// Drives futures, some at a time; they end with this one when it is dropped.
async fn bounded<T, F: Future<Output = T>>(futures: impl Iterator<Item = Pin<Box<F>>>) -> Vec<T> {
    let (mut waiting, mut done) = (futures.collect::<VecDeque<_>>(), Vec::new());
    let mut running: Vec<Pin<Box<F>>> = Vec::with_capacity(AT_ONCE);
    poll_fn(move |cx| {
        loop {
            while running.len() < AT_ONCE
                && let Some(next) = waiting.pop_front()
            {
                running.push(next);
            }
            let before = running.len();
            running.retain_mut(|future| match future.as_mut().poll(cx) {
                Poll::Ready(value) => {
                    done.push(value);
                    false
                }
                Poll::Pending => true,
            });
            if running.is_empty() && waiting.is_empty() {
                return Poll::Ready(std::mem::take(&mut done));
            }
            // What has just been started must be polled once, or nothing would wake it.
            if running.len() == before || waiting.is_empty() {
                return Poll::Pending;
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn only_so_many_are_on_their_way() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = (0..50).map(|at| {
            let (now, most) = (&now, &most);
            Box::pin(async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Some are ready at once, as answers from a cache are.
                if at % 3 != 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                at
            })
        });
        let mut done = bounded(work).await;
        done.sort_unstable();
        assert_eq!(done, (0..50).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
    }
}
