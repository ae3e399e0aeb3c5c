//! What a config file says about a service.

use circle_core_common::SecretRef;
use circle_core_protocol_openai::{OpenAiSettings, Preset};
use schemars::JsonSchema;
use serde::Deserialize;

/// How a chat model is asked: the service has one or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OpenAiApi {
    /// With messages: every service.
    #[default]
    ChatCompletions,
    /// With items: reasoning goes back with the conversation, tools of the service itself can be called, and tokens counted.
    Responses,
}

/// Which service, which models, where, and with which key. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenAiConfig {
    /// The service; it decides address, names of fields and capabilities.
    #[serde(default)]
    pub preset: Preset,
    /// How the chat model is asked.
    #[serde(default)]
    pub api: OpenAiApi,
    /// The chat model that is asked where a request names none; of `azure` the name of its deployment.
    pub model: Option<String>,
    /// The embedding model.
    pub embedding_model: Option<String>,
    /// How many numbers an embedding of this model has, where the service does not document it.
    pub embedding_dimensions: Option<u32>,
    /// The key; servers of one's own may need none.
    pub api_key: Option<SecretRef>,
    /// The address, in place of the preset's; with a path, if it is not the usual one.
    pub endpoint: Option<String>,
    /// The organization that pays, where the key belongs to several.
    pub organization: Option<String>,
    /// The project that pays, where the key belongs to several.
    pub project: Option<String>,
    /// The most tokens of a request and its answer together.
    pub context_tokens: Option<u64>,
    /// The most tokens of an answer.
    pub max_output_tokens: Option<u32>,
    /// Capabilities that the chat model lacks although its service has them, by name: `["tools", "images"]`.
    #[serde(default)]
    pub lacks: Vec<String>,
}

impl OpenAiConfig {
    /// A chat model of OpenAI; everything else at its default.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: Some(model.into()), ..Self::of(Preset::Openai) }
    }

    /// An embedding model of OpenAI; everything else at its default.
    #[must_use]
    pub fn embedding(model: impl Into<String>) -> Self {
        Self::of(Preset::Openai).embedding_model(model)
    }

    /// A service, without a model.
    #[must_use]
    pub fn of(preset: Preset) -> Self {
        Self {
            preset,
            api: OpenAiApi::default(),
            model: None,
            embedding_model: None,
            embedding_dimensions: None,
            api_key: None,
            endpoint: None,
            organization: None,
            project: None,
            context_tokens: None,
            max_output_tokens: None,
            lacks: Vec::new(),
        }
    }

    /// Sets the service.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// Sets how the chat model is asked.
    #[must_use]
    pub fn api(mut self, api: OpenAiApi) -> Self {
        self.api = api;
        self
    }

    /// Sets the chat model.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the embedding model.
    #[must_use]
    pub fn embedding_model(mut self, model: impl Into<String>) -> Self {
        self.embedding_model = Some(model.into());
        self
    }

    /// Sets how many numbers an embedding has.
    #[must_use]
    pub fn embedding_dimensions(mut self, dimensions: u32) -> Self {
        self.embedding_dimensions = Some(dimensions);
        self
    }

    /// Sets the key.
    #[must_use]
    pub fn api_key(mut self, key: SecretRef) -> Self {
        self.api_key = Some(key);
        self
    }

    /// Sets the address, in place of the preset's.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Sets the organization that pays.
    #[must_use]
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.organization = Some(organization.into());
        self
    }

    /// Sets the project that pays.
    #[must_use]
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Sets the most tokens of a request and its answer together.
    #[must_use]
    pub fn context_tokens(mut self, tokens: u64) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// Sets the most tokens of an answer.
    #[must_use]
    pub fn max_output_tokens(mut self, tokens: u32) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// Adds a capability that the chat model lacks.
    #[must_use]
    pub fn lacks(mut self, capability: impl Into<String>) -> Self {
        self.lacks.push(capability.into());
        self
    }

    pub(crate) fn settings(&self) -> OpenAiSettings {
        let mut settings = OpenAiSettings::new(self.preset.profile());
        settings.model.clone_from(&self.model);
        settings.embedding_model.clone_from(&self.embedding_model);
        settings.api_key.clone_from(&self.api_key);
        settings.endpoint.clone_from(&self.endpoint);
        settings.organization.clone_from(&self.organization);
        settings.project.clone_from(&self.project);
        settings
    }
}
