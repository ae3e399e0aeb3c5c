//! Batches: many requests in a file, answered within a day at half the price.
//!
//! ```no_run
//! # use circle_core_protocol_openai::OpenAiClient;
//! # use circle_core_protocol_openai::batches::BatchOptions;
//! # use circle_core_common::interfaces::chat_model::ChatRequest;
//! # use circle_core_common::{CallContext, Result};
//! # async fn example(client: &OpenAiClient, cx: &CallContext) -> Result<()> {
//! let questions = [("q1", ChatRequest::from("Name a river.")), ("q2", ChatRequest::from("Name a lake."))];
//! let batch = client.submit_batch(cx, client.chat_batch(questions)?, BatchOptions::new()).await?;
//! let batch = client.wait_for_batch(cx, &batch.id).await?; // also later, and elsewhere, by the id
//! let mut results = client.batch_results(cx, &batch).await?;
//! while let Some(line) = results.try_next().await? {
//!     match line.chat() {
//!         Ok(reply) => println!("{}: {}", line.custom_id, reply.text()),
//!         Err(error) => println!("{}: {error}", line.custom_id),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod batch;
mod input;
mod lines;
mod output;

use std::collections::BTreeMap;
use std::time::Duration;

use circle_core_common::http::Request;
use circle_core_common::resilience::backoff::Backoff;
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Error, ErrorKind, Listing, Result, Sent};
use serde::Serialize;

pub use batch::{Batch, BatchCounts, BatchEndpoint, BatchError, BatchStatus, BatchUsage};
pub use input::BatchInput;
pub use output::{BatchLine, BatchResults};

use crate::client::OpenAiClient;
use crate::endpoint::OpenAiEndpoint::Batches;
use crate::files::{Expiry, FilePurpose, FileUpload};
use crate::pages::List;
use crate::part::FilePart;

// Sent twice, it is two batches, and both are paid for.
pub(crate) static CREATE: RemoteOperation = RemoteOperation::new("openai.CreateBatch", Idempotency::NonIdempotent, "/batches");
pub(crate) static LIST: RemoteOperation = RemoteOperation::new("openai.ListBatches", Idempotency::Safe, "/batches");
pub(crate) static RETRIEVE: RemoteOperation = RemoteOperation::new("openai.RetrieveBatch", Idempotency::Safe, "/batches/{batch}");
pub(crate) static CANCEL: RemoteOperation =
    RemoteOperation::new("openai.CancelBatch", Idempotency::Idempotent, "/batches/{batch}/cancel");

/// The most entries of a page.
const PAGE_MAX: u32 = 100;
/// How often is looked after a batch: at first every few seconds, later every minute.
const POLL: Backoff = Backoff::new()
    .initial_interval(Duration::from_secs(2))
    .multiplier(1.5)
    .randomization_factor(0.1)
    .max_interval(Duration::from_secs(60));

/// How a batch is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchOptions {
    /// Within which time it is to be answered; OpenAI knows `24h` only.
    pub completion_window: String,
    /// What is noted with it: up to 16 pairs.
    pub metadata: BTreeMap<String, String>,
    /// How long after they were made its files of answers are deleted: 1 hour to 30 days.
    pub output_expires_after: Option<Duration>,
}

impl BatchOptions {
    /// Answers within a day.
    #[must_use]
    pub fn new() -> Self {
        Self { completion_window: "24h".to_owned(), metadata: BTreeMap::new(), output_expires_after: None }
    }

    /// Sets within which time it is to be answered.
    #[must_use]
    pub fn completion_window(mut self, window: impl Into<String>) -> Self {
        self.completion_window = window.into();
        self
    }

    /// Notes something with it.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Sets how long after they were made its files of answers are deleted.
    #[must_use]
    pub fn output_expires_after(mut self, life: Duration) -> Self {
        self.output_expires_after = Some(life);
        self
    }
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Serialize)]
struct NewBatch<'a> {
    input_file_id: &'a str,
    endpoint: &'a BatchEndpoint,
    completion_window: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_expires_after: Option<Expiry>,
}

