//! Decorated embedding models.

use crate::interfaces::embedding_model::{
    EmbedRequest, Embedded, EmbeddingModel, EmbeddingModelCapabilities, EmbeddingModelProvider, ModelId,
};

crate::suite::decorated! {
    EmbeddingModel over EmbeddingModelProvider with EmbeddingModelCapabilities as embedding_model {
        embed(EmbedRequest) -> Embedded;
    }

    fn models(&self) -> Vec<ModelId> {
        self.provider.models()
    }
}
