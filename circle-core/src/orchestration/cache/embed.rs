//! Kept embeddings, one by one.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::embedding_model::{
    EmbedRequest, EmbedUsage, Embedded, EmbeddingModel, EmbeddingModelCapabilities, EmbeddingModelProvider, Embeddings, ModelId,
};
use circle_core_common::{CallContext, Error, ErrorKind, Result, Timestamp};

use super::key::{self, Answerer};
use super::{Cached, Settings};

/// A kept embedding.
struct Kept {
    numbers: Vec<f32>,
    model: Arc<str>,
}

/// Milliseconds since 1970, how many numbers, the numbers, the model: all little-endian.
fn encoded(numbers: &[f32], model: &str, at: Timestamp) -> Bytes {
    let mut value = Vec::with_capacity(12 + numbers.len() * 4 + model.len());
    value.extend_from_slice(&at.unix_millis().to_le_bytes());
    value.extend_from_slice(&u32::try_from(numbers.len()).unwrap_or(u32::MAX).to_le_bytes());
    numbers.iter().for_each(|number| value.extend_from_slice(&number.to_le_bytes()));
    value.extend_from_slice(model.as_bytes());
    value.into()
}

fn decoded(value: &[u8], settings: &Settings, now: Timestamp) -> Option<Kept> {
    let (at, rest) = value.split_first_chunk::<8>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (numbers, model) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(4)?)?;
    let at = i64::from_le_bytes(*at);
    let at = Timestamp::from_unix(at.div_euclid(1000), u32::try_from(at.rem_euclid(1000)).ok()? * 1_000_000);
    if now.since(at) >= settings.ttl || numbers.is_empty() {
        return None;
    }
    let numbers: Vec<f32> = numbers.chunks_exact(4).filter_map(|four| Some(f32::from_le_bytes(four.try_into().ok()?))).collect();
    let model = std::str::from_utf8(model).ok()?.into();
    numbers.iter().all(|number| number.is_finite()).then_some(Kept { numbers, model })
}

#[async_trait]
impl EmbeddingModelProvider for Cached<EmbeddingModel> {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        self.frame.handle.capabilities()
    }

    fn models(&self) -> Vec<ModelId> {
        self.frame.handle.provider().map(|provider| provider.models()).unwrap_or_default()
    }

    async fn embed(&self, cx: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        self.frame.open()?;
        let provider = self.frame.handle.provider()?;
        let answerer = Answerer::new(provider.info(), provider.models(), self.tenant(cx));
        let keys = request.inputs.iter().map(|input| key::of_input(&answerer, &request.options, input));
        let Some(keys) = keys.collect::<Option<Vec<String>>>() else { return provider.embed(cx, request).await };
        let now = cx.clock().timestamp();
        let values = self.store.get(cx, &keys).await;
        let kept: Vec<Option<Kept>> = values.iter().map(|value| decoded(value.as_deref()?, &self.settings, now)).collect();
        let mut missing: Vec<usize> = (0..keys.len()).filter(|at| kept.get(*at).is_none_or(Option::is_none)).collect();
        let known = kept.iter().flatten().map(|kept| (&kept.model, kept.numbers.len()));
        let mut known_of = known.clone().next();
        // Kept by different models under one name, they do not compare: all are asked for anew.
        if known_of.is_some_and(|first| known.clone().any(|other| other != first)) {
            (missing, known_of) = ((0..keys.len()).collect(), None);
        }
        if let (true, Some((model, _))) = (missing.is_empty(), known_of) {
            cx.report(|report| report.cached += 1);
            let embeddings = Embeddings::of_rows(kept.iter().flatten().map(|kept| &kept.numbers))?;
            return Ok(Embedded::new(embeddings, Arc::clone(model)).usage(EmbedUsage::tokens(0)));
        }
        let mut fresh = self.ask(cx, &request, &missing).await?;
        if known_of.is_some_and(|(model, width)| *model != fresh.model || width != fresh.embeddings.dimensions() as usize) {
            // The service has another model behind the name by now.
            let spent = fresh.usage;
            missing = (0..keys.len()).collect();
            fresh = self.ask(cx, &request, &missing).await?;
            fresh.usage = fresh.usage.plus(spent);
        }
        let entry = |(row, at): (usize, &usize)| {
            Some((keys[*at].clone(), encoded(&fresh.embeddings.get(row)?, &fresh.model, cx.clock().timestamp())))
        };
        let entries: Vec<(String, Bytes)> = missing.iter().enumerate().filter_map(entry).collect();
        self.store.put(cx, entries, self.settings.ttl).await;
        if missing.len() == keys.len() {
            return Ok(fresh);
        }
        let mut rows = fresh.embeddings.iter();
        let row = |at: usize| match &kept[at] {
            Some(kept) => Ok(kept.numbers.as_slice().into()),
            None => rows.next().ok_or_else(|| miscounted(missing.len(), fresh.embeddings.len())),
        };
        let all: Vec<circle_core_common::interfaces::embedding_model::Embedding> =
            (0..keys.len()).map(row).collect::<Result<_>>()?;
        Ok(Embedded::new(Embeddings::of_rows(&all)?, fresh.model).usage(fresh.usage))
    }
}

impl Cached<EmbeddingModel> {
    /// Asks for some of the inputs.
    async fn ask(&self, cx: &CallContext, request: &EmbedRequest, inputs: &[usize]) -> Result<Embedded> {
        let asked = inputs.iter().map(|at| request.inputs[*at].clone()).collect();
        let embedded = self.frame.handle.provider()?.embed(cx, EmbedRequest::new(asked, request.options.clone())).await?;
        match embedded.embeddings.len() == inputs.len() {
            true => Ok(embedded),
            false => Err(miscounted(inputs.len(), embedded.embeddings.len())),
        }
    }
}

fn miscounted(asked: usize, given: usize) -> Error {
    Error::new(ErrorKind::Decode, format!("the model gave {given} embeddings for {asked} inputs"))
}
