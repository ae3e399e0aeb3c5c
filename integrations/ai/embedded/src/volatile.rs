//! A small object store in memory: what keeps an index that was given no store.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::object_store::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object, ObjectKey,
    ObjectMeta, ObjectStoreCapabilities, ObjectStoreProvider, PartTag, Precondition, PresignRequest, PresignedRequest,
    PutRequest, StartUploadRequest, UploadId, UploadPartRequest,
};
use circle_core_common::{
    Bulk, ByteStream, CallContext, Cursor, Environment, Error, ErrorKind, Health, Page, Provider, ProviderInfo, Reason, Result,
    Version,
};

const PAGE_MAX: u32 = 1000;

/// Objects in memory, with conditional puts. Clones share them.
#[derive(Clone)]
pub struct Volatile {
    shared: Arc<Shared>,
}

struct Shared {
    info: ProviderInfo,
    environment: Environment,
    capabilities: ObjectStoreCapabilities,
    objects: Mutex<Objects>,
}

#[derive(Default)]
struct Objects {
    written: u64,
    by_key: BTreeMap<ObjectKey, (Arc<ObjectMeta>, Bytes)>,
}

impl Volatile {
    /// An empty store.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        let capabilities = ObjectStoreCapabilities::none()
            .with(ObjectStoreCapabilities::PUT_IF_ABSENT)
            .with(ObjectStoreCapabilities::PUT_IF_MATCH);
        let info = ProviderInfo::new("volatile", env!("CARGO_PKG_VERSION"), "");
        Self { shared: Arc::new(Shared { info, environment, capabilities, objects: Mutex::default() }) }
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.shared.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &ObjectKey) -> Result<(Arc<ObjectMeta>, Bytes)> {
        let missing = || Error::new(ErrorKind::NotFound, format!("object `{key}` does not exist"));
        self.objects().by_key.get(key).cloned().ok_or_else(missing)
    }
}

#[async_trait]
impl Provider for Volatile {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    async fn health(&self, _: &CallContext) -> Result<Health> {
        Ok(Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        Ok(())
    }
}

fn unsupported<T>(flag: circle_core_common::Flag<ObjectStoreCapabilities>) -> Result<T> {
    Err(Error::unsupported(flag.name()))
}

#[async_trait]
impl ObjectStoreProvider for Volatile {
    fn capabilities(&self) -> &ObjectStoreCapabilities {
        &self.shared.capabilities
    }

    async fn head(&self, _: &CallContext, request: HeadRequest) -> Result<ObjectMeta> {
        Ok((*self.find(&request.key)?.0).clone())
    }

    async fn get(&self, _: &CallContext, request: GetRequest) -> Result<Object> {
        let (meta, content) = self.find(&request.key)?;
        let size = meta.size;
        Ok(Object::new(meta, 0..size, ByteStream::from(content)))
    }

    async fn put(&self, _: &CallContext, request: PutRequest) -> Result<ObjectMeta> {
        let content = request.body.open().await?.collect(None).await?;
        let mut objects = self.objects();
        let current = objects.by_key.get(&request.key).and_then(|(meta, _)| meta.version.clone());
        match &request.options.precondition {
            Precondition::IfAbsent if current.is_some() => {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("object `{}` exists", request.key)));
            }
            Precondition::IfMatch(version) if current.as_ref() != Some(version) => {
                let text = format!("object `{}` has another version", request.key);
                return Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::VersionMismatch));
            }
            _ => {}
        }
        objects.written += 1;
        let modified = self.shared.environment.clock().timestamp();
        let mut meta = ObjectMeta::new(request.key.clone(), content.len() as u64, modified);
        meta.version = Some(Version::generation(objects.written.to_string()));
        meta.operation = request.operation;
        objects.by_key.insert(request.key, (Arc::new(meta.clone()), content));
        Ok(meta)
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        let objects = self.objects();
        let start = match &request.page.cursor {
            Some(cursor) => Bound::Excluded(ObjectKey::from(cursor.token())),
            None => Bound::Included(ObjectKey::from(&request.prefix)),
        };
        let mut found = objects.by_key.range((start, Bound::Unbounded));
        let mut within = found.by_ref().take_while(|(key, _)| key.as_str().starts_with(&request.prefix));
        let size = request.page.size.unwrap_or(PAGE_MAX).min(PAGE_MAX) as usize;
        let items: Vec<ObjectMeta> = within.by_ref().take(size).map(|(_, (meta, _))| (**meta).clone()).collect();
        let next = items.last().filter(|_| within.next().is_some()).map(|last| Cursor::new(Arc::clone(last.key.shared())));
        Ok(Page::new(items.into_iter().map(Entry::Object).collect(), next))
    }

    async fn delete(&self, _: &CallContext, request: DeleteRequest) -> Result<Bulk<Deleted>> {
        let mut objects = self.objects();
        let delete = |key: &ObjectKey| if objects.by_key.remove(key).is_some() { Deleted::Removed } else { Deleted::Absent };
        Ok(Bulk::new(request.items.iter().map(|item| &item.key).map(delete).map(Ok).collect()))
    }

    async fn copy(&self, _: &CallContext, _: CopyRequest) -> Result<ObjectMeta> {
        unsupported(ObjectStoreCapabilities::COPY)
    }

    async fn presign(&self, _: &CallContext, _: PresignRequest) -> Result<PresignedRequest> {
        unsupported(ObjectStoreCapabilities::PRESIGN_GET)
    }

    async fn start_upload(&self, _: &CallContext, _: StartUploadRequest) -> Result<UploadId> {
        unsupported(ObjectStoreCapabilities::MULTIPART)
    }

    async fn upload_part(&self, _: &CallContext, _: UploadPartRequest) -> Result<PartTag> {
        unsupported(ObjectStoreCapabilities::MULTIPART)
    }

    async fn end_upload(&self, _: &CallContext, _: EndUploadRequest) -> Result<Option<ObjectMeta>> {
        unsupported(ObjectStoreCapabilities::MULTIPART)
    }
}
