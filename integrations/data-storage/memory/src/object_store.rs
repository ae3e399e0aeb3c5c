//! Object storage in memory.

mod checksum;
mod content;
mod history;
mod list;
#[cfg(test)]
mod tests;
mod upload;

use std::pin::Pin;

use async_trait::async_trait;
use circle_core_common::interfaces::object_store::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetOptions, GetRequest, HeadRequest, ListRequest, Object,
    ObjectKey, ObjectMeta, ObjectStoreCapabilities, ObjectStoreProvider, PartTag, Precondition, PresignMethod, PresignRequest,
    PresignedRequest, PutOptions, PutRequest, StartUploadRequest, UploadEnd, UploadId, UploadPartRequest,
};
use circle_core_common::{Bulk, ByteStream, CallContext, Error, ErrorKind, OperationId, Page, Reason, Result, Timestamp};

use crate::config::MemoryConfig;
use crate::provider::Memory;

pub(crate) use history::Objects;

pub(crate) fn capabilities(config: &MemoryConfig) -> ObjectStoreCapabilities {
    let mut capabilities = ObjectStoreCapabilities::all();
    capabilities.presign_get = false;
    capabilities.presign_put = false;
    capabilities.get_version = config.versions;
    capabilities.list_versions = config.versions;
    capabilities
}

#[async_trait]
impl ObjectStoreProvider for Memory {
    fn capabilities(&self) -> &ObjectStoreCapabilities {
        &self.object_store
    }

    async fn head(&self, _: &CallContext, request: HeadRequest) -> Result<ObjectMeta> {
        let stored = self.store.objects()?.get(&request.key, request.options.version.as_ref())?;
        Ok((*stored.meta).clone())
    }

    // Not `async`: the answer is there at once, so the box holds it, and not the request with the steps to the answer.
    fn get<'a, 'b, 'c>(
        &'a self,
        _: &'b CallContext,
        request: GetRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Object>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
    {
        Box::pin(std::future::ready(self.read(&request)))
    }

    async fn put(&self, _: &CallContext, request: PutRequest) -> Result<ObjectMeta> {
        let PutRequest { key, body, options, operation, .. } = request;
        let content = content::read(&body, &self.store.quota).await?;
        checksum::verify(options.checksum, &content)?;
        let precondition = options.precondition.clone();
        let meta = described(key, options, operation);
        self.store.objects_mut()?.write(&self.store, meta, content, &precondition, 0)
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        list::page(&*self.store.objects()?, &request)
    }

    async fn delete(&self, _: &CallContext, request: DeleteRequest) -> Result<Bulk<Deleted>> {
        let mut objects = self.store.objects_mut()?;
        let delete = |item| objects.delete(&self.store, item);
        Ok(request.items.iter().map(delete).collect())
    }

    async fn copy(&self, _: &CallContext, request: CopyRequest) -> Result<ObjectMeta> {
        let CopyRequest { from, to, options, operation, .. } = request;
        let mut objects = self.store.objects_mut()?;
        let source = objects.get(&from, options.source_version.as_ref()).map_err(|error| error.with_resource(from.shared()))?;
        let mut meta = (*source.meta).clone();
        meta.key = to;
        meta.operation = operation;
        let precondition = if options.if_absent { Precondition::IfAbsent } else { Precondition::None };
        objects.write(&self.store, meta, source.content.clone(), &precondition, 0)
    }

    async fn presign(&self, _: &CallContext, request: PresignRequest) -> Result<PresignedRequest> {
        let flag = match request.method {
            PresignMethod::Put => ObjectStoreCapabilities::PRESIGN_PUT,
            _ => ObjectStoreCapabilities::PRESIGN_GET,
        };
        Err(Error::unsupported(flag.name()))
    }

    async fn start_upload(&self, _: &CallContext, request: StartUploadRequest) -> Result<UploadId> {
        self.store.objects_mut()?.uploads.start(&self.store, request)
    }

    async fn upload_part(&self, _: &CallContext, request: UploadPartRequest) -> Result<PartTag> {
        self.store.objects()?.uploads.check(&request.upload)?;
        let content = content::read(&request.body, &self.store.quota).await?;
        self.store.objects_mut()?.uploads.put_part(&self.store, &request.upload, request.index, content)
    }

    async fn end_upload(&self, _: &CallContext, request: EndUploadRequest) -> Result<Option<ObjectMeta>> {
        match request.end {
            UploadEnd::Complete { parts, precondition } => {
                // Joined outside the lock: readers of other objects do not wait for a large copy.
                let assembled = self.store.objects()?.uploads.assemble(&request.upload, &parts)?;
                let content = content::join(&assembled.parts);
                checksum::verify(assembled.options.checksum, &content)?;
                let meta = described(request.upload.key.clone(), assembled.options, assembled.operation);
                let mut objects = self.store.objects_mut()?;
                let given_up = objects.uploads.check(&request.upload)?;
                let meta = objects.write(&self.store, meta, content, &precondition, given_up)?;
                objects.uploads.remove(&request.upload);
                Ok(Some(meta))
            }
            _ => {
                let mut objects = self.store.objects_mut()?;
                self.store.quota.release(objects.uploads.remove(&request.upload));
                Ok(None)
            }
        }
    }
}

impl Memory {
    fn read(&self, request: &GetRequest) -> Result<Object> {
        let options = &request.options;
        let stored = self.store.objects()?.get(&request.key, options.version.as_ref())?;
        check_get(&stored.meta, options)?;
        let (range, content) = match options.range {
            Some(range) => {
                let range = range.resolve(stored.meta.size)?;
                // Within the content, whose length is a `usize`.
                let part = stored.content.slice(range.start as usize..range.end as usize);
                (range, part)
            }
            None => (0..stored.meta.size, stored.content),
        };
        Ok(Object::new(stored.meta, range, ByteStream::from(content)))
    }
}

/// What is known of an object before it is written: size, time and version come with the write.
fn described(key: ObjectKey, options: PutOptions, operation: Option<OperationId>) -> ObjectMeta {
    let mut meta = ObjectMeta::new(key, 0, Timestamp::UNIX_EPOCH);
    meta.content_type = options.content_type;
    meta.content_encoding = options.content_encoding;
    meta.content_language = options.content_language;
    meta.content_disposition = options.content_disposition;
    meta.cache_control = options.cache_control;
    meta.metadata = options.metadata;
    meta.checksum = options.checksum;
    meta.operation = operation;
    meta
}

fn check_get(meta: &ObjectMeta, options: &GetOptions) -> Result<()> {
    if options.if_match.is_some() && options.if_match != meta.version {
        return Err(mismatch(&meta.key));
    }
    if options.if_none_match.is_some() && options.if_none_match == meta.version {
        let text = format!("object `{}` still has the version given", meta.key);
        return Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::NotModified));
    }
    Ok(())
}

fn absent(key: &ObjectKey) -> Error {
    Error::new(ErrorKind::NotFound, format!("object `{key}` does not exist"))
}

fn mismatch(key: &ObjectKey) -> Error {
    Error::new(ErrorKind::Conflict, format!("object `{key}` has another version than the one given"))
        .with_reason(Reason::VersionMismatch)
}
