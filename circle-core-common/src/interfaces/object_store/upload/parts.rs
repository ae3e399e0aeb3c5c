//! A large put, sent in parts.

use std::time::Duration;

use tokio::task::JoinSet;
use tracing::Instrument;
use tracing::instrument::WithSubscriber;

use super::Upload;
use crate::body::Body;
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Limit, Reason, Result, Sent};
use crate::interfaces::object_store::{
    Caps, ObjectKey, ObjectMeta, ObjectStore, ObjectStoreCapabilities, PUT, PartTag, PutOptions,
};
use crate::resilience::backoff::Backoff;

/// The size of a part where neither the caller nor a limit says otherwise.
const PART_SIZE: u64 = 8 << 20;
/// How many parts are on their way at once by default.
const CONCURRENCY: usize = 4;
/// How many uploads are begun for one put where conflicting requests void them: each sends the whole content.
const UPLOADS: u32 = 3;

/// Whether the handle sends content of this length in parts.
pub(in super::super) fn wants_parts(capabilities: &ObjectStoreCapabilities, length: Option<u64>) -> bool {
    capabilities.multipart
        && match length {
            Some(length) => length > capabilities.put_split.as_u64().min(capabilities.put_max.as_u64()),
            None => capabilities.put_needs_length,
        }
}

/// The size of the parts of an object: large enough that `parts_max` parts hold it.
pub(super) fn part_size(capabilities: &ObjectStoreCapabilities, length: Option<u64>, chosen: Option<u64>) -> Result<u64> {
    let (min, max) = (capabilities.part_min.as_u64(), capabilities.part_max.as_u64());
    let needed = length.unwrap_or(0).div_ceil(u64::from(capabilities.parts_max.max(1)));
    let size = chosen.unwrap_or(PART_SIZE.min(max)).max(needed).max(min).max(1);
    if size > max {
        let most = max.saturating_mul(capabilities.parts_max.into());
        return Err(Error::outside_limit(Limit::at_most("parts_max", most, "bytes"), length.unwrap_or(size)));
    }
    Ok(size)
}

/// Services verify a checksum part by part: that of the whole would be kept and never looked at.
pub(super) fn check_no_checksum(options: &PutOptions) -> Result<()> {
    match options.checksum {
        Some(_) => Err(Error::unsupported(Caps::PUT_CHECKSUM.name()).context("content that is sent in parts")),
        None => Ok(()),
    }
}

pub(in super::super) async fn put_in_parts(
    store: &ObjectStore,
    key: ObjectKey,
    body: Body,
    length: Option<u64>,
    options: PutOptions,
) -> Result<ObjectMeta> {
    let store = store.bounded();
    store.at(&PUT, &key, check_no_checksum(&options))?;
    let size = store.at(&PUT, &key, part_size(store.capabilities(), length, options.part_size.map(crate::ByteSize::as_u64)))?;
    let concurrency = options.concurrency.unwrap_or(CONCURRENCY).max(1);
    let cx = store.context(&PUT);
    let mut waits = Backoff::new().initial_interval(Duration::from_millis(20)).waits(cx.random());
    let mut left = UPLOADS;
    loop {
        left -= 1;
        let mut parts = Parts::new(super::start(&store, key.clone(), options.clone()).await?, concurrency);
        // Reading the body is bounded too: a source that stalls would else hold the call for ever.
        let sent = cx.guard(parts.send_all(body.clone(), length, size)).await;
        store.at(&PUT, &key, sent)?;
        let error = match parts.complete_for(Some(&cx)).await {
            Err(error) if error.reason() == Some(Reason::UploadConflict) => error,
            ended => return ended,
        };
        if left == 0 || !body.is_replayable() {
            return Err(error);
        }
        if !cx.draw_retry() {
            let told = error.context("not sent again, because the retry budget is used up");
            return Err(told.with_reason(Reason::RetryBudget));
        }
        let wait = waits.next_wait()?.unwrap_or_default();
        let waited = cx.guard(async {
            cx.clock().sleep(wait).await;
            Ok(())
        });
        // Nothing is on its way while it waits, and the upload before was refused.
        store.at(&PUT, &key, waited.await.map_err(|interrupted| interrupted.with_sent(Sent::No)))?;
    }
}

/// An upload and its parts on their way, a bounded number at once. Dropped before it is complete, it stops the parts and
/// aborts the upload.
pub(super) struct Parts {
    upload: Upload,
    concurrency: usize,
    running: JoinSet<Result<PartTag>>,
    done: Vec<PartTag>,
    next: u32,
    complete: bool,
}

