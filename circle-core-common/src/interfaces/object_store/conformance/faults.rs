//! What a broken connection or service does to calls.
//!
//! A provider with a retry policy may overcome a single fault, so a case accepts success where success is true, and
//! else exactly the error that tells the caller what to do.

use std::time::Duration;

use super::{Caps, MIB, Store, bytes};
use crate::Resolution;
use crate::body::{Body, ByteStream};
use crate::context::CallOptions;
use crate::error::{ErrorKind, Reason, Result, Sent};
use crate::interfaces::object_store::{CopyOptions, ObjectMeta, PutOptions, Writer};
use crate::suite::{
    Failed, Fault, Outcome, equal, expect_kind, expect_reason, holds, is_cancelled, is_never_short, times_out, with_deadline,
};

/// A conditional write whose answer was lost: it succeeded, or its outcome is unknown and can be resolved; what it
/// never is, is refused because of itself.
async fn lost(subject: &Store, what: &str, result: Result<ObjectMeta>) -> Outcome {
    match result {
        Ok(_) => Ok(()),
        result => {
            let error = expect_kind(what, result, ErrorKind::OutcomeUnknown)?;
            holds(format!("{what} names its operation id"), error.operation_id().is_some())?;
            equal(format!("the resolution of {what}"), &subject.handle.resolve(&error).await?, &Resolution::Applied)
        }
    }
}

/// A `create` whose answer is lost after the service did it is `Ok` or `OutcomeUnknown`, never `AlreadyExists`.
pub async fn create_with_a_lost_answer_is_never_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    subject.faults()?.inject(Fault::LoseAnswer);
    lost(&subject, "create", subject.handle.create(&key, "mine").await).await?;
    equal("the content", &subject.content(&key).await?, "mine".as_bytes())
}

/// A `replace` whose answer is lost after the service did it is `Ok` or `OutcomeUnknown`, never `Conflict`.
pub async fn replace_with_a_lost_answer_is_never_a_conflict(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let key = subject.name("a");
    let old = subject.handle.put(&key, "old").await?;
    subject.faults()?.inject(Fault::LoseAnswer);
    lost(&subject, "replace", subject.handle.replace(&key, "new", old.version()?).await).await?;
    equal("the content", &subject.content(&key).await?, "new".as_bytes())
}

/// A copy with `if_absent` whose answer is lost is `Ok` or `OutcomeUnknown`, never `AlreadyExists`.
pub async fn copy_if_absent_with_a_lost_answer_is_never_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::COPY_IF_ABSENT)?;
    let (from, to) = (subject.name("from"), subject.name("to"));
    subject.handle.put(&from, "content").await?;
    subject.faults()?.inject(Fault::LoseAnswer);
    let result = subject.handle.copy_with(&from, &to, CopyOptions::new().if_absent()).await;
    lost(&subject, "copy", result).await?;
    equal("the content", &subject.content(&to).await?, "content".as_bytes())
}

/// The end of a conditional upload whose answer is lost is `Ok` or `OutcomeUnknown`, never `AlreadyExists`.
pub async fn upload_if_absent_with_a_lost_answer_is_never_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    let upload = subject.handle.upload_with(&key, PutOptions::new().if_absent()).await?;
    let tag = upload.part(0, "content").await?;
    subject.faults()?.inject(Fault::LoseAnswer);
    lost(&subject, "the end", upload.complete([tag]).await).await?;
    equal("the content", &subject.content(&key).await?, "content".as_bytes())
}

/// `update` applies its change once, also when the answer to its write is lost.
pub async fn update_with_a_lost_answer_applies_its_change_once(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    subject.needs(Caps::PUT_IF_MATCH)?;
    let key = subject.name("a");
    let append = |old: Option<bytes::Bytes>| Ok(format!("{}x", String::from_utf8_lossy(&old.unwrap_or_default())));
    subject.handle.update(&key, append).await?;
    // The first fault meets the read, which changes nothing; the second the write.
    for fault in [None, Some(Fault::LoseAnswer)] {
        let before = subject.content(&key).await?.len();
        if let Some(fault) = fault {
            subject.faults()?.inject(fault);
        }
        let result = subject.handle.update(&key, append).await;
        let after = subject.content(&key).await?.len();
        match result {
            Ok(_) => equal("the change", &(after - before), &1)?,
            Err(error) => holds(format!("after {error}, the change was applied at most once"), after - before <= 1)?,
        }
    }
    Ok(())
}

