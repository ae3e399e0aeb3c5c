//! What a config file says about the services of this crate.

use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::{Error, ErrorKind, Result, ServiceRef};
use schemars::JsonSchema;
use serde::Deserialize;

/// How texts become vectors. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EmbeddedEmbeddingsConfig {
    /// How many numbers an embedding has, from 64 to 16384, and the most that a call can choose. More of them tell longer
    /// texts apart better.
    pub dimensions: u32,
}

impl Default for EmbeddedEmbeddingsConfig {
    fn default() -> Self {
        Self { dimensions: 2048 }
    }
}

impl EmbeddedEmbeddingsConfig {
    /// Everything at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many numbers an embedding has.
    #[must_use]
    pub fn dimensions(mut self, dimensions: u32) -> Self {
        self.dimensions = dimensions;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if (64..=16_384).contains(&self.dimensions) {
            return Ok(());
        }
        let text = format!("`dimensions` is {}: choose from 64 to 16384", self.dimensions);
        Err(Error::new(ErrorKind::ConfigInvalid, text))
    }
}

/// How questions are answered. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EmbeddedAnswersConfig {
    /// How many sentences are quoted at most; one at least.
    pub sentences: u32,
}

impl Default for EmbeddedAnswersConfig {
    fn default() -> Self {
        Self { sentences: 3 }
    }
}

impl EmbeddedAnswersConfig {
    /// Everything at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many sentences are quoted at most.
    #[must_use]
    pub fn sentences(mut self, sentences: u32) -> Self {
        self.sentences = sentences;
        self
    }
}

/// Where vectors are kept. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EmbeddedVectorsConfig {
    /// The object store that keeps the index, by its service name. Without one, everything ends with the process.
    pub store: Option<ServiceRef<ObjectStore>>,
    /// What the keys of the index begin with in that store.
    pub prefix: String,
}

impl Default for EmbeddedVectorsConfig {
    fn default() -> Self {
        Self { store: None, prefix: "vectors/".to_owned() }
    }
}

impl EmbeddedVectorsConfig {
    /// Everything at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the service that keeps the index.
    #[must_use]
    pub fn store(mut self, store: ServiceRef<ObjectStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets what the keys of the index begin with.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }
}
