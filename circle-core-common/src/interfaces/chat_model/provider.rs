//! What a provider of chat models implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ChatModelCapabilities, ChatRequest, ChatResponse, ChatStream, ModelId, TokenCount};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::provider::{Health, Provider, ProviderInfo};

/// A chat model. The handle has checked the request against the capabilities, and has left out of it what belongs to
/// another [`state_owner`](Self::state_owner).
///
/// Equal requests must be sent as equal bytes, so that prompt caches hit. A hint that cannot be honoured is a
/// [`Warning`](super::Warning); an unknown finish reason, part or field is never an error.
#[async_trait]
pub trait ChatModelProvider: Provider {
    /// What it can do.
    fn capabilities(&self) -> &ChatModelCapabilities;

    /// Whose [`ProviderState`](super::ProviderState) it attaches to answers and takes back. One that reaches several
    /// services, which cannot read each other's, names the service too.
    fn state_owner(&self) -> &str {
        self.info().name
    }

    /// Whether it takes back the state of this owner. Only what stands for several providers says so of more than one.
    fn owns_state(&self, owner: &str) -> bool {
        owner == self.state_owner()
    }

    /// The models that may answer a request which names none: several where it stands for several providers, none where it
    /// does not say. Budgets and caches go by them.
    fn models(&self) -> Vec<ModelId> {
        Vec::new()
    }

    /// The models that may answer this request: the one that it names, where it names one. Only what asks for others than the
    /// request says knows better.
    fn models_for(&self, request: &ChatRequest) -> Vec<ModelId> {
        let named = |id: ModelId| match &request.model {
            Some(model) => ModelId::new(id.vendor, Arc::clone(model.shared())),
            None => id,
        };
        self.models().into_iter().map(named).collect()
    }

    /// Answers, whole.
    ///
    /// # Errors
    /// `ContentFiltered` for a request that a policy refuses; `InvalidInput`, reason `ContextLength`; what the service says.
    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse>;

    /// Answers, piece by piece. The stream does not spawn, and dropping it ends the answer at the service where the
    /// protocol can.
    ///
    /// # Errors
    /// As [`chat`](Self::chat): what the service refuses is refused here, not in the stream.
    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream>;

    /// Counts the tokens of a request. Needed only where `count_tokens` is on.
    ///
    /// # Errors
    /// What the service says.
    async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        let _ = (cx, request);
        Err(Error::unsupported(ChatModelCapabilities::COUNT_TOKENS.name()))
    }
}

shared_provider!(ChatModelProvider);

#[async_trait]
impl ChatModelProvider for Arc<dyn ChatModelProvider> {
    fn capabilities(&self) -> &ChatModelCapabilities {
        (**self).capabilities()
    }

    fn state_owner(&self) -> &str {
        (**self).state_owner()
    }

    fn owns_state(&self, owner: &str) -> bool {
        (**self).owns_state(owner)
    }

    fn models(&self) -> Vec<ModelId> {
        (**self).models()
    }

    fn models_for(&self, request: &ChatRequest) -> Vec<ModelId> {
        (**self).models_for(request)
    }

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        (**self).chat(cx, request).await
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        (**self).stream(cx, request).await
    }

    async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        (**self).count_tokens(cx, request).await
    }
}
