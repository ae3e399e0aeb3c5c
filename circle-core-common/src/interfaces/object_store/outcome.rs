//! Conditional writes whose answer is lost.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::{
    COPY, CopyOptions, CopyRequest, DELETE, DeleteItem, DeleteOptions, DeleteRequest, Deleted, HeadOptions, HeadRequest,
    ObjectKey, ObjectMeta, ObjectStore, PUT, Precondition, PutOptions, PutRequest, RESOLVE,
};
use crate::body::Body;
use crate::error::{Error, ErrorKind, Reason, Result, ResultExt, Sent};
use crate::extension::Extensions;
use crate::handle::Handle;
use crate::identifier::{OperationId, Version};
use crate::operation::Operation;
use crate::resilience::backoff::Backoff;
use crate::scope::{Call, Resources};
use crate::{Bulk, Resolution};

/// How often a service may say that it saw two conditional requests at once and did neither.
const CONFLICTING_ATTEMPTS: u32 = 10;

pub(super) async fn put(store: &ObjectStore, key: ObjectKey, body: Body, options: PutOptions) -> Result<ObjectMeta> {
    let mut call = store.open(&PUT);
    let provider = store.start(&mut call, Resources::One(key.shared())).await?;
    let result = async {
        let operation = if options.precondition.is_none() { None } else { Some(call.cx().operation_id()?.clone()) };
        let tried = repeat_conflicting(&call, body.is_replayable(), || {
            let request = PutRequest::new(key.clone(), body.clone(), options.clone(), operation.clone());
            call.guard(provider.put(call.cx(), request))
        })
        .await;
        match &operation {
            Some(operation) => {
                let (precondition, extensions) = (&options.precondition, &options.extensions);
                settle(store, &call, Write { key: &key, operation, precondition, extensions }, tried).await
            }
            None => tried.result,
        }
    }
    .await;
    call.finish(result).await
}

pub(super) async fn copy(store: &ObjectStore, from: ObjectKey, to: ObjectKey, options: CopyOptions) -> Result<ObjectMeta> {
    let mut call = store.open(&COPY);
    let provider = store.start(&mut call, Resources::Pair(from.shared(), to.shared())).await?;
    let result = async {
        let operation = if options.if_absent { Some(call.cx().operation_id()?.clone()) } else { None };
        let tried = repeat_conflicting(&call, true, || {
            let request = CopyRequest::new(from.clone(), to.clone(), options.clone(), operation.clone());
            call.guard(provider.copy(call.cx(), request))
        })
        .await;
        match &operation {
            Some(operation) => {
                let (precondition, extensions) = (&Precondition::IfAbsent, &options.extensions);
                settle(store, &call, Write { key: &to, operation, precondition, extensions }, tried).await
            }
            None => tried.result,
        }
    }
    .await;
    call.finish(result).await
}

pub(super) async fn delete(store: &ObjectStore, key: ObjectKey, options: DeleteOptions) -> Result<Deleted> {
    let mut call = store.open(&DELETE);
    let provider = store.start(&mut call, Resources::One(key.shared())).await?;
    let result = async {
        let operation = if options.if_match.is_some() { Some(call.cx().operation_id()?.clone()) } else { None };
        let tried = repeat_conflicting(&call, true, || async {
            let request = DeleteRequest::new(vec![DeleteItem::new(key.clone(), options.clone())]);
            let results: Bulk<Deleted> = call.guard(provider.delete(call.cx(), request)).await?;
            let missing = || Error::new(ErrorKind::Internal, "the provider gave no result for the key");
            results.into_iter().next().ok_or_else(missing)?
        })
        .await;
        match (&operation, &options.if_match) {
            (Some(operation), Some(version)) => {
                let precondition = Precondition::IfMatch(version.clone());
                let write = Write { key: &key, operation, precondition: &precondition, extensions: &options.extensions };
                settle_delete(store, &call, write, version, tried).await
            }
            _ => tried.result,
        }
    }
    .await;
    call.finish(result).await
}

