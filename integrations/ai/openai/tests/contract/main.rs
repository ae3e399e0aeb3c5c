//! What the provider sends, byte for byte, and what it makes of what services answer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up fails")]

mod batches;
mod failures;
mod files;
mod images;
mod moderation;
mod native_failures;
mod requests;
mod responses;
mod speech;
mod stream_faults;
mod streams;

use std::time::Duration;

use circle_core_common::interfaces::chat_model::ChatModel;
use circle_core_common::interfaces::embedding_model::EmbeddingModel;
use circle_core_common::resilience::{BackoffSettings, Resilience, Retry};
use circle_core_common::{BuildContext, CallContext, CallOptions, Environment, ErrorKind, SecretRef};
use circle_core_openai::{OpenAi, OpenAiClient, OpenAiConfig, Preset};
use circle_core_testkit::{FaultServer, Received, Reply};

const KEY: &str = "sk-contract-key";

/// A service on this machine, whose retries wait for nothing.
fn context() -> BuildContext {
    let soon = Duration::from_millis(1);
    let backoff = BackoffSettings::new().initial_interval(soon).max_interval(soon);
    let retry = Retry::new().max_attempts(3).backoff(backoff.clone()).throttle_backoff(backoff);
    let resilience = Resilience::new().attempt_timeout(Duration::from_secs(2)).retry(retry);
    BuildContext::new(Environment::default(), "assistant").allow_loopback(true).resilience(resilience)
}

fn provider(config: OpenAiConfig, origin: &str, key: &str) -> OpenAi {
    OpenAi::new(config.endpoint(origin).api_key(SecretRef::literal(key.to_owned())), context()).unwrap()
}

fn chat(origin: &str) -> ChatModel {
    ChatModel::new(provider(OpenAiConfig::new("gpt-5-mini"), origin, KEY))
}

fn embedder(origin: &str) -> EmbeddingModel {
    EmbeddingModel::new(provider(OpenAiConfig::embedding("text-embedding-3-small"), origin, KEY))
}

fn events(text: impl Into<String>) -> Reply {
    Reply::ok(text.into()).header("content-type", "text/event-stream")
}

/// Events of a request that has an id.
fn sse(text: impl Into<String>) -> Reply {
    events(text).header("x-request-id", "req-1")
}

/// A server that always answers so.
async fn server(reply: Reply) -> FaultServer {
    let server = FaultServer::start().await.unwrap();
    server.always(reply);
    server
}

/// A server that always answers so, a client of it, and a call.
async fn native(answer: Reply) -> (FaultServer, OpenAiClient, CallContext) {
    let server = FaultServer::start().await.unwrap();
    server.always(answer.header("x-request-id", "req-1"));
    let client = provider(OpenAiConfig::new("gpt-5-mini").embedding_model("text-embedding-3-small"), &server.origin(), KEY);
    let client = client.client().clone();
    let cx = client.call(CallOptions::new());
    (server, client, cx)
}

/// The last request that came: method, target and body, a form with a boundary that is known.
fn last(server: &FaultServer) -> (String, String) {
    let request = server.received().pop().unwrap();
    assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    (format!("{} {}", request.method, request.target), body(&request))
}

fn body(request: &Received) -> String {
    let text = String::from_utf8(request.body.to_vec()).unwrap();
    match request.header("content-type").and_then(|media_type| media_type.strip_prefix("multipart/form-data; boundary=")) {
        Some(boundary) => text.replace(boundary, "B"),
        None => text,
    }
}

/// A form: fields as name and value, and files as name, file name, media type and content.
fn form(fields: &[(&str, &str)], files: &[(&str, &str, &str, &str)]) -> String {
    let mut form = String::new();
    for (name, value) in fields {
        form += &format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    for (name, file, media_type, content) in files {
        form += &format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n");
        form += &format!("Content-Type: {media_type}\r\n\r\n{content}\r\n");
    }
    form + "--B--\r\n"
}

/// A client of a preset, at a server that must not be asked.
async fn unasked(preset: Preset) -> (FaultServer, OpenAiClient, CallContext) {
    let server = FaultServer::start().await.unwrap();
    let client = provider(OpenAiConfig::of(preset).model("m"), &server.origin(), KEY).client().clone();
    let cx = client.call(CallOptions::new());
    (server, client, cx)
}

/// The call was refused here, and nothing was sent.
fn refused<T: std::fmt::Debug>(server: &FaultServer, result: circle_core_common::Result<T>) {
    let error = result.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported) && server.hits() == 0, "{error}");
}

/// A whole answer, as OpenAI's reference shows it.
const ANSWER: &str = r#"{
  "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
  "object": "chat.completion",
  "created": 1741569952,
  "model": "gpt-5-mini-2025-08-07",
  "choices": [{
    "index": 0,
    "message": {"role": "assistant", "content": "Daugava, Gauja, Lielupe.", "refusal": null, "annotations": []},
    "logprobs": null,
    "finish_reason": "stop"
  }],
  "usage": {
    "prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}
  },
  "service_tier": "default",
  "system_fingerprint": "fp_1"
}"#;
