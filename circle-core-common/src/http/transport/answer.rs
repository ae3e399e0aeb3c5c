//! An answer's body as a stream of bytes.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::Body;

use super::failure;
use crate::body::ByteStream;
use crate::error::Result;

pub(super) fn stream<B>(body: B) -> ByteStream
where
    B: Body<Data = Bytes, Error: StdError + Send + Sync + 'static> + Send + Unpin + 'static,
{
    if body.is_end_stream() {
        return ByteStream::from(Bytes::new());
    }
    ByteStream::new(Download(Some(body)))
}

struct Download<B>(Option<B>);

impl<B> Stream for Download<B>
where
    B: Body<Data = Bytes, Error: StdError + Send + Sync + 'static> + Unpin,
{
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Some(body) = self.0.as_mut() {
            let end = match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) if !chunk.is_empty() => return Poll::Ready(Some(Ok(chunk))),
                    // Trailers are no content.
                    _ => continue,
                },
                Some(Err(error)) => Some(Err(failure::body(error))),
                None => None,
            };
            self.0 = None;
            return Poll::Ready(end);
        }
        Poll::Ready(None)
    }
}
