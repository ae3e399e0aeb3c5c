//! Files: what other requests refer to by id.
//!
//! ```no_run
//! # use circle_core_protocol_openai::{FilePart, OpenAiClient};
//! # use circle_core_protocol_openai::files::{FilePurpose, FileUpload};
//! # use circle_core_common::{Body, CallContext, Result};
//! # async fn example(client: &OpenAiClient, cx: &CallContext) -> Result<()> {
//! let report = FilePart::new("report.pdf", Body::from_path("report.pdf"));
//! let file = client.upload_file(cx, &FileUpload::new(FilePurpose::UserData, report)).await?;
//! let mut files = client.files(cx).stream();
//! while let Some(file) = files.try_next().await? {
//!     println!("{} {}", file.id, file.filename.unwrap_or_default());
//! }
//! client.delete_file(cx, &file.id).await?;
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use circle_core_common::http::{Multipart, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{ByteStream, CallContext, Listing, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::client::OpenAiClient;
use crate::deletion;
use crate::endpoint::OpenAiEndpoint::Files;
use crate::field;
use crate::pages::List;
use crate::part::FilePart;
use crate::words::words;

// Sent twice, it is two files.
pub(crate) static CREATE: RemoteOperation = RemoteOperation::new("openai.CreateFile", Idempotency::NonIdempotent, "/files");
pub(crate) static LIST: RemoteOperation = RemoteOperation::new("openai.ListFiles", Idempotency::Safe, "/files");
pub(crate) static RETRIEVE: RemoteOperation = RemoteOperation::new("openai.RetrieveFile", Idempotency::Safe, "/files/{file}");
pub(crate) static DELETE: RemoteOperation = RemoteOperation::new("openai.DeleteFile", Idempotency::Idempotent, "/files/{file}");
pub(crate) static DOWNLOAD: RemoteOperation =
    RemoteOperation::new("openai.DownloadFile", Idempotency::Safe, "/files/{file}/content");

/// The most entries of a page.
const PAGE_MAX: u32 = 10_000;

words! {
    /// What a file is for.
    pub enum FilePurpose {
        /// Assistants.
        Assistants = "assistants",
        /// Made by assistants.
        AssistantsOutput = "assistants_output",
        /// The requests of a batch.
        Batch = "batch",
        /// The answers of a batch.
        BatchOutput = "batch_output",
        /// The training of a model.
        FineTune = "fine-tune",
        /// Made by the training of a model.
        FineTuneResults = "fine-tune-results",
        /// Images.
        Vision = "vision",
        /// Anything, such as the documents of a chat.
        UserData = "user_data",
        /// Evaluations.
        Evals = "evals",
    }
}

words! {
    /// What has become of a file. The service calls it deprecated.
    pub enum FileStatus {
        /// It has come.
        Uploaded = "uploaded",
        /// It can be used.
        Processed = "processed",
        /// It cannot be used.
        Error = "error",
    }
}

/// A file of the service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct File {
    /// What requests call it.
    pub id: String,
    /// Its length in bytes.
    #[serde(default, deserialize_with = "field::count")]
    pub bytes: Option<u64>,
    /// When it was made.
    #[serde(default, deserialize_with = "field::moment")]
    pub created_at: Option<Timestamp>,
    /// When it will be deleted, where it will.
    #[serde(default, deserialize_with = "field::moment")]
    pub expires_at: Option<Timestamp>,
    /// Its name.
    #[serde(default, deserialize_with = "field::text")]
    pub filename: Option<String>,
    /// What it is for.
    pub purpose: Option<FilePurpose>,
    /// What has become of it.
    pub status: Option<FileStatus>,
    /// Why it cannot be used.
    #[serde(default, deserialize_with = "field::text")]
    pub status_details: Option<String>,
}

/// A file to send.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileUpload {
    /// What it is for.
    pub purpose: FilePurpose,
    /// Name, media type and content.
    pub file: FilePart,
    /// How long after it was made it is deleted: 1 hour to 30 days; the service decides where nothing is said.
    pub expires_after: Option<Duration>,
}

impl FileUpload {
    /// A file for this purpose.
    #[must_use]
    pub fn new(purpose: FilePurpose, file: FilePart) -> Self {
        Self { purpose, file, expires_after: None }
    }

