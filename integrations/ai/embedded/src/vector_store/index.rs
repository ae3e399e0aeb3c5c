//! One collection: its last known snapshot, and how it changes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use circle_core_common::interfaces::vector_store::RecordId;
use circle_core_common::{CallContext, Error, ErrorKind, Filter, Result, Version};

use super::files::Files;
use super::manifest::{Manifest, SegmentRef, Spec, corrupt};
use super::segment::{Draft, Segment};
use super::snapshot::Snapshot;

/// How often a reader follows a manifest whose segments are being compacted away, and a writer one that others swap.
const ATTEMPTS: u32 = 20;
/// More segments than this are merged.
const SEGMENTS_MAX: usize = 8;

#[derive(Default)]
pub(super) struct Index {
    last: RwLock<Option<Arc<Snapshot>>>,
    /// Writers of this process come one after the other, so that they race with those of others only.
    writing: tokio::sync::Mutex<()>,
}

fn missing() -> Error {
    Error::new(ErrorKind::NotFound, "the collection does not exist")
}

fn new_name(cx: &CallContext) -> Result<Arc<str>> {
    Ok(format!("{:032x}", cx.random().bits()?).into())
}

impl Index {
    fn last(&self) -> Option<Arc<Snapshot>> {
        self.last.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, snapshot: Option<Arc<Snapshot>>) {
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// The collection as it is now; one small request where nothing has changed since.
    pub(super) async fn current(&self, files: &Files) -> Result<Arc<Snapshot>> {
        for _ in 0..ATTEMPTS {
            let Some(meta) = files.head().await? else {
                self.remember(None);
                return Err(missing());
            };
            if let Some(last) = self.last().filter(|last| last.version.is_some() && last.version == meta.version) {
                return Ok(last);
            }
            let Some((manifest, version)) = files.manifest().await? else { continue };
            match self.install(files, manifest, version.clone(), HashMap::new()).await {
                // A compaction may have been faster than this reader: then there is another manifest.
                Err(error) if error.is(ErrorKind::NotFound) => {
                    let now = files.head().await?.and_then(|meta| meta.version);
                    if now.is_some() && now == version {
                        return Err(corrupt("a segment of the index is missing").with_source(error));
                    }
                }
                result => return result,
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "the index changes faster than it can be read"))
    }

    /// Makes the snapshot of a manifest, of segments that are known and others that are read.
    async fn install(
        &self,
        files: &Files,
        manifest: Manifest,
        version: Option<Version>,
        mut known: HashMap<Arc<str>, Arc<Segment>>,
    ) -> Result<Arc<Snapshot>> {
        let earlier = self.last();
        if let Some(earlier) = &earlier {
            let names = earlier.manifest.segments.iter().map(|reference| Arc::clone(&reference.name));
            known.extend(names.zip(earlier.segments.iter().map(|live| Arc::clone(&live.segment))));
        }
        let mut segments = Vec::with_capacity(manifest.segments.len());
        for reference in &manifest.segments {
            segments.push(match known.remove(&reference.name) {
                Some(segment) => segment,
                None => Arc::new(files.segment(reference).await?),
            });
        }
        let snapshot = Arc::new(Snapshot::new(manifest, version, segments, earlier.as_deref()));
        self.remember(Some(Arc::clone(&snapshot)));
        Ok(snapshot)
    }

    /// Makes the collection where it is missing.
    pub(super) async fn ensure(&self, files: &Files, cx: &CallContext, spec: Spec) -> Result<()> {
        for _ in 0..ATTEMPTS {
            if let Some((manifest, _)) = files.manifest().await? {
                if manifest.spec == spec {
                    return Ok(());
                }
                let text = format!(
                    "the collection exists with {} dimensions, {:?}, model {}; asked for: {} dimensions, {:?}, model {}",
                    manifest.spec.dimensions,
                    manifest.spec.metric,
                    manifest.spec.model.as_deref().unwrap_or("unnamed"),
                    spec.dimensions,
                    spec.metric,
                    spec.model.as_deref().unwrap_or("unnamed"),
                );
                return Err(Error::new(ErrorKind::Conflict, text));
            }
            match files.create(&Manifest::new(spec.clone(), new_name(cx)?)).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is(ErrorKind::AlreadyExists) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "the collection comes and goes"))
    }

    pub(super) fn forget(&self) {
        self.remember(None);
    }

