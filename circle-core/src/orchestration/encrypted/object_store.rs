//! Encrypted objects: a header of one block, and the chunks behind it.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::encryption::{CHUNK_LEN, ChunkKey, HEADER_LEN, Header, TAG_LEN, plain_len, sealed_len};
use circle_core_common::interfaces::object_store::{
    ByteRange, CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetOptions, GetRequest, HeadRequest, ListRequest,
    Object, ObjectKey, ObjectMeta, ObjectStore, ObjectStoreCapabilities, ObjectStoreProvider, PartTag, Precondition,
    PresignRequest, PresignedRequest, PutOptions, PutRequest, StartUploadRequest, UploadId, UploadPartRequest,
};
use circle_core_common::{
    Body, Bulk, ByteStream, CallContext, CallOptions, Error, ErrorKind, Flag, Page, Pieces, Provider, Reason, Result,
};

use super::Encrypted;

/// How many bytes the header has, so that the size of a content is known from that of its object.
pub(super) const BLOCK: usize = 1024;
/// Where the first chunk is.
const CHUNKS: u64 = BLOCK as u64 + HEADER_LEN;
/// How many bytes a chunk has once it is encrypted.
const SEALED: u64 = CHUNK_LEN + TAG_LEN;
/// What is encrypted in memory, so that it can be sent again.
const WHOLE_MAX: u64 = 8 << 20;

fn corrupt(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the object {what}"))
}

fn unsupported<T>(flag: Flag<ObjectStoreCapabilities>) -> Result<T> {
    Err(Error::unsupported(flag.name()))
}

