//! Conditional writes whose answer is lost.

use std::time::Duration;

use super::{
    COPY, CopyOptions, CopyRequest, HEAD, HeadOptions, HeadRequest, ObjectKey, ObjectMeta, ObjectStore, PUT, Precondition,
    PutOptions, PutRequest,
};
use crate::Resolution;
use crate::body::Body;
use crate::error::{Error, ErrorKind, Reason, Result, ResultExt, Sent};
use crate::identifier::OperationId;
use crate::resilience::backoff::Backoff;
use crate::scope::{Call, Resources};

/// How often a service may say that it saw two conditional requests at once and did neither.
const CONFLICTING_ATTEMPTS: u32 = 10;

pub(super) async fn put(store: &ObjectStore, key: ObjectKey, body: Body, options: PutOptions) -> Result<ObjectMeta> {
    let (call, provider) = store.start(&PUT, Resources::One(key.shared())).await?;
    let result = async {
        let conditional = options.precondition != Precondition::None;
        let operation = if conditional { Some(call.cx().operation_id()?.clone()) } else { None };
        let result = repeat_conflicting(&call, body.is_replayable(), || {
            let request = PutRequest::new(key.clone(), body.clone(), options.clone(), operation.clone());
            call.guard(provider.put(call.cx(), request))
        })
        .await;
        match operation {
            Some(operation) => settle(store, &call, &key, &operation, result).await,
            None => result,
        }
    }
    .await;
    call.finish(result).await
}

pub(super) async fn copy(store: &ObjectStore, from: ObjectKey, to: ObjectKey, options: CopyOptions) -> Result<ObjectMeta> {
    let (call, provider) = store.start(&COPY, Resources::Pair(from.shared(), to.shared())).await?;
    let result = async {
        let operation = if options.if_absent { Some(call.cx().operation_id()?.clone()) } else { None };
        let result = repeat_conflicting(&call, true, || {
            let request = CopyRequest::new(from.clone(), to.clone(), options.clone(), operation.clone());
            call.guard(provider.copy(call.cx(), request))
        })
        .await;
        match operation {
            Some(operation) => settle(store, &call, &to, &operation, result).await,
            None => result,
        }
    }
    .await;
    call.finish(result).await
}

/// Repeats a call that the service refused because of a conflicting request: it did nothing, and says "again".
pub(super) async fn repeat_conflicting<T, F: Future<Output = Result<T>>>(
    call: &Call<'_>,
    replayable: bool,
    attempt: impl Fn() -> F,
) -> Result<T> {
    let mut waits = Backoff::new().initial_interval(Duration::from_millis(20)).waits(call.cx().random());
    let mut attempts = 1;
    loop {
        match attempt().await {
            Err(error) if error.reason() == Some(Reason::ConflictingRequest) && replayable && attempts < CONFLICTING_ATTEMPTS => {
                let Some(wait) = waits.next_wait()? else { return Err(error.with_attempts(attempts)) };
                attempts += 1;
                call.guard(async {
                    call.cx().clock().sleep(wait).await;
                    Ok(())
                })
                .await?;
            }
            Err(error) if attempts > 1 => return Err(error.with_attempts(attempts)),
            result => return result,
        }
    }
}

/// What a conditional write's answer means, once it may have been lost.
///
/// A repeated write that finds its own object has succeeded; an answer that never came is looked up.
pub(super) async fn settle(
    store: &ObjectStore,
    call: &Call<'_>,
    key: &ObjectKey,
    operation: &OperationId,
    result: Result<ObjectMeta>,
) -> Result<ObjectMeta> {
    let error = match result {
        Ok(meta) => return Ok(meta),
        Err(error) => error,
    };
    let refused = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict);
    let lost = error.sent() == Sent::Maybe && !refused;
    // A caller who gives the id may be repeating a write of an earlier call.
    let repeated = error.attempts() > 1 || call.cx().options().is_some_and(|options| options.idempotency_key.is_some());
    if !(lost || refused && repeated) {
        return Err(error);
    }
    let head = HeadRequest::new(key.clone(), HeadOptions::new());
    let current = call.guard(store.provider()?.head(call.cx(), head)).await.optional();
    match current {
        Ok(Some(meta)) if meta.operation.as_ref() == Some(operation) => Ok(meta),
        // Somebody's object is there, and the service had refused ours: that answer stands.
        Ok(_) if refused => Err(error),
        _ => {
            let text = format!(
                "the answer to the write of `{key}` was lost ({}); ask `resolve`, or repeat it with the same id",
                error.kind()
            );
            let unknown = Error::new(ErrorKind::OutcomeUnknown, text);
            Err(unknown
                .with_sent(Sent::Maybe)
                .with_attempts(error.attempts())
                .with_operation_id(operation.clone())
                .with_source(error))
        }
    }
}

pub(super) async fn resolve(store: &ObjectStore, error: &Error) -> Result<Resolution> {
    let (Some(operation), Some(key)) = (error.operation_id(), error.resource()) else {
        let text = "the error names no write whose outcome could be looked up";
        return Err(Error::new(ErrorKind::InvalidInput, text));
    };
    let key = ObjectKey::from(key);
    let (call, provider) = store.start(&HEAD, Resources::One(key.shared())).await?;
    let result = call.guard(provider.head(call.cx(), HeadRequest::new(key.clone(), HeadOptions::new()))).await;
    let current = call.finish(result).await.optional()?;
    Ok(match current {
        None => Resolution::NotApplied,
        Some(meta) if meta.operation.as_ref() == Some(operation) => Resolution::Applied,
        // Another write is there now: ours may have come before it, or never.
        Some(_) => Resolution::Unknown,
    })
}
