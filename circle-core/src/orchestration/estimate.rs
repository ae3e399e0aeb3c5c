//! What a request is taken to need before anybody has counted it.

use circle_core_common::interfaces::chat_model::{ChatModelCapabilities, ChatRequest};

/// What is assumed of what cannot be known before a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assumed {
    /// The tokens of an answer whose request does not say how long it may be.
    pub output_tokens: u32,
    /// The tokens of an image, a sound or a document.
    pub media_tokens: u32,
}

impl Assumed {
    /// 1024 tokens of an answer, 1500 of an image.
    #[must_use]
    pub const fn new() -> Self {
        Self { output_tokens: 1024, media_tokens: 1500 }
    }

    /// Sets the tokens of an answer.
    #[must_use]
    pub const fn output_tokens(mut self, tokens: u32) -> Self {
        self.output_tokens = tokens;
        self
    }

    /// Sets the tokens of an image, a sound or a document.
    #[must_use]
    pub const fn media_tokens(mut self, tokens: u32) -> Self {
        self.media_tokens = tokens;
        self
    }

    pub(super) fn input_tokens_of(&self, request: &ChatRequest) -> u64 {
        let estimate = request.estimate();
        estimate.text_tokens.saturating_add(estimate.media.saturating_mul(self.media_tokens.into()))
    }

    /// The tokens of the answer: what the request allows, else what is assumed, and no more than the model can write.
    pub(super) fn output_tokens_of(&self, request: &ChatRequest, capabilities: &ChatModelCapabilities) -> u64 {
        let wanted = request.max_output_tokens.unwrap_or(self.output_tokens);
        wanted.min(capabilities.max_output_tokens.unwrap_or(u32::MAX)).into()
    }
}

impl Default for Assumed {
    fn default() -> Self {
        Self::new()
    }
}
