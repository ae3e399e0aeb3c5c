//! {{Provider}} as an embedding model.

use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::embedding_model::{
    EmbedRequest, EmbedUsage, Embedded, EmbeddingModelCapabilities, EmbeddingModelProvider, Embeddings,
};
use circle_core_common::{CallContext, Error, Result};

use crate::{client::{WORDS_MAX, lexicon::DIMENSIONS}, provider::{{Provider}}};

/// What it can do. Turn on what {{Provider}} has; the handle refuses the rest before it gets here.
pub(crate) fn capabilities() -> EmbeddingModelCapabilities {
    let mut capabilities = EmbeddingModelCapabilities::none();
    capabilities.dimensions = DIMENSIONS as u32;
    capabilities.input_tokens = WORDS_MAX;
    capabilities.normalised = true;
    capabilities
}

#[async_trait]
impl EmbeddingModelProvider for {{Provider}} {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        &self.embedding_model
    }

    async fn embed(&self, _: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        let lexicon = &self.client()?.lexicon;
        let (mut rows, mut words) = (Vec::with_capacity(request.inputs.len()), 0);
        for input in &request.inputs {
            let text = input.as_text().ok_or_else(|| Error::unsupported(EmbeddingModelCapabilities::IMAGES.name()))?;
            let (row, count) = lexicon.embed(text)?;
            rows.push(row);
            words += count;
        }
        Ok(Embedded::new(Embeddings::of_rows(rows)?, Arc::clone(&lexicon.model)).usage(EmbedUsage::tokens(words)))
    }
}
