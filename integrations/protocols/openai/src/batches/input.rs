//! The file of requests.

use std::collections::HashSet;
use std::fmt;

use circle_core_common::interfaces::chat_model::{ChatRequest, Warning};
use circle_core_common::interfaces::embedding_model::EmbedRequest;
use circle_core_common::{Body, Error, ErrorKind, Limit, Result};
use serde::Serialize;
use serde_json::value::RawValue;

use super::BatchEndpoint;
use crate::client::OpenAiClient;

/// The largest file that services take.
const BYTES_MAX: usize = 200_000_000;

/// The requests of a batch: lines of JSON, each with an id of the caller's.
#[derive(Clone)]
pub struct BatchInput {
    endpoint: BatchEndpoint,
    lines: Vec<u8>,
    ids: HashSet<String>,
    warnings: Vec<(String, Warning)>,
}

#[derive(Serialize)]
struct Line<'a, T: ?Sized> {
    custom_id: &'a str,
    method: &'static str,
    url: &'a BatchEndpoint,
    body: &'a T,
}

impl BatchInput {
    /// No requests yet, all of which will ask for this.
    #[must_use]
    pub fn new(endpoint: BatchEndpoint) -> Self {
        Self { endpoint, lines: Vec::new(), ids: HashSet::new(), warnings: Vec::new() }
    }

    /// Adds a request: the body that would be sent if it were sent alone.
    ///
    /// # Errors
    /// `InvalidInput` for an id that is empty or taken, for a body that is no JSON, and beyond 200 MB.
    pub fn push<T: Serialize + ?Sized>(&mut self, custom_id: impl Into<String>, body: &T) -> Result<()> {
        let custom_id = custom_id.into();
        let invalid = |what: &str| Error::new(ErrorKind::InvalidInput, format!("the `custom_id` {custom_id:?} {what}"));
        if custom_id.is_empty() {
            return Err(invalid("is empty"));
        }
        if self.ids.contains(&custom_id) {
            return Err(invalid("is taken: the answers come in any order, and could not be told apart"));
        }
        let start = self.lines.len();
        let line = Line { custom_id: &custom_id, method: "POST", url: &self.endpoint, body };
        if let Err(error) = serde_json::to_writer(&mut self.lines, &line) {
            self.lines.truncate(start);
            return Err(Error::new(ErrorKind::InvalidInput, "the request cannot be written as JSON").with_source(error));
        }
        self.lines.push(b'\n');
        if self.lines.len() > BYTES_MAX {
            let length = self.lines.len();
            self.lines.truncate(start);
            return Err(Error::outside_limit(Limit::at_most("batch", BYTES_MAX as u64, "bytes"), length));
        }
        self.ids.insert(custom_id);
        Ok(())
    }

    /// What of the requests is not honoured, by their ids.
    #[must_use]
    pub fn warnings(&self) -> &[(String, Warning)] {
        &self.warnings
    }

    /// How many requests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The file.
    #[must_use]
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    pub(super) fn into_parts(self) -> (BatchEndpoint, Body) {
        (self.endpoint, self.lines.into())
    }
}

/// Without the requests.
impl fmt::Debug for BatchInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchInput({} requests to {}, {} bytes)", self.len(), self.endpoint, self.lines.len())
    }
}

/// # Requests of batches
impl OpenAiClient {
    /// The file that asks the chat model all of these; requests may name models of their own, which a service may want to be
    /// one and the same.
    ///
    /// # Errors
    /// `ConfigInvalid` without a model; `Unsupported` for media that the service does not take; as [`BatchInput::push`].
    pub fn chat_batch<Id: Into<String>>(&self, requests: impl IntoIterator<Item = (Id, ChatRequest)>) -> Result<BatchInput> {
        let mut input = BatchInput::new(BatchEndpoint::ChatCompletions);
        for (id, request) in requests {
            let (id, prepared) = (id.into(), self.prepared(&request, false)?);
            let invalid = || Error::new(ErrorKind::Internal, "the body of a request is no JSON");
            let body: &RawValue = serde_json::from_slice(&prepared.body).map_err(|_| invalid())?;
            input.push(id.as_str(), body)?;
            input.warnings.extend(prepared.warnings.into_iter().map(|warning| (id.clone(), warning)));
        }
        Ok(input)
    }

    /// The file that asks the embedding model for all of these; OpenAI takes 50,000 inputs in all.
    ///
    /// # Errors
    /// `ConfigInvalid` without an embedding model; `Unsupported` for a service without embeddings and for images; as
    /// [`BatchInput::push`].
    pub fn embedding_batch<Id: Into<String>>(
        &self,
        requests: impl IntoIterator<Item = (Id, EmbedRequest)>,
    ) -> Result<BatchInput> {
        let mut input = BatchInput::new(BatchEndpoint::Embeddings);
        for (id, request) in requests {
            input.push(id, &self.embeddings_body(&request)?)?;
        }
        Ok(input)
    }
}
