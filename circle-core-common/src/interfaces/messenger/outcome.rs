//! Messages whose answer is lost.

use super::{Caps, Channel, Messenger, ResolveRequest, Resolved, SEND, SendRequest, Sent};
use crate::Resolution;
use crate::context::CallOptions;
use crate::error::{self, Error, ErrorKind, Result};
use crate::identifier::OperationId;
use crate::scope::Call;

/// Sends, and looks up what became of the message when the answer is lost.
pub(super) async fn send(
    messenger: &Messenger,
    call: &Call<'_>,
    provider: &dyn super::MessengerProvider,
    request: SendRequest,
) -> Result<Sent> {
    let (channel, operation) = (request.channel.clone(), request.operation.clone());
    let error = match call.guard(provider.send(call.cx(), request)).await {
        Err(error) if error.sent() == error::Sent::Maybe => error,
        result => return result,
    };
    if messenger.capabilities().resolve {
        let request = ResolveRequest::new(channel, operation.clone());
        if let Ok(Resolved::Sent(sent)) = call.guard(provider.resolve(call.cx(), request)).await {
            return Ok(sent);
        }
    }
    // That it is not there yet does not say that it is not on its way.
    let remedy = if messenger.capabilities().idempotency {
        "repeat it with the same id"
    } else if messenger.capabilities().resolve {
        "ask `resolve`"
    } else {
        "look at the channel, and decide"
    };
    let text = format!("the answer was lost ({}), so the message may have been sent; {remedy}", error.kind());
    Err(Error::new(ErrorKind::OutcomeUnknown, text)
        .with_sent(error::Sent::Maybe)
        .with_attempts(error.attempts())
        .with_operation_id(operation)
        .with_source(error))
}

pub(super) async fn resolve(messenger: &Messenger, error: &Error) -> Result<Resolution> {
    let foreign = error.operation().is_some_and(|operation| operation.interface() != SEND.interface());
    let (Some(operation), Some(channel), false) = (error.operation_id(), error.resource(), foreign) else {
        let invalid = Error::new(ErrorKind::InvalidInput, "the error names no message that could be looked up");
        return Err(messenger.core.place(invalid, &super::RESOLVE));
    };
    let channel = Channel::from(channel);
    let checked = Caps::RESOLVE.check(messenger.capabilities());
    messenger.at(&super::RESOLVE, &channel, checked)?;
    Ok(match messenger.look_up(channel, operation.clone()).await? {
        Resolved::Sent(_) => Resolution::Applied,
        Resolved::NotSent => Resolution::NotApplied,
        Resolved::Unknown => Resolution::Unknown,
    })
}

/// The handle for one of several messages: under a key that the caller gave, each has one of its own.
pub(super) fn numbered(messenger: &Messenger, number: usize, of: usize) -> Messenger {
    match messenger.core.options().and_then(|options| options.idempotency_key.as_ref()) {
        Some(key) if of > 1 => {
            let key = OperationId::from(format!("{key}-{number}"));
            messenger.with(CallOptions::new().idempotency_key(key))
        }
        _ => messenger.clone(),
    }
}
