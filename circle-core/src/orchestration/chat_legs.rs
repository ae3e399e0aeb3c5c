//! The calls of a chat model, as they are made at one of several.

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatModel, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, ModelId, TokenCount, Warning,
};
use circle_core_common::{CallContext, Error, ErrorKind, Result};

use super::leg::Leg;
use super::legs::{LegCall, Legs};

/// A whole answer.
pub(super) struct Chat<'a>(pub(super) &'a ChatRequest);
/// An answer as it comes.
pub(super) struct Stream<'a>(pub(super) &'a ChatRequest);
/// A count of tokens.
pub(super) struct Count<'a>(pub(super) &'a ChatRequest);

/// What a leg is asked: for its own model, and without the state of others.
fn prepared(
    leg: &Leg<ChatModel>,
    provider: &dyn ChatModelProvider,
    request: &ChatRequest,
) -> Result<(ChatRequest, Option<Warning>)> {
    let mut request = request.clone();
    if let Some(model) = &leg.model {
        request.model = Some(model.clone());
    }
    let warning = request.leave_out_foreign_state(provider);
    if leg.late {
        // What it lacks could not be taken into account; another may have it.
        leg.handle.accepts(&request).map_err(|error| match error.kind() {
            ErrorKind::Unsupported => Error::new(ErrorKind::Unavailable, error.message().to_owned()).with_source(error),
            _ => error,
        })?;
    }
    Ok((request, warning))
}

#[async_trait]
impl LegCall<ChatModel> for Chat<'_> {
    type Answer = ChatResponse;

    async fn make(&self, leg: &Leg<ChatModel>, cx: &CallContext) -> Result<ChatResponse> {
        let provider = leg.handle.provider()?;
        let (request, warning) = prepared(leg, &**provider, self.0)?;
        let mut response = provider.chat(cx, request).await?;
        response.warnings.splice(0..0, warning);
        Ok(response)
    }
}

#[async_trait]
impl LegCall<ChatModel> for Stream<'_> {
    type Answer = ChatStream;

    const STREAMS: bool = true;

    async fn make(&self, leg: &Leg<ChatModel>, cx: &CallContext) -> Result<ChatStream> {
        let provider = leg.handle.provider()?;
        let (request, warning) = prepared(leg, &**provider, self.0)?;
        let mut stream = provider.stream(cx, request).await?;
        stream.begin_content().await?;
        if let Some(warning) = warning {
            stream.warn(warning);
        }
        Ok(stream)
    }
}

#[async_trait]
impl LegCall<ChatModel> for Count<'_> {
    type Answer = TokenCount;

    async fn make(&self, leg: &Leg<ChatModel>, cx: &CallContext) -> Result<TokenCount> {
        let provider = leg.handle.provider()?;
        let (request, _) = prepared(leg, &**provider, self.0)?;
        provider.count_tokens(cx, request).await
    }
}

/// The models that a leg may answer this request with.
pub(super) fn models_of(leg: &Leg<ChatModel>, request: &ChatRequest) -> Vec<ModelId> {
    let Ok(provider) = leg.handle.provider() else { return Vec::new() };
    match &leg.model {
        None => provider.models_for(request),
        Some(model) => {
            let mut models = provider.models_for(&request.clone().model(model.clone()));
            models.dedup();
            models
        }
    }
}

impl Legs<ChatModel> {
    /// The models that may answer this request; of one that names none, those that may answer at all.
    pub(super) fn models_for(&self, request: &ChatRequest) -> Vec<ModelId> {
        self.legs.iter().flat_map(|leg| models_of(leg, request)).collect()
    }

    pub(super) fn owns_state(&self, owner: &str) -> bool {
        let owns = |leg: &Leg<ChatModel>| leg.handle.provider().is_ok_and(|provider| provider.owns_state(owner));
        self.legs.iter().any(owns)
    }
}
