//! What a config file says about a Acme service.

use circle_core_common::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

/// How to use Acme. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AcmeConfig {
    /// How much is kept in all; what does not fit is refused.
    pub capacity: ByteSize,
}

impl AcmeConfig {
    /// The default config.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how much is kept in all.
    #[must_use]
    pub fn capacity(mut self, capacity: ByteSize) -> Self {
        self.capacity = capacity;
        self
    }
}

impl Default for AcmeConfig {
    fn default() -> Self {
        Self { capacity: ByteSize::mib(64) }
    }
}
