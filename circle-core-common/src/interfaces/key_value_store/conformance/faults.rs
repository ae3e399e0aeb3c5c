//! What a broken connection or service does to calls.
//!
//! A provider with a retry policy may overcome a single fault, so a case accepts success where success is true, and
//! else exactly the error that tells the caller what to do.

use std::time::Duration;

use super::{Caps, Store, number};
use crate::Resolution;
use crate::context::CallOptions;
use crate::error::{ErrorKind, Result, Sent};
use crate::interfaces::key_value_store::Write;
use crate::suite::{Fault, Outcome, equal, expect_kind, holds, is_cancelled, is_never_short, times_out, with_deadline};

/// A conditional write whose answer was lost: it succeeded, or its outcome is unknown and can be resolved; what it
/// never is, is refused because of itself.
async fn lost<T: std::fmt::Debug>(subject: &Store, what: &str, result: Result<T>) -> Outcome {
    match result {
        Ok(_) => Ok(()),
        result => {
            let error = expect_kind(what, result, ErrorKind::OutcomeUnknown)?;
            holds(format!("{what} names its operation id"), error.operation_id().is_some())?;
            let resolution = subject.handle.resolve(&error).await?;
            holds(format!("{what} is not resolved as NotApplied"), resolution != Resolution::NotApplied)
        }
    }
}

/// A `create` whose answer is lost after the store did it is `Ok` or `OutcomeUnknown`, never `AlreadyExists`.
pub async fn create_with_a_lost_answer_is_never_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    subject.faults()?.inject(Fault::LoseAnswer);
    lost(&subject, "create", subject.handle.create(&key, "mine").await).await?;
    equal("the value", &subject.entry(&key).await?.value, &"mine")
}

/// A `replace` whose answer is lost after the store did it is `Ok` or `OutcomeUnknown`, never `Conflict`.
pub async fn replace_with_a_lost_answer_is_never_a_conflict(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    subject.handle.put(&key, "old").await?;
    let version = subject.entry(&key).await?.version;
    subject.faults()?.inject(Fault::LoseAnswer);
    lost(&subject, "replace", subject.handle.replace(&key, "new", version).await).await?;
    equal("the value", &subject.entry(&key).await?.value, &"new")
}

/// A transaction whose answer is lost after the store did it is `Ok` or `OutcomeUnknown`, never refused.
pub async fn transaction_with_a_lost_answer_is_never_refused(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    let (a, b) = (subject.name("a"), subject.name("b"));
    let put =
        |key| if subject.handle.capabilities().transaction_cas { Write::put(key, "1").if_absent() } else { Write::put(key, "1") };
    subject.faults()?.inject(Fault::LoseAnswer);
    lost(&subject, "the transaction", subject.handle.transaction([put(&a), put(&b)]).await).await?;
    for key in [&a, &b] {
        equal(format!("the value of {key}"), &subject.entry(key).await?.value, &"1")?;
    }
    Ok(())
}

/// An increment, which cannot be repeated, is applied at most once: a lost answer is `OutcomeUnknown` or the sum.
pub async fn increment_with_a_lost_answer_is_applied_once(subject: Store) -> Outcome {
    subject.needs(Caps::INCREMENT)?;
    let key = subject.name("a");
    subject.handle.increment(&key, 1).await?;
    for (fault, applied) in [(Fault::LoseAnswer, 1), (Fault::CutBefore, 0)] {
        let before = number(&subject.entry(&key).await?.value)?;
        subject.faults()?.inject(fault.clone());
        let result = subject.handle.increment(&key, 1).await;
        let after = number(&subject.entry(&key).await?.value)?;
        match result {
            Ok(sum) => equal(format!("the number after {fault:?}"), &(sum, after), &(before + 1, before + 1))?,
            result => {
                let error = expect_kind(format!("increment with {fault:?}"), result, ErrorKind::OutcomeUnknown)?;
                equal(format!("the number after {fault:?}"), &(after - before), &applied)?;
                let again = subject.handle.with(CallOptions::repeat(&error)).increment(&key, 1).await;
                expect_kind("its repetition", again, ErrorKind::Unsupported)?;
            }
        }
    }
    Ok(())
}

