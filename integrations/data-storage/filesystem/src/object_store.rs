//! Object storage: every object a file.

mod attributes;
mod list;
mod place;
mod read;
#[cfg(test)]
mod tests;
mod upload;
mod write;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use circle_core_common::interfaces::object_store::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object, ObjectMeta,
    ObjectStoreCapabilities, ObjectStoreProvider, PartTag, Precondition, PresignRequest, PresignedRequest, PutRequest,
    StartUploadRequest, UploadId, UploadPartRequest,
};
use circle_core_common::{Body, Bulk, CallContext, Error, ErrorKind, Page, Reason, Result};

use self::attributes::Attributes;
use self::write::Write;
use crate::blocking::blocking;
use crate::provider::Filesystem;
use crate::session::Staged;

/// How much of a streamed body is gathered before it is written.
const CHUNK: usize = 256 * 1024;

pub(crate) fn capabilities() -> ObjectStoreCapabilities {
    type Caps = ObjectStoreCapabilities;
    [Caps::PRESIGN_GET, Caps::PRESIGN_PUT, Caps::GET_VERSION, Caps::LIST_VERSIONS, Caps::PUT_CHECKSUM]
        .into_iter()
        .fold(Caps::all(), Caps::without)
}

impl Filesystem {
    /// The content of a body in a file that nobody sees yet.
    async fn staged(&self, body: &Body) -> Result<Staged> {
        let root = self.root()?;
        if let Some(bytes) = body.as_bytes().cloned() {
            return blocking(move |_| {
                let mut staged = root.stage()?;
                staged.write(&bytes)?;
                Ok(staged)
            })
            .await;
        }
        let announced = body.length().await?;
        let mut stream = body.open().await?;
        let mut staged = blocking(move |_| root.stage()).await?;
        let mut gathered = BytesMut::new();
        while let Some(chunk) = stream.try_next().await? {
            if gathered.is_empty() && chunk.len() >= CHUNK {
                staged = write(staged, chunk).await?;
                continue;
            }
            gathered.extend_from_slice(&chunk);
            if gathered.len() >= CHUNK {
                staged = write(staged, gathered.split().freeze()).await?;
            }
        }
        if !gathered.is_empty() {
            staged = write(staged, gathered.freeze()).await?;
        }
        match announced {
            Some(announced) if announced != staged.size() => {
                let text = format!("the body has {} bytes, and {announced} were announced; nothing was kept", staged.size());
                Err(Error::new(ErrorKind::Corrupt, text).with_reason(Reason::ChecksumMismatch))
            }
            _ => Ok(staged),
        }
    }
}

async fn write(mut staged: Staged, bytes: Bytes) -> Result<Staged> {
    blocking(move |_| {
        staged.write(&bytes)?;
        Ok(staged)
    })
    .await
}

#[async_trait]
impl ObjectStoreProvider for Filesystem {
    fn capabilities(&self) -> &ObjectStoreCapabilities {
        &self.shared.object_store
    }

    async fn head(&self, _: &CallContext, request: HeadRequest) -> Result<ObjectMeta> {
        let root = self.root()?;
        blocking(move |_| root.head(&request.key)).await
    }

    async fn get(&self, _: &CallContext, request: GetRequest) -> Result<Object> {
        let root = self.root()?;
        blocking(move |_| root.get(&request.key, &request.options)).await
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<ObjectMeta> {
        let PutRequest { key, body, options, operation, .. } = request;
        if options.precondition != Precondition::None {
            let (root, key, precondition) = (self.root()?, key.clone(), options.precondition.clone());
            blocking(move |_| root.precheck(&key, &precondition)).await?;
        }
        let staged = self.staged(&body).await?;
        let (root, now) = (self.root()?, cx.clock().timestamp());
        blocking(move |alive| {
            let attributes = Attributes::new(&options, operation);
            root.commit(alive, staged, Write { key: &key, attributes, precondition: &options.precondition, now })
        })
        .await
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        let root = self.root()?;
        blocking(move |_| root.list(&request)).await
    }

    async fn delete(&self, _: &CallContext, request: DeleteRequest) -> Result<Bulk<Deleted>> {
        let root = self.root()?;
        blocking(move |alive| {
            let delete = |item: circle_core_common::interfaces::object_store::DeleteItem| {
                let removed = root.delete(alive, &item.key, item.options.if_match.as_ref());
                removed
                    .map(|removed| if removed { Deleted::Removed } else { Deleted::Absent })
                    .map_err(|error| error.with_resource(item.key.shared()))
            };
            Ok(request.items.into_iter().map(delete).collect())
        })
        .await
    }

    async fn copy(&self, cx: &CallContext, request: CopyRequest) -> Result<ObjectMeta> {
        let (root, now) = (self.root()?, cx.clock().timestamp());
        blocking(move |alive| root.copy(alive, &request, now)).await
    }

    async fn presign(&self, _: &CallContext, _: PresignRequest) -> Result<PresignedRequest> {
        Err(Error::unsupported(ObjectStoreCapabilities::PRESIGN_GET.name()))
    }

    async fn start_upload(&self, cx: &CallContext, request: StartUploadRequest) -> Result<UploadId> {
        let (root, bits) = (self.root()?, cx.random().bits()?);
        blocking(move |_| root.start_upload(bits, request)).await
    }

    async fn upload_part(&self, _: &CallContext, request: UploadPartRequest) -> Result<PartTag> {
        let UploadPartRequest { upload, index, body, .. } = request;
        let (root, id) = (self.root()?, upload.clone());
        blocking(move |_| root.check_upload(&id)).await?;
        let staged = self.staged(&body).await?;
        let root = self.root()?;
        blocking(move |alive| root.put_part(alive, &upload, index, staged)).await
    }

    async fn end_upload(&self, cx: &CallContext, request: EndUploadRequest) -> Result<Option<ObjectMeta>> {
        let (root, now) = (self.root()?, cx.clock().timestamp());
        blocking(move |alive| root.end_upload(alive, &request, now)).await
    }
}