impl Parts {
    pub(super) fn new(upload: Upload, concurrency: usize) -> Self {
        Self { upload, concurrency, running: JoinSet::new(), done: Vec::new(), next: 0, complete: false }
    }

    pub(super) fn upload(&self) -> &Upload {
        &self.upload
    }

    /// Sends the next part. Failed or dropped, the part is lost: what is completed after that has a hole.
    pub(super) async fn send(&mut self, body: Body) -> Result<()> {
        let index = self.next;
        self.next += 1;
        while self.running.len() >= self.concurrency {
            self.wait_one().await?;
        }
        let upload = self.upload.clone();
        self.running.spawn(async move { upload.part(index, body).await }.in_current_span().with_current_subscriber());
        Ok(())
    }

    pub(super) async fn complete(self) -> Result<ObjectMeta> {
        self.complete_for(None).await
    }

    async fn complete_for(mut self, whole: Option<&CallContext>) -> Result<ObjectMeta> {
        while !self.running.is_empty() {
            self.wait_one().await?;
        }
        let mut done = std::mem::take(&mut self.done);
        done.sort_by_key(|part| part.index);
        let meta = self.upload.clone().complete_for(whole, done).await?;
        self.complete = true;
        Ok(meta)
    }

    async fn wait_one(&mut self) -> Result<()> {
        if let Some(part) = self.running.join_next().await {
            let failed = |error| Error::new(ErrorKind::Internal, "the task that sent a part has failed").with_source(error);
            self.done.push(part.map_err(failed)??);
        }
        Ok(())
    }

    async fn send_all(&mut self, body: Body, length: Option<u64>, size: u64) -> Result<()> {
        // Content that can be read anywhere is never in memory as a whole, and each part can be sent again.
        if let (Some(length), true) = (length, body.is_replayable()) {
            for from in (0..length.max(1)).step_by(usize::try_from(size).unwrap_or(usize::MAX)) {
                let part = body.slice(from, size.min(length - from)).unwrap_or_default();
                self.send(part).await?;
            }
            return Ok(());
        }
        let mut pieces = body.open().await?.pieces(usize::try_from(size).unwrap_or(usize::MAX));
        let mut sent = 0;
        while let Some(part) = pieces.try_next().await? {
            sent += part.len() as u64;
            if length.is_some_and(|length| sent > length) {
                break;
            }
            self.send(part.into()).await?;
        }
        match length {
            Some(length) if sent != length => {
                let relation = if sent > length { "more" } else { "less" };
                let text = format!("the body was announced with {length} bytes and has {relation}");
                Err(Error::new(ErrorKind::Corrupt, text).with_reason(Reason::ChecksumMismatch))
            }
            _ if sent == 0 => self.send(Body::empty()).await,
            _ => Ok(()),
        }
    }
}

/// A future that is dropped cannot wait for an abort, so that a task of its own does.
impl Drop for Parts {
    fn drop(&mut self) {
        if self.complete {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (mut running, upload) = (std::mem::take(&mut self.running), self.upload.detached());
        let end = async move {
            // A part that arrives behind the abort may be kept, and paid for.
            running.shutdown().await;
            let key = upload.id.key.clone();
            if let Err(error) = upload.abort().await {
                tracing::warn!(target: "circle", key = key.as_str(), %error, "an unfinished upload could not be aborted");
            }
        };
        runtime.spawn(end.in_current_span().with_current_subscriber());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ByteSize;

    #[test]
    fn parts_grow_until_the_object_fits() {
        let mut capabilities = ObjectStoreCapabilities::all();
        assert_eq!(part_size(&capabilities, Some(1), None).ok(), Some(PART_SIZE));
        assert_eq!(part_size(&capabilities, Some(PART_SIZE * 20_000), None).ok(), Some(PART_SIZE * 2));
        capabilities.part_max = ByteSize::bytes(PART_SIZE);
        assert!(part_size(&capabilities, Some(PART_SIZE * 20_000), None).is_err());
        capabilities.part_max = ByteSize::mib(1);
        assert_eq!(part_size(&capabilities, Some(1), None).ok(), Some(1 << 20), "the default stays below `part_max`");
        capabilities.part_min = ByteSize::kib(64);
        assert_eq!(part_size(&capabilities, Some(1), Some(5)).ok(), Some(64 << 10));
    }
}
