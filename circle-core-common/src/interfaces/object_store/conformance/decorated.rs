//! Decorated object stores.

use std::sync::Arc;

use async_trait::async_trait;

use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::error::Result;
use crate::interfaces::object_store::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object, ObjectMeta,
    ObjectStore, ObjectStoreCapabilities, ObjectStoreProvider, PartTag, PresignRequest, PresignedRequest, PutRequest,
    StartUploadRequest, UploadId, UploadPartRequest,
};
use crate::listing::Page;
use crate::suite::{Counted, Decorated, Decoration, Script, Subject, Traffic};

#[async_trait]
impl<P: ObjectStoreProvider, D: Decoration> ObjectStoreProvider for Decorated<P, D> {
    fn capabilities(&self) -> &ObjectStoreCapabilities {
        self.decoration.object_store(self.provider.capabilities())
    }

    async fn head(&self, cx: &CallContext, request: HeadRequest) -> Result<ObjectMeta> {
        let plan = self.before(cx, "head").await?;
        plan.answer(self.provider.head(cx, request).await)
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Object> {
        let plan = self.before(cx, "get").await?;
        let object = plan.answer(self.provider.get(cx, request).await)?;
        Ok(plan.body(object))
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<ObjectMeta> {
        let plan = self.before(cx, "put").await?;
        plan.answer(self.provider.put(cx, request).await)
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        let plan = self.before(cx, "list").await?;
        plan.answer(self.provider.list(cx, request).await)
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Bulk<Deleted>> {
        let plan = self.before(cx, "delete").await?;
        plan.answer(self.provider.delete(cx, request).await)
    }

    async fn copy(&self, cx: &CallContext, request: CopyRequest) -> Result<ObjectMeta> {
        let plan = self.before(cx, "copy").await?;
        plan.answer(self.provider.copy(cx, request).await)
    }

    async fn presign(&self, cx: &CallContext, request: PresignRequest) -> Result<PresignedRequest> {
        let plan = self.before(cx, "presign").await?;
        let made = match self.decoration.presign(&request) {
            Some(made) => made,
            None => self.provider.presign(cx, request).await,
        };
        plan.answer(made)
    }

    async fn start_upload(&self, cx: &CallContext, request: StartUploadRequest) -> Result<UploadId> {
        let plan = self.before(cx, "start_upload").await?;
        plan.answer(self.provider.start_upload(cx, request).await)
    }

    async fn upload_part(&self, cx: &CallContext, request: UploadPartRequest) -> Result<PartTag> {
        let plan = self.before(cx, "upload_part").await?;
        plan.answer(self.provider.upload_part(cx, request).await)
    }

    async fn end_upload(&self, cx: &CallContext, request: EndUploadRequest) -> Result<Option<ObjectMeta>> {
        let plan = self.before(cx, "end_upload").await?;
        plan.answer(self.provider.end_upload(cx, request).await)
    }
}

impl Subject<ObjectStore> {
    /// A subject over this provider: its calls are counted, and faults are injected in front of it.
    pub fn over(provider: Arc<dyn ObjectStoreProvider>) -> Self {
        let (traffic, script) = (Traffic::new(), Script::new());
        let faulty = Decorated::new(provider, script.clone());
        let mut subject = Self::new(ObjectStore::new(Counted::over(faulty, &traffic)), traffic);
        subject.faults = Some(Arc::new(script));
        subject
    }
}