/// The header, and zeros up to the end of the block.
fn block(header: &Header) -> Result<Vec<u8>> {
    let mut bytes = header.to_bytes();
    if bytes.len() > BLOCK {
        let text = format!("the name of the key and its data key are beyond {BLOCK} bytes");
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    bytes.resize(BLOCK, 0);
    Ok(bytes)
}

/// The header in a block.
fn header(block: &[u8]) -> Result<Header> {
    let (header, at) = Header::parse(block)?.ok_or_else(|| corrupt("has a header that is cut"))?;
    // A byte that means nothing would be one that nobody verifies.
    if block[at..].iter().any(|byte| *byte != 0) { Err(corrupt("has something behind its header")) } else { Ok(header) }
}

/// How many bytes of content an object of this size has; what is no encrypted object is as large as it is.
fn content_size(size: u64) -> Option<u64> {
    plain_len(size.checked_sub(BLOCK as u64)?).ok()
}

fn decrypted(mut meta: ObjectMeta) -> ObjectMeta {
    meta.size = content_size(meta.size).unwrap_or(meta.size);
    meta.checksum = None;
    meta
}

impl Encrypted<ObjectStore> {
    /// Encrypts the data key of an object anew, by the newest version of the key: after it was rotated, or when another is used.
    /// The content is copied as it is, through here.
    ///
    /// # Errors
    /// `NotFound` when the object is absent; `Conflict` when it was written meanwhile; `Corrupt` when it was not encrypted so.
    pub async fn rewrap(&self, key: impl Into<ObjectKey>) -> Result<ObjectMeta> {
        self.rewrap_with(key, CallOptions::new()).await
    }

    /// As [`rewrap`](Self::rewrap), for a tenant, or with a deadline.
    ///
    /// # Errors
    /// As [`rewrap`](Self::rewrap).
    pub async fn rewrap_with(&self, key: impl Into<ObjectKey>, options: CallOptions) -> Result<ObjectMeta> {
        let key = key.into();
        let operation = &circle_core_common::interfaces::object_store::PUT;
        let cx = CallContext::new(Provider::environment(&self.frame), operation, Some(Arc::new(options)));
        let provider = self.frame.handle.provider()?;
        let object = provider.get(&cx, GetRequest::new(key.clone(), GetOptions::new())).await?;
        let meta = Arc::clone(&object.meta);
        let mut pieces = object.into_stream().pieces(CHUNKS as usize);
        let first = pieces.try_next().await?.filter(|first| first.len() as u64 == CHUNKS).ok_or_else(|| corrupt("is cut"))?;
        let (old, start) = first.split_at(BLOCK);
        let context = self.bound(&cx, key.as_str());
        let header = self.rewrapped(&cx, &header(old)?, start, &context).await?;
        let head = Bytes::from([block(&header)?.as_slice(), start].concat());
        let rest =
            ByteStream::unfold(pieces, |mut pieces| async move { Ok(pieces.try_next().await?.map(|piece| (piece, pieces))) });
        let body = Body::concat([Body::from(head), Body::from_stream(rest, Some(meta.size.saturating_sub(CHUNKS)))]);
        let mut options = PutOptions::new();
        options.content_type.clone_from(&meta.content_type);
        options.content_encoding.clone_from(&meta.content_encoding);
        options.content_language.clone_from(&meta.content_language);
        options.content_disposition.clone_from(&meta.content_disposition);
        options.cache_control.clone_from(&meta.cache_control);
        options.metadata.clone_from(&meta.metadata);
        if let Some(version) = meta.version.clone().filter(|_| self.capabilities.put_if_match) {
            options.precondition = Precondition::IfMatch(version);
        }
        let operation = cx.operation_id()?.clone();
        provider.put(&cx, PutRequest::new(key, body, options, Some(operation))).await.map(decrypted)
    }

    async fn chunk_key(&self, cx: &CallContext, key: &ObjectKey, first: &[u8]) -> Result<ChunkKey> {
        let (block, start) = first.split_at_checked(BLOCK).ok_or_else(|| corrupt("is cut in its header"))?;
        let context = self.bound(cx, key.as_str());
        self.data_keys.open_chunks(cx, self.key_service()?, &header(block)?, start, &context).await
    }

    /// The whole content, in one request.
    async fn get_whole(&self, cx: &CallContext, request: GetRequest) -> Result<Object> {
        let key = request.key.clone();
        let object = self.frame.handle.provider()?.get(cx, request).await?;
        let (meta, limit) = ((*object.meta).clone(), object.body_limit);
        let size = content_size(meta.size).ok_or_else(|| corrupt("is too small for an encrypted one"))?;
        // The first chunk's place is where the pieces of the right size begin.
        let mut stream = object.into_stream();
        let mut first = Vec::with_capacity(CHUNKS as usize);
        let mut rest = Bytes::new();
        while (first.len() as u64) < CHUNKS {
            let mut piece = stream.try_next().await?.ok_or_else(|| corrupt("is cut in its header"))?;
            let take = piece.len().min(CHUNKS as usize - first.len());
            first.extend_from_slice(&piece.split_to(take));
            rest = piece;
        }
        let chunks = self.chunk_key(cx, &key, &first).await?;
        let sealed = ByteStream::unfold((Some(rest), stream), |(rest, mut stream)| async move {
            if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
                return Ok(Some((rest, (None, stream))));
            }
            Ok(stream.try_next().await?.map(|chunk| (chunk, (None, stream))))
        });
        let body = opened(sealed, chunks, 0, size / CHUNK_LEN, 0..size);
        let mut object = Object::new(decrypted(meta), 0..size, body);
        object.body_limit = limit;
        Ok(object)
    }

    /// A part of the content: the header first, then the chunks that the part lies in.
    async fn get_range(&self, cx: &CallContext, request: GetRequest, range: ByteRange) -> Result<Object> {
        let provider = self.frame.handle.provider()?;
        let key = request.key.clone();
        let mut options = request.options.clone();
        options.range = Some(ByteRange::Bounded(0, CHUNKS));
        let object = provider.get(cx, GetRequest::new(key.clone(), options.clone())).await?;
        let (meta, limit) = ((*object.meta).clone(), object.body_limit);
        let size = content_size(meta.size).ok_or_else(|| corrupt("is too small for an encrypted one"))?;
        let first = object.into_stream().collect(None).await?;
        let chunks = self.chunk_key(cx, &key, &first).await?;
        let range = range.resolve(size)?;
        // The last chunk proves where the object ends; what ends there needs it, even when it is empty.
        let last = if range.end == size { size / CHUNK_LEN } else { range.end.saturating_sub(1) / CHUNK_LEN };
        let from = (range.start / CHUNK_LEN).min(last);
        options.range = Some(ByteRange::Bounded(CHUNKS + from * SEALED, (CHUNKS + (last + 1) * SEALED).min(meta.size)));
        if self.capabilities.get_if_match && options.version.is_none() {
            options.if_match = options.if_match.or_else(|| meta.version.clone());
        }
        options.if_none_match = None;
        let body = provider.get(cx, GetRequest::new(key, options)).await?;
        let body = opened(body.into_stream(), chunks, from, last, range.clone());
        let mut object = Object::new(decrypted(meta), range, body);
        object.body_limit = limit;
        Ok(object)
    }
}

