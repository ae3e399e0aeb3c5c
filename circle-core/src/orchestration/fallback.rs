//! Several services in order: where one cannot serve, the next is asked.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, ModelId, TokenCount,
};
use circle_core_common::interfaces::embedding_model::{
    EmbedRequest, Embedded, EmbeddingModel, EmbeddingModelCapabilities, EmbeddingModelProvider,
};
use circle_core_common::{CallContext, Environment, Handle, Provider, Result};

use super::capabilities;
use super::chat_legs::{Chat, Count, Stream};
use super::cooldown::Cooldown;
use super::forward::{chat_model_of_legs, provided_by};
use super::leg::Leg;
use super::legs::Legs;
use super::move_on::MoveOn;
use super::vector_space::{Embed, VectorSpace};

/// Asks services in order until one answers.
///
/// ```
/// # use circle_core::{ChatModel, ErrorKind, orchestration::{Fallback, MoveOn}};
/// # fn example(gpt: ChatModel, claude: ChatModel) -> ChatModel {
/// ChatModel::new(Fallback::new([gpt, claude]).move_on(MoveOn::new().at(ErrorKind::ContentFiltered)))
/// # }
/// ```
///
/// - *What moves on* is [`MoveOn`]; any other error is the answer. Where no leg answers, the error is like that of the first
///   that may serve again, and names them all ([`LegErrors`](super::LegErrors)).
/// - *It can do* what all of its legs can do.
/// - *Time* is shared: each leg gets what is left of the deadline, or less where [`Leg`] says so.
/// - *A leg that keeps failing* rests, see [`Cooldown`].
/// - *Streams* are opened once the first word, piece of reasoning or tool call has come: until then the next leg can take over,
///   and nothing of the failed one is seen; after it never. The stream that is handed out is the leg's own.
/// - *State* of an earlier answer goes back to the leg that it came from; another gets the conversation without it.
/// - *Embeddings* of different models do not compare: legs whose models or widths differ are refused, with `ConfigInvalid`,
///   unless [`one_space`](Self::one_space) says that they are the same.
/// - *Closing* it closes its legs.
pub struct Fallback<H: Decorable> {
    legs: Legs<H>,
    capabilities: H::Capabilities,
    space: VectorSpace,
}

/// An interface whose services can stand behind one another. Implemented here, for the interfaces that are.
pub trait Decorable: Handle {
    /// What a provider of it can do.
    type Capabilities: Clone + fmt::Debug + Send + Sync;

    /// What all of these can do.
    #[doc(hidden)]
    fn common(all: &[&Self::Capabilities]) -> Self::Capabilities;

    /// What this one can do, where it has started.
    #[doc(hidden)]
    fn known(&self) -> Option<&Self::Capabilities>;
}

impl Decorable for ChatModel {
    type Capabilities = ChatModelCapabilities;

    fn common(all: &[&ChatModelCapabilities]) -> ChatModelCapabilities {
        capabilities::all_chat(all)
    }

    fn known(&self) -> Option<&ChatModelCapabilities> {
        self.provider().ok().map(|provider| provider.capabilities())
    }
}

impl Decorable for EmbeddingModel {
    type Capabilities = EmbeddingModelCapabilities;

    fn common(all: &[&EmbeddingModelCapabilities]) -> EmbeddingModelCapabilities {
        capabilities::all_embedding(all)
    }

    fn known(&self) -> Option<&EmbeddingModelCapabilities> {
        self.provider().ok().map(|provider| provider.capabilities())
    }
}

impl<H: Decorable> Fallback<H> {
    /// The service id, in a config.
    pub const NAME: &'static str = "fallback";

    /// These services, in this order: handles, or [`Leg`]s.
    #[must_use]
    pub fn new<L: Into<Leg<H>>>(legs: impl IntoIterator<Item = L>) -> Self {
        let legs = Legs::new(Self::NAME, legs);
        let known: Vec<_> = legs.legs.iter().filter_map(|leg| leg.handle.known()).collect();
        let capabilities = H::common(&known);
        Self { legs, capabilities, space: VectorSpace::default() }
    }

    /// Sets which errors have the next leg asked.
    #[must_use]
    pub fn move_on(mut self, rule: MoveOn) -> Self {
        self.legs.move_on = rule;
        self
    }

    /// Sets when a failing leg rests.
    #[must_use]
    pub fn cooldown(mut self, cooldown: Cooldown) -> Self {
        self.legs.cooldown = cooldown;
        self
    }

    /// Sets the environment; that of the first leg by default.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.legs = self.legs.environment(environment);
        self
    }

    /// The legs.
    pub fn legs(&self) -> impl Iterator<Item = &Leg<H>> {
        self.legs.legs.iter()
    }

    fn order(&self) -> std::ops::Range<usize> {
        0..self.legs.legs.len()
    }
}

impl Fallback<EmbeddingModel> {
    /// Says that the models of all legs are the same although they are called otherwise, so that their embeddings compare. The
    /// widths must still be equal.
    #[must_use]
    pub fn one_space(mut self) -> Self {
        self.space = VectorSpace::declared();
        self
    }
}

impl<H: Decorable> fmt::Debug for Fallback<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fallback({})", self.legs.info().target)
    }
}

provided_by!(Fallback<H: Decorable>, legs);

#[async_trait]
impl ChatModelProvider for Fallback<ChatModel> {
    chat_model_of_legs!();

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.legs.ask(cx, self.order(), &Chat(&request)).await.map(|(_, response)| response)
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        self.legs.ask(cx, self.order(), &Stream(&request)).await.map(|(_, stream)| stream)
    }

    async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        self.legs.ask(cx, self.order(), &Count(&request)).await.map(|(_, count)| count)
    }
}

#[async_trait]
impl EmbeddingModelProvider for Fallback<EmbeddingModel> {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        &self.capabilities
    }

    fn models(&self) -> Vec<ModelId> {
        let models = self.legs.legs.iter().filter_map(|leg| leg.handle.provider().ok());
        models.flat_map(|provider: &Arc<dyn EmbeddingModelProvider>| provider.models()).collect()
    }

    async fn embed(&self, cx: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        self.space.check(&self.legs.legs)?;
        self.legs.ask(cx, self.order(), &Embed { request: &request, space: &self.space }).await.map(|(_, embedded)| embedded)
    }
}
