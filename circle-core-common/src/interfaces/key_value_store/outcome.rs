//! Conditional writes whose answer is lost.

use std::collections::HashMap;

use super::{Action, Entry, GetRequest, Key, KeyValueStore, Precondition, Write, Written};
use crate::bulk::Bulk;
use crate::error::{Error, ErrorKind, Result, Sent};
use crate::identifier::OperationId;
use crate::scope::Call;

/// Whether a write needs an id: without conditions it can be repeated as it is.
pub(super) fn is_conditional(write: &Write) -> bool {
    write.precondition != Precondition::None || write.fence.is_some()
}

/// What the answer to writes that carry `operation` means, once it may have been lost.
///
/// A write that finds its own entry has succeeded; an answer that never came is looked up by any key that it put.
pub(super) async fn settle<'a>(
    store: &KeyValueStore,
    call: &Call<'_>,
    writes: impl IntoIterator<Item = &'a Write>,
    operation: &OperationId,
    error: Error,
) -> Result<Written> {
    if !is_doubtful(call, &error) {
        return Err(error);
    }
    let put = writes.into_iter().find(|write| is_put(write));
    let found = match put {
        Some(put) => lookup(store, call, vec![put.key.clone()]).await.into_iter().next(),
        None => None,
    };
    judge(operation, error, found)
}

/// What became of writes that stand each for itself and carry the same `operation`; `all` are those of every call of the
/// bulk, which may share it too.
pub(super) async fn settle_each(
    store: &KeyValueStore,
    call: &Call<'_>,
    writes: &[Write],
    all: &[Write],
    operation: &OperationId,
    results: Bulk<Written>,
) -> Bulk<Written> {
    let mut results: Vec<Result<Written>> = results.into_iter().collect();
    let doubtful = |(write, result): (&Write, &Result<Written>)| {
        is_conditional(write) && result.as_ref().is_err_and(|error| is_doubtful(call, error))
    };
    let places: Vec<usize> = (0..writes.len()).filter(|&at| doubtful((&writes[at], &results[at]))).collect();
    if places.is_empty() {
        return Bulk::new(results);
    }
    // Of several writes of one key, an entry does not tell which made it.
    let mut counts: HashMap<&Key, u32> = HashMap::new();
    for write in all {
        *counts.entry(&write.key).or_default() += 1;
    }
    let (told, untold): (Vec<usize>, Vec<usize>) =
        places.into_iter().partition(|&at| is_put(&writes[at]) && counts.get(&writes[at].key) == Some(&1));
    let found = lookup(store, call, told.iter().map(|&at| writes[at].key.clone()).collect()).await;
    let found = told.into_iter().zip(found.into_iter().map(Some)).chain(untold.into_iter().map(|at| (at, None)));
    for (at, found) in found {
        if let Err(error) = &results[at] {
            results[at] = judge(operation, error.clone(), found);
        }
    }
    Bulk::new(results)
}

fn is_put(write: &Write) -> bool {
    matches!(write.action, Action::Put { .. })
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict)
}

/// Whether a conditional write may have happened in spite of its error.
fn is_doubtful(call: &Call<'_>, error: &Error) -> bool {
    if is_refusal(error) {
        // A caller who gives the id may be repeating a write of an earlier call.
        error.attempts() > 1 || call.cx().options().is_some_and(|options| options.idempotency_key.is_some())
    } else {
        error.sent() == Sent::Maybe
    }
}

/// What is under these keys now, as freshly as the store can tell; one result per key.
async fn lookup(store: &KeyValueStore, call: &Call<'_>, keys: Vec<Key>) -> Vec<Result<Option<Entry>>> {
    let mut found = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(store.capabilities().get_max.max(1) as usize) {
        let result = async {
            let request = GetRequest::new(chunk.to_vec(), store.freshest());
            let bulk = call.guard(store.provider()?.get(call.cx(), request)).await?;
            bulk.complete(chunk.len())
        };
        match result.await {
            Ok(bulk) => found.extend(bulk),
            Err(error) => found.extend(chunk.iter().map(|_| Err(error.clone()))),
        }
    }
    found
}

/// What a doubtful error means, given what was found under its key, where that can tell.
fn judge(operation: &OperationId, error: Error, found: Option<Result<Option<Entry>>>) -> Result<Written> {
    let refused = is_refusal(&error);
    match found {
        Some(Ok(Some(entry))) if entry.operation.as_ref() == Some(operation) => {
            Ok(Written { version: Some(entry.version), expires_at: entry.expires_at, existed: None })
        }
        // Somebody else's, and the store had refused ours: that answer stands.
        Some(Ok(_)) if refused => Err(error),
        // The first answer that came.
        None if refused && error.attempts() <= 1 => Err(error),
        _ => Err(unknown(error, operation)),
    }
}

/// The outcome of this call cannot be told.
fn unknown(error: Error, operation: &OperationId) -> Error {
    let text = format!("the answer to the write was lost ({}); ask `resolve`, or repeat it with the same id", error.kind());
    Error::new(ErrorKind::OutcomeUnknown, text)
        .with_sent(Sent::Maybe)
        .with_attempts(error.attempts())
        .with_operation_id(operation.clone())
        .with_source(error)
}

/// The outcome of this increment cannot be told, and no repetition is safe.
pub(super) fn unknown_sum<T>(call: &Call<'_>, error: Error) -> Result<T> {
    let text = format!(
        "the answer to the increment was lost ({}); it cannot be repeated by its id: read the value, and decide",
        error.kind()
    );
    Err(Error::new(ErrorKind::OutcomeUnknown, text)
        .with_sent(Sent::Maybe)
        .with_attempts(error.attempts())
        .with_operation_id(call.cx().operation_id()?.clone())
        .with_source(error))
}

pub(super) async fn resolve(store: &KeyValueStore, error: &Error) -> Result<crate::Resolution> {
    let foreign = error.operation().is_some_and(|operation| operation.interface() != super::GET.interface());
    let (Some(operation), Some(key), false) = (error.operation_id(), error.resource(), foreign) else {
        let invalid = Error::new(ErrorKind::InvalidInput, "the error names no write of this interface that could be looked up");
        return Err(store.core.place(invalid, &super::RESOLVE));
    };
    Ok(match store.get_inner(&super::RESOLVE, Key::from(key), store.freshest()).await? {
        Some(entry) if entry.operation.as_ref() == Some(operation) => crate::Resolution::Applied,
        // Another write is there now, or a delete: ours may have come before it, or never.
        _ => crate::Resolution::Unknown,
    })
}
