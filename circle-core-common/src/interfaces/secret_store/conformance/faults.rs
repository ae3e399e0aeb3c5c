//! What a broken connection or service does to calls.
//!
//! A provider with a retry policy may overcome a single fault, so a case accepts success where success is true, and
//! else exactly the error that tells the caller what to do.

use std::time::Duration;

use super::{Caps, Store};
use crate::Resolution;
use crate::context::CallOptions;
use crate::error::{ErrorKind, Result, Sent};
use crate::identifier::Version;
use crate::interfaces::secret_store::SecretFields;
use crate::suite::{Fault, Outcome, equal, expect_kind, holds, is_cancelled, is_never_short, times_out, with_deadline};

fn single(value: &str) -> SecretFields {
    SecretFields::single(value)
}

/// A conditional write whose answer was lost: it succeeded, or its outcome is unknown and can be resolved; what it
/// never is, is refused because of itself.
async fn lost(subject: &Store, what: &str, result: Result<Version>) -> Outcome {
    if result.is_ok() {
        return Ok(());
    }
    let error = expect_kind(what, result, ErrorKind::OutcomeUnknown)?;
    holds(format!("{what} names its operation id"), error.operation_id().is_some())?;
    let resolution = subject.handle.resolve(&error).await?;
    holds(format!("{what} is not resolved as NotApplied"), resolution != Resolution::NotApplied)
}

/// A `create` whose answer is lost after the store did it is `Ok` or `OutcomeUnknown`, never `AlreadyExists`.
pub async fn create_with_a_lost_answer_is_never_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let name = subject.name("a");
    subject.faults()?.inject(Fault::LoseAnswer);
    lost(&subject, "create", subject.handle.create(&name, single("mine")).await).await?;
    subject.says(&name, "mine").await
}

/// A `replace` whose answer is lost after the store did it is `Ok` or `OutcomeUnknown`, never `Conflict`.
pub async fn replace_with_a_lost_answer_is_never_a_conflict(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let name = subject.name("a");
    let version = subject.handle.put(&name, single("old")).await?;
    subject.faults()?.inject(Fault::LoseAnswer);
    lost(&subject, "replace", subject.handle.replace(&name, single("new"), version).await).await?;
    subject.says(&name, "new").await
}

/// A create that is cut before it is done is `Ok`, or unknown; then it can be repeated with its id.
pub async fn create_cut_before_it_is_done_can_be_repeated(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let name = subject.name("a");
    subject.faults()?.inject(Fault::CutBefore);
    if let Err(error) = subject.handle.create(&name, single("mine")).await {
        let error = expect_kind("create", Err::<(), _>(error), ErrorKind::OutcomeUnknown)?;
        equal("whether it was sent", &error.sent(), &Sent::Maybe)?;
        holds("it is not resolved as applied", subject.handle.resolve(&error).await? != Resolution::Applied)?;
        subject.handle.with(CallOptions::repeat(&error)).create(&name, single("mine")).await?;
    }
    subject.says(&name, "mine").await
}

/// A create whose answer is lost, and whose look-up fails too, may have happened: never refused, never `Connection`.
pub async fn create_whose_lookup_fails_is_unknown(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let name = subject.name("a");
    subject.faults()?.inject(Fault::LoseAnswer);
    subject.faults()?.inject(Fault::Unavailable);
    lost(&subject, "create", subject.handle.create(&name, single("mine")).await).await
}

/// A store that is busy, unavailable or cut off gives an error that may pass, never `NotFound`.
pub async fn busy_unavailable_and_cut_calls_are_retryable(subject: Store) -> Outcome {
    let name = subject.name("a");
    subject.has(&name, single("a")).await?;
    for fault in [Fault::Throttle { retry_after: Duration::from_millis(50) }, Fault::Unavailable, Fault::CutBefore] {
        subject.faults()?.inject(fault.clone());
        if let Err(error) = subject.handle.get(&name).await {
            holds(format!("after {fault:?}, {error} is retryable"), error.is_retryable())?;
        }
        subject.says(&name, "a").await?;
    }
    Ok(())
}

/// A list whose page fails ends in that error; it is never short.
pub async fn list_with_a_failed_page_is_never_short(subject: Store) -> Outcome {
    subject.needs(Caps::LIST)?;
    for name in ["a", "b", "c", "d"] {
        subject.has(&subject.name(name), single("1")).await?;
    }
    is_never_short(subject.handle.list(&subject.namespace), 4, subject.faults()?).await
}

/// A store that never answers is `Timeout` at the deadline: at most 100 ms later, whatever the call.
pub async fn silent_store_is_a_timeout_at_the_deadline(subject: Store) -> Outcome {
    let name = subject.name("a");
    let (store, faults) = (&subject.handle.with(with_deadline()), subject.faults()?);
    let capabilities = store.capabilities();
    times_out("get", faults, || store.get(&name)).await?;
    if capabilities.put {
        times_out("put", faults, || store.put(&name, single("b"))).await?;
    }
    if capabilities.delete {
        times_out("delete", faults, || store.delete(&name)).await?;
    }
    if capabilities.list {
        times_out("list", faults, || store.list(&subject.namespace).all()).await?;
    }
    if capabilities.watch {
        times_out("watch", faults, || store.watch(&subject.namespace)).await?;
    }
    expect_kind("get", subject.handle.get(&name).await, ErrorKind::NotFound).map(drop)
}

/// A call to a store that never answers ends at once when its scope is cancelled.
pub async fn silent_store_is_cancelled_at_once(subject: Store) -> Outcome {
    let name = subject.name("a");
    is_cancelled("get", subject.faults()?, |options| {
        let (store, name) = (subject.handle.with(options), name.clone());
        async move { store.get(name).await }
    })
    .await
}

/// A call that is dropped while the store is silent leaves the client as it was.
pub async fn dropped_call_leaves_the_client_whole(subject: Store) -> Outcome {
    let name = subject.name("a");
    subject.has(&name, single("a")).await?;
    for _ in 0..20 {
        subject.faults()?.inject(Fault::Silent);
        let call = subject.handle.get(&name);
        holds("a silent store does not answer", tokio::time::timeout(Duration::from_millis(1), call).await.is_err())?;
    }
    // One that was dropped before it was made has left its fault.
    subject.faults()?.clear();
    subject.says(&name, "a").await
}
