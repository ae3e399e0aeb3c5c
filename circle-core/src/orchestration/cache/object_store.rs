//! Kept objects.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use circle_core_common::interfaces::object_store::{
    ByteRange, CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object,
    ObjectMeta, ObjectStore, ObjectStoreCapabilities, ObjectStoreProvider, PartTag, PresignRequest, PresignedRequest, PutRequest,
    StartUploadRequest, UploadId, UploadPartRequest,
};
use circle_core_common::{Bulk, ByteStream, CallContext, Error, ErrorKind, Page, Reason, Result};
use futures_core::Stream;

use super::fresh::{Began, Fresh};
use super::{Cached, Settings};
use crate::orchestration::caller::looks_up_a_write;
use crate::orchestration::forward::object_store_of_frame;
use crate::orchestration::stamps::Stamps;

/// What is known of an object.
#[derive(Clone)]
pub enum Kept {
    /// There is none; what was said of it.
    Absent(Arc<str>, Option<Reason>),
    /// What its metadata is.
    Meta(Arc<ObjectMeta>),
    /// All of it.
    Whole(Arc<ObjectMeta>, Bytes),
}

impl Kept {
    fn is_fresh(&self, age: Duration, settings: &Settings) -> bool {
        age < if matches!(self, Self::Absent(..)) { settings.missing_ttl } else { settings.ttl }
    }

    fn bytes(&self) -> usize {
        let meta = |meta: &ObjectMeta| {
            let own = meta.metadata.iter().map(|(name, value)| name.len() + value.len() + 64).sum::<usize>();
            size_of::<ObjectMeta>() + meta.key.as_str().len() + own
        };
        match self {
            Self::Absent(message, _) => message.len(),
            Self::Meta(of) => meta(of),
            Self::Whole(of, content) => meta(of) + content.len(),
        }
    }
}

fn absent(message: &str, reason: Option<Reason>) -> Error {
    let error = Error::new(ErrorKind::NotFound, message.to_owned());
    reason.into_iter().fold(error, Error::with_reason)
}

fn object(meta: Arc<ObjectMeta>, content: &Bytes, range: Option<ByteRange>) -> Result<Object> {
    let range = match range {
        Some(range) => range.resolve(meta.size)?,
        None => 0..meta.size,
    };
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
    let part = content.slice(place(range.start)..place(range.end));
    Ok(Object::new(meta, range, ByteStream::from(part)))
}

/// Where an answer is kept once it is there.
#[derive(Clone)]
struct Place {
    kept: Arc<Fresh<Kept>>,
    key: String,
    began: Began,
}

impl Place {
    fn keep(&self, what: Kept) {
        let bytes = what.bytes();
        self.kept.keep(&self.key, self.began, what, bytes);
    }

    fn keep_error(&self, error: &Error, settings: &Settings) {
        if error.is(ErrorKind::NotFound) && !settings.missing_ttl.is_zero() {
            self.keep(Kept::Absent(error.message().into(), error.reason()));
        }
    }

    /// Keeps an object that is small enough, once its last byte has come.
    fn keep_object(self, object: Object, settings: &Settings) -> Object {
        let (meta, range) = (Arc::clone(&object.meta), object.range.clone());
        let fits = meta.size <= settings.object_max.as_u64() && range == (0..meta.size);
        let body = match object.into_stream().into_whole() {
            Ok(content) => {
                if fits && content.len() as u64 == meta.size {
                    self.keep(Kept::Whole(Arc::clone(&meta), content.clone()));
                }
                ByteStream::from(content)
            }
            Err(stream) if fits => {
                ByteStream::new(Keeping { stream, content: BytesMut::new(), meta: Arc::clone(&meta), place: Some(self) })
            }
            Err(stream) => stream,
        };
        Object::new(meta, range, body)
    }
}

/// A content that is kept once all of it has come; one that breaks off or is dropped is not.
struct Keeping {
    stream: ByteStream,
    content: BytesMut,
    meta: Arc<ObjectMeta>,
    place: Option<Place>,
}

impl Stream for Keeping {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let next = ready!(Pin::new(&mut this.stream).poll_next(cx));
        match &next {
            Some(Ok(chunk)) if (this.content.len() + chunk.len()) as u64 <= this.meta.size => {
                if this.place.is_some() {
                    this.content.extend_from_slice(chunk);
                }
            }
            Some(_) => this.place = None,
            None => {
                if let Some(place) = this.place.take().filter(|_| this.content.len() as u64 == this.meta.size) {
                    place.keep(Kept::Whole(Arc::clone(&this.meta), std::mem::take(&mut this.content).freeze()));
                }
            }
        }
        Poll::Ready(next)
    }
}