/// # Batches
impl OpenAiClient {
    /// Sends the file of requests and makes a batch of it. A file of which the service makes no batch is deleted again.
    ///
    /// # Errors
    /// `InvalidInput` when there is no request; as [`upload_file`](Self::upload_file) and [`create_batch`](Self::create_batch).
    pub async fn submit_batch(&self, cx: &CallContext, input: BatchInput, options: BatchOptions) -> Result<Batch> {
        self.at(Batches, "/batches")?;
        if input.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a batch has at least one request"));
        }
        let (endpoint, lines) = input.into_parts();
        let upload = FileUpload::new(FilePurpose::Batch, FilePart::new("batch.jsonl", lines));
        let file = self.upload_file(cx, &upload).await?;
        let made = self.create_batch(cx, &file.id, &endpoint, &options).await;
        let refused =
            |error: &Error| error.detail().and_then(|detail| detail.status).is_some_and(|status| (400..500).contains(&status));
        if made.as_ref().is_err_and(refused)
            && let Err(error) = self.delete_file(cx, &file.id).await
        {
            tracing::warn!(target: "circle", %error, "the file of a batch that was refused could not be deleted");
        }
        made
    }

    /// Makes a batch of a file of requests, which was sent for [`FilePurpose::Batch`].
    /// <https://platform.openai.com/docs/api-reference/batch/create>
    ///
    /// # Errors
    /// `OutcomeUnknown` when the answer was lost: look for the batch by its metadata. `Unsupported` for a service without
    /// batches; what the service says.
    pub async fn create_batch(
        &self,
        cx: &CallContext,
        input_file_id: &str,
        endpoint: &BatchEndpoint,
        options: &BatchOptions,
    ) -> Result<Batch> {
        let body = NewBatch {
            input_file_id,
            endpoint,
            completion_window: &options.completion_window,
            metadata: &options.metadata,
            output_expires_after: options.output_expires_after.map(Expiry::from),
        };
        let send = Request::post(self.at(Batches, "/batches")?).json(&body)?;
        self.http().send(cx, &CREATE, send).await?.json()
    }

    /// How far a batch is. <https://platform.openai.com/docs/api-reference/batch/retrieve>
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` for a service without batches; what the service says.
    pub async fn batch(&self, cx: &CallContext, id: &str) -> Result<Batch> {
        let target = self.at(Batches, "/batches")?.segment(id)?;
        self.http().send(cx, &RETRIEVE, Request::get(target)).await?.json()
    }

    /// All batches, the newest first. <https://platform.openai.com/docs/api-reference/batch/list>
    pub fn batches(&self, cx: &CallContext) -> Listing<Batch> {
        List {
            endpoint: Batches,
            operation: &LIST,
            path: "/batches",
            query: Vec::new(),
            page_max: PAGE_MAX,
            id: |batch: &Batch| &batch.id,
        }
        .of(self, cx)
    }

    /// Cancels a batch, which takes up to 10 minutes; what is answered by then stays.
    /// <https://platform.openai.com/docs/api-reference/batch/cancel>
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` for a service without batches; what the service says, also of a batch that has ended.
    pub async fn cancel_batch(&self, cx: &CallContext, id: &str) -> Result<Batch> {
        let target = self.at(Batches, "/batches")?.segment(id)?.path("cancel");
        self.http().send(cx, &CANCEL, Request::post(target)).await?.json()
    }

    /// Waits until nothing more will become of a batch: look at its status then. It can be waited for again, and elsewhere.
    ///
    /// Asks every 2 s at first and every minute later. Each time is a request within the call, whose deadline and cancellation
    /// end the wait; one that fails is asked again from the retry budget of the service.
    ///
    /// # Errors
    /// `Timeout` when the deadline comes before the next look would, and `Cancelled`: of the wait, and not of the batch, which
    /// goes on; as [`batch`](Self::batch).
    pub async fn wait_for_batch(&self, cx: &CallContext, id: &str) -> Result<Batch> {
        let mut waits = POLL.waits(cx.random());
        loop {
            let asked_to_wait = match self.batch(cx, id).await {
                Ok(batch) if batch.status.is_final() => return Ok(batch),
                Ok(_) => None,
                Err(error) if error.is_retryable() && cx.draw_retry() => error.retry_after(),
                Err(error) => return Err(error),
            };
            let wait = waits.next_wait()?.unwrap_or(POLL.max_interval).max(asked_to_wait.unwrap_or_default());
            if cx.remaining().is_some_and(|remaining| remaining <= wait) {
                return Err(Error::new(ErrorKind::Timeout, "the batch has not ended by the deadline of the call, and goes on"));
            }
            let pause = async {
                cx.clock().sleep(wait).await;
                Ok(())
            };
            cx.guard(pause).await.map_err(|error| error.context("the batch goes on").with_sent(Sent::No))?;
        }
    }

    /// The answers of a batch that has ended: first those of its file of answers, then those of its file of errors. They come
    /// in any order; `custom_id` tells them apart.
    ///
    /// # Errors
    /// `Conflict` for a batch that has not ended; `InvalidInput` for one that failed, with what is wrong with its requests;
    /// as [`file_content`](Self::file_content).
    pub async fn batch_results(&self, cx: &CallContext, batch: &Batch) -> Result<BatchResults> {
        self.at(Batches, "/batches")?;
        if !batch.status.is_final() {
            return Err(Error::new(ErrorKind::Conflict, format!("the batch is {}, and has no results yet", batch.status)));
        }
        let files = [&batch.output_file_id, &batch.error_file_id].into_iter().flatten().cloned();
        if batch.status == BatchStatus::Failed && files.clone().next().is_none() {
            return Err(failed(batch));
        }
        BatchResults::open(self, cx, files.collect()).await
    }

    /// The lines of one file of answers or errors.
    ///
    /// # Errors
    /// As [`file_content`](Self::file_content).
    pub async fn batch_lines(&self, cx: &CallContext, file_id: &str) -> Result<BatchResults> {
        BatchResults::open(self, cx, vec![file_id.to_owned()]).await
    }
}

/// Why a batch has no answers.
fn failed(batch: &Batch) -> Error {
    let Some(first) = batch.errors.first() else {
        return Error::new(ErrorKind::InvalidInput, "the batch failed, and the service does not say why").with_sent(Sent::Yes);
    };
    let line = first.line.map(|line| format!(", in line {line}")).unwrap_or_default();
    let said = first.message.as_deref().or(first.code.as_deref()).unwrap_or("the service does not say why");
    let text = format!("the batch failed{line}: {}", said.escape_debug());
    Error::new(ErrorKind::InvalidInput, text).with_sent(Sent::Yes)
}
