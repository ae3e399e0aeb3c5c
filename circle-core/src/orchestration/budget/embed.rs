//! Budgets of an embedding model.

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::Usage;
use circle_core_common::interfaces::embedding_model::{
    EmbedInput, EmbedRequest, Embedded, EmbeddingModel, EmbeddingModelCapabilities, EmbeddingModelProvider, ModelId,
};
use circle_core_common::{CallContext, Result};

use super::ledger::Amount;
use super::reservation::{Known, Reservation};
use super::{Budgeted, Pricing};

/// Bytes of a text that make a token at least, in nearly every text.
const BYTES_PER_TOKEN: u64 = 2;

impl Budgeted<EmbeddingModel> {
    fn reserve(&self, cx: &CallContext, request: &EmbedRequest) -> Result<Reservation> {
        let now = cx.clock().timestamp();
        let tokens = |input: &EmbedInput| match input.as_text() {
            Some(text) => (text.len() as u64).div_ceil(BYTES_PER_TOKEN),
            None => u64::from(self.assumed.media_tokens),
        };
        let input = request.inputs.iter().map(tokens).fold(0, u64::saturating_add);
        let pricing = self.counts_money().then(|| {
            let models = self.models.clone().unwrap_or_else(|| self.models());
            let media = request.inputs.iter().any(|input| input.as_text().is_none());
            Pricing::new(&self.prices, models, media, self.unknown, now)
        });
        let money = pricing.as_ref().map(|pricing| pricing.estimate(input, 0)).transpose()?.unwrap_or_default();
        let whole = Amount { tokens: input, money };
        let mut holds = Vec::with_capacity(self.budgets.len());
        for (budget, account) in self.accounts(cx) {
            holds.push(budget.reserve(&account, whole, now)?);
        }
        Ok(Reservation { holds, pricing, input, output: 0, whole })
    }
}

#[async_trait]
impl EmbeddingModelProvider for Budgeted<EmbeddingModel> {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        self.frame.handle.capabilities()
    }

    fn models(&self) -> Vec<ModelId> {
        self.frame.handle.provider().map(|provider| provider.models()).unwrap_or_default()
    }

    async fn embed(&self, cx: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        self.frame.open()?;
        let provider = self.frame.handle.provider()?;
        let reserved = self.reserve(cx, &request)?;
        match provider.embed(cx, request).await {
            Ok(embedded) => {
                // There is no cache of prompts here, and no answer in tokens.
                let usage = Usage::exclusive(embedded.usage.input_tokens, Some(0), Some(0)).output(Some(0));
                reserved.settle(Known { model: Some(&embedded.model), usage, received: None });
                Ok(embedded)
            }
            Err(error) => {
                reserved.failed(&error);
                Err(error)
            }
        }
    }
}
