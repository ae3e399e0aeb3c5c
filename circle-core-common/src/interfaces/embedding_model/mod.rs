//! Embedding models: texts, and images, as vectors whose nearness is a nearness of meaning.
//!
//! ```
//! # use circle_core_common::Result;
//! # use circle_core_common::interfaces::embedding_model::{EmbedOptions, EmbeddingModel};
//! # async fn example(embedder: EmbeddingModel, chunks: Vec<String>, question: &str) -> Result<()> {
//! let docs = embedder.embed_many_with(&chunks, EmbedOptions::new().document().dimensions(512)).await?.all()?;
//! let question = embedder.embed_with(question, EmbedOptions::new().query().dimensions(512)).await?;
//! println!("{:.3}", question.cosine(&docs[0]));
//! # Ok(())
//! # }
//! ```
//!
//! *Order* is that of the inputs, whatever the batching. *Widths* are what was announced or chosen; another one is
//! `Decode`. All embeddings of a call are rows of *one contiguous block*.

mod batches;
mod capabilities;
#[cfg(feature = "testkit")]
pub mod conformance;
mod embedding;
#[cfg(feature = "mock")]
mod mock;
mod provider;
pub mod similarity;
mod types;

pub use capabilities::EmbeddingModelCapabilities;
#[cfg(feature = "mock")]
pub use mock::MockEmbeddingModelProvider;
pub use provider::EmbeddingModelProvider;
pub use types::*;

pub use super::model_id::ModelId;

use crate::bulk::Bulk;
use crate::error::{Error, ErrorKind, Limit, Result};
use crate::scope::Resources;

crate::operations! {
    "EmbeddingModel" => {
        /// Embeds.
        EMBED = "embedding_model.embed", Read;
    }
}

crate::handle! {
    /// A model that turns texts into vectors: what applications hold.
    EmbeddingModel over EmbeddingModelProvider with EmbeddingModelCapabilities as "EmbeddingModel"
}

type Caps = EmbeddingModelCapabilities;

impl EmbeddingModel {
    /// The embedding of one input.
    ///
    /// # Errors
    /// `InvalidInput` for a text without a visible character, and with reason `ContextLength` for one that is too long
    /// for the model; `Decode` when the answer is not one finite embedding of the announced width.
    pub async fn embed(&self, input: impl Into<EmbedInput>) -> Result<Embedding> {
        self.embed_one(input.into(), EmbedOptions::new()).await
    }

    /// The embedding of one input, for a purpose, or of a chosen width.
    ///
    /// # Errors
    /// As [`embed`](Self::embed); `Unsupported` for a kind or a width that the model does not know.
    pub async fn embed_with(&self, input: impl Into<EmbedInput>, options: EmbedOptions) -> Result<Embedding> {
        self.embed_one(input.into(), options).await
    }

    async fn embed_one(&self, input: EmbedInput, options: EmbedOptions) -> Result<Embedding> {
        let embedded = self.embed_all(vec![input], options).await?;
        embedded.embeddings.get(0).ok_or_else(|| Error::new(ErrorKind::Decode, "the answer has no embedding"))
    }

    /// The embeddings of many inputs, in their order and in one block, in as many calls as the model needs.
    ///
    /// # Errors
    /// As [`embed_many_with`](Self::embed_many_with).
    pub async fn embed_many<I: Into<EmbedInput>>(&self, inputs: impl IntoIterator<Item = I>) -> Result<Bulk<Embedding>> {
        self.embed_many_with(inputs, EmbedOptions::new()).await
    }

    /// The embeddings of many inputs, for a purpose, or of a chosen width.
    ///
    /// # Errors
    /// `InvalidInput` or `Unsupported` when an input or an option is not valid: nothing is sent then. A failed call
    /// marks its own inputs only.
    pub async fn embed_many_with<I: Into<EmbedInput>>(
        &self,
        inputs: impl IntoIterator<Item = I>,
        options: EmbedOptions,
    ) -> Result<Bulk<Embedding>> {
        let inputs: Vec<EmbedInput> = inputs.into_iter().map(Into::into).collect();
        let parts = self.embed_parts(&inputs, &options, false).await?;
        let mut whole = Vec::new();
        let mut failures = Vec::new();
        for (count, part) in parts {
            match part {
                Ok(part) => {
                    failures.push((count, None));
                    whole.push(part.embeddings);
                }
                Err(error) => failures.push((count, Some(error))),
            }
        }
        let block = Embeddings::concat(whole).map_err(|error| self.core.place(error, &EMBED))?;
        let mut rows = block.iter();
        let missing = || Error::new(ErrorKind::Internal, "the block has fewer rows than there were answers");
        let results = failures.into_iter().flat_map(|(count, failure)| std::iter::repeat_n(failure, count));
        Ok(results.map(|failure| failure.map_or_else(|| rows.next().ok_or_else(missing), Err)).collect())
    }

