//! Decorated object stores.

use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::error::Result;
use crate::interfaces::object_store::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object, ObjectMeta,
    ObjectStore, ObjectStoreCapabilities, ObjectStoreProvider, PartTag, PresignRequest, PresignedRequest, PutRequest,
    StartUploadRequest, UploadId, UploadPartRequest,
};
use crate::listing::Page;

crate::suite::decorated! {
    ObjectStore over ObjectStoreProvider with ObjectStoreCapabilities as object_store {
        head(HeadRequest) -> ObjectMeta;
        put(PutRequest) -> ObjectMeta;
        list(ListRequest) -> Page<Entry>;
        delete(DeleteRequest) -> Bulk<Deleted>;
        copy(CopyRequest) -> ObjectMeta;
        start_upload(StartUploadRequest) -> UploadId;
        upload_part(UploadPartRequest) -> PartTag;
        end_upload(EndUploadRequest) -> Option<ObjectMeta>;
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Object> {
        let plan = self.before(cx, "get").await?;
        let object = plan.answer(self.provider.get(cx, request).await)?;
        Ok(plan.body(object))
    }

    async fn presign(&self, cx: &CallContext, request: PresignRequest) -> Result<PresignedRequest> {
        let plan = self.before(cx, "presign").await?;
        let made = match self.decoration.presign(&request) {
            Some(made) => made,
            None => self.provider.presign(cx, request).await,
        };
        plan.answer(made)
    }
}
