//! What a config file says about a memory service.

#[cfg(feature = "seal")]
use std::collections::BTreeMap;

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

/// Which keys a key service in memory has. An unknown key is an error.
#[cfg(feature = "seal")]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MemoryKeysConfig {
    /// The keys by name, with what they do; each is made of random bytes when the service is built.
    pub keys: BTreeMap<String, MemoryKeyUse>,
}

#[cfg(feature = "seal")]
impl MemoryKeysConfig {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    #[must_use]
    pub fn key(mut self, name: impl Into<String>, used: MemoryKeyUse) -> Self {
        self.keys.insert(name.into(), used);
        self
    }
}

/// What a key does.
#[cfg(feature = "seal")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MemoryKeyUse {
    /// It encrypts, and makes data keys.
    Encrypt,
    /// It signs by Ed25519.
    Ed25519,
    /// It signs by ECDSA over P-256.
    EcdsaP256,
    /// It signs by ECDSA over P-384.
    EcdsaP384,
}