    /// Sets how long after it was made it is deleted.
    #[must_use]
    pub fn expires_after(mut self, life: Duration) -> Self {
        self.expires_after = Some(life);
        self
    }
}

/// When a file is deleted, as the service wants it said.
#[derive(Serialize)]
pub(crate) struct Expiry {
    anchor: &'static str,
    seconds: u64,
}

impl From<Duration> for Expiry {
    fn from(life: Duration) -> Self {
        Self { anchor: "created_at", seconds: life.as_secs() }
    }
}

/// Which files are listed, and in which order.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FilesOptions {
    /// Only those for this purpose.
    pub purpose: Option<FilePurpose>,
    /// Whether the oldest come first; else the newest do.
    pub oldest_first: bool,
}

impl FilesOptions {
    /// All files, the newest first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists only files for this purpose.
    #[must_use]
    pub fn purpose(mut self, purpose: FilePurpose) -> Self {
        self.purpose = Some(purpose);
        self
    }

    /// Lists the oldest first.
    #[must_use]
    pub fn oldest_first(mut self) -> Self {
        self.oldest_first = true;
        self
    }
}

/// # Files
impl OpenAiClient {
    /// Sends a file in one request; of OpenAI at most 512 MB, beyond which
    /// [`upload_file_in_parts`](Self::upload_file_in_parts) takes them.
    /// <https://platform.openai.com/docs/api-reference/files/create>
    ///
    /// Content in memory or in a file of this machine is sent again only when it is proved that it had not been sent: two
    /// would be kept.
    ///
    /// # Errors
    /// `Unsupported` for a service without files; `OutcomeUnknown` when the answer was lost; what the service says.
    pub async fn upload_file(&self, cx: &CallContext, upload: &FileUpload) -> Result<File> {
        let target = self.at(Files, "/files")?;
        let mut form = Multipart::new(cx.random())?.text("purpose", upload.purpose.as_str());
        if let Some(life) = upload.expires_after {
            let Expiry { anchor, seconds } = life.into();
            form = form.text("expires_after[anchor]", anchor).text("expires_after[seconds]", &seconds.to_string());
        }
        let send = Request::post(target).multipart(upload.file.add(form, "file")?);
        self.http().send(cx, &CREATE, send).await?.json()
    }

    /// All files, the newest first. <https://platform.openai.com/docs/api-reference/files/list>
    pub fn files(&self, cx: &CallContext) -> Listing<File> {
        self.files_with(cx, FilesOptions::new())
    }

    /// As [`files`](Self::files), with options.
    pub fn files_with(&self, cx: &CallContext, options: FilesOptions) -> Listing<File> {
        let mut query = Vec::new();
        query.extend(options.purpose.map(|purpose| ("purpose", purpose.to_string())));
        query.extend(options.oldest_first.then(|| ("order", "asc".to_owned())));
        let list =
            List { endpoint: Files, operation: &LIST, path: "/files", query, page_max: PAGE_MAX, id: |file: &File| &file.id };
        list.of(self, cx)
    }

    /// What the service knows of a file. <https://platform.openai.com/docs/api-reference/files/retrieve>
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` for a service without files; what the service says.
    pub async fn file(&self, cx: &CallContext, id: &str) -> Result<File> {
        let target = self.at(Files, "/files")?.segment(id)?;
        self.http().send(cx, &RETRIEVE, Request::get(target)).await?.json()
    }

    /// Deletes a file; one that is gone already is as good as deleted.
    /// <https://platform.openai.com/docs/api-reference/files/delete>
    ///
    /// # Errors
    /// `Conflict` when the service says that it did not; `Unsupported` for a service without files; what the service says.
    pub async fn delete_file(&self, cx: &CallContext, id: &str) -> Result<()> {
        let target = self.at(Files, "/files")?.segment(id)?;
        deletion::ended(self.http().send(cx, &DELETE, Request::delete(target)).await, "file")
    }

    /// The content of a file, as it comes; one that is cut ends in an error.
    /// <https://platform.openai.com/docs/api-reference/files/retrieve-contents>
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` for a service without files; what the service says.
    pub async fn file_content(&self, cx: &CallContext, id: &str) -> Result<ByteStream> {
        let target = self.at(Files, "/files")?.segment(id)?.path("content");
        Ok(self.http().open(cx, &DOWNLOAD, Request::get(target)).await?.body)
    }
}
