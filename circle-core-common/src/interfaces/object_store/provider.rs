//! What a provider of object storage implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object, ObjectMeta,
    ObjectStoreCapabilities, PartTag, PresignRequest, PresignedRequest, PutRequest, StartUploadRequest, UploadId,
    UploadPartRequest,
};
use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};

/// An object store, as providers implement it: one attempt per remote call, owned requests, valid input.
///
/// The handle has validated keys, ranges, metadata and limits, and has checked every capability that a request needs:
/// a request that needs a flag that is off never arrives. Conditional requests carry an operation id that is kept
/// beside the object and given back in [`ObjectMeta::operation`], where the service can keep one.
#[async_trait]
pub trait ObjectStoreProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &ObjectStoreCapabilities;

    /// The metadata of an object. `NotFound` when it is absent.
    async fn head(&self, cx: &CallContext, request: HeadRequest) -> Result<ObjectMeta>;

    /// An object, answered as soon as its metadata is there; the content streams and is `'static`.
    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Object>;

    /// Puts an object atomically: readers see the old or the new one, whole; a failed or dropped put changes nothing.
    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<ObjectMeta>;

    /// One page in the byte order of keys; a key written or deleted between two pages moves no other key.
    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>>;

    /// Deletes; one result per item, in order. Deleting the absent succeeds.
    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Bulk<Deleted>>;

    /// Copies content and metadata within the store. `NotFound` names the source.
    async fn copy(&self, cx: &CallContext, request: CopyRequest) -> Result<ObjectMeta>;

    /// Makes a request that works without credentials.
    async fn presign(&self, cx: &CallContext, request: PresignRequest) -> Result<PresignedRequest>;

    /// Starts a multipart upload. Nothing is visible before its end.
    async fn start_upload(&self, cx: &CallContext, request: StartUploadRequest) -> Result<UploadId>;

    /// Uploads a part; in any order, the same index again replaces. `NotFound`, reason `UploadEnded`, after the end.
    async fn upload_part(&self, cx: &CallContext, request: UploadPartRequest) -> Result<PartTag>;

    /// Completes (`Some`) or aborts (`None`) an upload.
    async fn end_upload(&self, cx: &CallContext, request: EndUploadRequest) -> Result<Option<ObjectMeta>>;
}

shared_provider!(ObjectStoreProvider);

#[async_trait]
impl ObjectStoreProvider for Arc<dyn ObjectStoreProvider> {
    fn capabilities(&self) -> &ObjectStoreCapabilities {
        (**self).capabilities()
    }

    async fn head(&self, cx: &CallContext, request: HeadRequest) -> Result<ObjectMeta> {
        (**self).head(cx, request).await
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Object> {
        (**self).get(cx, request).await
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<ObjectMeta> {
        (**self).put(cx, request).await
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        (**self).list(cx, request).await
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Bulk<Deleted>> {
        (**self).delete(cx, request).await
    }

    async fn copy(&self, cx: &CallContext, request: CopyRequest) -> Result<ObjectMeta> {
        (**self).copy(cx, request).await
    }

    async fn presign(&self, cx: &CallContext, request: PresignRequest) -> Result<PresignedRequest> {
        (**self).presign(cx, request).await
    }

    async fn start_upload(&self, cx: &CallContext, request: StartUploadRequest) -> Result<UploadId> {
        (**self).start_upload(cx, request).await
    }

    async fn upload_part(&self, cx: &CallContext, request: UploadPartRequest) -> Result<PartTag> {
        (**self).upload_part(cx, request).await
    }

    async fn end_upload(&self, cx: &CallContext, request: EndUploadRequest) -> Result<Option<ObjectMeta>> {
        (**self).end_upload(cx, request).await
    }
}