/// A create that is cut before it is done is `Ok`, or unknown; then it can be repeated with its id.
pub async fn create_cut_before_it_is_done_can_be_repeated(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    subject.faults()?.inject(Fault::CutBefore);
    if let Err(error) = subject.handle.create(&key, "mine").await {
        let error = expect_kind("create", Err::<(), _>(error), ErrorKind::OutcomeUnknown)?;
        equal("whether it was sent", &error.sent(), &Sent::Maybe)?;
        holds("it is not resolved as applied", subject.handle.resolve(&error).await? != Resolution::Applied)?;
        subject.handle.with(CallOptions::repeat(&error)).create(&key, "mine").await?;
    }
    equal("the value", &subject.entry(&key).await?.value, &"mine")
}

/// A put without condition whose answer is lost is `Ok`, or a retryable error that says it may have happened.
pub async fn put_with_a_lost_answer_can_be_repeated(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.faults()?.inject(Fault::LoseAnswer);
    if let Err(error) = subject.handle.put(&key, "value").await {
        holds(format!("{error} is retryable"), error.is_retryable())?;
        equal("whether it was sent", &error.sent(), &Sent::Maybe)?;
        subject.handle.put(&key, "value").await?;
    }
    equal("the value", &subject.entry(&key).await?.value, &"value")
}

/// A create of a bulk whose answer is lost after the store did it is `Ok` or `OutcomeUnknown`, never `AlreadyExists`;
/// a put without condition in the same call says that it can be repeated.
pub async fn put_many_with_a_lost_answer_is_never_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let keys = ["a", "b"].map(|name| subject.name(name));
    subject.faults()?.inject(Fault::LoseAnswer);
    let results = subject.handle.put_many([Write::put(&keys[0], "1").if_absent(), Write::put(&keys[1], "1")]).await?;
    let mut results = results.into_iter();
    if let Some(created) = results.next() {
        lost(&subject, "the create", created).await?;
    }
    if let Some(Err(error)) = results.next() {
        holds(format!("{error} is retryable"), error.is_retryable())?;
        equal("the key in the error", &error.resource(), &Some(keys[1].as_str()))?;
    }
    for key in &keys {
        equal(format!("the value of {key}"), &subject.entry(key).await?.value, &"1")?;
    }
    Ok(())
}

/// A create whose answer is lost, and whose look-up fails too, may have happened: never refused, never `Connection`.
pub async fn create_whose_lookup_fails_is_unknown(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    subject.faults()?.inject(Fault::LoseAnswer);
    subject.faults()?.inject(Fault::Unavailable);
    lost(&subject, "create", subject.handle.create(&key, "mine").await).await
}

/// A store whose table or database does not exist is `NotFound`: no key of it is absent, and no list is empty.
pub async fn get_and_list_of_a_missing_container_are_not_found(subject: Store) -> Outcome {
    let faults = subject.faults()?;
    faults.inject(Fault::NoContainer);
    expect_kind("get", subject.handle.get(subject.name("a")).await, ErrorKind::NotFound)?;
    if subject.handle.capabilities().list {
        faults.inject(Fault::NoContainer);
        expect_kind("list", subject.handle.list(&subject.namespace).all().await, ErrorKind::NotFound)?;
    }
    faults.inject(Fault::NoContainer);
    expect_kind("put", subject.handle.put(subject.name("a"), "a").await, ErrorKind::NotFound).map(drop)
}

