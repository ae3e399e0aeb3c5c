//! What a config file says about a {{Provider}} service.

{{#keeps}}
use circle_core_common::ByteSize;
{{/keeps}}
{{#signs}}
use circle_core_common::SecretRef;
{{/signs}}
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
{{#signs}}
    /// The secrets that webhooks are signed with and that are live: one, and while it is changed the old one too. By default the one
    /// in the environment variable `{{PROVIDER}}_WEBHOOK_SECRET`.
    pub secrets: Vec<SecretRef>,
{{/signs}}
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
{{#signs}}

    /// Sets the secrets that are live.
    #[must_use]
    pub fn secrets(mut self, secrets: impl IntoIterator<Item = SecretRef>) -> Self {
        self.secrets = secrets.into_iter().collect();
        self
    }
{{/signs}}
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
{{#signs}}
            secrets: vec![SecretRef::environment("{{PROVIDER}}_WEBHOOK_SECRET")],
{{/signs}}
        }
    }
}
