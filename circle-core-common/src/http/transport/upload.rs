//! A request's body for hyper.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::Extensions;
use http_body::{Body, Frame, SizeHint};
use hyper_util::client::legacy::connect::CaptureConnection;

use super::TransportBody;
use super::counted::Written;
use crate::body::ByteStream;
use crate::error::{Error, ErrorKind, Reason};
use crate::http::upload::Progress;

/// Sends exactly the announced number of bytes, or fails.
pub(super) struct Upload {
    content: Content,
    /// Boxed: only what is large has it.
    told: Option<Box<Told>>,
}

enum Content {
    Whole(Option<Bytes>),
    Stream { stream: ByteStream, left: Option<u64> },
}

/// Whom it tells how far it is.
struct Told {
    progress: Arc<Progress>,
    /// Until the body begins: by then there is a connection.
    connection: Option<CaptureConnection>,
}

impl Upload {
    pub(super) fn tell(&mut self, progress: Arc<Progress>, connection: CaptureConnection) {
        self.told = Some(Box::new(Told { progress, connection: Some(connection) }));
    }
}

impl Told {
    fn begin(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let mut extras = Extensions::new();
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.get_extras(&mut extras);
        }
        if let Some(Written(written)) = extras.remove::<Written>() {
            self.progress.begin(written);
        }
    }
}

impl From<TransportBody> for Upload {
    fn from(body: TransportBody) -> Self {
        let content = match body {
            TransportBody::Empty => Content::Whole(None),
            TransportBody::Bytes(bytes) => Content::Whole((!bytes.is_empty()).then_some(bytes)),
            TransportBody::Stream { stream, length } => Content::Stream { stream, left: length },
        };
        Self { content, told: None }
    }
}

impl Content {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        match self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
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
                Poll::Ready(Some(Ok(chunk)))
            }
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if let Some(told) = &mut this.told {
            told.begin();
        }
        let chunk = ready!(this.content.poll_next(cx));
        if let (Some(told), Some(Ok(chunk))) = (&this.told, &chunk) {
            told.progress.give(chunk.len() as u64);
        }
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Content::Stream { left: Some(left), .. } => SizeHint::with_exact(*left),
            Content::Stream { left: None, .. } => SizeHint::new(),
        }
    }
}

fn wrong_length(how: &str) -> Error {
    let text = format!("the body has {how} bytes than its length says");
    Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::ChecksumMismatch)
}