/// A busy store is `RateLimited` with the wait that it asked for; one that cannot serve is `Unavailable`; a broken
/// connection is `Connection`. All are retryable, and the next call succeeds.
pub async fn busy_unavailable_and_cut_calls_are_retryable(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let retry_after = Duration::from_millis(50);
    for (fault, kind, wait) in [
        (Fault::Throttle { retry_after }, ErrorKind::RateLimited, Some(retry_after)),
        (Fault::Unavailable, ErrorKind::Unavailable, None),
        (Fault::CutBefore, ErrorKind::Connection, None),
        (Fault::LoseAnswer, ErrorKind::Connection, None),
    ] {
        subject.faults()?.inject(fault.clone());
        if let Err(error) = subject.handle.get(&key).await {
            let error = expect_kind(format!("get with {fault:?}"), Err::<(), _>(error), kind)?;
            holds("the error is retryable", error.is_retryable())?;
            equal("the wait", &error.retry_after(), &wait)?;
            equal("the key in the error", &error.resource(), &Some(key.as_str()))?;
        }
        equal("the value", &subject.entry(&key).await?.value, &"a")?;
    }
    Ok(())
}

/// A bulk whose one call fails marks the keys of that call, each by its name, and only those.
pub async fn bulk_with_a_failed_call_marks_its_own_keys(subject: Store) -> Outcome {
    let store = subject.with_capabilities(|capabilities| (capabilities.get_max, capabilities.write_max) = (2, 2))?;
    let keys: Vec<String> = (0..5).map(|number| subject.name(&format!("{number}"))).collect();
    subject.faults()?.inject(Fault::Unavailable);
    let written = store.put_many(keys.iter().map(|key| (key.clone(), "1"))).await?;
    let failed: Vec<usize> = written.failures().map(|(at, _)| at).collect();
    holds(format!("at most the first call fails, not {failed:?}"), failed.is_empty() || failed == [0, 1])?;
    for (at, error) in written.failures() {
        equal("the kind", &error.kind(), &ErrorKind::Unavailable)?;
        equal("the key in the error", &error.resource(), &Some(keys[at].as_str()))?;
    }
    subject.faults()?.inject(Fault::Unavailable);
    let read = store.get_many(&keys).await?;
    for (at, result) in read.into_iter().enumerate() {
        match result {
            Ok(entry) => equal(format!("whether key {at} is there"), &entry.is_some(), &!failed.contains(&at))?,
            Err(error) => {
                holds(format!("key {at} is of the first call"), at < 2)?;
                equal("the key in the error", &error.resource(), &Some(keys[at].as_str()))?;
            }
        }
    }
    Ok(())
}

/// A list whose page fails ends in that error; it is never short.
pub async fn list_with_a_failed_page_is_never_short(subject: Store) -> Outcome {
    subject.needs(Caps::LIST)?;
    subject.handle.put_many(["a", "b", "c", "d"].map(|name| (subject.name(name), "1"))).await?.all()?;
    is_never_short(subject.handle.list(&subject.namespace), 4, subject.faults()?).await
}

/// A store that never answers is `Timeout` at the deadline: at most 100 ms later, whatever the call.
pub async fn silent_store_is_a_timeout_at_the_deadline(subject: Store) -> Outcome {
    let key = subject.name("a");
    let (store, faults) = (&subject.handle.with(with_deadline()), subject.faults()?);
    times_out("get", faults, || store.get(&key)).await?;
    times_out("put", faults, || store.put(&key, "b")).await?;
    times_out("delete", faults, || store.delete(&key)).await?;
    if store.capabilities().list {
        times_out("list", faults, || store.list(&subject.namespace).all()).await?;
    }
    if store.capabilities().watch {
        times_out("watch", faults, || store.watch(&subject.namespace)).await?;
    }
    equal("get", &subject.handle.get(&key).await?, &None)
}

/// A call to a store that never answers ends at once when its scope is cancelled.
pub async fn silent_store_is_cancelled_at_once(subject: Store) -> Outcome {
    let key = subject.name("a");
    is_cancelled("get", subject.faults()?, |options| {
        let (store, key) = (subject.handle.with(options), key.clone());
        async move { store.get(key).await }
    })
    .await
}

/// A call that is dropped while the store is silent leaves the client as it was.
pub async fn dropped_call_leaves_the_client_whole(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    for _ in 0..50 {
        subject.faults()?.inject(Fault::Silent);
        let call = subject.handle.get(&key);
        holds("a silent store does not answer", tokio::time::timeout(Duration::from_millis(1), call).await.is_err())?;
    }
    equal("the value", &subject.entry(&key).await?.value, &"a")
}