/// A conditional write whose connection is cut before the service did it is `Ok`, or an error that says it may have
/// happened; then it can be resolved and repeated with its id.
pub async fn create_cut_before_it_is_done_can_be_resolved_and_repeated(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    subject.faults()?.inject(Fault::CutBefore);
    if let Err(error) = subject.handle.create(&key, "mine").await {
        let error = expect_kind("create", Err::<(), _>(error), ErrorKind::OutcomeUnknown)?;
        equal("whether it was sent", &error.sent(), &Sent::Maybe)?;
        equal("the resolution", &subject.handle.resolve(&error).await?, &Resolution::NotApplied)?;
        subject.handle.with(CallOptions::repeat(&error)).create(&key, "mine").await?;
    }
    equal("the content", &subject.content(&key).await?, "mine".as_bytes())
}

/// A put without condition whose answer is lost is `Ok`, or a retryable error that says it may have happened.
pub async fn put_with_a_lost_answer_can_be_repeated(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.faults()?.inject(Fault::LoseAnswer);
    if let Err(error) = subject.handle.put(&key, "content").await {
        holds(format!("{error} is retryable"), error.is_retryable())?;
        equal("whether it was sent", &error.sent(), &Sent::Maybe)?;
        subject.handle.put(&key, "content").await?;
    }
    equal("the content", &subject.content(&key).await?, "content".as_bytes())
}

/// The service's "another conditional request is running, I did nothing" is no answer: the call is repeated.
pub async fn conflicting_request_is_repeated(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    subject.faults()?.inject(Fault::RefuseConflicting);
    subject.handle.create(&key, "first").await?;
    equal("the content", &subject.content(&key).await?, "first".as_bytes())?;
    if subject.handle.capabilities().put_if_match {
        let version = subject.handle.head(&key).await?.version()?.clone();
        subject.faults()?.inject(Fault::RefuseConflicting);
        subject.faults()?.inject(Fault::RefuseConflicting);
        subject.handle.replace(&key, "second", version).await?;
        equal("the content", &subject.content(&key).await?, "second".as_bytes())?;
    }
    Ok(())
}

/// A body that can be read once is not sent again, whatever the answer was.
pub async fn conflicting_request_does_not_repeat_a_stream(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    subject.faults()?.inject(Fault::RefuseConflicting);
    let body = Body::from_stream(ByteStream::from(bytes(100, 0)), Some(100));
    let result = subject.handle.put_with(&key, body, PutOptions::new().if_absent()).await;
    expect_reason("create", result, ErrorKind::Conflict, Reason::ConflictingRequest)?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
}

/// A put whose body can be read once fails with what happened, not with "the body is gone": it was not repeated.
pub async fn put_of_a_stream_is_not_repeated(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.faults()?.inject(Fault::Unavailable);
    let body = Body::from_stream(ByteStream::from(bytes(100, 0)), Some(100));
    match subject.handle.put(&key, body).await {
        // The fault came before the body was read, so that it could be sent after all.
        Ok(_) => holds("the content", subject.content(&key).await? == bytes(100, 0)),
        result => {
            // Its reason may say why it was not repeated.
            expect_kind("put", result, ErrorKind::Unavailable)?;
            expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
        }
    }
}

/// A body that can be read again is sent whole again.
pub async fn put_repeated_after_a_fault_sends_the_whole_body(subject: Store) -> Outcome {
    let key = subject.name("a");
    let content = bytes(MIB, 1);
    for fault in [Fault::Unavailable, Fault::CutBefore, Fault::LoseAnswer] {
        let body = Body::from(content.clone());
        subject.faults()?.inject(fault.clone());
        if subject.handle.put(&key, body.clone()).await.is_err() {
            subject.handle.put(&key, body).await?;
        }
        holds(format!("the content after {fault:?}"), subject.content(&key).await? == content)?;
    }
    Ok(())
}

