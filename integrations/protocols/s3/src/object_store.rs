//! Object storage over the native client.

mod copy;
mod delete;
mod list;

use async_trait::async_trait;
use circle_core_common::interfaces::object_store::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadOptions, HeadRequest, ListRequest, Object,
    ObjectMeta, ObjectStoreCapabilities, ObjectStoreProvider, PartTag, PresignRequest, PresignedRequest, PutRequest,
    StartUploadRequest, UploadEnd, UploadId, UploadPartRequest,
};
use circle_core_common::{Bulk, CallContext, Error, ErrorKind, Extensions, Page, Reason, Result, Timestamp, Version};

use crate::client::Made;
use crate::store::S3Store;

#[async_trait]
impl ObjectStoreProvider for S3Store {
    fn capabilities(&self) -> &ObjectStoreCapabilities {
        Self::capabilities(self)
    }

    async fn head(&self, cx: &CallContext, request: HeadRequest) -> Result<ObjectMeta> {
        self.client.head_object(cx, &request.key, &request.options).await
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Object> {
        self.client.get_object(cx, &request.key, &request.options).await
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<ObjectMeta> {
        let PutRequest { key, body, options, operation, .. } = request;
        self.client.put_object(cx, &key, body, &options, operation.as_ref()).await
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        if request.options.versions {
            return list::versions(&self.client, cx, &request).await;
        }
        list::objects(&self.client, cx, &request).await
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Bulk<Deleted>> {
        delete::all(&self.client, cx, request.items).await
    }

    async fn copy(&self, cx: &CallContext, request: CopyRequest) -> Result<ObjectMeta> {
        copy::within(&self.client, cx, &request).await
    }

    async fn presign(&self, cx: &CallContext, request: PresignRequest) -> Result<PresignedRequest> {
        self.client.presign(cx, &request).await
    }

    async fn start_upload(&self, cx: &CallContext, request: StartUploadRequest) -> Result<UploadId> {
        let StartUploadRequest { key, options, operation, .. } = request;
        self.client.create_multipart_upload(cx, &key, &options, operation.as_ref()).await
    }

    async fn upload_part(&self, cx: &CallContext, request: UploadPartRequest) -> Result<PartTag> {
        self.client.upload_part(cx, &request.upload, request.index, request.body, &request.extensions).await
    }

    async fn end_upload(&self, cx: &CallContext, request: EndUploadRequest) -> Result<Option<ObjectMeta>> {
        let EndUploadRequest { upload, end, extensions, .. } = request;
        let UploadEnd::Complete { parts, precondition } = end else {
            return self.client.abort_multipart_upload(cx, &upload).await.map(|()| None);
        };
        if self.client.profile().equal_parts {
            check_equal(&parts)?;
        }
        let made = self.client.complete_multipart_upload(cx, &upload, &parts, &precondition, &extensions).await?;
        let size = parts.iter().map(|part| part.size).sum();
        self.described(cx, &upload, size, made, extensions).await.map(Some)
    }
}

impl S3Store {
    /// What the end of an upload has made: its answer tells the version only.
    async fn described(
        &self,
        cx: &CallContext,
        upload: &UploadId,
        size: u64,
        made: Made,
        extensions: Extensions,
    ) -> Result<ObjectMeta> {
        let mut head = HeadOptions::new();
        head.version = made.version.clone().filter(|version| version.as_generation().is_some());
        head.extensions = extensions;
        match self.client.head_object(cx, &upload.key, &head).await {
            Ok(meta) if made.version.is_none() || meta.version == made.version => Ok(meta),
            // The object is there, and was: what came after it, or a look at it that failed, does not make it undone.
            _ => {
                let modified = made.modified.unwrap_or_else(|| self.client.environment().clock().timestamp());
                Ok(minimal(upload, size, modified, made.version))
            }
        }
    }
}

fn minimal(upload: &UploadId, size: u64, modified: Timestamp, version: Option<Version>) -> ObjectMeta {
    let mut meta = ObjectMeta::new(upload.key.clone(), size, modified);
    meta.version = version;
    meta.operation = upload.operation.clone();
    meta
}

/// The parts of an upload where the service wants them equal.
fn check_equal(parts: &[PartTag]) -> Result<()> {
    let Some((last, others)) = parts.split_last() else { return Ok(()) };
    let size = others.first().map_or(last.size, |first| first.size);
    match others.iter().find(|part| part.size != size).or((last.size > size).then_some(last)) {
        None => Ok(()),
        Some(part) => {
            let text = format!(
                "part {} has {} bytes and the first {size}: the service wants all of one size, and the last at most that",
                part.index, part.size
            );
            Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::OutsideLimit))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_must_be_equal_where_the_service_wants_it() {
        let parts = |sizes: &[u64]| -> Vec<PartTag> {
            sizes.iter().zip(0..).map(|(size, index)| PartTag::new(index, *size, "t")).collect()
        };
        for fine in [&[][..], &[1], &[5, 5], &[5, 5, 1]] {
            assert!(check_equal(&parts(fine)).is_ok(), "{fine:?}");
        }
        for wrong in [&[5, 6][..], &[5, 4, 5], &[5, 5, 6]] {
            assert!(check_equal(&parts(wrong)).unwrap_err().is(ErrorKind::InvalidInput), "{wrong:?}");
        }
    }
}
