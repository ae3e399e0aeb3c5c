//! Streaming answers in the shape in which OpenAI's API sends them, made here, and a model that reads them from memory.

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use circle_core::chat_model::{ChatEvent, ChatModel, ChatStream};
use circle_core::openai::{OpenAi, OpenAiApi, OpenAiConfig};
use circle_core::{BuildContext, ByteStream, Environment, Result, SecretRef};
use circle_core_common::http::{Transport, TransportRequest, TransportResponse};
use futures_core::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

/// How many calls the answer of [`Recorded::tools`] has, all streamed at once.
pub const CALLS: usize = 4;

/// The body of a streaming answer, and what it says.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The body.
    pub body: Bytes,
    /// How many events it has, `[DONE]` included.
    pub events: usize,
    /// What a client must find in it.
    pub said: Said,
}

/// What an answer says, as far as it is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Pieces of text, of reasoning and of arguments.
    pub pieces: usize,
    /// How many bytes these have.
    pub bytes: usize,
}

impl Said {
    /// Counts a piece.
    pub fn add(&mut self, piece: &str) {
        self.pieces += 1;
        self.bytes += piece.len();
    }
}

/// Pieces as models say them: mostly a word with its space, now and then what JSON must escape or ASCII has not.
const WORDS: [&str; 32] = [
    " the", " river", " flows", " of", " and", " into", " sea", ",", " which", " a", " Daugava", ".", " is", " in", " to",
    "\n\n", " that", " with", " on", " Rīga", " by", " as", "-", " water", " from", " at", " 1930", " \"old\"", " town", " its",
    " be", " —",
];

impl Recorded {
    /// Text.
    #[must_use]
    pub fn text(events: usize) -> Self {
        let mut made = Making::new();
        while made.left(events) {
            let word = made.word();
            made.delta(&format!("{{\"content\":{}}}", quoted(word)), word, "");
        }
        made.finished("stop")
    }

    /// Text as from a service that pads every event to hide how long its words are, which OpenAI's does unless it is told not to.
    #[must_use]
    pub fn padded(events: usize) -> Self {
        let mut made = Making::new();
        while made.left(events) {
            let word = made.word();
            let padding = "aB3dE6gH9jK2".get(..12 - word.len().min(8)).unwrap_or_default();
            let number = made.events;
            made.delta(&format!("{{\"content\":{}}}", quoted(word)), word, &format!(",\"obfuscation\":\"{padding}{number}\""));
        }
        made.finished("stop")
    }

    /// Reasoning, and then a quarter of it text.
    #[must_use]
    pub fn reasoning(events: usize) -> Self {
        let mut made = Making::new();
        while made.left(events) {
            let word = made.word();
            let name = if made.events * 4 < events * 3 { "reasoning_content" } else { "content" };
            made.delta(&format!("{{\"{name}\":{}}}", quoted(word)), word, "");
        }
        made.finished("stop")
    }

    /// Text as the Responses API sends it, which numbers its events and says at the end again what it said.
    #[must_use]
    pub fn response(events: usize) -> Self {
        let (mut made, mut text) = (Making { body: String::new(), events: 0, said: Said::default(), random: 1 }, String::new());
        let id = "msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654";
        let begun = "{\"id\":\"resp_67c9fdcecf488190bdd9a0409de3a1ec\",\"model\":\"gpt-5-mini-2025-08-07\",\"status\":";
        made.typed("created", &format!("\"response\":{begun}\"in_progress\",\"output\":[]}}"));
        let item = format!("{{\"id\":\"{id}\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[");
        made.typed("output_item.added", &format!("\"output_index\":0,\"item\":{item}]}}"));
        while made.left(events) {
            let word = made.word();
            text.push_str(word);
            made.said.add(word);
            let place = format!("\"item_id\":\"{id}\",\"output_index\":0,\"content_index\":0");
            made.typed("output_text.delta", &format!("{place},\"delta\":{},\"logprobs\":[]", quoted(word)));
        }
        let item = format!("{item}{{\"type\":\"output_text\",\"text\":{},\"annotations\":[]}}]}}", quoted(&text));
        made.typed("output_item.done", &format!("\"output_index\":0,\"item\":{item}"));
        let usage = "\"usage\":{\"input_tokens\":19,\"output_tokens\":20000}";
        made.typed("completed", &format!("\"response\":{begun}\"completed\",\"output\":[{item}],{usage}}}"));
        Self { body: made.body.into(), events: made.events, said: made.said }
    }