/// The content of the chunks from `from` to `last`, cut to the part of the content that is asked for.
fn opened(sealed: ByteStream, key: ChunkKey, from: u64, last: u64, range: Range<u64>) -> ByteStream {
    let state = (sealed.pieces(SEALED as usize), Arc::new(key), from);
    ByteStream::unfold(state, move |(mut pieces, key, mut number)| {
        let range = range.clone();
        async move {
            loop {
                if number > last {
                    // More than the object had when its size was told.
                    return match pieces.try_next().await? {
                        Some(_) => Err(corrupt("goes on behind its end")),
                        None => Ok(None),
                    };
                }
                let piece = pieces.try_next().await?.ok_or_else(|| corrupt("is cut"))?;
                let (mut chunk, start) = (piece.to_vec(), number * CHUNK_LEN);
                key.open(number, &mut chunk)?;
                number += 1;
                // A part of a chunk is no chunk: the ends of the part are within it.
                let end = start + chunk.len() as u64;
                let (begin, end) = (range.start.clamp(start, end), range.end.clamp(start, end));
                if begin < end {
                    let part = Bytes::from(chunk).slice((begin - start) as usize..(end - start) as usize);
                    return Ok(Some((part, (pieces, key, number))));
                }
            }
        }
    })
}

/// A content of this length, where it is told, in chunks that are encrypted as it is read.
struct Sealing {
    pieces: Pieces,
    key: ChunkKey,
    head: Option<Bytes>,
    /// The next chunk; none behind the last.
    number: Option<u64>,
    length: Option<u64>,
    read: u64,
}

impl Sealing {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        if let Some(head) = self.head.take() {
            return Ok(Some((head, self)));
        }
        let Some(number) = self.number else { return Ok(None) };
        let mut chunk = self.pieces.try_next().await?.unwrap_or_default().to_vec();
        self.read += chunk.len() as u64;
        // Only the last is not full, and there always is one.
        self.number = (chunk.len() as u64 == CHUNK_LEN).then_some(number + 1);
        if let (None, Some(length)) = (self.number, self.length)
            && length != self.read
        {
            // The store cannot see it: what it gets has the length of another content.
            let text = format!("the body has {} bytes, and {length} were announced; nothing was kept", self.read);
            return Err(Error::new(ErrorKind::Corrupt, text).with_reason(Reason::ChecksumMismatch));
        }
        self.key.seal(number, &mut chunk)?;
        Ok(Some((Bytes::from(chunk), self)))
    }
}

#[async_trait]
impl ObjectStoreProvider for Encrypted<ObjectStore> {
    fn capabilities(&self) -> &ObjectStoreCapabilities {
        &self.capabilities
    }

    async fn head(&self, cx: &CallContext, request: HeadRequest) -> Result<ObjectMeta> {
        self.frame.open()?;
        self.frame.handle.provider()?.head(cx, request).await.map(decrypted)
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Object> {
        self.frame.open()?;
        match request.options.range {
            Some(range) => self.get_range(cx, request, range).await,
            None => self.get_whole(cx, request).await,
        }
    }

    async fn put(&self, cx: &CallContext, mut request: PutRequest) -> Result<ObjectMeta> {
        self.frame.open()?;
        let length = request.body.length().await?;
        let context = self.bound(cx, request.key.as_str());
        let bytes = length.unwrap_or(WHOLE_MAX);
        let begun = self.data_keys.seal_chunks(cx, self.key_service()?, self.key.clone(), &context, bytes).await?;
        let head = Bytes::from([block(&begun.header)?.as_slice(), &begun.start].concat());
        let pieces = request.body.open().await?.pieces(CHUNK_LEN as usize);
        let sealing = Sealing { pieces, key: begun.chunks, head: Some(head), number: Some(0), length, read: 0 };
        let stream = ByteStream::unfold(sealing, Sealing::next);
        request.body = match length {
            Some(length) if length <= WHOLE_MAX => Body::from(stream.collect(None).await?),
            length => Body::from_stream(stream, length.map(|length| BLOCK as u64 + sealed_len(length))),
        };
        self.frame.handle.provider()?.put(cx, request).await.map(decrypted)
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        self.frame.open()?;
        let page = self.frame.handle.provider()?.list(cx, request).await?;
        Ok(page.map(|entry| match entry {
            Entry::Object(meta) => Entry::Object(decrypted(meta)),
            other => other,
        }))
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Bulk<Deleted>> {
        self.frame.open()?;
        self.frame.handle.provider()?.delete(cx, request).await
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
