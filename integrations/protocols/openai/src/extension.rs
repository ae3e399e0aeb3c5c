//! What only services of this API know, beyond the common options and results.

use std::collections::BTreeMap;

use circle_core_common::Extension;
use circle_core_common::http::RateLimit;
use circle_core_common::interfaces::chat_model::{ChatRequest, ChatResponse};
use serde_json::Value;

/// What to ask a chat model with, beyond the common options.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct OpenAiChat {
    /// How the request is processed: `flex`, `priority`.
    pub service_tier: Option<String>,
    /// Requests with the same key and beginning find the same cache.
    pub prompt_cache_key: Option<String>,
    /// Who the end user is, hashed, for the service's own watch over abuse.
    pub safety_identifier: Option<String>,
    /// How long answers are: `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    /// Whether the service keeps the answer.
    pub store: Option<bool>,
    /// How the reasoning is summed up in the answer: `auto`, `concise`, `detailed`. Of the Responses API only.
    pub reasoning_summary: Option<String>,
    /// Tools that the service runs itself, as it documents them.
    pub hosted_tools: Vec<Value>,
    /// Any other field of the request body, as the service documents it.
    pub fields: BTreeMap<String, Value>,
}

impl OpenAiChat {
    /// Nothing chosen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how the request is processed.
    #[must_use]
    pub fn service_tier(mut self, tier: impl Into<String>) -> Self {
        self.service_tier = Some(tier.into());
        self
    }

    /// Sets the key of the cache.
    #[must_use]
    pub fn prompt_cache_key(mut self, key: impl Into<String>) -> Self {
        self.prompt_cache_key = Some(key.into());
        self
    }

    /// Sets who the end user is.
    #[must_use]
    pub fn safety_identifier(mut self, identifier: impl Into<String>) -> Self {
        self.safety_identifier = Some(identifier.into());
        self
    }

    /// Sets how long answers are.
    #[must_use]
    pub fn verbosity(mut self, verbosity: impl Into<String>) -> Self {
        self.verbosity = Some(verbosity.into());
        self
    }

    /// Sets whether the service keeps the answer.
    #[must_use]
    pub fn store(mut self, store: bool) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets how the reasoning is summed up in the answer.
    #[must_use]
    pub fn reasoning_summary(mut self, summary: impl Into<String>) -> Self {
        self.reasoning_summary = Some(summary.into());
        self
    }

    /// Offers a tool that the service runs itself: `json!({ "type": "web_search" })`. What it did comes back as an opaque part.
    #[must_use]
    pub fn hosted_tool(mut self, tool: impl Into<Value>) -> Self {
        let mut tool = tool.into();
        // Equal values are equal bytes.
        tool.sort_all_objects();
        self.hosted_tools.push(tool);
        self
    }

    /// Sets any other field of the request body. One that the common options have set is `InvalidInput`.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let mut value = value.into();
        // Equal values are equal bytes.
        value.sort_all_objects();
        self.fields.insert(name.into(), value);
        self
    }
}

/// What the service tells of an answer, beyond the common result: `reply.extensions.get::<OpenAiReply>()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenAiReply {
    /// The id of the request, for the service's support.
    pub request_id: Option<String>,
    /// How the request was processed.
    pub service_tier: Option<String>,
    /// Which build of the model answered.
    pub system_fingerprint: Option<String>,
    /// What is left of the rate limits: of requests or of tokens, whichever is used up more.
    pub rate_limit: Option<RateLimit>,
}

impl Extension<ChatRequest> for OpenAiChat {
    const PROVIDER: &'static str = "openai";
}

impl Extension<ChatResponse> for OpenAiReply {
    const PROVIDER: &'static str = "openai";
}
