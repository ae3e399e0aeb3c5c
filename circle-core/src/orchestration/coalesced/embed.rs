//! Shared embeddings.

use async_trait::async_trait;
use circle_core_common::interfaces::embedding_model::{
    EmbedRequest, EmbedUsage, Embedded, EmbeddingModel, EmbeddingModelCapabilities, EmbeddingModelProvider, ModelId,
};
use circle_core_common::{CallContext, Result};

use super::{Coalesced, is_particular};
use crate::orchestration::cache::key::{self, Answerer};
use crate::orchestration::caller::Identity;

#[async_trait]
impl EmbeddingModelProvider for Coalesced<EmbeddingModel> {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        self.frame.handle.capabilities()
    }

    fn models(&self) -> Vec<ModelId> {
        self.frame.handle.provider().map(|provider| provider.models()).unwrap_or_default()
    }

    async fn embed(&self, cx: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        let provider = self.frame.handle.provider()?;
        let answerer = Answerer::new(provider.info(), Vec::new(), None);
        let keys = request.inputs.iter().map(|input| key::of_input(&answerer, &request.options, input));
        let Some(keys) = keys.collect::<Option<Vec<String>>>().filter(|_| !is_particular(cx)) else {
            return provider.embed(cx, request).await;
        };
        let identity = keys.into_iter().fold(Identity::of(cx, "embed"), Identity::part);
        let (shared, joined) = self.share(cx, identity.into_text(), || provider.embed(cx, request)).await;
        // Tokens are paid once.
        shared.map(|embedded| if joined { embedded.usage(EmbedUsage::tokens(0)) } else { embedded })
    }
}
