//! {{Provider}} as an object store.

use async_trait::async_trait;
use circle_core_common::interfaces::object_store::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object, ObjectKey, ObjectMeta,
    ObjectStoreCapabilities, ObjectStoreProvider, PartTag, PresignRequest, PresignedRequest, PutRequest, StartUploadRequest, UploadId,
    UploadPartRequest,
};
use circle_core_common::{Bulk, ByteStream, CallContext, Cursor, Error, ErrorKind, Page, Provider, Result};

use crate::{client::tables::Stored, provider::{{Provider}}};

const TABLE: &str = "object_store";
const PAGE_SIZE: usize = 1000;

/// What it can do. Turn on what {{Provider}} has; the handle refuses the rest before it gets here.
pub(crate) fn capabilities() -> ObjectStoreCapabilities {
    ObjectStoreCapabilities::none()
}

fn meta(key: ObjectKey, stored: &Stored) -> ObjectMeta {
    let mut meta = ObjectMeta::new(key, stored.value.len() as u64, stored.modified);
    meta.version = Some(stored.version());
    meta
}

impl {{Provider}} {
    fn stored(&self, key: &ObjectKey) -> Result<Stored> {
        let stored = self.client()?.tables.get(TABLE, key.as_str());
        stored.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no object `{key}`")))
    }
}

#[async_trait]
impl ObjectStoreProvider for {{Provider}} {
    fn capabilities(&self) -> &ObjectStoreCapabilities {
        &self.object_store
    }

    async fn head(&self, _: &CallContext, request: HeadRequest) -> Result<ObjectMeta> {
        let stored = self.stored(&request.key)?;
        Ok(meta(request.key, &stored))
    }

    async fn get(&self, _: &CallContext, request: GetRequest) -> Result<Object> {
        let stored = self.stored(&request.key)?;
        let meta = meta(request.key, &stored);
        let whole = 0..meta.size;
        Ok(Object::new(meta, whole, ByteStream::from(stored.value)))
    }

    async fn put(&self, _: &CallContext, request: PutRequest) -> Result<ObjectMeta> {
        let announced = request.body.length().await?;
        let value = request.body.open().await?.collect(None).await?;
        if let Some(announced) = announced.filter(|announced| *announced != value.len() as u64) {
            let text = format!("the body has {} bytes, and {announced} were announced; nothing was kept", value.len());
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let now = self.environment().clock().timestamp();
        let stored = self.client()?.tables.put(TABLE, request.key.as_str(), value, now)?;
        Ok(meta(request.key, &stored))
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        let after = request.page.cursor.as_ref().map(Cursor::token);
        let size = request.page.size.map_or(PAGE_SIZE, |size| size as usize).min(PAGE_SIZE);
        let (found, more) = self.client()?.tables.list(TABLE, &request.prefix, after, size);
        let next = found.last().filter(|_| more).map(|(key, _)| Cursor::new(key.as_str()));
        let entries = found.into_iter().map(|(key, stored)| Entry::Object(meta(key.into(), &stored))).collect();
        Ok(Page::new(entries, next))
    }

    async fn delete(&self, _: &CallContext, request: DeleteRequest) -> Result<Bulk<Deleted>> {
        let tables = &self.client()?.tables;
        let delete = |key: &ObjectKey| if tables.delete(TABLE, key.as_str()) { Deleted::Removed } else { Deleted::Absent };
        Ok(Bulk::new(request.items.iter().map(|item| Ok(delete(&item.key))).collect()))
    }

    async fn copy(&self, _: &CallContext, _: CopyRequest) -> Result<ObjectMeta> {
        Err(Error::unsupported(ObjectStoreCapabilities::COPY.name()))
    }

    async fn presign(&self, _: &CallContext, _: PresignRequest) -> Result<PresignedRequest> {
        Err(Error::unsupported(ObjectStoreCapabilities::PRESIGN_GET.name()))
    }

    async fn start_upload(&self, _: &CallContext, _: StartUploadRequest) -> Result<UploadId> {
        Err(Error::unsupported(ObjectStoreCapabilities::MULTIPART.name()))
    }

    async fn upload_part(&self, _: &CallContext, _: UploadPartRequest) -> Result<PartTag> {
        Err(Error::unsupported(ObjectStoreCapabilities::MULTIPART.name()))
    }

    async fn end_upload(&self, _: &CallContext, _: EndUploadRequest) -> Result<Option<ObjectMeta>> {
        Err(Error::unsupported(ObjectStoreCapabilities::MULTIPART.name()))
    }
}
