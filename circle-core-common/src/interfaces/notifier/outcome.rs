//! Notifications whose answer is lost.

use crate::error::{Error, ErrorKind, Sent};
use crate::identifier::OperationId;

/// What an error means, once the answer may have been lost.
pub(super) fn judge(error: Error, operation: &OperationId, repeatable: bool) -> Error {
    if error.sent() != Sent::Maybe || error.is(ErrorKind::OutcomeUnknown) {
        return error;
    }
    let remedy = if repeatable { "repeat it with the same id" } else { "no repetition is safe" };
    let text = format!("the answer was lost ({}), so the recipient may have been notified; {remedy}", error.kind());
    Error::new(ErrorKind::OutcomeUnknown, text)
        .with_sent(Sent::Maybe)
        .with_attempts(error.attempts())
        .with_operation_id(operation.clone())
        .with_source(error)
}