/// What came of a call that may have been made several times.
pub(super) struct Tried<T> {
    pub(super) result: Result<T>,
    /// Whether the provider repeated an attempt that may have been done: more than a conflict said to have done nothing.
    repeated: bool,
}

impl<T> Tried<T> {
    pub(super) fn and_then<U>(self, f: impl FnOnce(T) -> Result<U>) -> Tried<U> {
        Tried { result: self.result.and_then(f), repeated: self.repeated }
    }
}

/// Repeats a call that the service refused because of a conflicting request: it did nothing, and says "again".
pub(super) async fn repeat_conflicting<T, F: Future<Output = Result<T>>>(
    call: &Call<'_>,
    replayable: bool,
    attempt: impl Fn() -> F,
) -> Tried<T> {
    let mut waits = Backoff::new().initial_interval(Duration::from_millis(20)).waits(call.cx().random());
    let (mut attempts, mut repeated) = (0, false);
    for left in (0..CONFLICTING_ATTEMPTS).rev() {
        let error = match attempt().await {
            Ok(value) => return Tried { result: Ok(value), repeated },
            Err(error) => error,
        };
        attempts += error.attempts();
        repeated |= error.attempts() > 1;
        let again = error.reason() == Some(Reason::ConflictingRequest) && replayable && left > 0;
        let wait = match waits.next_wait() {
            Ok(Some(wait)) if again => wait,
            _ => return Tried { result: Err(error.with_attempts(attempts)), repeated },
        };
        let waited = call.guard(async {
            call.cx().clock().sleep(wait).await;
            Ok(())
        });
        if let Err(interrupted) = waited.await {
            // Nothing is on its way while it waits, and what came before was done by nobody.
            let sent = if repeated { Sent::Maybe } else { Sent::No };
            return Tried { result: Err(interrupted.with_sent(sent).with_attempts(attempts)), repeated };
        }
    }
    Tried { result: Err(Error::new(ErrorKind::Internal, "no attempt was made")), repeated }
}

/// A conditional write that was asked for.
#[derive(Clone, Copy)]
pub(super) struct Write<'a> {
    pub(super) key: &'a ObjectKey,
    pub(super) operation: &'a OperationId,
    pub(super) precondition: &'a Precondition,
    /// What a look at the object is told too: without its key, an encrypted one cannot be looked at.
    pub(super) extensions: &'a Extensions,
}

/// What a conditional write's answer means, once it may have been lost.
///
/// A repeated write that finds its own object has succeeded; an answer that never came is looked up.
pub(super) async fn settle(
    store: &ObjectStore,
    call: &Call<'_>,
    write: Write<'_>,
    tried: Tried<ObjectMeta>,
) -> Result<ObjectMeta> {
    let error = match tried.result {
        Ok(meta) => return Ok(meta),
        Err(error) => error,
    };
    let refused = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict);
    // A caller who gives the id may be repeating a write of an earlier call.
    let named = call.cx().options().is_some_and(|options| options.idempotency_key.is_some());
    if !(is_lost(&error) || refused && (tried.repeated || named)) {
        return Err(error);
    }
    match current(store, call, write).await {
        Ok(Some(meta)) if meta.operation.as_ref() == Some(write.operation) => Ok(meta),
        // Refused because of what another conditional write has made: that answer stands. Where no id tells whose the
        // object is, or it is gone again, an earlier attempt may have been what the last one was refused for.
        Ok(found) if refused && (!tried.repeated || found.as_ref().is_some_and(|meta| meta.operation.is_some())) => Err(error),
        _ => Err(unknown(write, Asked::Put(write.precondition.clone()), error)),
    }
}

