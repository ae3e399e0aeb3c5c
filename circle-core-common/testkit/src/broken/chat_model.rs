//! Broken chat models.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatEvent, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, FinishReason, ModelId, Part,
    PartKind, ProviderState, TokenCount, ToolCall, Usage,
};
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use futures_core::Stream;

use super::{Broken, Defect};

impl<P> Broken<P> {
    fn request(&self, mut request: ChatRequest) -> ChatRequest {
        if self.is(Defect::ShufflesTools) && self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2 == 1 {
            Arc::make_mut(&mut request.tools).reverse();
        }
        if self.is(Defect::AltersState) {
            for message in Arc::make_mut(&mut request.messages) {
                Arc::make_mut(&mut message.parts).iter_mut().for_each(shorten_state);
            }
        }
        if self.is(Defect::LogsContent) {
            tracing::info!(content = ?request.messages, "asked");
        }
        request
    }

    fn response(&self, mut response: ChatResponse) -> Result<ChatResponse> {
        if self.is(Defect::ClosedFinishReasons)
            && let FinishReason::Other(reason) = &response.finish
        {
            return Err(Error::new(ErrorKind::Decode, format!("unknown variant `{reason}`")));
        }
        let told = Some(response.usage).filter(|usage| !usage.is_unknown());
        response.usage = unknown_as_zero(self.defect, told).unwrap_or(response.usage);
        if self.is(Defect::MergesToolCalls) {
            merge_calls(&mut response.parts);
        }
        if self.is(Defect::TakesReasoningForText) {
            for part in &mut response.parts {
                if let Part::Reasoning(text) = part {
                    *part = Part::Text(text.clone());
                }
            }
        }
        Ok(response)
    }
}

fn shorten_state(part: &mut Part) {
    if let Part::Reasoning(text) = part
        && let Some(state) = &text.state
    {
        text.state = Some(ProviderState::new(Arc::clone(&state.owner), &state.data[1..]));
    }
}

fn merge_calls(parts: &mut Vec<Part>) {
    let calls: Vec<ToolCall> =
        parts.iter().filter_map(|part| if let Part::ToolCall(call) = part { Some(call.clone()) } else { None }).collect();
    let Some(mut first) = calls.first().cloned() else { return };
    first.arguments = calls.iter().map(|call| call.arguments.as_str()).collect();
    parts.retain(|part| !matches!(part, Part::ToolCall(_)));
    parts.push(Part::ToolCall(first));
}

#[async_trait]
impl<P: ChatModelProvider> ChatModelProvider for Broken<P> {
    fn capabilities(&self) -> &ChatModelCapabilities {
        self.provider.capabilities()
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

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.provider.chat(cx, self.request(request)).await.and_then(|response| self.response(response))
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        let stream = self.provider.stream(cx, self.request(request)).await?;
        Ok(ChatStream::new(BrokenStream {
            stream,
            defect: self.defect,
            ready: VecDeque::new(),
            deltas: 0,
            held: Vec::new(),
            usage: None,
            first_call: None,
            ended: false,
        }))
    }

    async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        self.provider.count_tokens(cx, request).await
    }
}

struct BrokenStream {
    stream: ChatStream,
    defect: Defect,
    ready: VecDeque<ChatEvent>,
    deltas: u32,
    held: Vec<ChatEvent>,
    usage: Option<Usage>,
    first_call: Option<u32>,
    ended: bool,
}

impl BrokenStream {
    fn take(&mut self, event: ChatEvent) -> Result<()> {
        match (self.defect, event) {
            (Defect::LosesDeltas, ChatEvent::TextDelta { part, text, .. }) => {
                self.deltas += 1;
                if self.deltas % 2 == 1 {
                    self.ready.push_back(ChatEvent::text(part, text));
                }
            }
            (Defect::WaitsForTheEnd, event @ (ChatEvent::TextDelta { .. } | ChatEvent::ToolCallDelta { .. })) => {
                self.held.push(event);
            }
            (Defect::TakesReasoningForText, ChatEvent::PartStart { part, .. }) => {
                self.ready.push_back(ChatEvent::part_start(part, PartKind::Text));
            }
            (Defect::TakesReasoningForText, ChatEvent::ReasoningDelta { part, text, .. }) => {
                self.ready.push_back(ChatEvent::text(part, text));
            }
            (Defect::MergesToolCalls, event) => self.merge(event),
            (Defect::ClosedFinishReasons, ChatEvent::End { finish: FinishReason::Other(reason), .. }) => {
                return Err(Error::new(ErrorKind::Decode, format!("unknown variant `{reason}`")));
            }
            (_, event) => {
                match &event {
                    ChatEvent::Usage(usage) => self.usage = Some(*usage),
                    ChatEvent::End { .. } => {
                        self.ended = true;
                        self.ready.extend(unknown_as_zero(self.defect, self.usage).map(ChatEvent::Usage));
                    }
                    _ => {}
                }
                if matches!(event, ChatEvent::PartEnd { .. } | ChatEvent::ToolCallEnd { .. } | ChatEvent::End { .. }) {
                    self.ready.extend(self.held.drain(..));
                }
                self.ready.push_back(event);
            }
        }
        Ok(())
    }

    /// Every call after the first becomes an empty text, and its arguments those of the first.
    fn merge(&mut self, event: ChatEvent) {
        self.ready.push_back(match (event, self.first_call) {
            (ChatEvent::ToolCallStart { part, .. }, Some(_)) => ChatEvent::part_start(part, PartKind::Text),
            (ChatEvent::ToolCallDelta { arguments, .. }, Some(first)) => ChatEvent::arguments(first, arguments),
            (ChatEvent::ToolCallEnd { part, .. }, Some(first)) if part != first => ChatEvent::part_end(part, None),
            (event, _) => {
                if let ChatEvent::ToolCallStart { part, .. } = &event {
                    self.first_call = Some(*part);
                }
                self.ended |= matches!(event, ChatEvent::End { .. });
                event
            }
        });
    }
}

fn unknown_as_zero(defect: Defect, usage: Option<Usage>) -> Option<Usage> {
    let zero = Usage::inclusive(Some(0), Some(0), Some(0)).output(Some(0));
    (defect == Defect::CountsUnknownAsZero && usage.is_none()).then_some(zero)
}

impl Stream for BrokenStream {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(event)) => {
                    if let Err(error) = self.take(event) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                Some(Err(_)) | None if self.defect == Defect::TakesCutsForEnds && !self.ended => {
                    self.ended = true;
                    self.ready.push_back(ChatEvent::end(FinishReason::Stop));
                }
                end => return Poll::Ready(end),
            }
        }
    }
}
