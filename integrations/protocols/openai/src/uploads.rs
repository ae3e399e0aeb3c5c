//! Uploads in parts: files beyond what one request takes.

mod parts;

use std::time::Duration;

use circle_core_common::http::{Multipart, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{Body, ByteSize, CallContext, Error, ErrorKind, Result, Sent, Timestamp};
use serde::{Deserialize, Serialize};

use crate::client::OpenAiClient;
use crate::endpoint::OpenAiEndpoint::Uploads;
use crate::field;
use crate::files::{Expiry, File, FilePurpose, FileUpload};
use crate::part::FilePart;
use crate::words::words;
use parts::Parts;

// Sent twice, it is two uploads.
pub(crate) static CREATE: RemoteOperation = RemoteOperation::new("openai.CreateUpload", Idempotency::NonIdempotent, "/uploads");
// A part that the completion does not name is no part of the file.
pub(crate) static ADD_PART: RemoteOperation =
    RemoteOperation::new("openai.AddUploadPart", Idempotency::Idempotent, "/uploads/{upload}/parts");
// Of a completed upload the service takes no second completion, so that a lost answer must not be asked for again.
pub(crate) static COMPLETE: RemoteOperation =
    RemoteOperation::new("openai.CompleteUpload", Idempotency::NonIdempotent, "/uploads/{upload}/complete");
pub(crate) static CANCEL: RemoteOperation =
    RemoteOperation::new("openai.CancelUpload", Idempotency::Idempotent, "/uploads/{upload}/cancel");

/// The most that the service takes as one part.
const PART_MAX: ByteSize = ByteSize::mib(64);

words! {
    /// What has become of an upload.
    pub enum UploadStatus {
        /// It takes parts.
        Pending = "pending",
        /// It is a file.
        Completed = "completed",
        /// It was cancelled.
        Cancelled = "cancelled",
        /// It was neither completed nor cancelled in time.
        Expired = "expired",
    }
}

/// An upload of the service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Upload {
    /// What requests call it.
    pub id: String,
    /// How many bytes its parts must have together.
    #[serde(default, deserialize_with = "field::count")]
    pub bytes: Option<u64>,
    /// When it was made.
    #[serde(default, deserialize_with = "field::moment")]
    pub created_at: Option<Timestamp>,
    /// When it ends if it is not completed: an hour after it was made.
    #[serde(default, deserialize_with = "field::moment")]
    pub expires_at: Option<Timestamp>,
    /// The name of the file.
    #[serde(default, deserialize_with = "field::text")]
    pub filename: Option<String>,
    /// What the file is for.
    pub purpose: Option<FilePurpose>,
    /// What has become of it.
    pub status: UploadStatus,
    /// The file, once it is completed.
    pub file: Option<File>,
}

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct UploadPart {
    /// What the completion calls it.
    pub id: String,
    /// The upload.
    #[serde(default, deserialize_with = "field::text")]
    pub upload_id: Option<String>,
    /// When it was made.
    #[serde(default, deserialize_with = "field::moment")]
    pub created_at: Option<Timestamp>,
}

/// An upload to begin.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct NewUpload {
    /// The name of the file.
    pub filename: String,
    /// What the file is for.
    pub purpose: FilePurpose,
    /// How many bytes the file has.
    pub bytes: u64,
    /// Its media type, which must be one that the purpose takes.
    pub mime_type: String,
    /// How long after it was made the file is deleted.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expiry")]
    pub expires_after: Option<Duration>,
}

impl NewUpload {
    /// An upload of so many bytes.
    #[must_use]
    pub fn new(purpose: FilePurpose, filename: impl Into<String>, mime_type: impl Into<String>, bytes: u64) -> Self {
        Self { filename: filename.into(), purpose, bytes, mime_type: mime_type.into(), expires_after: None }
    }

    /// Sets how long after it was made the file is deleted.
    #[must_use]
    pub fn expires_after(mut self, life: Duration) -> Self {
        self.expires_after = Some(life);
        self
    }
}

fn expiry<S: serde::Serializer>(life: &Option<Duration>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    life.map(Expiry::from).serialize(serializer)
}

/// How a file is sent in parts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartsOptions {
    /// The size of a part, at most 64 MiB; the last may be smaller.
    pub part_size: ByteSize,
    /// How many parts are on their way at once. Of content that is a stream, so many are in memory.
    pub concurrency: usize,
}

impl PartsOptions {
    /// Parts of 16 MiB, four at once.
    #[must_use]
    pub fn new() -> Self {
        Self { part_size: ByteSize::mib(16), concurrency: 4 }
    }

    /// Sets the size of a part.
    #[must_use]
    pub fn part_size(mut self, size: ByteSize) -> Self {
        self.part_size = size;
        self
    }

