//! The embedding model.

use async_trait::async_trait;
use circle_core_common::interfaces::embedding_model::{
    EmbedRequest, Embedded, EmbeddingModelCapabilities, EmbeddingModelProvider, ModelId,
};
use circle_core_common::{CallContext, Result};

use crate::provider::OpenAi;

#[async_trait]
impl EmbeddingModelProvider for OpenAi {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        &self.shared.embedding
    }

    fn models(&self) -> Vec<ModelId> {
        self.shared.embedding_model.iter().cloned().collect()
    }

    async fn embed(&self, cx: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        self.client.embed(cx, &request).await
    }
}
