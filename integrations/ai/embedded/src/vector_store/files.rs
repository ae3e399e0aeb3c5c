//! Where an index lies in its object store, and how it is read and written there.
//!
//! `<prefix><collection>/manifest` is swapped by conditional puts; `<prefix><collection>/segments/<name>` never change.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use circle_core_common::interfaces::object_store::{ObjectMeta, ObjectStore};
use circle_core_common::interfaces::vector_store::CollectionName;
use circle_core_common::{CallContext, CallOptions, Error, ErrorKind, Reason, Result, ResultExt as _, Version};

use super::manifest::{Manifest, SegmentRef, corrupt, digest};
use super::segment::{self, Segment};

/// How old a segment that nothing refers to must be before it is litter: until then, a writer may be about to refer to it.
const LITTER_AGE: Duration = Duration::from_secs(3600);

/// The objects of one collection, for the time of one call.
pub(super) struct Files {
    store: ObjectStore,
    folder: String,
}

impl Files {
    /// Calls of the store are part of the call that causes them: same deadline, cancellation, tenant and principal.
    pub(super) fn new(store: &ObjectStore, prefix: &str, collection: &CollectionName, cx: &CallContext) -> Self {
        let mut options = CallOptions::new();
        if let Some(deadline) = cx.deadline() {
            options = options.deadline(deadline);
        }
        if let Some(cancel) = cx.cancel() {
            options = options.cancel(cancel);
        }
        if let Some(tenant) = cx.tenant() {
            options = options.tenant(Arc::clone(tenant));
        }
        if let Some(principal) = cx.principal() {
            options = options.principal(Arc::clone(principal));
        }
        Self { store: store.with(options), folder: format!("{prefix}{collection}/") }
    }

    fn manifest_key(&self) -> String {
        format!("{}manifest", self.folder)
    }

    fn segment_key(&self, name: &str) -> String {
        format!("{}segments/{name}", self.folder)
    }

    /// The version of the manifest; `None` without one.
    pub(super) async fn head(&self) -> Result<Option<ObjectMeta>> {
        self.store.head(self.manifest_key()).await.optional()
    }

    /// The manifest with its version; `None` without one.
    pub(super) async fn manifest(&self) -> Result<Option<(Manifest, Option<Version>)>> {
        let Some(object) = self.store.get(self.manifest_key()).await.optional()? else { return Ok(None) };
        let version = object.meta.version.clone();
        Ok(Some((Manifest::decode(&object.bytes().await?)?, version)))
    }

    /// Makes the manifest where there is none; `AlreadyExists` where there is one.
    pub(super) async fn create(&self, manifest: &Manifest) -> Result<ObjectMeta> {
        self.store.create(self.manifest_key(), manifest.encode()?).await
    }

    /// Swaps the manifest; `Conflict` when somebody else was first.
    pub(super) async fn replace(&self, manifest: &Manifest, version: &Version) -> Result<ObjectMeta> {
        self.store.replace(self.manifest_key(), manifest.encode()?, version).await
    }

    /// Changes the manifest, after whoever was first; `NotFound` when the collection is another one by now.
    pub(super) async fn change(
        &self,
        incarnation: &str,
        change: impl Fn(&mut Manifest) + Send + Sync,
    ) -> Result<(Manifest, Option<Version>)> {
        let last = std::sync::Mutex::new(None);
        let changed = |old: Option<Bytes>| {
            let gone = || Error::new(ErrorKind::NotFound, "the collection was dropped meanwhile");
            let mut manifest = Manifest::decode(&old.ok_or_else(gone)?)?;
            if &*manifest.incarnation != incarnation {
                return Err(gone());
            }
            change(&mut manifest);
            let bytes = manifest.encode()?;
            *last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(manifest);
            Ok(bytes)
        };
        let meta = self.store.update(self.manifest_key(), changed).await?;
        let manifest = last.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let manifest = manifest.ok_or_else(|| Error::new(ErrorKind::Internal, "the manifest was not changed"))?;
        Ok((manifest, meta.version))
    }

    /// Writes a segment, which nothing refers to yet.
    pub(super) async fn put_segment(&self, segment: &Segment, name: Arc<str>) -> Result<SegmentRef> {
        let bytes = segment::encode(segment)?;
        let reference = SegmentRef { sha256: digest(&bytes).into(), bytes: bytes.len() as u64, name };
        self.store.put(self.segment_key(&reference.name), bytes).await?;
        Ok(reference)
    }

    /// Reads a segment and compares its hash; `NotFound` when it is not there.
    pub(super) async fn segment(&self, reference: &SegmentRef) -> Result<Segment> {
        let bytes = self.store.get(self.segment_key(&reference.name)).await?.bytes().await?;
        if bytes.len() as u64 != reference.bytes || digest(&bytes) != *reference.sha256 {
            let text = format!("the segment `{}` does not match its hash", reference.name);
            return Err(corrupt(text).with_reason(Reason::ChecksumMismatch));
        }
        segment::decode(&bytes)
    }

    /// Deletes segments that nothing refers to any more. What stays, because the store cannot be reached, is litter.
    pub(super) async fn delete_segments(&self, names: impl IntoIterator<Item = &SegmentRef>) {
        let keys: Vec<String> = names.into_iter().map(|reference| self.segment_key(&reference.name)).collect();
        if !keys.is_empty() && self.store.delete_many(keys).await.and_then(circle_core_common::Bulk::all).is_err() {
            tracing::debug!(target: "circle", "segments that nothing refers to could not be deleted");
        }
    }

    /// Deletes what writers that died have left.
    pub(super) async fn sweep(&self, manifest: &Manifest, cx: &CallContext) -> Result<()> {
        let now = cx.clock().timestamp();
        let listed = self.store.list(self.segment_key("")).all().await?;
        let is_litter = |meta: &ObjectMeta| {
            let referred = manifest.segments.iter().any(|reference| self.segment_key(&reference.name) == meta.key.as_str());
            !referred && now.since(meta.modified) > LITTER_AGE
        };
        let litter: Vec<_> = listed.into_iter().filter(is_litter).map(|meta| meta.key).collect();
        if !litter.is_empty() {
            self.store.delete_many(litter).await?.all()?;
        }
        Ok(())
    }

    /// Deletes everything; the manifest ahead of the segments, so that nobody sees a part. Which segments these are is found
    /// out before: once there is no manifest, another client can make the collection again, and put into it.
    pub(super) async fn drop_all(&self) -> Result<()> {
        let segments = self.store.list(self.segment_key("")).all().await?;
        self.store.delete(self.manifest_key()).await?;
        if !segments.is_empty() {
            self.store.delete_many(segments.into_iter().map(|meta| meta.key)).await?.all()?;
        }
        Ok(())
    }
}
