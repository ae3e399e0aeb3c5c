//! A chat model whose answer is an event stream in memory: what an event costs from the bytes to the application.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core::chat_model::{
    ChatEvent, ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, FinishReason, PartKind,
};
use circle_core::{ByteStream, CallContext, Environment, Error, Health, Provider, ProviderInfo, Result};
use circle_core_common::http::SseStream;
use futures_core::Stream;
use serde::Deserialize;

use crate::at_once;

/// How many bytes come at a time: about what a read of a socket gives.
const CHUNK: usize = 1400;

/// A model whose answer streams in events of the shape of Chat Completions.
pub struct Wire {
    info: ProviderInfo,
    environment: Environment,
    capabilities: ChatModelCapabilities,
    body: Bytes,
}

impl Wire {
    /// A handle over a model that answers with so many pieces of text.
    #[must_use]
    pub fn model(pieces: usize) -> ChatModel {
        let piece = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" piece"},"finish_reason":null}]}"#;
        let mut body = format!("{piece}\n\n").repeat(pieces);
        body.push_str("data: [DONE]\n\n");
        let capabilities = ChatModelCapabilities::none().with(ChatModelCapabilities::STREAM);
        ChatModel::new(Self {
            info: ProviderInfo::new("wire", "1", ""),
            environment: Environment::default(),
            capabilities,
            body: body.into(),
        })
    }
}

/// Reads a whole answer, event by event; how many pieces of text it had.
///
/// # Panics
/// When the answer is broken.
#[must_use]
pub fn read(model: &ChatModel) -> usize {
    let reading = async {
        let (mut stream, mut pieces) = (model.stream("Go on.").await?, 0);
        while let Some(event) = stream.try_next().await? {
            pieces += usize::from(matches!(event, ChatEvent::TextDelta { .. }));
        }
        Ok::<_, Error>(pieces)
    };
    at_once(reading).unwrap_or_else(|error| panic!("{error}"))
}

#[async_trait]
impl Provider for Wire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn environment(&self) -> &Environment {
        &self.environment
    }

    async fn health(&self, _: &CallContext) -> Result<Health> {
        Ok(Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl ChatModelProvider for Wire {
    fn capabilities(&self) -> &ChatModelCapabilities {
        &self.capabilities
    }

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.stream(cx, request).await?.finish().await
    }

    async fn stream(&self, _: &CallContext, _: ChatRequest) -> Result<ChatStream> {
        let body = ByteStream::new(Chunks(self.body.clone()));
        Ok(ChatStream::new(Deltas { events: SseStream::new(body), place: Place::Start }))
    }
}

struct Chunks(Bytes);

impl Stream for Chunks {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let length = CHUNK.min(self.0.len());
        Poll::Ready((length > 0).then(|| Ok(self.0.split_to(length))))
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: [Choice<'a>; 1],
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Delta<'a>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: std::borrow::Cow<'a, str>,
}

enum Place {
    Start,
    Part,
    Within,
}

struct Deltas {
    events: SseStream,
    place: Place,
}

impl Stream for Deltas {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (event, next) = match self.place {
            Place::Start => (ChatEvent::start(None, None), Place::Part),
            Place::Part => (ChatEvent::part_start(0, PartKind::Text), Place::Within),
            Place::Within => match ready!(self.events.poll_event(cx))? {
                None => return Poll::Ready(None),
                Some(event) if event.data == b"[DONE]" => (ChatEvent::end(FinishReason::Stop), Place::Within),
                Some(event) => {
                    let Chunk { choices: [choice] } = event.json()?;
                    (ChatEvent::text(0, choice.delta.content), Place::Within)
                }
            },
        };
        self.place = next;
        Poll::Ready(Some(Ok(event)))
    }
}