/// As [`settle`], for a delete: what it leaves has no id. Gone is gone, whoever did it.
async fn settle_delete(
    store: &ObjectStore,
    call: &Call<'_>,
    write: Write<'_>,
    version: &Version,
    tried: Tried<Deleted>,
) -> Result<Deleted> {
    let error = match tried.result {
        Ok(deleted) => return Ok(deleted),
        Err(error) => error,
    };
    if !(is_lost(&error) || error.is(ErrorKind::Conflict) && tried.repeated) {
        return Err(error);
    }
    match current(store, call, write).await {
        Ok(None) => Ok(Deleted::Unknown),
        _ => Err(unknown(write, Asked::Delete(version.clone()), error)),
    }
}

/// Whether the answer may be that of a write that was done; a refusal is one that was not.
fn is_lost(error: &Error) -> bool {
    error.sent() == Sent::Maybe && !matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict)
}

async fn current(store: &ObjectStore, call: &Call<'_>, write: Write<'_>) -> Result<Option<ObjectMeta>> {
    let options = HeadOptions { extensions: write.extensions.clone(), ..HeadOptions::new() };
    let request = HeadRequest::new(write.key.clone(), options);
    call.guard(store.provider()?.head(call.cx(), request)).await.optional()
}

fn unknown(write: Write<'_>, asked: Asked, cause: Error) -> Error {
    let (kind, attempts, key) = (cause.kind(), cause.attempts(), write.key);
    let text = format!("the answer to the write of `{key}` was lost ({kind}); ask `resolve`, or repeat it with the same id");
    Error::new(ErrorKind::OutcomeUnknown, text)
        .with_sent(Sent::Maybe)
        .with_attempts(attempts)
        .with_operation_id(write.operation.clone())
        .with_source(Lost { asked, extensions: write.extensions.clone(), cause })
}

/// A conditional write whose answer was lost; tells [`resolve`] what the present state says of it.
#[derive(Debug)]
struct Lost {
    asked: Asked,
    extensions: Extensions,
    cause: Error,
}

#[derive(Debug)]
enum Asked {
    Put(Precondition),
    Delete(Version),
}

impl Asked {
    /// Whether what the write would have changed is as it was before.
    fn is_undone(&self, current: Option<&ObjectMeta>) -> bool {
        match self {
            Self::Put(Precondition::None) => false,
            Self::Put(Precondition::IfAbsent) => current.is_none(),
            Self::Put(Precondition::IfMatch(version)) | Self::Delete(version) => {
                current.is_some_and(|meta| meta.version.as_ref() == Some(version))
            }
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.asked {
            Asked::Put(_) => "put",
            Asked::Delete(_) => "delete",
        };
        write!(f, "the answer to a conditional {what} was lost")
    }
}

impl StdError for Lost {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.cause)
    }
}

pub(super) async fn resolve(store: &ObjectStore, error: &Error) -> Result<Resolution> {
    let ours = error.operation().map(Operation::interface) == Some(ObjectStore::NAME);
    let (Some(operation), Some(key), true) = (error.operation_id(), error.resource(), ours) else {
        let text = "the error names no write to an object store whose outcome could be looked up";
        return Err(Error::new(ErrorKind::InvalidInput, text));
    };
    let key = ObjectKey::from(key);
    let mut call = store.open(&RESOLVE);
    let provider = store.start(&mut call, Resources::One(key.shared())).await?;
    let lost = error.provider_error::<Lost>();
    let extensions = lost.map(|lost| lost.extensions.clone()).unwrap_or_default();
    let request = HeadRequest::new(key.clone(), HeadOptions { extensions, ..HeadOptions::new() });
    let result = call.guard(provider.head(call.cx(), request)).await;
    let current = call.finish(result).await.optional()?;
    let asked = lost.map(|lost| &lost.asked);
    Ok(match &current {
        Some(meta) if meta.operation.as_ref() == Some(operation) => Resolution::Applied,
        current if asked.is_some_and(|asked| asked.is_undone(current.as_ref())) => Resolution::NotApplied,
        // Something else has happened since: ours may have come before it, or never.
        _ => Resolution::Unknown,
    })
}