    /// Four tool calls, whose arguments come in turn.
    #[must_use]
    pub fn tools(events: usize) -> Self {
        let mut made = Making::new();
        for call in 0..CALLS {
            made.call(call, "{\"notes\":[");
        }
        while made.left(events) {
            let call = made.events % CALLS;
            let word = made.word();
            made.arguments(call, &(quoted(word) + ","));
        }
        for call in 0..CALLS {
            made.arguments(call, "0]}");
        }
        made.finished("tool_calls")
    }

    /// One tool call with an argument of so many bytes, four at a time.
    #[must_use]
    pub fn long_argument(bytes: usize) -> Self {
        let mut made = Making::new();
        made.call(0, "{\"text\":\"");
        for at in 0..bytes / 4 {
            made.arguments(0, ["lore", "m ip", "sum ", "dolo"][at % 4]);
        }
        made.arguments(0, "\"}");
        made.finished("tool_calls")
    }

    /// The body in pieces of this size, as reads of a connection give it.
    #[must_use]
    pub fn reads(&self, size: usize) -> Arc<[Bytes]> {
        (0..self.body.len()).step_by(size).map(|at| self.body.slice(at..self.body.len().min(at + size))).collect()
    }
}

struct Making {
    body: String,
    events: usize,
    said: Said,
    random: u64,
}

impl Making {
    fn new() -> Self {
        let mut made = Self { body: String::new(), events: 0, said: Said::default(), random: 1 };
        made.event(
            r#"[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]"#,
            "null",
            "",
        );
        made
    }

    /// Whether one more piece leaves room for the end.
    fn left(&self, events: usize) -> bool {
        self.events + 3 + CALLS < events
    }

