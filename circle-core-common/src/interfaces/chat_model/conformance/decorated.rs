//! Decorated chat models.

use crate::context::CallContext;
use crate::error::Result;
use crate::interfaces::chat_model::{
    ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, TokenCount,
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

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        let plan = self.before(cx, "stream").await?;
        let stream = plan.answer(self.provider.stream(cx, request).await)?;
        Ok(plan.stream(stream))
    }
}
