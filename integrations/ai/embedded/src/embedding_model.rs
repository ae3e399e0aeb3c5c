//! Embeddings by hashing words and parts of words.

mod features;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::embedding_model::{
    EmbedInput, EmbedKind, EmbedRequest, EmbedUsage, Embedded, EmbeddingModel, EmbeddingModelCapabilities,
    EmbeddingModelProvider, Embeddings, similarity,
};
use circle_core_common::{BuildContext, CallContext, Environment, Error, ErrorKind, Integration, Reason, Result, Service};

use crate::config::EmbeddedEmbeddingsConfig;
use crate::local::{Local, local_provider};

/// The model's name: another number when the same text gets another embedding.
const MODEL: &str = "lexical-1";
/// The most words of a text.
const INPUT_TOKENS: u32 = 100_000;
/// Texts beyond so many bytes in one call are embedded on a thread for blocking work.
const INLINE_BYTES: usize = 64 * 1024;

/// An embedding model without weights: deterministic, offline, and *lexical*. Texts are near when they share words,
/// beginnings, ends and other parts of words; it knows no synonyms.
#[derive(Clone)]
pub struct EmbeddedEmbeddings {
    shared: Arc<Shared>,
}

struct Shared {
    local: Local,
    capabilities: EmbeddingModelCapabilities,
}

impl EmbeddedEmbeddings {
    /// The model with its defaults, in the default environment.
    #[must_use]
    pub fn new() -> Self {
        Self::made(&EmbeddedEmbeddingsConfig::new(), Environment::default())
    }

    /// The model of this config.
    ///
    /// # Errors
    /// `ConfigInvalid` for a width outside the limits.
    pub fn with(config: &EmbeddedEmbeddingsConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        config.check()?;
        Ok(Self::made(config, cx.into().environment().clone()))
    }

    fn made(config: &EmbeddedEmbeddingsConfig, environment: Environment) -> Self {
        let mut capabilities = EmbeddingModelCapabilities::all();
        capabilities.images = false;
        capabilities.dimensions = config.dimensions;
        capabilities.input_tokens = INPUT_TOKENS;
        capabilities.batch_max = 1_000;
        capabilities.batch_tokens_max = 4 * INPUT_TOKENS;
        let local = Local::new("embedding model", Self::NAME, MODEL, environment);
        Self { shared: Arc::new(Shared { local, capabilities }) }
    }
}

impl Default for EmbeddedEmbeddings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EmbeddedEmbeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmbeddedEmbeddings({MODEL}, {} dimensions)", self.shared.capabilities.dimensions)
    }
}

/// A question to compare with texts here and now, without a provider.
pub(crate) struct Lexical {
    question: Vec<f32>,
}

impl Lexical {
    /// How many numbers are compared: short texts need no more.
    const WIDTH: usize = 2048;

    pub(crate) fn question(text: &str) -> Self {
        let mut question = vec![0.0; Self::WIDTH];
        features::write(text, Some(EmbedKind::Query), &mut question);
        Self { question }
    }

    /// How alike a text is, from 0 to 1.
    pub(crate) fn nearness(&self, text: &str) -> f32 {
        let mut row = vec![0.0; Self::WIDTH];
        features::write(text, Some(EmbedKind::Document), &mut row);
        similarity::dot(&self.question, &row).max(0.0)
    }
}

local_provider!(EmbeddedEmbeddings);

#[async_trait]
impl EmbeddingModelProvider for EmbeddedEmbeddings {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        &self.shared.capabilities
    }

    async fn embed(&self, _: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        self.shared.local.check_open()?;
        let width = request.options.dimensions.unwrap_or(self.shared.capabilities.dimensions);
        let bytes: usize = request.inputs.iter().filter_map(EmbedInput::as_text).map(str::len).sum();
        if bytes <= INLINE_BYTES {
            return embedded(&request, width);
        }
        let task = tokio::task::spawn_blocking(move || embedded(&request, width));
        task.await.map_err(|error| Error::new(ErrorKind::Internal, "the embedding broke off").with_source(error))?
    }
}

fn embedded(request: &EmbedRequest, width: u32) -> Result<Embedded> {
    let mut block = vec![0.0; request.inputs.len() * width as usize];
    let mut tokens = 0;
    for (at, (input, row)) in request.inputs.iter().zip(block.chunks_exact_mut(width as usize)).enumerate() {
        let Some(text) = input.as_text() else { return Err(Error::unsupported("images")) };
        let count = features::write(text, request.options.kind, row);
        if count > INPUT_TOKENS as usize {
            let text = format!("input {at} has {count} words, and the model takes {INPUT_TOKENS}");
            return Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::ContextLength));
        }
        tokens += count.max(1) as u64;
    }
    Ok(Embedded::new(Embeddings::new(block, width)?, MODEL).usage(EmbedUsage::tokens(tokens)))
}

impl Integration for EmbeddedEmbeddings {
    type Config = EmbeddedEmbeddingsConfig;

    const NAME: &'static str = "embedded-embeddings";
    const INTERFACES: &'static [&'static str] = &["EmbeddingModel"];

    async fn build(config: EmbeddedEmbeddingsConfig, cx: BuildContext) -> Result<Service> {
        let provider = Arc::new(Self::with(&config, cx)?);
        let model: Arc<dyn EmbeddingModelProvider> = provider.clone();
        Ok(Service::new(provider).offer::<EmbeddingModel>(model))
    }
}
