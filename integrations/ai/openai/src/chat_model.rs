//! The chat model.

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, ModelId, TokenCount,
};
use circle_core_common::{CallContext, Result};

use crate::config::OpenAiApi;
use crate::provider::OpenAi;

#[async_trait]
impl ChatModelProvider for OpenAi {
    fn capabilities(&self) -> &ChatModelCapabilities {
        &self.shared.chat
    }

    fn state_owner(&self) -> &str {
        match self.shared.api {
            OpenAiApi::ChatCompletions => self.client.state_owner(),
            OpenAiApi::Responses => self.client.responses_state_owner(),
        }
    }

    fn models(&self) -> Vec<ModelId> {
        self.shared.chat_model.iter().cloned().collect()
    }

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        match self.shared.api {
            OpenAiApi::ChatCompletions => self.client.chat(cx, &request).await,
            OpenAiApi::Responses => self.client.respond(cx, &request).await,
        }
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        match self.shared.api {
            OpenAiApi::ChatCompletions => self.client.chat_stream(cx, &request).await,
            OpenAiApi::Responses => self.client.respond_stream(cx, &request).await,
        }
    }

    async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        self.client.count_input_tokens(cx, &request).await
    }
}
