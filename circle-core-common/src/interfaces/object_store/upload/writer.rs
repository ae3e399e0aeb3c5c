//! A writer whose object appears when it is finished.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::UploadId;
use super::parts::{Parts, check_no_checksum, part_size};
use crate::body::Body;
use crate::error::{Error, ErrorKind, Limit, Result};
use crate::interfaces::object_store::{ObjectKey, ObjectMeta, ObjectStore, PUT, PutOptions};

/// How many parts of a writer are on their way at once by default.
const CONCURRENCY: usize = 2;

/// Writes an object piece by piece. Small content is put in one piece; more becomes an upload in parts, so that memory
/// stays bounded. The object appears at [`finish`](Self::finish); dropped before, nothing does.
///
/// A [`write`](Self::write) that fails, or is dropped before it answers, has lost its piece: the writer is broken then, and
/// makes no object. Each part is a call of its own, and a timeout bounds each.
///
/// Where the provider has no `multipart`, the content is kept in memory until the end, at most
/// [`Writer::BUFFER_MAX`].
pub struct Writer {
    store: ObjectStore,
    key: ObjectKey,
    options: PutOptions,
    buffer: BytesMut,
    parts: Option<Parts>,
    /// Whether a piece has left the caller and may not have reached the buffer or a part.
    broken: bool,
}

impl Writer {
    /// The most that is kept in memory where the provider has no `multipart`, in bytes.
    pub const BUFFER_MAX: usize = 64 << 20;

    pub(in super::super) fn new(store: ObjectStore, key: ObjectKey, options: PutOptions) -> Self {
        Self { store, key, options, buffer: BytesMut::new(), parts: None, broken: false }
    }

    /// Writes a piece; waits while enough parts are on their way.
    ///
    /// # Errors
    /// What the provider says to a part; `InvalidInput` beyond [`Writer::BUFFER_MAX`] without `multipart`; `Closed` after
    /// a write that failed or was dropped.
    pub async fn write(&mut self, piece: impl Into<Bytes>) -> Result<()> {
        let piece = piece.into();
        self.check_whole()?;
        // Set before the first wait: a future that is dropped there says nothing any more.
        self.broken = true;
        let written = self.write_inner(piece).await;
        self.store.at(&PUT, &self.key, written)?;
        self.broken = false;
        Ok(())
    }

    fn check_whole(&self) -> Result<()> {
        let text =
            "an earlier write failed or was dropped before it answered, so that its piece is missing; write the object anew";
        let whole = if self.broken { Err(Error::new(ErrorKind::Closed, text)) } else { Ok(()) };
        self.store.at(&PUT, &self.key, whole)
    }

    async fn write_inner(&mut self, mut piece: Bytes) -> Result<()> {
        let capabilities = self.store.capabilities();
        if !capabilities.multipart {
            let size = self.buffer.len() + piece.len();
            if size > Self::BUFFER_MAX {
                let limit = Limit::at_most("multipart", Self::BUFFER_MAX as u64, "bytes");
                return Err(Error::outside_limit(limit, format_args!("{size} without it")));
            }
            self.buffer.extend_from_slice(&piece);
            return Ok(());
        }
        let size = part_size(capabilities, None, self.options.part_size.map(crate::ByteSize::as_u64))?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        while self.buffer.len() + piece.len() > size {
            let part = if self.buffer.is_empty() {
                piece.split_to(size)
            } else {
                let head = piece.split_to(size - self.buffer.len());
                self.buffer.extend_from_slice(&head);
                self.buffer.split().freeze()
            };
            self.send(part).await?;
        }
        self.buffer.extend_from_slice(&piece);
        Ok(())
    }

    async fn send(&mut self, part: Bytes) -> Result<()> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => {
                check_no_checksum(&self.options)?;
                let concurrency = self.options.concurrency.unwrap_or(CONCURRENCY).max(1);
                let upload = super::start(&self.store, self.key.clone(), self.options.clone()).await?;
                none.insert(Parts::new(upload, concurrency))
            }
        };
        parts.send(part.into()).await
    }

    /// The upload behind the writer, once there is one.
    #[must_use]
    pub fn upload_id(&self) -> Option<&UploadId> {
        self.parts.as_ref().map(|parts| parts.upload().id())
    }

    /// Makes the object of what was written; an empty one of nothing.
    ///
    /// # Errors
    /// As [`ObjectStore::put_with`]; `Closed` after a write that failed or was dropped.
    pub async fn finish(mut self) -> Result<ObjectMeta> {
        self.check_whole()?;
        let rest = self.buffer.split().freeze();
        let Some(mut parts) = self.parts.take() else {
            return self.store.put_with(self.key, Body::from(rest), self.options).await;
        };
        if !rest.is_empty() {
            parts.send(rest.into()).await?;
        }
        parts.complete().await
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer({}, {} bytes buffered)", self.key, self.buffer.len())
    }
}