impl Cached<ObjectStore> {
    /// Sets how long it is believed that there is no such object. By default a second; zero asks each time.
    #[must_use]
    pub fn missing_ttl(mut self, ttl: Duration) -> Self {
        self.settings.missing_ttl = ttl;
        self
    }

    /// Sets how large an object may be of which more than the metadata is kept; by default 1 MiB.
    #[must_use]
    pub fn object_max(mut self, size: circle_core_common::ByteSize) -> Self {
        self.settings.object_max = size;
        self
    }

    fn stamps(&self) -> &Stamps {
        &self.store.stamps
    }

    fn place(&self, cx: &CallContext, name: &str) -> Place {
        let key = self.identity(cx, "object").part(name).into_text();
        Place { kept: Arc::clone(&self.store), key, began: self.store.begin(cx, name) }
    }

    /// Asks whether a kept object has changed; `None` where it has to be asked for without a condition.
    async fn revalidate(
        &self,
        cx: &CallContext,
        place: &Place,
        request: &GetRequest,
        (meta, content): (&Arc<ObjectMeta>, &Bytes),
    ) -> Option<Result<Object>> {
        let provider = self.frame.handle.provider().ok()?;
        let version = meta.version.clone().filter(|_| provider.capabilities().get_if_none_match)?;
        let mut conditional = request.clone();
        conditional.options.if_none_match = Some(version);
        match provider.get(cx, conditional).await {
            Err(error) if error.reason() == Some(Reason::NotModified) => {
                place.keep(Kept::Whole(Arc::clone(meta), content.clone()));
                cx.report(|report| report.cached += 1);
                Some(object(Arc::clone(meta), content, request.options.range))
            }
            result => Some(result),
        }
    }
}

#[async_trait]
impl ObjectStoreProvider for Cached<ObjectStore> {
    object_store_of_frame!();

    async fn head(&self, cx: &CallContext, request: HeadRequest) -> Result<ObjectMeta> {
        self.frame.open()?;
        let provider = self.frame.handle.provider()?;
        if looks_up_a_write(cx) || request.options.version.is_some() || !request.options.extensions.is_empty() {
            return provider.head(cx, request).await;
        }
        let (name, place) = (request.key.clone(), self.place(cx, request.key.as_str()));
        let known = self.store.get(cx, name.as_str(), &place.key);
        if let Some((kept, age)) = &known
            && kept.is_fresh(*age, &self.settings)
        {
            cx.report(|report| report.cached += 1);
            return match kept {
                Kept::Absent(message, reason) => Err(absent(message, *reason)),
                Kept::Meta(meta) | Kept::Whole(meta, _) => Ok((**meta).clone()),
            };
        }
        let result = provider.head(cx, request).await;
        match (&result, known) {
            (Err(error), _) => place.keep_error(error, &self.settings),
            // Still the version whose content is known.
            (Ok(meta), Some((Kept::Whole(old, content), _))) if meta.version.is_some() && meta.version == old.version => {
                place.keep(Kept::Whole(Arc::new(meta.clone()), content));
            }
            (Ok(meta), _) => place.keep(Kept::Meta(Arc::new(meta.clone()))),
        }
        result
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Object> {
        self.frame.open()?;
        let provider = self.frame.handle.provider()?;
        let options = &request.options;
        let conditional = options.if_match.is_some() || options.if_none_match.is_some() || options.version.is_some();
        if looks_up_a_write(cx) || conditional || !options.extensions.is_empty() {
            return provider.get(cx, request).await;
        }
        let (range, place) = (options.range, self.place(cx, request.key.as_str()));
        let result = match self.store.get(cx, request.key.as_str(), &place.key) {
            Some((Kept::Whole(meta, content), age)) => {
                if age < self.settings.ttl {
                    cx.report(|report| report.cached += 1);
                    return object(meta, &content, range);
                }
                match self.revalidate(cx, &place, &request, (&meta, &content)).await {
                    Some(result) => result,
                    None => provider.get(cx, request).await,
                }
            }
            Some((kept @ Kept::Absent(..), age)) if kept.is_fresh(age, &self.settings) => {
                let Kept::Absent(message, reason) = kept else { return provider.get(cx, request).await };
                cx.report(|report| report.cached += 1);
                return Err(absent(&message, reason));
            }
            _ => provider.get(cx, request).await,
        };
        match result {
            Ok(object) => Ok(place.keep_object(object, &self.settings)),
            Err(error) => {
                place.keep_error(&error, &self.settings);
                Err(error)
            }
        }
    }
}
