//! Broken embedding models.

use async_trait::async_trait;
use circle_core_common::interfaces::embedding_model::{
    EmbedInput, EmbedRequest, Embedded, EmbeddingModelCapabilities, EmbeddingModelProvider, Embeddings, ModelId,
};
use circle_core_common::{CallContext, Result};

use super::{Broken, Defect};

/// So many bytes are left of a text that is cut.
const LEFT: usize = 16;

#[async_trait]
impl<P: EmbeddingModelProvider> EmbeddingModelProvider for Broken<P> {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        self.provider.capabilities()
    }

    fn models(&self) -> Vec<ModelId> {
        self.provider.models()
    }

    async fn embed(&self, cx: &CallContext, mut request: EmbedRequest) -> Result<Embedded> {
        if self.is(Defect::CutsTexts) {
            for input in &mut request.inputs {
                if let Some(text) = input.as_text().filter(|text| text.is_char_boundary(LEFT.min(text.len()))) {
                    *input = EmbedInput::from(&text[..LEFT.min(text.len())]);
                }
            }
        }
        if self.is(Defect::IgnoresWidth) {
            request.options.dimensions = None;
        }
        let mut embedded = self.provider.embed(cx, request).await?;
        let mut rows: Vec<Vec<f32>> = embedded.embeddings.iter().map(|row| row.to_vec()).collect();
        if self.is(Defect::ReordersBulks) {
            rows.reverse();
        }
        if self.is(Defect::Unnormalised) {
            rows.iter_mut().flatten().for_each(|number| *number *= 3.0);
        }
        embedded.embeddings = Embeddings::of_rows(rows)?;
        Ok(embedded)
    }
}