/// A writer whose part fails once does not lose what was written: it ends in an error, or whole.
pub async fn writer_with_a_failed_part_is_whole_or_nothing(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let size = subject.handle.capabilities().part_min.as_u64().max(1000);
    let content = bytes(size as usize * 3, 1);
    let options = PutOptions::new().part_size(crate::ByteSize::bytes(size)).concurrency(1);
    let mut writer = subject.handle.writer_with(&key, options).await?;
    writer.write(content.slice(..size as usize + 10)).await?;
    subject.faults()?.inject(Fault::Unavailable);
    let written = match writer.write(content.slice(size as usize + 10..)).await {
        Ok(()) => writer.finish().await,
        Err(error) => Err(error),
    };
    match written {
        Ok(_) => holds("the content", subject.content(&key).await? == content),
        result => {
            expect_kind("the writer", result, ErrorKind::Unavailable)?;
            expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
        }
    }
}

/// A writer and its content, of which a write was sent midway into a fault.
async fn broken_writer(subject: &Store, key: &str, fault: Fault) -> Result<Writer, Failed> {
    let size = subject.handle.capabilities().part_min.as_u64().max(1000);
    let options = PutOptions::new().part_size(crate::ByteSize::bytes(size)).concurrency(1);
    let mut writer = subject.handle.writer_with(key, options).await?;
    writer.write(bytes(size as usize + 10, 1)).await?;
    subject.faults()?.inject(fault);
    let write = writer.write(bytes(size as usize * 3, 2));
    let written = tokio::time::timeout(Duration::from_millis(200), write).await;
    // A write that was dropped before its part was on its way has left its fault, which the next call must not meet.
    subject.faults()?.clear();
    holds("the write does not succeed", !matches!(written, Ok(Ok(()))))?;
    Ok(writer)
}

/// A writer with a write that failed, or that was dropped before it answered, takes no more and makes no object: its piece
/// is missing, whatever is written after it.
pub async fn writer_with_a_lost_piece_is_closed(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    for fault in [Fault::Silent, Fault::Unavailable] {
        let mut writer = match broken_writer(&subject, &key, fault.clone()).await {
            // A provider that repeats what failed has lost nothing.
            Err(Failed::Wrong(_)) if fault == Fault::Unavailable => return Ok(()),
            writer => writer?,
        };
        expect_kind("another write", writer.write("more").await, ErrorKind::Closed)?;
        expect_kind("the end", writer.finish().await, ErrorKind::Closed)?;
        expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    }
    Ok(())
}

/// A store whose bucket, folder or database does not exist is `NotFound`, for objects and lists: no list is empty.
pub async fn get_and_list_of_a_missing_container_are_not_found(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    subject.faults()?.inject(Fault::NoContainer);
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    subject.faults()?.inject(Fault::NoContainer);
    expect_kind("list", subject.handle.list(&subject.namespace).all().await, ErrorKind::NotFound)?;
    subject.faults()?.inject(Fault::NoContainer);
    expect_kind("put", subject.handle.put(&key, "b").await, ErrorKind::NotFound).map(drop)
}

/// A busy service is `RateLimited`, retryable, with the wait that it asked for; or the call is repeated after it.
pub async fn throttled_call_says_how_long_to_wait(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let retry_after = Duration::from_millis(50);
    subject.faults()?.inject(Fault::Throttle { retry_after });
    match subject.handle.head(&key).await {
        Ok(_) => Ok(()),
        result => {
            let error = expect_kind("head", result, ErrorKind::RateLimited)?;
            holds("the error is retryable", error.is_retryable())?;
            equal("the wait", &error.retry_after(), &Some(retry_after))
        }
    }
}

/// A service that cannot serve is `Unavailable`, and a broken connection `Connection`; both are retryable, and the
/// next call succeeds.
pub async fn unavailable_and_cut_calls_are_retryable(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    for (fault, kind) in [
        (Fault::Unavailable, ErrorKind::Unavailable),
        (Fault::CutBefore, ErrorKind::Connection),
        (Fault::LoseAnswer, ErrorKind::Connection),
    ] {
        subject.faults()?.inject(fault.clone());
        if let Err(error) = subject.handle.head(&key).await {
            let error = expect_kind(format!("head with {fault:?}"), Err::<(), _>(error), kind)?;
            holds("the error is retryable", error.is_retryable())?;
            equal("the key in the error", &error.resource(), &Some(key.as_str()))?;
        }
        equal("the content", &subject.content(&key).await?, "a".as_bytes())?;
    }
    Ok(())
}

