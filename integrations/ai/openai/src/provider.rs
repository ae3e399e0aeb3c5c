//! The service `openai`: a chat model and an embedding model over one client.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{ChatModel, ChatModelCapabilities, ChatModelProvider, ModelId};
use circle_core_common::interfaces::embedding_model::{EmbeddingModel, EmbeddingModelCapabilities, EmbeddingModelProvider};
use circle_core_common::resilience::RemoteOperation;
use circle_core_common::{
    BuildContext, CallContext, Environment, Error, ErrorKind, Flag, Health, Integration, Provider, ProviderInfo, Result, Service,
};
use circle_core_protocol_openai::{OPERATIONS, OpenAiClient};

use crate::config::{OpenAiApi, OpenAiConfig};

/// Models of OpenAI, or of a service that speaks its API. Clones share the client.
#[derive(Clone)]
pub struct OpenAi {
    pub(crate) client: OpenAiClient,
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    info: ProviderInfo,
    pub(crate) api: OpenAiApi,
    pub(crate) chat: ChatModelCapabilities,
    pub(crate) embedding: EmbeddingModelCapabilities,
    pub(crate) chat_model: Option<ModelId>,
    pub(crate) embedding_model: Option<ModelId>,
}

impl OpenAi {
    /// A provider of this config. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid`: no model, no key or endpoint where the preset needs one, an endpoint that is none, an API that the
    /// preset does not have, a capability that there is not.
    pub fn new(config: OpenAiConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        if config.model.is_none() && config.embedding_model.is_none() {
            let text = "`model` or `embedding_model` is missing: nobody says which model to ask";
            return Err(Error::new(ErrorKind::ConfigInvalid, text));
        }
        let settings = config.settings();
        let (chat, embedding) = (chat_capabilities(&config)?, embedding_capabilities(&config));
        let client = OpenAiClient::new(&settings, cx)?;
        let id = |model: &String| ModelId::new(client.profile().name, model.as_str());
        let (chat_model, embedding_model) = (config.model.as_ref().map(id), config.embedding_model.as_ref().map(id));
        let info = ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), client.target());
        Ok(Self { client, shared: Arc::new(Shared { info, api: config.api, chat, embedding, chat_model, embedding_model }) })
    }

    /// The native client: one method per request of the API.
    #[must_use]
    pub fn client(&self) -> &OpenAiClient {
        &self.client
    }
}

fn chat_capabilities(config: &OpenAiConfig) -> Result<ChatModelCapabilities> {
    let profile = config.preset.profile();
    let mut capabilities = match config.api {
        OpenAiApi::ChatCompletions => profile.chat_capabilities(),
        OpenAiApi::Responses => profile.responses_capabilities().ok_or_else(|| {
            let text = format!("`api` is `responses`, which `{}` does not have; leave it out, or set it to", profile.name);
            Error::new(ErrorKind::ConfigInvalid, format!("{text} `chat-completions`"))
        })?,
    };
    for name in &config.lacks {
        let Some(flag) = ChatModelCapabilities::FLAGS.iter().find(|flag| flag.name() == name) else {
            let known = ChatModelCapabilities::FLAGS.iter().map(Flag::name).collect::<Vec<_>>().join(", ");
            let text = format!("`lacks` names `{}`, which is none of {known}", name.escape_debug());
            return Err(Error::new(ErrorKind::ConfigInvalid, text));
        };
        flag.set(&mut capabilities, false);
    }
    capabilities.context_tokens = config.context_tokens;
    capabilities.max_output_tokens = config.max_output_tokens;
    Ok(capabilities)
}

fn embedding_capabilities(config: &OpenAiConfig) -> EmbeddingModelCapabilities {
    let mut capabilities = config.preset.profile().embedding_capabilities(config.embedding_model.as_deref());
    if let Some(dimensions) = config.embedding_dimensions {
        capabilities.dimensions = dimensions;
    }
    capabilities
}

#[async_trait]
impl Provider for OpenAi {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        self.client.environment()
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        self.client.models(cx).await.map(|_| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.client.close();
        Ok(())
    }
}

impl Integration for OpenAi {
    type Config = OpenAiConfig;

    const NAME: &'static str = "openai";
    const INTERFACES: &'static [&'static str] = &["ChatModel", "EmbeddingModel"];
    const REMOTE: bool = true;
    const OPERATIONS: &'static [&'static RemoteOperation] = OPERATIONS;

    async fn build(config: OpenAiConfig, cx: BuildContext) -> Result<Service> {
        let models = Arc::new(Self::new(config, cx)?);
        let chat: Arc<dyn ChatModelProvider> = models.clone();
        let embedding: Arc<dyn EmbeddingModelProvider> = models.clone();
        Ok(Service::new(models).offer::<ChatModel>(chat).offer::<EmbeddingModel>(embedding))
    }
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenAi({})", self.shared.info)
    }
}
