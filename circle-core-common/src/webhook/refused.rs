//! Why a request is refused: by a reason, and with nothing of the request, the secrets or the signature that was expected.

use crate::error::{Error, ErrorKind, Reason};

fn refused(reason: Reason, text: &'static str) -> Error {
    Error::new(ErrorKind::Unauthenticated, text).with_reason(reason)
}

pub(super) fn missing() -> Error {
    refused(Reason::SignatureMissing, "the request lacks a header that its signature needs")
}

pub(super) fn malformed(text: &'static str) -> Error {
    refused(Reason::SignatureMalformed, text)
}

pub(super) fn invalid() -> Error {
    let text = "the signature is not that of this request by a live secret: was the body read and written again on its way?";
    refused(Reason::SignatureInvalid, text)
}

pub(super) fn expired() -> Error {
    refused(Reason::SignatureExpired, "the request was signed too long ago")
}

pub(super) fn in_future() -> Error {
    let text = "the request was signed at a moment that is too far in the future: is this clock right?";
    refused(Reason::SignatureInFuture, text)
}
