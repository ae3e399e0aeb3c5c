//! A request's body for hyper.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};

use super::TransportBody;
use crate::body::ByteStream;
use crate::error::{Error, ErrorKind, Reason};

/// Sends exactly the announced number of bytes, or fails.
pub(super) enum Upload {
    Whole(Option<Bytes>),
    Stream { stream: ByteStream, left: Option<u64> },
}

impl From<TransportBody> for Upload {
    fn from(body: TransportBody) -> Self {
        match body {
            TransportBody::Empty => Self::Whole(None),
            TransportBody::Bytes(bytes) => Self::Whole((!bytes.is_empty()).then_some(bytes)),
            TransportBody::Stream { stream, length } => Self::Stream { stream, left: length },
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream { stream, left } => {
                let chunk = match ready!(Pin::new(stream).poll_next(cx)) {
                    Some(Ok(chunk)) => chunk,
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None if left.is_some_and(|left| left > 0) => return Poll::Ready(Some(Err(wrong_length("fewer")))),
                    None => return Poll::Ready(None),
                };
                if let Some(left) = left {
                    // What follows the announced length would be read as the next request.
                    match left.checked_sub(chunk.len() as u64) {
                        Some(rest) => *left = rest,
                        None => return Poll::Ready(Some(Err(wrong_length("more")))),
                    }
                }
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream { left: Some(left), .. } => SizeHint::with_exact(*left),
            Self::Stream { left: None, .. } => SizeHint::new(),
        }
    }
}

fn wrong_length(how: &str) -> Error {
    let text = format!("the body has {how} bytes than its length says");
    Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::ChecksumMismatch)
}