    /// Adds a segment of these drafts.
    pub(super) async fn write(&self, files: &Files, cx: &CallContext, incarnation: &str, drafts: Vec<Draft>) -> Result<()> {
        let segment = Segment::new(drafts);
        let reference = files.put_segment(&segment, new_name(cx)?).await?;
        let _writing = self.writing.lock().await;
        let changed = files.change(incarnation, |manifest| manifest.segments.push(reference.clone())).await;
        let (manifest, version) = match changed {
            Ok(changed) => changed,
            Err(error) => {
                // Without a doubt about the outcome, nothing refers to the segment.
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict) {
                    files.delete_segments([&reference]).await;
                }
                return Err(error);
            }
        };
        self.settle(files, cx, manifest, version, HashMap::from([(Arc::clone(&reference.name), Arc::new(segment))])).await;
        Ok(())
    }

    /// Deletes what a filter matches, as it is at one moment; how many there were.
    pub(super) async fn delete_matching(
        &self,
        files: &Files,
        cx: &CallContext,
        namespace: Option<&circle_core_common::interfaces::vector_store::Namespace>,
        filter: &Filter,
    ) -> Result<u64> {
        let _writing = self.writing.lock().await;
        for _ in 0..ATTEMPTS {
            let snapshot = self.current(files).await?;
            let ids: Vec<RecordId> = snapshot.matching(namespace.map(|namespace| namespace.as_str()), filter)?;
            if ids.is_empty() {
                return Ok(0);
            }
            let count = ids.len() as u64;
            let segment = Segment::new(ids.into_iter().map(|id| Draft::deletion(namespace.cloned(), id)).collect());
            let reference = files.put_segment(&segment, new_name(cx)?).await?;
            let mut manifest = snapshot.manifest.clone();
            manifest.segments.push(reference.clone());
            match self.swap(files, &snapshot, &manifest).await? {
                // Whoever was first may have changed what matches.
                None => files.delete_segments([&reference]).await,
                Some(version) => {
                    let known = HashMap::from([(Arc::clone(&reference.name), Arc::new(segment))]);
                    self.settle(files, cx, manifest, version, known).await;
                    return Ok(count);
                }
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "others write faster than a filter can be applied; repeat"))
    }

    /// Swaps the manifest of a snapshot for another; `None` when somebody else was first.
    async fn swap(&self, files: &Files, snapshot: &Snapshot, manifest: &Manifest) -> Result<Option<Option<Version>>> {
        let version = snapshot.version.as_ref().ok_or_else(|| Error::unsupported("put_if_match"))?;
        match files.replace(manifest, version).await {
            Ok(meta) => Ok(Some(meta.version)),
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// After a write that is done: remembers the snapshot, and merges segments when there are many. What fails here
    /// does not undo the write; the next call reads, and the next write merges.
    async fn settle(
        &self,
        files: &Files,
        cx: &CallContext,
        manifest: Manifest,
        version: Option<Version>,
        known: HashMap<Arc<str>, Arc<Segment>>,
    ) {
        let settled = async {
            let snapshot = self.install(files, manifest, version, known).await?;
            self.compact(files, cx, &snapshot).await
        };
        if let Err(error) = settled.await {
            self.forget();
            tracing::debug!(target: "circle", kind = error.kind().code(), "the index could not be compacted");
        }
    }

    async fn compact(&self, files: &Files, cx: &CallContext, snapshot: &Snapshot) -> Result<()> {
        let Some(from) = first_to_merge(&snapshot.manifest.segments) else { return Ok(()) };
        let merged = snapshot.merged(from);
        let mut manifest = snapshot.manifest.clone();
        let replaced: Vec<SegmentRef> = manifest.segments.drain(from..).collect();
        let mut known = HashMap::new();
        if !merged.entries.is_empty() {
            let reference = files.put_segment(&merged, new_name(cx)?).await?;
            known.insert(Arc::clone(&reference.name), Arc::new(merged));
            manifest.segments.push(reference);
        }
        match self.swap(files, snapshot, &manifest).await? {
            None => {
                let added: Vec<&SegmentRef> = manifest.segments.iter().skip(from).collect();
                files.delete_segments(added).await;
                Ok(())
            }
            Some(version) => {
                let whole = from == 0;
                if whole {
                    files.sweep(&manifest, cx).await?;
                }
                self.install(files, manifest, version, known).await?;
                files.delete_segments(&replaced).await;
                Ok(())
            }
        }
    }
}

/// Where the segments begin that are merged into one, when there are too many: the last ones, as far back as each is not
/// much larger than all after it. So every record is written again a logarithm of times, not once per write.
fn first_to_merge(segments: &[SegmentRef]) -> Option<usize> {
    if segments.len() <= SEGMENTS_MAX {
        return None;
    }
    let mut from = segments.len() - 1;
    let mut bytes = segments[from].bytes;
    while from > 0 && (segments[from - 1].bytes <= 2 * bytes || from > SEGMENTS_MAX / 2) {
        from -= 1;
        bytes += segments[from].bytes;
    }
    Some(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_is_a_logarithm_of_work_and_bounds_the_number() {
        let (mut segments, mut written, mut named) = (Vec::new(), 0_u64, 0_u32);
        let mut add = |segments: &mut Vec<SegmentRef>, bytes| {
            named += 1;
            segments.push(SegmentRef { name: named.to_string().into(), sha256: "".into(), bytes });
        };
        for _ in 0..4096 {
            add(&mut segments, 1);
            if let Some(from) = first_to_merge(&segments) {
                let bytes = segments.drain(from..).map(|segment| segment.bytes).sum();
                written += bytes;
                add(&mut segments, bytes);
            }
            assert!(segments.len() <= SEGMENTS_MAX);
        }
        assert_eq!(segments.iter().map(|segment| segment.bytes).sum::<u64>(), 4096);
        assert!(written < 4096 * 12, "{written} bytes were written again for 4096");
    }
}
