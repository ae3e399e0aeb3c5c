//! What the provider sends, byte for byte, and what it makes of what services answer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up fails")]

mod failures;
mod requests;
mod responses;
mod stream_faults;
mod streams;

use std::time::Duration;

use circle_core_common::interfaces::chat_model::ChatModel;
use circle_core_common::interfaces::embedding_model::EmbeddingModel;
use circle_core_common::resilience::{BackoffSettings, Resilience, Retry};
use circle_core_common::{BuildContext, Environment, SecretRef};
use circle_core_openai::{OpenAi, OpenAiConfig};

const KEY: &str = "sk-contract-key";

/// A service on this machine, whose retries wait for nothing.
fn context() -> BuildContext {
    let soon = Duration::from_millis(1);
    let backoff = BackoffSettings::new().initial_interval(soon).max_interval(soon);
    let retry = Retry::new().max_attempts(3).backoff(backoff.clone()).throttle_backoff(backoff);
    let resilience = Resilience::new().attempt_timeout(Duration::from_millis(500)).retry(retry);
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
