//! What a config file says about a memory service.

use circle_core_common::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

/// How to keep things in memory. An unknown key is an error.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MemoryConfig {
    /// The most bytes of keys and content, over all interfaces; what does not fit is refused. No limit by default.
    pub capacity: Option<ByteSize>,
    /// Whether objects keep their older versions until each is deleted; such a store only grows.
    pub versions: bool,
}

impl MemoryConfig {
    /// No limit, no older versions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the most bytes of keys and content.
    #[must_use]
    pub fn capacity(mut self, capacity: ByteSize) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// Sets whether object storage keeps older versions.
    #[must_use]
    pub fn versions(mut self, versions: bool) -> Self {
        self.versions = versions;
        self
    }
}