    /// The embeddings of many inputs, all or none, with what they took and the model's name.
    ///
    /// # Errors
    /// As [`embed_many_with`](Self::embed_many_with); the first failed call ends it.
    pub async fn embed_all<I: Into<EmbedInput>>(
        &self,
        inputs: impl IntoIterator<Item = I>,
        options: EmbedOptions,
    ) -> Result<Embedded> {
        let inputs: Vec<EmbedInput> = inputs.into_iter().map(Into::into).collect();
        let (mut blocks, mut usage, mut model) = (Vec::new(), EmbedUsage::tokens(0), None);
        for (_, part) in self.embed_parts(&inputs, &options, true).await? {
            let part = part?;
            usage = usage.plus(part.usage);
            blocks.push(part.embeddings);
            model.get_or_insert(part.model);
        }
        let embeddings = Embeddings::concat(blocks).map_err(|error| self.core.place(error, &EMBED))?;
        Ok(Embedded { embeddings, usage, model: model.unwrap_or_else(|| "".into()) })
    }

    /// What the calls give, each with the number of its inputs.
    async fn embed_parts(
        &self,
        inputs: &[EmbedInput],
        options: &EmbedOptions,
        stop: bool,
    ) -> Result<Vec<(usize, Result<Embedded>)>> {
        self.check(inputs, options).map_err(|error| self.core.place(error, &EMBED))?;
        let model = self.bounded();
        let mut parts = Vec::new();
        // What a model announces or the caller chooses; else what the first answer has, and all others then must.
        let mut width = options.dimensions.or(Some(self.capabilities().dimensions).filter(|width| *width > 0));
        for batch in batches::batches(inputs, self.capabilities()) {
            let request = EmbedRequest::new(inputs[batch.clone()].to_vec(), options.clone());
            let part = model.call(request, width).await;
            if let Ok(part) = &part {
                width.get_or_insert(part.embeddings.dimensions());
            }
            let failed = part.is_err();
            parts.push((batch.len(), part));
            if failed && stop {
                break;
            }
        }
        Ok(parts)
    }

    async fn call(&self, request: EmbedRequest, width: Option<u32>) -> Result<Embedded> {
        let count = request.inputs.len();
        let mut call = self.open(&EMBED);
        let provider = self.start(&mut call, Resources::None).await?;
        let result = call.guard(provider.embed(call.cx(), request)).await.inspect(|embedded| {
            if let Some(tokens) = embedded.usage.input_tokens {
                call.count_tokens(Some(tokens), None);
                call.model().inspect(|model| model.tokens(Some(tokens), None));
            }
        });
        call.finish(result.and_then(|embedded| answered(embedded, count, width))).await
    }

    fn check(&self, inputs: &[EmbedInput], options: &EmbedOptions) -> Result<()> {
        let capabilities = self.capabilities();
        if options.kind.is_some() {
            Caps::KINDS.check(capabilities)?;
        }
        if let Some(dimensions) = options.dimensions {
            Caps::DIMENSIONS_CHOICE.check(capabilities)?;
            let max = capabilities.dimensions;
            if dimensions == 0 {
                return Err(Error::outside_limit(Limit::at_least("dimensions", 1, "numbers"), dimensions));
            }
            if max > 0 && dimensions > max {
                return Err(Error::outside_limit(Limit::at_most("dimensions", max.into(), "numbers"), dimensions));
            }
        }
        options.extensions.check(self.core.provider())?;
        for (at, input) in inputs.iter().enumerate() {
            match input {
                EmbedInput::Text(text) if text.trim().is_empty() => {
                    let text = format!("input {at} is a text without a visible character, which has no meaning to embed");
                    return Err(Error::new(ErrorKind::InvalidInput, text));
                }
                EmbedInput::Text(_) => {}
                EmbedInput::Image { content, .. } => {
                    Caps::IMAGES.check(capabilities)?;
                    if content.is_empty() {
                        return Err(Error::new(ErrorKind::InvalidInput, format!("input {at} is an image without content")));
                    }
                }
            }
        }
        Ok(())
    }
}

/// An answer that is what was asked for. Whether its numbers are finite was looked at when its block was made.
fn answered(embedded: Embedded, count: usize, width: Option<u32>) -> Result<Embedded> {
    let (given, dimensions) = (embedded.embeddings.len(), embedded.embeddings.dimensions());
    if given != count {
        return Err(Error::new(ErrorKind::Decode, format!("the model gave {given} embeddings for {count} inputs")));
    }
    match width {
        Some(width) if width != dimensions => {
            let text = format!("the model gave embeddings of {dimensions} numbers where {width} were announced");
            Err(Error::new(ErrorKind::Decode, text))
        }
        _ => Ok(embedded),
    }
}
