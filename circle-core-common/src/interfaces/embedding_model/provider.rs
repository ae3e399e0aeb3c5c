//! What a provider of embeddings implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{EmbedRequest, Embedded, EmbeddingModelCapabilities, ModelId};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::provider::{Health, Provider, ProviderInfo};

/// An embedding model, as providers implement it: one attempt per remote call, owned requests, valid input.
///
/// The handle has checked that every text says something, the width, and every capability that a request needs, and has
/// split what is too much for one call.
#[async_trait]
pub trait EmbeddingModelProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &EmbeddingModelCapabilities;

    /// The model that embeds, where it says; every one of several where it stands for several providers.
    fn models(&self) -> Vec<ModelId> {
        Vec::new()
    }

    /// One embedding per input, in order. `InvalidInput`, reason `ContextLength`, for a text that is too long: it is
    /// never cut.
    async fn embed(&self, cx: &CallContext, request: EmbedRequest) -> Result<Embedded>;
}

shared_provider!(EmbeddingModelProvider);

#[async_trait]
impl EmbeddingModelProvider for Arc<dyn EmbeddingModelProvider> {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        (**self).capabilities()
    }

    fn models(&self) -> Vec<ModelId> {
        (**self).models()
    }

    async fn embed(&self, cx: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        (**self).embed(cx, request).await
    }
}