    /// Sets how many parts are on their way at once.
    #[must_use]
    pub fn concurrency(mut self, parts: usize) -> Self {
        self.concurrency = parts;
        self
    }
}

impl Default for PartsOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Serialize)]
struct Completion<'a> {
    part_ids: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    md5: Option<&'a str>,
}

/// # Uploads in parts
impl OpenAiClient {
    /// Begins an upload. It ends by [`complete_upload`](Self::complete_upload) or [`cancel_upload`](Self::cancel_upload), or
    /// by itself after an hour. <https://platform.openai.com/docs/api-reference/uploads/create>
    ///
    /// # Errors
    /// `Unsupported` for a service without uploads; what the service says.
    pub async fn create_upload(&self, cx: &CallContext, upload: &NewUpload) -> Result<Upload> {
        let send = Request::post(self.at(Uploads, "/uploads")?).json(upload)?;
        self.http().send(cx, &CREATE, send).await?.json()
    }

    /// Adds a part of at most 64 MB. Parts may be added at once; their order is that of the completion.
    /// <https://platform.openai.com/docs/api-reference/uploads/add-part>
    ///
    /// # Errors
    /// `Unsupported` for a service without uploads; what the service says.
    pub async fn add_upload_part(&self, cx: &CallContext, upload_id: &str, data: impl Into<Body>) -> Result<UploadPart> {
        let target = self.at(Uploads, "/uploads")?.segment(upload_id)?.path("parts");
        let form = FilePart::new("part", data).add(Multipart::new(cx.random())?, "data")?;
        self.http().send(cx, &ADD_PART, Request::post(target).multipart(form)).await?.json()
    }

    /// Makes a file of these parts, in this order; `md5` is the checksum of the whole, in hexadecimal digits, for the service
    /// to compare. <https://platform.openai.com/docs/api-reference/uploads/complete>
    ///
    /// # Errors
    /// `OutcomeUnknown` when the answer was lost; `Unsupported` for a service without uploads; what the service says.
    pub async fn complete_upload(
        &self,
        cx: &CallContext,
        upload_id: &str,
        part_ids: &[String],
        md5: Option<&str>,
    ) -> Result<Upload> {
        let target = self.at(Uploads, "/uploads")?.segment(upload_id)?.path("complete");
        let send = Request::post(target).json(&Completion { part_ids, md5 })?;
        self.http().send(cx, &COMPLETE, send).await?.json()
    }

    /// Cancels an upload; it takes no parts from then on. <https://platform.openai.com/docs/api-reference/uploads/cancel>
    ///
    /// # Errors
    /// `Unsupported` for a service without uploads; what the service says.
    pub async fn cancel_upload(&self, cx: &CallContext, upload_id: &str) -> Result<Upload> {
        let target = self.at(Uploads, "/uploads")?.segment(upload_id)?.path("cancel");
        self.http().send(cx, &CANCEL, Request::post(target)).await?.json()
    }

    /// Sends a file of up to 8 GB in parts. What fails or is dropped before the end cancels the upload.
    ///
    /// Bytes and files are read part by part and never held as a whole; a stream must have told its length.
    ///
    /// # Errors
    /// `InvalidInput` for content whose length nobody knows, and for parts of no or too many bytes; `Corrupt` when a stream has
    /// another length than it told; as [`create_upload`](Self::create_upload), [`add_upload_part`](Self::add_upload_part) and
    /// [`complete_upload`](Self::complete_upload).
    pub async fn upload_file_in_parts(&self, cx: &CallContext, upload: &FileUpload, options: PartsOptions) -> Result<File> {
        let size = options.part_size.as_u64();
        if size == 0 || size > PART_MAX.as_u64() {
            let limit = circle_core_common::Limit::at_most("part_size", PART_MAX.as_u64(), "bytes");
            return Err(Error::outside_limit(limit, size));
        }
        let FilePart { name, content_type, body } = &upload.file;
        let unknown =
            || Error::new(ErrorKind::InvalidInput, "the length of the content must be known before it is sent in parts");
        let length = body.length().await?.ok_or_else(unknown)?;
        let mut new = NewUpload::new(upload.purpose.clone(), name, content_type, length);
        new.expires_after = upload.expires_after;
        let begun = self.create_upload(cx, &new).await?;
        let mut parts = Parts::new(self.clone(), cx.clone(), begun.id, options.concurrency.max(1));
        // Reading the content is bounded too: a source that stalls would else hold the call for ever.
        cx.guard(parts.send_all(body, length, size)).await?;
        let unfinished = || Error::new(ErrorKind::Decode, "the completed upload holds no file").with_sent(Sent::Yes);
        parts.complete().await?.file.ok_or_else(unfinished)
    }
}
