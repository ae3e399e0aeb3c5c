//! Uploads in parts. A part's number is its index and one.

use std::ops::Range;

use circle_core_common::http::{Request, Target};
use circle_core_common::interfaces::object_store::{
    ObjectKey, ObjectStoreCapabilities, PartTag, Precondition, PutOptions, UploadId,
};
use circle_core_common::{Body, CallContext, Error, ErrorKind, Extensions, OperationId, Reason, Result, Sent, Version};
use http::{HeaderMap, HeaderValue};

use super::S3Client;
use super::object::quoted_etag;
use super::operations::{
    ABORT_MULTIPART_UPLOAD, COMPLETE_MULTIPART_UPLOAD, CREATE_MULTIPART_UPLOAD, LIST_MULTIPART_UPLOADS, LIST_PARTS, UPLOAD_PART,
    UPLOAD_PART_COPY,
};
use super::write::{Made, push_extras, push_precondition, with_content, with_headers};
use crate::customer_key::CustomerKey;
use crate::error::{S3Error, refused};
use crate::extension::S3Copy;
use crate::metadata;
use crate::models::{Copied, ListParts, ListUploads, initiated, push_complete, unquoted};
use crate::trailing::{TrailingChecksum, part_of_token, part_token};

/// Which bytes to copy into a part.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CopyPart<'a> {
    /// The source.
    pub from: &'a ObjectKey,
    /// Its version; it must have it still.
    pub version: &'a Version,
    /// The bytes.
    pub bytes: Range<u64>,
    /// What only S3 knows of the copy.
    pub extras: Option<&'a S3Copy>,
}

impl<'a> CopyPart<'a> {
    /// Bytes of an object of this version.
    #[must_use]
    pub fn new(from: &'a ObjectKey, version: &'a Version, bytes: Range<u64>) -> Self {
        Self { from, version, bytes, extras: None }
    }
}

impl S3Client {
    /// CreateMultipartUpload.
    ///
    /// # Errors
    /// `Unsupported` with a checksum: services verify those part by part.
    pub async fn create_multipart_upload(
        &self,
        cx: &CallContext,
        key: &ObjectKey,
        options: &PutOptions,
        operation: Option<&OperationId>,
    ) -> Result<UploadId> {
        if options.checksum.is_some() {
            let error = Error::unsupported(ObjectStoreCapabilities::PUT_CHECKSUM.name());
            return Err(error.context("content that is sent in parts"));
        }
        let mut headers = metadata::headers(key, options, operation, self.profile().metadata)?;
        push_extras(self, &mut headers, options.extensions.get())?;
        if let Some(trailing) = self.trailing_checksum(&options.extensions)? {
            headers.insert("x-amz-checksum-algorithm", HeaderValue::from_static(trailing.name()));
            headers.insert("x-amz-checksum-type", HeaderValue::from_static("FULL_OBJECT"));
        }
        let request = |target: Target| with_headers(Request::post(target.query_flag("uploads")), &headers);
        let response = self.send(cx, &CREATE_MULTIPART_UPLOAD, |place| request(place.object(key.as_str()))).await?;
        Ok(UploadId::new(key, initiated(&response.body)?))
    }

    /// UploadPart, with what the upload was started with: [`S3Put`](crate::S3Put).
    ///
    /// # Errors
    /// `NotFound`, reason `UploadEnded`.
    pub async fn upload_part(
        &self,
        cx: &CallContext,
        upload: &UploadId,
        index: u32,
        body: Body,
        extensions: &Extensions,
    ) -> Result<PartTag> {
        let Some(size) = body.length().await? else {
            let text = "S3 wants to know the length of a part; give bytes, a file, or a stream with its length";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        };
        let trailing = self.trailing_checksum(extensions)?;
        let hash = trailing.map(TrailingChecksum::payload).or_else(|| metadata::payload_hash(None, size));
        let mut headers = HeaderMap::new();
        self.push_customer_key(&mut headers, CustomerKey::of(extensions), false)?;
        let request = |target: Target| {
            let request = with_headers(Request::put(part(target, upload, index)), &headers)?;
            Ok(with_content(request, &body, hash.as_ref()))
        };
        let response = self.send(cx, &UPLOAD_PART, |place| request(place.object(upload.key.as_str()))).await?;
        let missing = || Error::new(ErrorKind::Decode, "the service's answer to a part has no ETag").with_sent(Sent::Maybe);
        let etag = response.header("etag").map(unquoted).filter(|etag| !etag.is_empty()).ok_or_else(missing)?;
        let checksum = trailing.and_then(|of| Some((of, response.header(of.header())?)));
        Ok(PartTag::new(index, size, part_token(etag, checksum)))
    }

    /// UploadPartCopy: bytes of another object, while it has this version.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where the source has another version; `InvalidInput` for no bytes.
    pub async fn upload_part_copy(
        &self,
        cx: &CallContext,
        upload: &UploadId,
        index: u32,
        copy: &CopyPart<'_>,
    ) -> Result<PartTag> {
        let &CopyPart { from, version, ref bytes, extras } = copy;
        let Some(size) = bytes.end.checked_sub(bytes.start).filter(|size| *size > 0) else {
            let text = format!("the range {}..{} holds no bytes to copy", bytes.start, bytes.end);
            return Err(Error::new(ErrorKind::InvalidInput, text));
        };
        // Of a bucket that keeps versions, exactly that one.
        let source = self.source(from, Some(version).filter(|version| version.as_generation().is_some()))?;
        let range = format!("bytes={}-{}", bytes.start, bytes.end - 1);
        let matches = quoted_etag(Some(version))?;
        let mut headers = HeaderMap::new();
        let key = extras.and_then(|extras| extras.encryption.as_ref()?.customer_key());
        self.push_customer_key(&mut headers, key, false)?;
        self.push_customer_key(&mut headers, extras.and_then(|extras| extras.source_key.as_ref()), true)?;
        let request = |target: Target| {
            with_headers(Request::put(part(target, upload, index)), &headers)?
                .header("x-amz-copy-source", &source)?
                .header("x-amz-copy-source-range", &range)?
                .header_opt("x-amz-copy-source-if-match", matches.as_deref())
        };
        let response = self.send_lasting(cx, &UPLOAD_PART_COPY, |place| request(place.object(upload.key.as_str()))).await?;
        let missing =
            || Error::new(ErrorKind::Decode, "the service's answer to a copied part has no ETag").with_sent(Sent::Maybe);
        let etag = Copied::read(&response.body)?.etag.ok_or_else(missing)?;
        Ok(PartTag::new(index, size, etag))
    }

