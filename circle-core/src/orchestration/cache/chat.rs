//! Kept answers of a chat model.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::chat_model::{
    Assembler, ChatEvent, ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream,
    FinishReason, ModelId, TokenCount, Usage, events_of,
};
use circle_core_common::{CallContext, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::key::{self, Answerer};
use super::store::Answers;
use super::{CacheHit, Cached, Settings};
use crate::orchestration::forward::chat_model_of_frame;
use crate::orchestration::tap::{Last, Tap, tapped};

/// A kept answer.
#[derive(Deserialize)]
struct Kept {
    /// When it was given, in milliseconds since 1970.
    at: i64,
    response: ChatResponse,
}

#[derive(Serialize)]
struct Keeping<'a> {
    at: i64,
    response: &'a ChatResponse,
}

/// Whether an answer is one that the same request would get again: it ended by itself. Some services end a refusal like any
/// other answer.
fn is_whole(response: &ChatResponse) -> bool {
    matches!(response.finish, FinishReason::Stop | FinishReason::ToolCalls) && response.refusal().is_none()
}

fn encoded(response: &ChatResponse, at: Timestamp) -> Option<Bytes> {
    let kept = Keeping { at: at.unix_millis(), response };
    is_whole(response).then(|| serde_json::to_vec(&kept).ok()).flatten().map(Bytes::from)
}

/// The answer, where it can be read and is young enough.
fn decoded(value: &[u8], settings: &Settings, now: Timestamp) -> Option<ChatResponse> {
    let Kept { at, mut response } = serde_json::from_slice(value).ok()?;
    let age = now.since(Timestamp::from_unix(at.div_euclid(1000), u32::try_from(at.rem_euclid(1000)).ok()? * 1_000_000));
    if age >= settings.ttl || !is_whole(&response) {
        return None;
    }
    let nothing = Usage::exclusive(Some(0), Some(0), Some(0)).output(Some(0)).reasoning(Some(0));
    let usage = std::mem::replace(&mut response.usage, nothing);
    response.extensions.put::<ChatResponse, _>(CacheHit { age, usage });
    Some(response)
}

impl Cached<ChatModel> {
    /// The key that a request is looked up by; `None` where it is not to be.
    fn key(&self, cx: &CallContext, request: &ChatRequest) -> Option<String> {
        let varied = request.temperature.is_some_and(|temperature| temperature > 0.0);
        if varied && !self.settings.any_temperature {
            return None;
        }
        let provider = self.frame.handle.provider().ok()?;
        let answerer = Answerer::new(provider.info(), provider.models(), self.tenant(cx)).state_owner(provider.state_owner());
        key::of_chat(&answerer, request)
    }

    async fn kept(&self, cx: &CallContext, key: &String) -> Option<ChatResponse> {
        let value = self.store.get(cx, std::slice::from_ref(key)).await.pop().flatten()?;
        let response = decoded(&value, &self.settings, cx.clock().timestamp())?;
        cx.report(|report| report.cached += 1);
        Some(response)
    }
}

#[async_trait]
impl ChatModelProvider for Cached<ChatModel> {
    chat_model_of_frame!();

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.frame.open()?;
        let key = self.key(cx, &request);
        if let Some(key) = &key
            && let Some(response) = self.kept(cx, key).await
        {
            return Ok(response);
        }
        let response = self.frame.handle.provider()?.chat(cx, request).await?;
        if let Some(key) = key
            && let Some(value) = encoded(&response, cx.clock().timestamp())
        {
            self.store.put(cx, vec![(key, value)], self.settings.ttl).await;
        }
        Ok(response)
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        self.frame.open()?;
        let key = self.key(cx, &request);
        if let Some(key) = &key
            && let Some(response) = self.kept(cx, key).await
        {
            return Ok(ChatStream::from_events(events_of(&response)));
        }
        let stream = self.frame.handle.provider()?.stream(cx, request).await?;
        let Some(key) = key else { return Ok(stream) };
        let (store, ttl, cx) = (Arc::clone(&self.store), self.settings.ttl, cx.clone());
        Ok(tapped(stream, Keeper { assembler: Some(Assembler::new()), key, store, ttl, cx }))
    }

    async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        self.frame.open()?;
        self.frame.handle.provider()?.count_tokens(cx, request).await
    }
}

/// Puts a streaming answer together, to keep it.
struct Keeper {
    /// `None` once an event was out of order.
    assembler: Option<Assembler>,
    key: String,
    store: Arc<Answers>,
    ttl: std::time::Duration,
    cx: CallContext,
}

impl Tap for Keeper {
    fn event(&mut self, event: &ChatEvent) {
        if self.assembler.as_mut().is_some_and(|assembler| assembler.push(event).is_err()) {
            self.assembler = None;
        }
    }

    fn end(self, complete: bool) -> Option<Last> {
        let response = self.assembler.filter(|_| complete)?.finish().ok()?;
        let value = encoded(&response, self.cx.clock().timestamp())?;
        let (key, store, ttl, cx) = (self.key, self.store, self.ttl, self.cx);
        Some(Box::pin(async move { store.put(&cx, vec![(key, value)], ttl).await }))
    }
}
