//! Shared reads of objects.

use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::object_store::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object, ObjectMeta,
    ObjectStore, ObjectStoreCapabilities, ObjectStoreProvider, PartTag, PresignRequest, PresignedRequest, PutRequest,
    StartUploadRequest, UploadId, UploadPartRequest,
};
use circle_core_common::{Bulk, ByteStream, CallContext, Error, ErrorKind, Page, Result, Version};

use super::{Coalesced, Read, is_particular};
use crate::orchestration::caller::{Identity, looks_up_a_write};
use crate::orchestration::forward::object_store_of_frame;
use crate::orchestration::stamps::Stamps;

impl Identity {
    fn version(self, version: Option<&Version>) -> Self {
        self.optional(version.and_then(Version::as_etag)).optional(version.and_then(Version::as_generation))
    }
}

impl Coalesced<ObjectStore> {
    fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    fn identity(&self, cx: &CallContext, method: &'static str, name: &str) -> Identity {
        Identity::of(cx, method).part(self.stamps.of(name)).part(name)
    }
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Internal, "the shared call gave another answer than it was made for")
}

#[async_trait]
impl ObjectStoreProvider for Coalesced<ObjectStore> {
    object_store_of_frame!();

    async fn head(&self, cx: &CallContext, request: HeadRequest) -> Result<ObjectMeta> {
        let provider = self.frame.handle.provider()?;
        if looks_up_a_write(cx) || is_particular(cx) || !request.options.extensions.is_empty() {
            return provider.head(cx, request).await;
        }
        let identity = self.identity(cx, "head", request.key.as_str()).version(request.options.version.as_ref());
        let call = || async { provider.head(cx, request).await.map(|meta| Read::Meta(Arc::new(meta))) };
        match self.share(cx, identity.into_text(), call).await.0? {
            Read::Meta(meta) => Ok(Arc::unwrap_or_clone(meta)),
            _ => Err(unexpected()),
        }
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Object> {
        let provider = self.frame.handle.provider()?;
        let options = &request.options;
        if looks_up_a_write(cx) || is_particular(cx) || !options.extensions.is_empty() {
            return provider.get(cx, request).await;
        }
        let identity = self
            .identity(cx, "get", request.key.as_str())
            .optional(options.range.map(|range| format!("{range:?}")))
            .version(options.if_match.as_ref())
            .version(options.if_none_match.as_ref())
            .version(options.version.as_ref());
        let mut own = None;
        let (most, asked, large) = (self.object_max.as_u64(), request.clone(), &mut own);
        let call = move || async move {
            let object = provider.get(cx, asked).await?;
            if object.range.end - object.range.start > most {
                *large = Some(object);
                return Ok(Read::Large);
            }
            let (meta, range) = (Arc::clone(&object.meta), object.range.clone());
            Ok(Read::Content(meta, range, object.bytes().await?))
        };
        let (shared, _) = self.share(cx, identity.into_text(), call).await;
        match (shared?, own) {
            (Read::Content(meta, range, content), _) => Ok(Object::new(meta, range, ByteStream::from(content))),
            (Read::Large, Some(object)) => Ok(object),
            (Read::Large, None) => provider.get(cx, request).await,
            (Read::Meta(_), _) => Err(unexpected()),
        }
    }
}
