//! Budgets of a chat model.

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatEvent, ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, ModelId, TokenCount,
    Usage,
};
use circle_core_common::{CallContext, Result};

use super::ledger::Amount;
use super::reservation::{Known, Reservation};
use super::{Budgeted, Pricing};
use crate::orchestration::forward::chat_model_of_frame;
use crate::orchestration::tap::{Last, Tap, tapped};

/// Letters of an answer per token, roughly.
const LETTERS_PER_TOKEN: u64 = 4;

impl Budgeted<ChatModel> {
    fn reserve(&self, cx: &CallContext, request: &ChatRequest) -> Result<Reservation> {
        let now = cx.clock().timestamp();
        let input = self.assumed.input_tokens_of(request);
        let output = self.assumed.output_tokens_of(request, self.frame.handle.capabilities());
        let pricing = self.counts_money().then(|| {
            let models = self.models.clone().unwrap_or_else(|| self.models_for(request));
            Pricing::new(&self.prices, models, request.estimate().media > 0, self.unknown, now)
        });
        let money = pricing.as_ref().map(|pricing| pricing.estimate(input, output)).transpose()?.unwrap_or_default();
        let whole = Amount { tokens: input.saturating_add(output), money };
        let mut holds = Vec::with_capacity(self.budgets.len());
        for (budget, account) in self.accounts(cx) {
            // A refusal gives back what the budgets before it gave.
            holds.push(budget.reserve(&account, whole, now)?);
        }
        Ok(Reservation { holds, pricing, input, output, whole })
    }
}

#[async_trait]
impl ChatModelProvider for Budgeted<ChatModel> {
    chat_model_of_frame!();

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.frame.open()?;
        let provider = self.frame.handle.provider()?;
        let reserved = self.reserve(cx, &request)?;
        match provider.chat(cx, request).await {
            Ok(response) => {
                reserved.settle(Known { model: response.model.as_deref(), usage: response.usage, received: None });
                Ok(response)
            }
            Err(error) => {
                reserved.failed(&error);
                Err(error)
            }
        }
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        self.frame.open()?;
        let provider = self.frame.handle.provider()?;
        let reserved = self.reserve(cx, &request)?;
        match provider.stream(cx, request).await {
            Ok(stream) => {
                let meter = Meter { reserved: Some(reserved), model: None, usage: Usage::unknown(), ascii: 0, other: 0 };
                Ok(tapped(stream, meter))
            }
            Err(error) => {
                reserved.failed(&error);
                Err(error)
            }
        }
    }

    /// Counting is free.
    async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        self.frame.open()?;
        self.frame.handle.provider()?.count_tokens(cx, request).await
    }
}

/// Counts what comes of an answer; dropped, it books what has come.
struct Meter {
    reserved: Option<Reservation>,
    model: Option<String>,
    usage: Usage,
    ascii: u64,
    other: u64,
}

impl Meter {
    fn count(&mut self, text: &str) {
        let ascii = text.bytes().filter(u8::is_ascii).count();
        self.ascii += ascii as u64;
        self.other += (text.chars().count() - ascii) as u64;
    }

    fn book(&mut self, complete: bool) {
        let received = (!complete).then(|| self.ascii.div_ceil(LETTERS_PER_TOKEN) + self.other);
        if let Some(reserved) = self.reserved.take() {
            reserved.settle(Known { model: self.model.as_deref(), usage: self.usage, received });
        }
    }
}

impl Tap for Meter {
    fn event(&mut self, event: &ChatEvent) {
        match event {
            ChatEvent::Start { model, .. } => self.model.clone_from(model),
            ChatEvent::TextDelta { text, .. } | ChatEvent::ReasoningDelta { text, .. } => self.count(text),
            ChatEvent::ToolCallStart { name, .. } => self.count(name),
            ChatEvent::ToolCallDelta { arguments, .. } => self.count(arguments),
            ChatEvent::Usage(usage) => self.usage.update(usage),
            _ => {}
        }
    }

    fn end(mut self, complete: bool) -> Option<Last> {
        self.book(complete);
        None
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.book(false);
    }
}
