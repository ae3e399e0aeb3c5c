//! Decorated chat models.

use crate::context::CallContext;
use crate::error::Result;
use crate::interfaces::chat_model::{
    ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, ModelId, TokenCount,
};

crate::suite::decorated! {
    /// What the model answers is told by [`Subject::model`](crate::suite::Subject::model), which the caller sets.
    ChatModel over ChatModelProvider with ChatModelCapabilities as chat_model {
        chat(ChatRequest) -> ChatResponse;
        count_tokens(ChatRequest) -> TokenCount;
    }

    fn state_owner(&self) -> &str {
        self.provider.state_owner()
    }

    fn owns_state(&self, owner: &str) -> bool {
        self.provider.owns_state(owner)
    }

    fn models(&self) -> Vec<ModelId> {
        self.provider.models()
    }

    fn models_for(&self, request: &ChatRequest) -> Vec<ModelId> {
        self.provider.models_for(request)
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        let plan = self.before(cx, "stream").await?;
        let stream = plan.answer(self.provider.stream(cx, request).await)?;
        Ok(plan.stream(stream))
    }
}
