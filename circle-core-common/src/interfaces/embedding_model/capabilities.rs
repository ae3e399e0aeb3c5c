//! What an embedding model can do.

crate::capabilities! {
    /// What an embedding model can do. Embedding texts every model can.
    pub struct EmbeddingModelCapabilities {
        flags {
            /// Embeds questions otherwise than documents.
            kinds = KINDS,
            /// Gives embeddings of a chosen width.
            dimensions_choice = DIMENSIONS_CHOICE,
            /// Embeds images.
            images = IMAGES,
        }
        limits {
            /// How many numbers an embedding has when no width is chosen, and the most that can be chosen; 0 where it is
            /// not known before the first answer.
            dimensions: u32 = 1536,
            /// The most tokens of one input, as the model counts them; longer ones are refused, never cut.
            input_tokens: u32 = 8192,
            /// The most inputs of one call; the handle splits.
            batch_max: u32 = 256,
            /// The most tokens of one call over all its inputs; the handle splits by an estimate.
            batch_tokens_max: u32 = 100_000,
            /// Whether every embedding has length 1, so that the dot product is the cosine.
            normalised: bool = true,
        }
    }
}
