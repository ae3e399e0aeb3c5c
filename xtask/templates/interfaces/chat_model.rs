//! {{Provider}} as a chat model.

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, FinishReason, Message, Part, Usage, Warning,
    WarningKind, events_of,
};
use circle_core_common::{CallContext, Result};

use crate::{client::WORDS_MAX, provider::{{Provider}}};

/// What it can do. Turn on what {{Provider}} has; the handle refuses the rest before it gets here.
pub(crate) fn capabilities() -> ChatModelCapabilities {
    let mut capabilities = ChatModelCapabilities::none().with(ChatModelCapabilities::STREAM);
    capabilities.context_tokens = Some(WORDS_MAX.into());
    capabilities
}

impl {{Provider}} {
    fn answer(&self, request: &ChatRequest) -> Result<ChatResponse> {
        let echo = &self.client()?.echo;
        let told = request.messages.last().map(Message::text).unwrap_or_default();
        let echoed = echo.answer(&told, request.max_output_tokens)?;
        let mut response = ChatResponse::new(Vec::new());
        response.model = Some(request.model.as_ref().map_or_else(|| echo.model.clone(), ToString::to_string));
        response.usage = Usage::inclusive(Some(echoed.words_in), Some(0), Some(0)).output(Some(echoed.words_out));
        if echoed.cut {
            response.finish = FinishReason::Length;
        }
        let end = request.stop.iter().filter_map(|stop| echoed.text.find(stop.as_str())).min();
        let text = &echoed.text[..end.unwrap_or(echoed.text.len())];
        if !text.is_empty() {
            response.parts.push(Part::text(text));
        }
        for (hint, given) in [("temperature", request.temperature.is_some()), ("top_p", request.top_p.is_some())] {
            if given {
                response.warnings.push(Warning::new(WarningKind::HintIgnored, format!("an echo has no `{hint}`")));
            }
        }
        Ok(response)
    }
}

#[async_trait]
impl ChatModelProvider for {{Provider}} {
    fn capabilities(&self) -> &ChatModelCapabilities {
        &self.chat_model
    }

    async fn chat(&self, _: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.answer(&request)
    }

    /// A service that streams is read with `circle_core_common::http::sse`; this one has the whole answer at once.
    async fn stream(&self, _: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        Ok(ChatStream::from_events(events_of(&self.answer(&request)?)))
    }
}
