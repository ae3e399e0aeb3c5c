//! A batch, and how far it is.

use std::collections::BTreeMap;

use circle_core_common::Timestamp;
use serde::Deserialize;

use crate::field;
use crate::words::words;

words! {
    /// What all requests of a batch ask for.
    pub enum BatchEndpoint {
        /// Answers of the Responses API.
        Responses = "/v1/responses",
        /// Answers of chat models.
        ChatCompletions = "/v1/chat/completions",
        /// Embeddings.
        Embeddings = "/v1/embeddings",
        /// Completions of texts.
        Completions = "/v1/completions",
        /// Moderation.
        Moderations = "/v1/moderations",
        /// Images.
        ImageGenerations = "/v1/images/generations",
        /// Edits of images.
        ImageEdits = "/v1/images/edits",
        /// Videos.
        Videos = "/v1/videos",
    }
}

words! {
    /// How far a batch is.
    pub enum BatchStatus {
        /// Its requests are read.
        Validating = "validating",
        /// Its requests could not be read: `errors` says why.
        Failed = "failed",
        /// Its requests are answered.
        InProgress = "in_progress",
        /// Its answers are written.
        Finalizing = "finalizing",
        /// All its requests were answered, or refused.
        Completed = "completed",
        /// The time was over before all were.
        Expired = "expired",
        /// It is being cancelled, which takes up to 10 minutes.
        Cancelling = "cancelling",
        /// It was cancelled before all were.
        Cancelled = "cancelled",
    }
}

impl BatchStatus {
    /// Whether nothing more will become of it. What only a newer service knows is not final.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Failed | Self::Completed | Self::Expired | Self::Cancelled)
    }
}

/// A batch of the service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Batch {
    /// What requests call it.
    pub id: String,
    /// What its requests ask for.
    pub endpoint: Option<BatchEndpoint>,
    /// How far it is.
    pub status: BatchStatus,
    /// The model.
    #[serde(default, deserialize_with = "field::text")]
    pub model: Option<String>,
    /// The file with the requests.
    #[serde(default, deserialize_with = "field::text")]
    pub input_file_id: Option<String>,
    /// The file with the answers.
    #[serde(default, deserialize_with = "field::text")]
    pub output_file_id: Option<String>,
    /// The file with the requests that were refused or not answered.
    #[serde(default, deserialize_with = "field::text")]
    pub error_file_id: Option<String>,
    /// Within which time it is answered.
    #[serde(default, deserialize_with = "field::text")]
    pub completion_window: Option<String>,
    /// What is wrong with the file of requests.
    #[serde(default, deserialize_with = "errors")]
    pub errors: Vec<BatchError>,
    /// How many requests are where.
    pub request_counts: Option<BatchCounts>,
    /// What it took, in all.
    pub usage: Option<BatchUsage>,
    /// What the caller noted with it.
    #[serde(default, deserialize_with = "metadata")]
    pub metadata: BTreeMap<String, String>,
    /// When it was made.
    #[serde(default, deserialize_with = "field::moment")]
    pub created_at: Option<Timestamp>,
    /// When its first request was worked on.
    #[serde(default, deserialize_with = "field::moment")]
    pub in_progress_at: Option<Timestamp>,
    /// When its time is over.
    #[serde(default, deserialize_with = "field::moment")]
    pub expires_at: Option<Timestamp>,
    /// When its last request was answered.
    #[serde(default, deserialize_with = "field::moment")]
    pub finalizing_at: Option<Timestamp>,
    /// When it was completed.
    #[serde(default, deserialize_with = "field::moment")]
    pub completed_at: Option<Timestamp>,
    /// When it failed.
    #[serde(default, deserialize_with = "field::moment")]
    pub failed_at: Option<Timestamp>,
    /// When it expired.
    #[serde(default, deserialize_with = "field::moment")]
    pub expired_at: Option<Timestamp>,
    /// When its cancellation was asked for.
    #[serde(default, deserialize_with = "field::moment")]
    pub cancelling_at: Option<Timestamp>,
    /// When it was cancelled.
    #[serde(default, deserialize_with = "field::moment")]
    pub cancelled_at: Option<Timestamp>,
}

/// What is wrong with a batch, or with a line of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct BatchError {
    /// The service's code.
    #[serde(default, deserialize_with = "field::text")]
    pub code: Option<String>,
    /// The service's message.
    #[serde(default, deserialize_with = "field::text")]
    pub message: Option<String>,
    /// The field that it is about.
    #[serde(default, deserialize_with = "field::text")]
    pub param: Option<String>,
    /// The line of the file of requests, the first being 1.
    #[serde(default, deserialize_with = "field::count")]
    pub line: Option<u64>,
}

/// How many requests of a batch are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct BatchCounts {
    /// All.
    #[serde(default, deserialize_with = "field::count")]
    pub total: Option<u64>,
    /// Those that are answered.
    #[serde(default, deserialize_with = "field::count")]
    pub completed: Option<u64>,
    /// Those that failed.
    #[serde(default, deserialize_with = "field::count")]
    pub failed: Option<u64>,
}

/// What a batch took, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "WireUsage")]
#[non_exhaustive]
pub struct BatchUsage {
    /// Tokens of all requests, with those that were cached.
    pub input_tokens: Option<u64>,
    /// Those of them that were cached.
    pub cached_tokens: Option<u64>,
    /// Tokens of all answers, with those of reasoning.
    pub output_tokens: Option<u64>,
    /// Those of them that were reasoning.
    pub reasoning_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default, deserialize_with = "field::count")]
    input_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<WireDetails>,
    #[serde(default, deserialize_with = "field::count")]
    output_tokens: Option<u64>,
    #[serde(default)]
    output_tokens_details: Option<WireDetails>,
}

#[derive(Deserialize)]
struct WireDetails {
    #[serde(default, deserialize_with = "field::count")]
    cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "field::count")]
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for BatchUsage {
    fn from(wire: WireUsage) -> Self {
        Self {
            input_tokens: wire.input_tokens,
            cached_tokens: wire.input_tokens_details.and_then(|details| details.cached_tokens),
            output_tokens: wire.output_tokens,
            reasoning_tokens: wire.output_tokens_details.and_then(|details| details.reasoning_tokens),
        }
    }
}

/// A list of the service's own shape, `{"object": "list", "data": […]}`.
fn errors<'de, D: serde::Deserializer<'de>>(field: D) -> std::result::Result<Vec<BatchError>, D::Error> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(default, deserialize_with = "field::list")]
        data: Vec<BatchError>,
    }
    Ok(Option::<Wire>::deserialize(field)?.map(|list| list.data).unwrap_or_default())
}

fn metadata<'de, D: serde::Deserializer<'de>>(field: D) -> std::result::Result<BTreeMap<String, String>, D::Error> {
    let pairs = Option::<BTreeMap<String, serde_json::Value>>::deserialize(field)?.unwrap_or_default();
    Ok(pairs.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect())
}
