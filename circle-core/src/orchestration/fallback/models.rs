//! Models behind one another.

use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, ModelId, TokenCount,
};
use circle_core_common::interfaces::embedding_model::{
    EmbedRequest, Embedded, EmbeddingModel, EmbeddingModelCapabilities, EmbeddingModelProvider,
};
use circle_core_common::{CallContext, Result};

use super::Fallback;
use crate::orchestration::chat_legs::{Chat, Count, Stream};
use crate::orchestration::forward::chat_model_of_legs;
use crate::orchestration::vector_space::Embed;

#[async_trait]
impl ChatModelProvider for Fallback<ChatModel> {
    chat_model_of_legs!();

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.ask(cx, self.order(), &Chat(&request)).await
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        self.ask(cx, self.order(), &Stream(&request)).await
    }

    async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        self.ask(cx, self.order(), &Count(&request)).await
    }
}

#[async_trait]
impl EmbeddingModelProvider for Fallback<EmbeddingModel> {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        &self.capabilities
    }

    fn models(&self) -> Vec<ModelId> {
        let models = self.legs.legs.iter().filter_map(|leg| leg.handle.provider().ok());
        models.flat_map(|provider: &Arc<dyn EmbeddingModelProvider>| provider.models()).collect()
    }

    async fn embed(&self, cx: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        self.space.check(&self.legs.legs)?;
        self.ask(cx, self.order(), &Embed { request: &request, space: &self.space }).await
    }
}