    /// CompleteMultipartUpload, with what the upload was started with: [`S3Put`](crate::S3Put).
    ///
    /// # Errors
    /// `InvalidInput` for parts that the upload does not have; `AlreadyExists` and `Conflict` by the precondition;
    /// `Conflict`, reason `UploadConflict`, when a conflicting request has voided the upload;
    /// `OutcomeUnknown` where the upload is gone after an attempt whose answer was lost.
    pub async fn complete_multipart_upload(
        &self,
        cx: &CallContext,
        upload: &UploadId,
        parts: &[PartTag],
        precondition: &Precondition,
        extensions: &Extensions,
    ) -> Result<Made> {
        let document =
            bytes::Bytes::from(push_complete(parts.iter().map(|part| (number(part.index), part_of_token(&part.token)))));
        let mut headers = HeaderMap::new();
        push_precondition(&mut headers, precondition)?;
        self.push_customer_key(&mut headers, CustomerKey::of(extensions), false)?;
        let request = |target: Target| {
            let request = Request::post(target.query("uploadId", &upload.token)).header("content-type", "application/xml")?;
            Ok(with_headers(request, &headers)?.body(document.clone()))
        };
        let sent = self.send_lasting(cx, &COMPLETE_MULTIPART_UPLOAD, |place| request(place.object(upload.key.as_str()))).await;
        let response = sent.map_err(|error| match error.reason() {
            // Ended by an earlier attempt, or by somebody else: the answer cannot tell.
            Some(Reason::UploadEnded) if error.attempts() > 1 => {
                let text = "the upload was gone when its end was repeated: the object is complete, or the upload was aborted";
                let attempts = error.attempts();
                Error::new(ErrorKind::OutcomeUnknown, text).with_sent(Sent::Maybe).with_attempts(attempts).with_source(error)
            }
            Some(Reason::ConflictingRequest) if is_voided(&error) => {
                let told = error.context("the upload is void; start another one and send every part again");
                told.with_reason(Reason::UploadConflict)
            }
            _ => refused(error, precondition, &upload.key),
        })?;
        self.made(&response)
    }

    /// AbortMultipartUpload. Aborting what has ended is fine.
    ///
    /// # Errors
    /// What the service says.
    pub async fn abort_multipart_upload(&self, cx: &CallContext, upload: &UploadId) -> Result<()> {
        let request = |target: Target| Ok(Request::delete(target.query("uploadId", &upload.token)));
        match self.send(cx, &ABORT_MULTIPART_UPLOAD, |place| request(place.object(upload.key.as_str()))).await {
            Err(error) if error.reason() != Some(Reason::UploadEnded) => Err(error),
            _ => Ok(()),
        }
    }

    /// ListParts: a page of the parts of an upload, from behind a number.
    ///
    /// # Errors
    /// `NotFound`, reason `UploadEnded`.
    pub async fn list_parts(&self, cx: &CallContext, upload: &UploadId, behind: Option<u32>) -> Result<ListParts> {
        let request = |target: Target| {
            let target = target.query("uploadId", &upload.token).query_opt("part-number-marker", behind);
            Ok(Request::get(target))
        };
        let response = self.send(cx, &LIST_PARTS, |place| request(place.object(upload.key.as_str()))).await?;
        ListParts::read(&response.body)
    }

    /// ListMultipartUploads: a page of the uploads that have not ended, from behind a key and an upload.
    ///
    /// # Errors
    /// `NotFound` when the bucket is absent.
    pub async fn list_multipart_uploads(
        &self,
        cx: &CallContext,
        prefix: &str,
        behind: Option<(&str, &str)>,
    ) -> Result<ListUploads> {
        let request = |bucket: Target| {
            let target = bucket.query_flag("uploads").query("encoding-type", "url").query("prefix", prefix);
            let target = target.query_opt("key-marker", behind.map(|(key, _)| key));
            Ok(Request::get(target.query_opt("upload-id-marker", behind.map(|(_, upload)| upload))))
        };
        let response = self.send(cx, &LIST_MULTIPART_UPLOADS, |place| request(place.bucket())).await?;
        ListUploads::read(&response.body)
    }
}

/// Whether the end of an upload was refused so that the same parts can never make the object
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>, `If-None-Match`): of a 409 that says
/// this, Amazon has every part sent again; `OperationAborted` passes.
fn is_voided(error: &Error) -> bool {
    error.provider_error::<S3Error>().is_some_and(|error| error.code == "ConditionalRequestConflict")
}

fn number(index: u32) -> u64 {
    u64::from(index) + 1
}

fn part(target: Target, upload: &UploadId, index: u32) -> Target {
    target.query("partNumber", number(index)).query("uploadId", &upload.token)
}
