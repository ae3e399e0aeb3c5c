//! A stream of bytes.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
#[cfg(feature = "http")]
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use crate::error::{Error, Limit, Result};
use crate::units::ByteSize;

type Boxed = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// Bytes as they come: `Stream<Item = Result<Bytes>> + Send`, with a `try_next` of its own.
///
/// The end is complete; content that was cut ends in an error. Dropping it stops the transfer.
pub struct ByteStream {
    source: Source,
}

enum Source {
    /// Content in memory costs no box.
    Whole(Option<Bytes>),
    Stream(Boxed),
}

impl ByteStream {
    /// From any stream of bytes.
    #[must_use]
    pub fn new(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self { source: Source::Stream(Box::pin(stream)) }
    }

    /// From a state and a step that gives the next chunk and state; the stream ends at `None` and at an error.
    #[must_use]
    pub fn unfold<S, F, Fut>(state: S, step: F) -> Self
    where
        S: Send + 'static,
        F: FnMut(S) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<(Bytes, S)>>> + Send + 'static,
    {
        Self::new(Unfold { state: Some(state), step, running: None })
    }

    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.source, Source::Whole(_))
    }

    /// The next chunk; `None` at the complete end.
    ///
    /// # Errors
    /// What broke the transfer.
    pub async fn try_next(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_chunk(cx)).await.transpose()
    }

    /// All chunks in one piece of memory.
    ///
    /// # Errors
    /// `InvalidInput` when there are more bytes than `limit`; what broke the transfer.
    pub async fn collect(mut self, limit: Option<ByteSize>) -> Result<Bytes> {
        let check = |length: usize| match limit {
            Some(limit) if length as u64 > limit.as_u64() => Err(Error::outside_limit(
                Limit::at_most("body_limit", limit.as_u64(), "bytes"),
                format_args!("{length} and more"),
            )),
            _ => Ok(()),
        };
        if let Source::Whole(bytes) = &mut self.source {
            let bytes = bytes.take().unwrap_or_default();
            return check(bytes.len()).map(|()| bytes);
        }
        let Some(first) = self.try_next().await? else { return Ok(Bytes::new()) };
        check(first.len())?;
        let Some(second) = self.try_next().await? else { return Ok(first) };
        let mut all = BytesMut::with_capacity(first.len() + second.len());
        all.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            check(all.len() + chunk.len())?;
            all.extend_from_slice(&chunk);
            next = self.try_next().await?;
        }
        Ok(all.freeze())
    }

    /// The content, where it is in memory as a whole; else the stream as it was.
    ///
    /// # Errors
    /// The stream, which comes as it comes.
    pub fn into_whole(mut self) -> std::result::Result<Bytes, Self> {
        match &mut self.source {
            Source::Whole(bytes) => Ok(bytes.take().unwrap_or_default()),
            Source::Stream(_) => Err(self),
        }
    }

    /// The same bytes, once the first of them are there, or the end: what fails before is an error of this call.
    ///
    /// # Errors
    /// What broke the transfer.
    pub async fn begin(mut self) -> Result<Self> {
        if self.is_whole() {
            return Ok(self);
        }
        match self.try_next().await? {
            Some(first) => Ok(Self::new(Begun { first: Some(first), rest: self })),
            None => Ok(Self::from(Bytes::new())),
        }
    }

    /// The same bytes in pieces of `size` each; only the last may be shorter, and none is empty.
    #[must_use]
    pub fn pieces(self, size: usize) -> Pieces {
        Pieces { stream: self, size: size.max(1), rest: Bytes::new() }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        match &mut self.source {
            Source::Whole(bytes) => Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(Ok)),
            Source::Stream(stream) => stream.as_mut().poll_next(cx),
        }
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_chunk(cx)
    }
}

impl From<Bytes> for ByteStream {
    fn from(bytes: Bytes) -> Self {
        Self { source: Source::Whole(Some(bytes)) }
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByteStream")
    }
}

/// A stream whose first bytes were waited for.
struct Begun {
    first: Option<Bytes>,
    rest: ByteStream,
}

impl Stream for Begun {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => self.rest.poll_chunk(cx),
        }
    }
}

/// A [`ByteStream`] cut into pieces of one size, each whole in memory; see [`ByteStream::pieces`].
pub struct Pieces {
    stream: ByteStream,
    size: usize,
    rest: Bytes,
}

impl Pieces {
    /// The next piece; `None` at the complete end.
    ///
    /// # Errors
    /// What broke the transfer.
    pub async fn try_next(&mut self) -> Result<Option<Bytes>> {
        let mut piece = BytesMut::new();
        while piece.len() < self.size {
            if self.rest.is_empty() {
                match self.stream.try_next().await? {
                    Some(chunk) => self.rest = chunk,
                    None => break,
                }
            }
            let take = self.rest.len().min(self.size - piece.len());
            piece.extend_from_slice(&self.rest.split_to(take));
        }
        Ok((!piece.is_empty()).then(|| piece.freeze()))
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pieces(of {} bytes)", self.size)
    }
}

struct Unfold<S, F, Fut> {
    state: Option<S>,
    step: F,
    running: Option<Pin<Box<Fut>>>,
}

impl<S, F, Fut> Unpin for Unfold<S, F, Fut> {}

impl<S, F, Fut> Stream for Unfold<S, F, Fut>
where
    F: FnMut(S) -> Fut,
    Fut: Future<Output = Result<Option<(Bytes, S)>>>,
{
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(state) = this.state.take() {
            this.running = Some(Box::pin((this.step)(state)));
        }
        let Some(running) = &mut this.running else { return Poll::Ready(None) };
        let result = ready!(running.as_mut().poll(cx));
        this.running = None;
        Poll::Ready(match result {
            Ok(Some((chunk, state))) => {
                this.state = Some(state);
                Some(Ok(chunk))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// A stream that is taken from its place when it is first read.
#[cfg(feature = "http")]
pub(super) struct WhenRead {
    place: Arc<Mutex<Option<ByteStream>>>,
    open: Option<ByteStream>,
    consumed: fn() -> Error,
}

#[cfg(feature = "http")]
impl WhenRead {
    /// `consumed` is the error of a place that is empty already.
    pub(super) fn new(place: Arc<Mutex<Option<ByteStream>>>, consumed: fn() -> Error) -> Self {
        Self { place, open: None, consumed }
    }
}

#[cfg(feature = "http")]
impl Stream for WhenRead {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.open.is_none() {
            let taken = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.open = match taken {
                Some(stream) => Some(stream),
                None => return Poll::Ready(Some(Err((self.consumed)()))),
            };
        }
        self.open.as_mut().map_or(Poll::Ready(None), |stream| stream.poll_chunk(cx))
    }
}
