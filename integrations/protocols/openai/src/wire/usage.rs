//! The tokens of an answer, as the services count them.

use circle_core_common::interfaces::chat_model::Usage;

use super::{Count, Object};

#[derive(serde::Deserialize)]
pub(crate) struct GroqExtra {
    #[serde(default)]
    pub(crate) usage: Object<WireUsage>,
}

#[derive(Clone, Copy, serde::Deserialize)]
pub(crate) struct WireUsage {
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    completion_tokens: Count,
    #[serde(default)]
    prompt_tokens_details: Object<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Object<CompletionDetails>,
    /// DeepSeek.
    #[serde(default)]
    prompt_cache_hit_tokens: Count,
}

#[derive(Clone, Copy, serde::Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Count,
    #[serde(default)]
    cache_write_tokens: Count,
}

#[derive(Clone, Copy, serde::Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Count,
}

/// As the Responses API has it.
#[derive(Clone, Copy, serde::Deserialize)]
pub(crate) struct ResponseUsage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    input_tokens_details: Object<PromptDetails>,
    #[serde(default)]
    output_tokens_details: Object<CompletionDetails>,
}

/// The input includes what was read from the cache, the output the reasoning.
fn usage(
    input: Count,
    details: Object<PromptDetails>,
    read: Count,
    output: Count,
    output_details: Object<CompletionDetails>,
) -> Usage {
    let read = details.0.and_then(|details| details.cached_tokens.0).or(read.0);
    // Who tells what was read and not what was written does not bill writing.
    let written = details.0.and_then(|details| details.cache_write_tokens.0).or(read.map(|_| 0));
    let reasoning = output_details.0.and_then(|details| details.reasoning_tokens.0);
    Usage::inclusive(input.0, read, written).output(output.0).reasoning(reasoning)
}

impl ResponseUsage {
    pub(crate) fn usage(&self) -> Usage {
        usage(self.input_tokens, self.input_tokens_details, Count(None), self.output_tokens, self.output_tokens_details)
    }
}

impl WireUsage {
    pub(crate) fn usage(&self) -> Usage {
        let read = self.prompt_cache_hit_tokens;
        usage(self.prompt_tokens, self.prompt_tokens_details, read, self.completion_tokens, self.completion_tokens_details)
    }

    pub(crate) fn prompt_tokens(&self) -> Option<u64> {
        self.prompt_tokens.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_counts_the_cache_in() {
        let usage = |json: &str| serde_json::from_str::<WireUsage>(json).unwrap().usage();
        let told = usage(
            r#"{"prompt_tokens":12,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":4},
            "completion_tokens_details":{"reasoning_tokens":5}}"#,
        );
        assert_eq!(told, Usage::inclusive(Some(12), Some(4), Some(0)).output(Some(9)).reasoning(Some(5)));
        let deepseek = usage(r#"{"prompt_tokens":12,"completion_tokens":1,"prompt_cache_hit_tokens":12}"#);
        assert_eq!(deepseek.input_uncached(), Some(0));
        assert_eq!(usage(r#"{"prompt_tokens":12}"#).cache_read(), None);
    }
}
