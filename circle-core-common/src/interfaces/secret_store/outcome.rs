//! Conditional writes whose answer is lost.

use super::{GetOptions, GetRequest, RESOLVE, Secret, SecretName, SecretStore, SecretStoreProvider};
use crate::Resolution;
use crate::error::{Error, ErrorKind, Result, Sent};
use crate::identifier::{OperationId, Version};
use crate::scope::Call;

/// What the answer to a conditional write means, once it may have been lost: a write that finds its own version has succeeded.
pub(super) async fn settle(
    call: &Call<'_>,
    provider: &dyn SecretStoreProvider,
    name: SecretName,
    operation: &OperationId,
    error: Error,
) -> Result<Version> {
    let refused = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict);
    let doubtful = if refused {
        // A caller who gives the id may be repeating a write of an earlier call.
        error.attempts() > 1 || call.cx().options().is_some_and(|options| options.idempotency_key.is_some())
    } else {
        error.sent() == Sent::Maybe
    };
    if !doubtful {
        return Err(error);
    }
    match call.guard(provider.get(call.cx(), GetRequest::new(name, GetOptions::new()))).await {
        Ok(secret) if is_of(&secret, operation) => Ok(secret.version),
        // Somebody else's, and the store had refused ours: that answer stands.
        Ok(_) if refused => Err(error),
        _ => Err(unknown(error, operation)),
    }
}

fn is_of(secret: &Secret, operation: &OperationId) -> bool {
    secret.operation.as_ref() == Some(operation)
}

fn unknown(error: Error, operation: &OperationId) -> Error {
    let text = format!("the answer to the write was lost ({}); ask `resolve`, or repeat it with the same id", error.kind());
    Error::new(ErrorKind::OutcomeUnknown, text)
        .with_sent(Sent::Maybe)
        .with_attempts(error.attempts())
        .with_operation_id(operation.clone())
        .with_source(error)
}

pub(super) async fn resolve(store: &SecretStore, error: &Error) -> Result<Resolution> {
    let foreign = error.operation().is_some_and(|operation| operation.interface() != RESOLVE.interface());
    let (Some(operation), Some(name), false) = (error.operation_id(), error.resource(), foreign) else {
        let invalid = Error::new(ErrorKind::InvalidInput, "the error names no write of this interface that could be looked up");
        return Err(store.core.place(invalid, &RESOLVE));
    };
    match store.get_inner(&RESOLVE, SecretName::from(name), GetOptions::new()).await {
        Ok(secret) if is_of(&secret, operation) => Ok(Resolution::Applied),
        // Another version is there now, or none: ours may have come before it, or never.
        Ok(_) => Ok(Resolution::Unknown),
        Err(error) if error.is(ErrorKind::NotFound) => Ok(Resolution::Unknown),
        Err(error) => Err(error),
    }
}
