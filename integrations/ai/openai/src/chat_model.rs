//! The chat model.

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream,
};
use circle_core_common::{CallContext, Result};

use crate::provider::OpenAi;

#[async_trait]
impl ChatModelProvider for OpenAi {
    fn capabilities(&self) -> &ChatModelCapabilities {
        &self.shared.chat
    }

    fn state_owner(&self) -> &str {
        self.client.state_owner()
    }

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.client.chat(cx, &request).await
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        self.client.chat_stream(cx, &request).await
    }
}
