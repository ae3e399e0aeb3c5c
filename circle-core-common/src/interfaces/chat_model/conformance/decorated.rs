//! Decorated chat models.

use std::sync::Arc;

use async_trait::async_trait;

use crate::context::CallContext;
use crate::error::Result;
use crate::interfaces::chat_model::{
    ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, TokenCount,
};
use crate::suite::{Counted, Decorated, Decoration, Script, Subject, Traffic};

#[async_trait]
impl<P: ChatModelProvider, D: Decoration> ChatModelProvider for Decorated<P, D> {
    fn capabilities(&self) -> &ChatModelCapabilities {
        self.decoration.chat_model(self.provider.capabilities())
    }

    fn state_owner(&self) -> &str {
        self.provider.state_owner()
    }

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        let plan = self.before(cx, "chat").await?;
        plan.answer(self.provider.chat(cx, request).await)
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        let plan = self.before(cx, "stream").await?;
        let stream = plan.answer(self.provider.stream(cx, request).await)?;
        Ok(plan.stream(stream))
    }

    async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        let plan = self.before(cx, "count_tokens").await?;
        plan.answer(self.provider.count_tokens(cx, request).await)
    }
}

impl Subject<ChatModel> {
    /// A subject over this provider: its calls are counted, and faults are injected in front of it. What the model answers is
    /// told by [`Subject::model`], which the caller sets.
    pub fn over(provider: Arc<dyn ChatModelProvider>) -> Self {
        let (traffic, script) = (Traffic::new(), Script::new());
        let faulty = Decorated::new(provider, script.clone());
        let mut subject = Self::new(ChatModel::new(Counted::over(faulty, &traffic)), traffic);
        subject.faults = Some(Arc::new(script));
        subject
    }
}
