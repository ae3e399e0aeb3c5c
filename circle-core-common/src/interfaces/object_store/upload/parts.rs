//! A large put, sent in parts.

use bytes::{Bytes, BytesMut};
use tokio::task::JoinSet;

use super::{AbortOnDrop, Upload};
use crate::body::{Body, ByteStream};
use crate::error::{Error, ErrorKind, Limit, Result};
use crate::interfaces::object_store::{ObjectKey, ObjectMeta, ObjectStore, ObjectStoreCapabilities, PUT, PartTag, PutOptions};

/// The size of a part where neither the caller nor a limit says otherwise.
const PART_SIZE: u64 = 8 << 20;
/// How many parts are on their way at once by default.
const CONCURRENCY: usize = 4;

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
    let size = chosen.unwrap_or(PART_SIZE).max(needed).max(min).max(1);
    if size > max {
        let most = max.saturating_mul(capabilities.parts_max.into());
        return Err(Error::outside_limit(Limit::at_most("parts_max", most, "bytes"), length.unwrap_or(size)));
    }
    Ok(size)
}

pub(in super::super) async fn put_in_parts(
    store: &ObjectStore,
    key: ObjectKey,
    body: Body,
    length: Option<u64>,
    mut options: PutOptions,
) -> Result<ObjectMeta> {
    if options.checksum.take().is_some() {
        let text = "the checksum of the whole content cannot be verified when it is sent in parts; put it below `put_split`";
        return store.at(&PUT, &key, Err(Error::new(ErrorKind::Unsupported, text)));
    }
    let size = store.at(&PUT, &key, part_size(store.capabilities(), length, options.part_size.map(crate::ByteSize::as_u64)))?;
    let concurrency = options.concurrency.unwrap_or(CONCURRENCY).max(1);
    let upload = AbortOnDrop(Some(super::start(store, key, options).await?));
    let parts = match &upload.0 {
        Some(open) => Parts::new(open.clone(), concurrency).send_all(body, length, size).await?,
        None => Vec::new(),
    };
    match upload.0.clone() {
        Some(open) => {
            let meta = open.complete(parts).await?;
            upload.disarm();
            Ok(meta)
        }
        None => Err(Error::new(ErrorKind::Internal, "the upload has ended")),
    }
}

/// Parts on their way, a bounded number at once. Dropped, all of them stop.
pub(super) struct Parts {
    upload: Upload,
    concurrency: usize,
    running: JoinSet<Result<PartTag>>,
    done: Vec<PartTag>,
    next: u32,
}

impl Parts {
    pub(super) fn new(upload: Upload, concurrency: usize) -> Self {
        Self { upload, concurrency, running: JoinSet::new(), done: Vec::new(), next: 0 }
    }

    pub(super) async fn send(&mut self, body: Body) -> Result<()> {
        while self.running.len() >= self.concurrency {
            self.wait_one().await?;
        }
        let (upload, index) = (self.upload.clone(), self.next);
        self.next += 1;
        self.running.spawn(async move { upload.part(index, body).await });
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<Vec<PartTag>> {
        while !self.running.is_empty() {
            self.wait_one().await?;
        }
        Ok(self.done)
    }

    async fn wait_one(&mut self) -> Result<()> {
        if let Some(part) = self.running.join_next().await {
            let failed = |error| Error::new(ErrorKind::Internal, "the task that sent a part has failed").with_source(error);
            self.done.push(part.map_err(failed)??);
        }
        Ok(())
    }

    async fn send_all(mut self, body: Body, length: Option<u64>, size: u64) -> Result<Vec<PartTag>> {
        match length {
            // Content that can be read anywhere is never in memory as a whole, and each part can be sent again.
            Some(length) if body.is_replayable() => {
                for from in (0..length.max(1)).step_by(usize::try_from(size).unwrap_or(usize::MAX)) {
                    let part = body.slice(from, size.min(length - from)).unwrap_or_default();
                    self.send(part).await?;
                }
            }
            _ => {
                let mut chunks = Chunks { stream: body.open().await?, rest: Bytes::new() };
                let mut first = true;
                while let Some(part) = chunks.next(usize::try_from(size).unwrap_or(usize::MAX)).await? {
                    first = false;
                    self.send(part.into()).await?;
                }
                if first {
                    self.send(Body::empty()).await?;
                }
            }
        }
        self.finish().await
    }
}

/// A stream, cut into pieces of one size.
struct Chunks {
    stream: ByteStream,
    rest: Bytes,
}

impl Chunks {
    async fn next(&mut self, size: usize) -> Result<Option<Bytes>> {
        let mut piece = BytesMut::new();
        while piece.len() < size {
            if self.rest.is_empty() {
                match self.stream.try_next().await? {
                    Some(chunk) => self.rest = chunk,
                    None => break,
                }
            }
            let take = self.rest.len().min(size - piece.len());
            piece.extend_from_slice(&self.rest.split_to(take));
        }
        Ok((!piece.is_empty()).then(|| piece.freeze()))
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
        capabilities.part_min = ByteSize::kib(64);
        assert_eq!(part_size(&capabilities, Some(1), Some(5)).ok(), Some(64 << 10));
    }
}