/// A list whose page fails ends in that error; it is never short.
pub async fn list_with_a_failed_page_is_never_short(subject: Store) -> Outcome {
    for name in ["a", "b", "c", "d"] {
        subject.handle.put(subject.name(name), "").await?;
    }
    subject.lists(&subject.namespace, &["a", "b", "c", "d"]).await?;
    is_never_short(subject.handle.list(&subject.namespace), 4, subject.faults()?).await
}

/// A delete of many whose one call fails marks the keys of that call, and only those.
pub async fn delete_many_with_a_failed_call_marks_its_own_keys(subject: Store) -> Outcome {
    let store = subject.with_capabilities(|capabilities| capabilities.delete_max = 2)?;
    let keys: Vec<String> = (0..5).map(|number| subject.name(&format!("{number}"))).collect();
    for key in &keys {
        store.put(key, "").await?;
    }
    subject.faults()?.inject(Fault::Unavailable);
    let results = store.delete_many(&keys).await?;
    equal("results", &results.len(), &5)?;
    let failed: Vec<usize> = results.failures().map(|(at, _)| at).collect();
    holds(format!("the keys of at most the first call fail, not {failed:?}"), failed.is_empty() || failed == [0, 1])?;
    for (at, error) in results.failures() {
        equal("the kind", &error.kind(), &ErrorKind::Unavailable)?;
        equal("the key in the error", &error.resource(), &Some(keys[at].as_str()))?;
    }
    let left: Vec<&str> = ["0", "1"].into_iter().filter(|_| !failed.is_empty()).collect();
    subject.lists(&subject.namespace, &left).await
}

/// An answer that comes late is as good as any, within the deadline.
pub async fn slow_answer_is_an_answer(subject: Store) -> Outcome {
    let key = subject.name("a");
    let store = subject.handle.with(CallOptions::new().timeout(Duration::from_secs(20)));
    for round in 0..3 {
        let content = format!("content {round}");
        for _ in 0..2 {
            subject.faults()?.inject(Fault::Delay { by: Duration::from_millis(30) });
        }
        store.put(&key, content.clone()).await?;
        equal("the content", &store.get(&key).await?.text().await?, &content)?;
    }
    Ok(())
}

/// A service that never answers is `Timeout` at the deadline: at most 100 ms later, whatever the call.
pub async fn silent_service_is_a_timeout_at_the_deadline(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let (store, faults) = (&subject.handle.with(with_deadline()), subject.faults()?);
    times_out("head", faults, || store.head(&key)).await?;
    times_out("get", faults, || store.get(&key)).await?;
    times_out("put", faults, || store.put(&key, "b")).await?;
    times_out("list", faults, || store.list(&subject.namespace).all()).await?;
    times_out("delete", faults, || store.delete(&key)).await?;
    times_out("delete_many", faults, || async { store.delete_many([&key]).await?.all() }).await?;
    let capabilities = store.capabilities();
    if capabilities.copy {
        times_out("copy", faults, || store.copy(&key, &key)).await?;
    }
    if capabilities.put_if_absent && capabilities.put_if_match {
        times_out("update", faults, || store.update(&key, |_| Ok("b"))).await?;
    }
    if capabilities.multipart {
        times_out("upload", faults, || store.upload(&key)).await?;
        let upload = subject.handle.upload(&key).await?;
        let bounded = store.resume(upload.id());
        times_out("a part", faults, || bounded.part(0, "b")).await?;
        upload.abort().await?;
    }
    equal("the content afterwards", &subject.content(&key).await?, "a".as_bytes())
}

/// A call to a service that never answers ends at once when its scope is cancelled.
pub async fn silent_service_is_cancelled_at_once(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    is_cancelled("get", subject.faults()?, |options| {
        let (store, key) = (subject.handle.with(options), key.clone());
        async move { store.get(key).await }
    })
    .await
}

/// A call that is dropped while the service is silent leaves the client as it was.
pub async fn dropped_call_leaves_the_client_whole(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    for _ in 0..50 {
        subject.faults()?.inject(Fault::Silent);
        let call = subject.handle.get(&key);
        holds("a silent service does not answer", tokio::time::timeout(Duration::from_millis(1), call).await.is_err())?;
    }
    // A call that was dropped before its request was on its way has left its fault.
    subject.faults()?.clear();
    equal("the content", &subject.content(&key).await?, "a".as_bytes())
}
