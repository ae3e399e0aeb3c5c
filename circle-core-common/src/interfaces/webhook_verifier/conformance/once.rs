//! Handling once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::HeaderValue;

use super::Gate;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::suite::{Outcome, at_once, equal, expect_kind, expect_reason, holds};

/// An event is handled once: what its handler gives comes back, and a replay is `None`.
pub async fn event_is_handled_once(subject: Gate) -> Outcome {
    let request = subject.signed("a")?;
    let runs = AtomicU32::new(0);
    let handle = || async { Ok(runs.fetch_add(1, Ordering::SeqCst) + 41) };
    equal("the first", &subject.handle.once(&subject.verify(&request).await?, handle).await?, &Some(41))?;
    for _ in 0..3 {
        let replay = subject.verify(&request).await?;
        equal("a replay", &subject.handle.once(&replay, handle).await?, &None)?;
    }
    equal("the runs of the handler", &runs.into_inner(), &1)
}

/// A replay whose headers were changed, as far as they are not signed, is a replay.
pub async fn replay_with_other_headers_is_not_handled(subject: Gate) -> Outcome {
    let request = subject.signed("a")?;
    subject.handle.once(&subject.verify(&request).await?, || async { Ok(()) }).await?;
    for name in subject.signer()?.unsigned_headers() {
        let mut without = request.clone();
        without.headers.remove(&name);
        let changed = request.clone().header(&name, HeaderValue::from_static("another"));
        for request in [without, changed] {
            let replay = subject.verify(&request).await?;
            equal("a replay", &subject.handle.once(&replay, || async { Ok(()) }).await?, &None)?;
        }
    }
    Ok(())
}

/// An event whose handler has failed is not seen: it comes again, and is handled then. The error is the handler's.
pub async fn event_whose_handler_failed_is_handled_again(subject: Gate) -> Outcome {
    let event = subject.event("a").await?;
    for _ in 0..2 {
        let failed = || async { Err::<(), _>(Error::new(ErrorKind::QuotaExceeded, "the handler has failed")) };
        expect_kind("a handler that fails", subject.handle.once(&event, failed).await, ErrorKind::QuotaExceeded)?;
    }
    equal("the next", &subject.handle.once(&event, || async { Ok(7) }).await?, &Some(7))?;
    equal("the last", &subject.handle.once(&event, || async { Ok(7) }).await?, &None)
}

/// While an event is handled another delivery of it is `Conflict` and not `None`: the handler may still fail, and `None` is
/// answered as done.
pub async fn event_is_not_seen_while_it_is_handled(subject: Gate) -> Outcome {
    let event = subject.event("a").await?;
    let (gate, same) = (subject.handle.clone(), event.clone());
    let within = || async move { Ok(gate.once(&same, || async { Ok(()) }).await) };
    let Some(met) = subject.handle.once(&event, within).await? else {
        return holds("the first delivery is handled", false);
    };
    let error = expect_reason("a delivery meanwhile", met, ErrorKind::Conflict, Reason::ConflictingRequest)?;
    holds("it is retryable", error.is_retryable())?;
    equal("a delivery after it", &subject.handle.once(&event, || async { Ok(()) }).await?, &None)
}

/// Of many deliveries at once one is handled; the others are `None`, or `Conflict` while it is.
pub async fn deliveries_at_once_are_handled_once(subject: Gate) -> Outcome {
    let request = subject.signed("a")?;
    let event = subject.verify(&request).await?;
    let runs = Arc::new(AtomicU32::new(0));
    let deliver = |_| {
        let (gate, event, runs) = (subject.handle.clone(), event.clone(), Arc::clone(&runs));
        async move {
            let handler = || async {
                tokio::task::yield_now().await;
                Ok(runs.fetch_add(1, Ordering::SeqCst))
            };
            gate.once(&event, handler).await
        }
    };
    let results: Vec<Result<Option<u32>>> = at_once((0..subject.scale.pick(20, 1000)).map(deliver)).await?;
    equal("the runs of the handler", &runs.load(Ordering::SeqCst), &1)?;
    equal("those that say so", &results.iter().filter(|result| matches!(result, Ok(Some(_)))).count(), &1)?;
    for result in results {
        if result.is_err() {
            expect_kind("a delivery meanwhile", result, ErrorKind::Conflict)?;
        }
    }
    Ok(())
}

/// A handler that was dropped has not handled: its event is taken up again, at once or after the lease, and is never `None`.
pub async fn dropped_handler_has_not_handled(subject: Gate) -> Outcome {
    let event = subject.event("a").await?;
    let (sender, entered) = tokio::sync::oneshot::channel();
    let handler = || async move {
        let _ = sender.send(());
        std::future::pending::<Result<()>>().await
    };
    let (gate, same) = (subject.handle.clone(), event.clone());
    let call = tokio::spawn(async move { gate.once(&same, handler).await });
    holds("the handler runs", entered.await.is_ok())?;
    call.abort();
    holds("the handler was dropped", call.await.is_err_and(|error| error.is_cancelled()))?;
    match subject.handle.once(&event, || async { Ok(7) }).await {
        Ok(handled) => equal("the next delivery", &handled, &Some(7)),
        Err(error) => expect_kind("the next delivery", Err::<(), _>(error), ErrorKind::Conflict).map(drop),
    }
}

/// An event does not stand in the way of others.
pub async fn events_are_handled_apart(subject: Gate) -> Outcome {
    let (one, other) = (subject.event("a").await?, subject.event("b").await?);
    let gate = subject.handle.clone();
    let within = || async move { gate.once(&other, || async { Ok(2) }).await };
    equal("one within the other", &subject.handle.once(&one, within).await?, &Some(Some(2)))
}
