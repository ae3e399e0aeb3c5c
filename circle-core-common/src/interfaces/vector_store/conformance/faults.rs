//! What a broken connection or service does to calls. A provider with a retry policy may overcome a single fault.

use std::time::Duration;

use super::{Store, at, record};
use crate::error::{ErrorKind, Sent};
use crate::interfaces::vector_store::VectorQuery;
use crate::suite::{Fault, Outcome, equal, expect_kind, holds, is_cancelled, is_never_short, times_out, with_deadline};

/// A put whose answer is lost is `Ok`, or a retryable error that says it may have happened; repeated, it is there once.
pub async fn put_with_a_lost_answer_can_be_repeated(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    subject.faults()?.inject(Fault::LoseAnswer);
    if let Err(error) = notes.put(record("a", 0.0)).await {
        holds(format!("{error} is retryable"), error.is_retryable())?;
        equal("whether it was sent", &error.sent(), &Sent::Maybe)?;
        notes.put(record("a", 0.0)).await?;
    }
    subject.settled(&notes, 1).await
}

/// So is a delete.
pub async fn delete_with_a_lost_answer_can_be_repeated(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put_many([record("a", 0.0), record("b", 0.0)]).await?.all()?;
    subject.settled(&notes, 2).await?;
    subject.faults()?.inject(Fault::LoseAnswer);
    if let Err(error) = notes.delete("a").await {
        holds(format!("{error} is retryable"), error.is_retryable())?;
        notes.delete("a").await?;
    }
    subject.settled(&notes, 1).await
}

/// A busy store is `RateLimited` with the wait that it asked for; one that cannot serve is `Unavailable`; a broken
/// connection is `Connection`. All are retryable, and the next call succeeds.
pub async fn busy_unavailable_and_cut_calls_are_retryable(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put(record("a", 0.0)).await?;
    let retry_after = Duration::from_millis(50);
    for (fault, kind, wait) in [
        (Fault::Throttle { retry_after }, ErrorKind::RateLimited, Some(retry_after)),
        (Fault::Unavailable, ErrorKind::Unavailable, None),
        (Fault::CutBefore, ErrorKind::Connection, None),
        (Fault::LoseAnswer, ErrorKind::Connection, None),
    ] {
        subject.faults()?.inject(fault.clone());
        if let Err(error) = notes.query(VectorQuery::near(at(0.0))).await {
            let error = expect_kind(format!("query with {fault:?}"), Err::<(), _>(error), kind)?;
            holds("the error is retryable", error.is_retryable())?;
            equal("the wait", &error.retry_after(), &wait)?;
            equal("what the error names", &error.resource(), &Some(notes.location().collection.as_str()))?;
        }
        equal("matches", &notes.query(VectorQuery::near(at(0.0))).await?.len(), &1)?;
    }
    Ok(())
}

/// A bulk whose one call fails marks the records of that call, and only those.
pub async fn put_many_with_a_failed_call_marks_its_own_records(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let store = subject.with_capabilities(|capabilities| capabilities.batch_max = 2)?;
    let split = store.collection(&notes.location().collection);
    subject.faults()?.inject(Fault::Unavailable);
    let results = split.put_many((0..5).map(|number| record(number.to_string(), 0.0))).await?;
    let failed: Vec<usize> = results.failures().map(|(at, _)| at).collect();
    holds(format!("{failed:?} are those of the first call, or none"), failed.is_empty() || failed == [0, 1])?;
    subject.settled(&notes, 5 - failed.len() as u64).await
}

/// A list whose page fails ends in that error; it is never short.
pub async fn list_with_a_failed_page_is_never_short(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put_many((0..4).map(|number| record(number.to_string(), 0.0))).await?.all()?;
    subject.settled(&notes, 4).await?;
    is_never_short(notes.list(), 4, subject.faults()?).await
}

/// A store that never answers is `Timeout` at the deadline, whatever the call.
pub async fn silent_store_is_a_timeout_at_the_deadline(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let (hasty, faults) = (notes.with(with_deadline()), subject.faults()?);
    times_out("put", faults, || hasty.put(record("a", 0.0))).await?;
    times_out("get", faults, || hasty.get("a")).await?;
    times_out("query", faults, || hasty.query(VectorQuery::near(at(0.0)))).await?;
    times_out("list", faults, || hasty.list().all()).await?;
    times_out("count", faults, || hasty.count()).await?;
    subject.settled(&notes, 0).await
}

/// A call to a store that never answers ends at once when its scope is cancelled.
pub async fn silent_store_is_cancelled_at_once(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    is_cancelled("query", subject.faults()?, |options| {
        let notes = notes.with(options);
        async move { notes.query(VectorQuery::near(at(0.0))).await }
    })
    .await
}

/// A call that is dropped while the store is silent leaves the client as it was.
pub async fn dropped_call_leaves_the_client_whole(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put(record("a", 0.0)).await?;
    for _ in 0..20 {
        subject.faults()?.inject(Fault::Silent);
        let call = notes.put(record("b", 0.0));
        holds("a silent store does not answer", tokio::time::timeout(Duration::from_millis(1), call).await.is_err())?;
    }
    subject.settled(&notes, 1).await?;
    notes.put(record("b", 0.0)).await?;
    subject.settled(&notes, 2).await
}
