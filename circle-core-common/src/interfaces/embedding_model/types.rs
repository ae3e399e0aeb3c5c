//! Requests, options and results.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use super::embedding::{Embedding, Embeddings};
use crate::extension::Extensions;

/// What is embedded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EmbedInput {
    /// A text.
    Text(Arc<str>),
    /// An image.
    Image {
        /// Its media type: `image/png`.
        media_type: Arc<str>,
        /// Its content.
        content: Bytes,
    },
}

impl EmbedInput {
    /// An image.
    #[must_use]
    pub fn image(media_type: impl Into<Arc<str>>, content: impl Into<Bytes>) -> Self {
        Self::Image { media_type: media_type.into(), content: content.into() }
    }

    /// The text, of a text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Image { .. } => None,
        }
    }
}

impl From<&str> for EmbedInput {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for EmbedInput {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&String> for EmbedInput {
    fn from(text: &String) -> Self {
        Self::Text(text.as_str().into())
    }
}

impl From<Arc<str>> for EmbedInput {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text)
    }
}

impl From<&Self> for EmbedInput {
    fn from(input: &Self) -> Self {
        input.clone()
    }
}

/// What an input is to the search that it is embedded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EmbedKind {
    /// What is searched for.
    Query,
    /// What is found.
    Document,
}

/// How to embed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct EmbedOptions {
    /// What the inputs are; a model that knows no kinds takes none.
    pub kind: Option<EmbedKind>,
    /// How many numbers an embedding has; the model's own width by default.
    pub dimensions: Option<u32>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl EmbedOptions {
    options!();

    /// The inputs are what is searched for.
    #[must_use]
    pub fn query(mut self) -> Self {
        self.kind = Some(EmbedKind::Query);
        self
    }

    /// The inputs are what is found.
    #[must_use]
    pub fn document(mut self) -> Self {
        self.kind = Some(EmbedKind::Document);
        self
    }

    /// Sets how many numbers an embedding has.
    #[must_use]
    pub fn dimensions(mut self, dimensions: u32) -> Self {
        self.dimensions = Some(dimensions);
        self
    }
}

/// What embedding has used; what the service does not tell is unknown, not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbedUsage {
    /// The tokens of all inputs, as the model counts and its service bills them.
    pub input_tokens: Option<u64>,
}

impl EmbedUsage {
    /// So many tokens.
    #[must_use]
    pub const fn tokens(input_tokens: u64) -> Self {
        Self { input_tokens: Some(input_tokens) }
    }

    /// This and another; unknown if one of them is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let both = self.input_tokens.zip(other.input_tokens);
        Self { input_tokens: both.map(|(one, other)| one.saturating_add(other)) }
    }
}

/// What a model gives: one embedding per input, in the order of the inputs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Embedded {
    /// The embeddings, in one block.
    pub embeddings: Embeddings,
    /// What it took.
    pub usage: EmbedUsage,
    /// The model, as its service calls it. Embeddings of different models do not compare.
    pub model: Arc<str>,
}

impl Embedded {
    /// The embeddings of a model; usage unknown.
    #[must_use]
    pub fn new(embeddings: Embeddings, model: impl Into<Arc<str>>) -> Self {
        Self { embeddings, usage: EmbedUsage::default(), model: model.into() }
    }

    /// Sets what it took.
    #[must_use]
    pub fn usage(mut self, usage: EmbedUsage) -> Self {
        self.usage = usage;
        self
    }
}

request! {
    /// Asks for embeddings.
    EmbedRequest {
        /// Of these; at most `batch_max`, and by estimate at most `batch_tokens_max` tokens.
        inputs: Vec<EmbedInput>,
        /// What the caller chose.
        options: EmbedOptions,
    }
}
