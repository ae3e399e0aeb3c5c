//! What a config file says about a {{Provider}} service.

{{#keeps}}
use circle_core_common::ByteSize;
{{/keeps}}
use schemars::JsonSchema;
use serde::Deserialize;

/// How to use {{Provider}}. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct {{Provider}}Config {
{{#keeps}}
    /// How much each store keeps; what does not fit is refused.
    pub capacity: ByteSize,
{{/keeps}}
{{#models}}
    /// The model that is asked, as the service calls it.
    pub model: String,
{{/models}}
}

impl {{Provider}}Config {
    /// The default config.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
{{#keeps}}

    /// Sets how much each store keeps.
    #[must_use]
    pub fn capacity(mut self, capacity: ByteSize) -> Self {
        self.capacity = capacity;
        self
    }
{{/keeps}}
{{#models}}

    /// Sets the model that is asked.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }
{{/models}}
}

impl Default for {{Provider}}Config {
    fn default() -> Self {
        Self {
{{#keeps}}
            capacity: ByteSize::mib(64),
{{/keeps}}
{{#models}}
            model: "{{provider}}-1".to_owned(),
{{/models}}
        }
    }
}
