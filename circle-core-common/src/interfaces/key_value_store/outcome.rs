//! Conditional writes whose answer is lost.

use super::{Action, GetOptions, GetRequest, Key, KeyValueStore, Precondition, Write, Written};
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
    let refused = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict);
    let lost = error.sent() == Sent::Maybe && !refused;
    // A caller who gives the id may be repeating a write of an earlier call.
    let repeated = error.attempts() > 1 || call.cx().options().is_some_and(|options| options.idempotency_key.is_some());
    if !(lost || refused && repeated) {
        return Err(error);
    }
    let put = writes.into_iter().find(|write| matches!(write.action, Action::Put { .. }));
    if let Some(put) = put {
        let request = GetRequest::new(vec![put.key.clone()], GetOptions::new());
        let found = call.guard(store.provider()?.get(call.cx(), request)).await;
        let entry = found.ok().and_then(|bulk| bulk.into_iter().next()).and_then(Result::ok).flatten();
        match entry {
            Some(entry) if entry.operation.as_ref() == Some(operation) => {
                return Ok(Written { version: Some(entry.version), expires_at: entry.expires_at, existed: None });
            }
            _ if refused => return Err(error),
            _ => {}
        }
    }
    if refused && error.attempts() <= 1 {
        return Err(error);
    }
    Err(unknown(error, operation))
}

/// The outcome of this call cannot be told.
pub(super) fn unknown(error: Error, operation: &OperationId) -> Error {
    let text = format!("the answer to the write was lost ({}); ask `resolve`, or repeat it with the same id", error.kind());
    Error::new(ErrorKind::OutcomeUnknown, text)
        .with_sent(Sent::Maybe)
        .with_attempts(error.attempts())
        .with_operation_id(operation.clone())
        .with_source(error)
}

pub(super) async fn resolve(store: &KeyValueStore, error: &Error) -> Result<crate::Resolution> {
    let (Some(operation), Some(key)) = (error.operation_id(), error.resource()) else {
        return Err(Error::new(ErrorKind::InvalidInput, "the error names no write whose outcome could be looked up"));
    };
    Ok(match store.get(Key::from(key)).await? {
        Some(entry) if entry.operation.as_ref() == Some(operation) => crate::Resolution::Applied,
        // Another write is there now, or a delete: ours may have come before it, or never.
        _ => crate::Resolution::Unknown,
    })
}
