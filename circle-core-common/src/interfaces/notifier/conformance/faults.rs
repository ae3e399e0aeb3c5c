//! What a broken connection or service does to calls.
//!
//! A provider with a retry policy may overcome a single fault, so a case accepts success where success is true, and
//! else exactly the error that tells the caller what to do.

use std::time::Duration;

use super::{Caps, Desk};
use crate::bulk::Bulk;
use crate::context::CallOptions;
use crate::error::{Error, ErrorKind, Sent};
use crate::interfaces::notifier::{Notification, Receipt};
use crate::suite::{Failed, Fault, Outcome, equal, expect_kind, holds, is_cancelled, is_never_short, times_out, with_deadline};

/// Recipients whose answer was lost: each is notified, or unknown, by its name and the id.
fn unknown(subject: &Desk, results: Bulk<Receipt>) -> Result<Option<Error>, Failed> {
    let mut first = None;
    for (name, result) in subject.two().iter().zip(results) {
        if result.is_ok() {
            continue;
        }
        let error = expect_kind("notify", result, ErrorKind::OutcomeUnknown)?;
        equal("the recipient in the error", &error.resource(), &Some(name.as_str()))?;
        equal("whether it was sent", &error.sent(), &Sent::Maybe)?;
        holds("it names its operation id", error.operation_id().is_some())?;
        first.get_or_insert(error);
    }
    Ok(first)
}

/// A notification whose answer is lost is `Ok` or unknown; repeated with its id it is the same one, where there are ids.
pub async fn notify_with_a_lost_answer_is_unknown_or_done_once(subject: Desk) -> Outcome {
    let notification = Notification::new("a").to(subject.two());
    subject.faults()?.inject(Fault::LoseAnswer);
    if let Some(error) = unknown(&subject, subject.handle.notify(&notification).await?)? {
        let again = subject.handle.with(CallOptions::repeat(&error)).notify(&notification).await;
        if subject.handle.capabilities().idempotency {
            let again = again?.all()?;
            equal("those that were notified before", &again.iter().filter(|receipt| receipt.is_duplicate).count(), &2)?;
        } else {
            expect_kind("its repetition", again, ErrorKind::Unsupported)?;
        }
    }
    Ok(())
}

/// A notification that is cut off is unknown, and can be repeated with its id where there are ids.
pub async fn notify_cut_before_it_is_done_is_unknown(subject: Desk) -> Outcome {
    let notification = Notification::new("a").to(subject.two());
    subject.faults()?.inject(Fault::CutBefore);
    let error = unknown(&subject, subject.handle.notify(&notification).await?)?;
    if let Some(error) = error.filter(|_| subject.handle.capabilities().idempotency) {
        subject.handle.with(CallOptions::repeat(&error)).notify(&notification).await?.all()?;
    }
    Ok(())
}

/// A busy service is `RateLimited` with the wait that it asked for, one that cannot serve is `Unavailable`: for the recipients
/// of that call, and for no others.
pub async fn busy_and_unavailable_calls_mark_their_recipients(subject: Desk) -> Outcome {
    let desk = subject.with_capabilities(|capabilities| capabilities.recipients_max = 1)?;
    let two = subject.two();
    let retry_after = Duration::from_millis(50);
    for (fault, kind, wait) in [
        (Fault::Throttle { retry_after }, ErrorKind::RateLimited, Some(retry_after)),
        (Fault::Unavailable, ErrorKind::Unavailable, None),
    ] {
        subject.faults()?.inject(fault);
        let results = desk.notify(Notification::new("a").to(&two)).await?;
        let failed: Vec<usize> = results.failures().map(|(at, _)| at).collect();
        holds(format!("at most the first fails, not {failed:?}"), failed.is_empty() || failed == [0])?;
        for (_, error) in results.failures() {
            equal("the kind", &error.kind(), &kind)?;
            equal("the wait", &error.retry_after(), &wait)?;
            equal("the recipient in the error", &error.resource(), &Some(two[0].as_str()))?;
        }
    }
    Ok(())
}

/// A clear whose answer is lost says that it can be repeated.
pub async fn clear_with_a_lost_answer_can_be_repeated(subject: Desk) -> Outcome {
    subject.needs(Caps::CLEAR)?;
    subject.faults()?.inject(Fault::LoseAnswer);
    if let Err(error) = subject.handle.clear(subject.name("a")).await {
        holds(format!("{error} is retryable"), error.is_retryable())?;
        subject.handle.clear(subject.name("a")).await?;
    }
    Ok(())
}

/// A list whose page fails ends in that error; it is never short.
pub async fn status_with_a_failed_page_is_never_short(subject: Desk) -> Outcome {
    subject.needs(Caps::STATUS)?;
    for _ in 0..4 {
        subject.notify_one(subject.to_one("a")).await?;
    }
    is_never_short(subject.handle.status().limit(4), 4, subject.faults()?).await
}

/// A notification to a service that never answers is unknown at its deadline.
pub async fn silent_notify_is_unknown_at_the_deadline(subject: Desk) -> Outcome {
    subject.faults()?.inject(Fault::Silent);
    let started = tokio::time::Instant::now();
    let desk = subject.handle.with(with_deadline());
    let error = unknown(&subject, desk.notify(Notification::new("a").to(subject.two())).await?)?;
    holds("a silent service has notified nobody", error.is_some())?;
    holds("it ends soon after its deadline", started.elapsed() < Duration::from_secs(5))
}

/// Any other call to a service that never answers is `Timeout` at its deadline.
pub async fn silent_notifier_is_a_timeout_at_the_deadline(subject: Desk) -> Outcome {
    let (desk, faults) = (&subject.handle.with(with_deadline()), subject.faults()?);
    if desk.capabilities().clear {
        times_out("clear", faults, || desk.clear(subject.name("a"))).await?;
    }
    if desk.capabilities().status {
        times_out("status", faults, || desk.status().page()).await?;
    }
    Ok(())
}

/// A call to a service that never answers ends at once when its scope is cancelled.
pub async fn silent_notifier_is_cancelled_at_once(subject: Desk) -> Outcome {
    subject.needs(Caps::STATUS)?;
    is_cancelled("status", subject.faults()?, |options| {
        let desk = subject.handle.with(options);
        async move { desk.status().page().await }
    })
    .await
}

/// A call that is dropped while the service is silent leaves the client as it was.
pub async fn dropped_call_leaves_the_client_whole(subject: Desk) -> Outcome {
    for _ in 0..20 {
        subject.faults()?.inject(Fault::Silent);
        let call = subject.handle.notify(subject.to_one("dropped"));
        holds("a silent service does not answer", tokio::time::timeout(Duration::from_millis(1), call).await.is_err())?;
    }
    // One that was dropped before it was made has left its fault.
    subject.faults()?.clear();
    subject.notify_one(subject.to_one("a")).await.map(drop)
}
