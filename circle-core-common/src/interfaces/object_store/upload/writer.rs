//! A writer whose object appears when it is finished.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::parts::{Parts, part_size};
use super::{AbortOnDrop, UploadId};
use crate::body::Body;
use crate::error::{Error, ErrorKind, Limit, Result};
use crate::interfaces::object_store::{ObjectKey, ObjectMeta, ObjectStore, PutOptions};

/// How many parts of a writer are on their way at once by default.
const CONCURRENCY: usize = 2;

/// Writes an object piece by piece. Small content is put in one piece; more becomes an upload in parts, so that memory
/// stays bounded. The object appears at [`finish`](Self::finish); dropped before, nothing does.
///
/// Where the provider has no `multipart`, the content is kept in memory until the end, at most
/// [`Writer::BUFFER_MAX`].
pub struct Writer {
    store: ObjectStore,
    key: ObjectKey,
    options: PutOptions,
    buffer: BytesMut,
    upload: Option<(AbortOnDrop, Parts)>,
}

impl Writer {
    /// The most that is kept in memory where the provider has no `multipart`, in bytes.
    pub const BUFFER_MAX: usize = 64 << 20;

    pub(in super::super) fn new(store: ObjectStore, key: ObjectKey, options: PutOptions) -> Self {
        Self { store, key, options, buffer: BytesMut::new(), upload: None }
    }

    /// Writes a piece; waits while enough parts are on their way.
    ///
    /// # Errors
    /// What the provider says to a part; `InvalidInput` beyond [`Writer::BUFFER_MAX`] without `multipart`.
    pub async fn write(&mut self, piece: impl Into<Bytes>) -> Result<()> {
        self.write_inner(piece.into()).await
    }

    async fn write_inner(&mut self, piece: Bytes) -> Result<()> {
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
        let mut piece = piece;
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
        if self.upload.is_none() {
            let concurrency = self.options.concurrency.unwrap_or(CONCURRENCY).max(1);
            let options = PutOptions { checksum: None, ..self.options.clone() };
            if self.options.checksum.is_some() {
                let text = "the checksum of the whole content cannot be verified when it is sent in parts";
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
            let upload = super::start(&self.store, self.key.clone(), options).await?;
            self.upload = Some((AbortOnDrop(Some(upload.clone())), Parts::new(upload, concurrency)));
        }
        match &mut self.upload {
            Some((_, parts)) => parts.send(part.into()).await,
            None => Ok(()),
        }
    }

    /// The upload behind the writer, once there is one.
    #[must_use]
    pub fn upload_id(&self) -> Option<&UploadId> {
        self.upload.as_ref().and_then(|(guard, _)| guard.0.as_ref()).map(super::Upload::id)
    }

    /// Makes the object of what was written; an empty one of nothing.
    ///
    /// # Errors
    /// As [`ObjectStore::put_with`].
    pub async fn finish(mut self) -> Result<ObjectMeta> {
        let rest = self.buffer.split().freeze();
        let Some((guard, mut parts)) = self.upload.take() else {
            return self.store.put_with(self.key, Body::from(rest), self.options).await;
        };
        if !rest.is_empty() {
            parts.send(rest.into()).await?;
        }
        let parts = parts.finish().await?;
        match guard.0.clone() {
            Some(upload) => {
                let meta = upload.complete(parts).await?;
                guard.disarm();
                Ok(meta)
            }
            None => Err(Error::new(ErrorKind::Internal, "the upload has ended")),
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer({}, {} bytes buffered)", self.key, self.buffer.len())
    }
}