    fn word(&mut self) -> &'static str {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        WORDS[(self.random >> 59) as usize]
    }

    fn event(&mut self, choices: &str, usage: &str, more: &str) {
        self.events += 1;
        let _ = write!(
            self.body,
            "data: {{\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG\",\"object\":\"chat.completion.chunk\",\"created\":1741570283,\
             \"model\":\"gpt-5-mini-2025-08-07\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44709d6fcb\",\
             \"choices\":{choices},\"usage\":{usage}{more}}}\n\n"
        );
    }

    fn typed(&mut self, kind: &str, fields: &str) {
        let number = self.events;
        self.events += 1;
        let kind = format!("response.{kind}");
        let _ = write!(self.body, "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{number},{fields}}}\n\n");
    }

    fn delta(&mut self, delta: &str, piece: &str, more: &str) {
        self.said.add(piece);
        let choices = format!("[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":null}}]");
        self.event(&choices, "null", more);
    }

    fn call(&mut self, call: usize, arguments: &str) {
        let delta = format!(
            "{{\"tool_calls\":[{{\"index\":{call},\"id\":\"call_DdmO9pD3xa9XTPNJ32zg2hc{call}\",\"type\":\"function\",\
             \"function\":{{\"name\":\"take_notes\",\"arguments\":{}}}}}]}}",
            quoted(arguments)
        );
        self.delta(&delta, arguments, "");
    }

    fn arguments(&mut self, call: usize, arguments: &str) {
        let function = format!("{{\"arguments\":{}}}", quoted(arguments));
        self.delta(&format!("{{\"tool_calls\":[{{\"index\":{call},\"function\":{function}}}]}}"), arguments, "");
    }

    fn finished(mut self, reason: &str) -> Recorded {
        let choices = format!("[{{\"index\":0,\"delta\":{{}},\"logprobs\":null,\"finish_reason\":\"{reason}\"}}]");
        self.event(&choices, "null", "");
        let usage = r#"{"prompt_tokens":19,"completion_tokens":20000,"total_tokens":20019,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}"#;
        self.event("[]", usage, "");
        self.body.push_str("data: [DONE]\n\n");
        Recorded { body: self.body.into(), events: self.events + 1, said: self.said }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// A model of OpenAI's provider, at this endpoint.
///
/// # Panics
/// When the endpoint is none.
#[must_use]
pub fn model(environment: Environment, endpoint: &str) -> ChatModel {
    model_over(OpenAiApi::ChatCompletions, environment, endpoint)
}

fn model_over(api: OpenAiApi, environment: Environment, endpoint: &str) -> ChatModel {
    let config = OpenAiConfig::new("gpt-5-mini").api(api).endpoint(endpoint).api_key(SecretRef::literal("sk-recorded"));
    let context = BuildContext::new(environment, "assistant").allow_loopback(true);
    ChatModel::new(OpenAi::new(config, context).unwrap_or_else(|error| panic!("{error}")))
}

/// A model that every request is answered to with these reads, from memory.
#[must_use]
pub fn canned(reads: &Arc<[Bytes]>) -> ChatModel {
    model(Environment::builder().transport(Canned(Arc::clone(reads))).build(), "https://api.example.org")
}

/// As [`canned`], over the Responses API.
#[must_use]
pub fn canned_response(reads: &Arc<[Bytes]>) -> ChatModel {
    let environment = Environment::builder().transport(Canned(Arc::clone(reads))).build();
    model_over(OpenAiApi::Responses, environment, "https://api.example.org")
}

/// Reads an answer to its end, event by event; what it said.
///
/// # Errors
/// Why it ended before its end.
pub async fn read(mut stream: ChatStream) -> Result<Said> {
    let mut said = Said::default();
    while let Some(event) = stream.try_next().await? {
        if let ChatEvent::TextDelta { text, .. }
        | ChatEvent::ReasoningDelta { text, .. }
        | ChatEvent::ToolCallDelta { arguments: text, .. } = event
        {
            said.add(&text);
        }
    }
    Ok(said)
}

/// Asks, and reads the answer event by event; what it said.
///
/// # Errors
/// Why there is no answer, or none to the end.
pub async fn ask(model: &ChatModel) -> Result<Said> {
    read(model.stream("Go on.").await?).await
}

#[derive(Debug)]
struct Canned(Arc<[Bytes]>);

#[async_trait::async_trait]
impl Transport for Canned {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))]);
        let body = ByteStream::new(Reads { reads: Arc::clone(&self.0), next: 0 });
        Ok(TransportResponse::new(StatusCode::OK, headers, body))
    }
}

struct Reads {
    reads: Arc<[Bytes]>,
    next: usize,
}

impl Stream for Reads {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let read = self.reads.get(self.next).cloned();
        self.next += 1;
        Poll::Ready(read.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at_once;

    #[test]
    fn a_recorded_answer_is_read_whole_whatever_the_size_of_reads() {
        for recorded in [
            Recorded::text(500),
            Recorded::padded(500),
            Recorded::reasoning(500),
            Recorded::tools(500),
            Recorded::long_argument(4096),
        ] {
            for size in [1, 256, 1400, 16 << 10] {
                let model = canned(&recorded.reads(size));
                assert_eq!(at_once(ask(&model)).map_err(|error| error.to_string()), Ok(recorded.said), "in reads of {size}");
                let reply = at_once(async { model.stream("Go on.").await?.finish().await }).map_err(|error| error.to_string());
                let reply = reply.expect("an answer");
                let arguments: usize = reply.tool_calls().map(|call| call.arguments.len()).sum();
                assert_eq!(reply.text().len() + reply.reasoning().len() + arguments, recorded.said.bytes);
                assert!(reply.tool_calls().all(|call| call.parse::<serde::de::IgnoredAny>().is_ok()));
            }
        }
    }
}
