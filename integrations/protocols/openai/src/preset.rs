//! The services: where they are, and what each does otherwise than OpenAI. Data, with its sources.
//!
//! That servers leave out the index of a tool call (Mistral), say that every index is 0 (older Ollama), or send a whole call in
//! one piece (Groq, Mistral, DeepSeek, llama.cpp) needs no data: all streams are read so that none of it matters.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::endpoint::OpenAiEndpoint as Endpoint;
use crate::profile::{
    EmbeddingWire, KeyPlace, MaxTokens, OpenAiProfile, ReasoningItems, ReasoningWords, ResponsesWire, ToolChoiceWords,
};

/// A service that speaks the OpenAI API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Preset {
    /// OpenAI.
    #[default]
    Openai,
    /// Azure OpenAI, at the `endpoint` of a resource; `model` is the name of a deployment.
    Azure,
    /// Mistral.
    Mistral,
    /// DeepSeek.
    Deepseek,
    /// Groq.
    Groq,
    /// OpenRouter.
    Openrouter,
    /// A vLLM server, at an `endpoint` of one's own.
    Vllm,
    /// The server of llama.cpp, at an `endpoint` of one's own.
    #[serde(rename = "llama.cpp")]
    LlamaCpp,
    /// LM Studio, on this machine by default.
    LmStudio,
    /// The compatible endpoint of Ollama, on this machine by default.
    Ollama,
    /// Any other server, at an `endpoint` of one's own.
    Generic,
}

impl Preset {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Openai,
        Self::Azure,
        Self::Mistral,
        Self::Deepseek,
        Self::Groq,
        Self::Openrouter,
        Self::Vllm,
        Self::LlamaCpp,
        Self::LmStudio,
        Self::Ollama,
        Self::Generic,
    ];

    /// What the service does.
    #[must_use]
    pub fn profile(self) -> OpenAiProfile {
        let mut profile = OpenAiProfile::GENERIC;
        match self {
            Self::Generic => {}
            Self::Openai => profile = OpenAiProfile::OPENAI,
            // https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle: the v1 API has no api-version.
            Self::Azure => {
                profile = OpenAiProfile::OPENAI;
                profile.name = "azure";
                profile.host = None;
                profile.path = "/openai/v1";
                profile.key = KeyPlace::Header("api-key");
                profile.obfuscation = false;
                profile.documents = false;
                // A deployment has a name of its own, which tells no width.
                profile.embeddings = profile.embeddings.map(|wire| EmbeddingWire { models: &[], ..wire });
                // https://learn.microsoft.com/azure/foundry/openai/how-to/responses: documents are PDF, and counting tokens is
                // not among its operations.
                profile.responses =
                    profile.responses.map(|wire| ResponsesWire { tool_media: false, count_tokens: false, ..wire });
                // https://learn.microsoft.com/azure/foundry/openai/latest
                profile.endpoints = &[
                    Endpoint::Files,
                    Endpoint::Uploads,
                    Endpoint::Batches,
                    Endpoint::Images,
                    Endpoint::ImageEdits,
                    Endpoint::Speech,
                    Endpoint::Transcriptions,
                    Endpoint::Translations,
                ];
            }
            // https://docs.mistral.ai/api: unknown fields are refused; the last chunk of a stream tells the usage unasked.
            Self::Mistral => {
                profile.name = "mistral";
                profile.host = Some("https://api.mistral.ai");
                profile.key_required = true;
                profile.seed = Some("random_seed");
                profile.tool_choice = ToolChoiceWords::Any;
                profile.parallel_tool_calls = true;
                profile.short_tool_ids = true;
                profile.stream_usage = false;
                profile.output_schema_with_tools = true;
                profile.images = true;
                profile.responses = None;
                // Its files are listed, and its batches made, in another way.
                profile.endpoints = &[Endpoint::Moderations];
            }
            // https://api-docs.deepseek.com/api/create-chat-completion: a schema is not among its response formats.
            Self::Deepseek => {
                profile.name = "deepseek";
                profile.host = Some("https://api.deepseek.com");
                profile.path = "";
                profile.key_required = true;
                profile.seed = None;
                profile.output_schema = false;
                profile.reasoning = ReasoningWords::EffortAndThinking;
                profile.replays_reasoning = true;
                profile.prompt_cache = true;
                profile.embeddings = None;
                profile.responses = None;
                profile.endpoints = &[];
            }
            // https://console.groq.com/docs/openai and …/docs/api-reference
            Self::Groq => {
                profile.name = "groq";
                profile.host = Some("https://api.groq.com");
                profile.path = "/openai/v1";
                profile.key_required = true;
                profile.max_tokens = MaxTokens::MaxCompletionTokens;
                profile.parallel_tool_calls = true;
                profile.reasoning = ReasoningWords::Effort;
                profile.images = true;
                profile.embeddings = None;
                // …/docs/responses-api: it keeps nothing.
                profile.responses = Some(ResponsesWire { effort: true, output_schema: true, ..ResponsesWire::COMMON });
                profile.endpoints =
                    &[Endpoint::Files, Endpoint::Batches, Endpoint::Speech, Endpoint::Transcriptions, Endpoint::Translations];
            }
            // https://openrouter.ai/docs/api-reference: usage always comes; `include_usage` has no effect.
            Self::Openrouter => {
                profile.name = "openrouter";
                profile.host = Some("https://openrouter.ai");
                profile.path = "/api/v1";
                profile.key_required = true;
                profile.parallel_tool_calls = true;
                profile.stream_usage = false;
                profile.output_schema_with_tools = true;
                profile.refusals = true;
                profile.reasoning = ReasoningWords::Object;
                profile.images = true;
                profile.audio = true;
                profile.documents = true;
                // …/docs/api/reference/responses: it keeps nothing.
                profile.responses = Some(ResponsesWire {
                    reasoning: ReasoningItems::Encrypted,
                    effort: true,
                    output_schema: true,
                    documents: true,
                    ..ResponsesWire::COMMON
                });
                // Its transcriptions are asked for in JSON, which is another protocol.
                profile.endpoints = &[];
            }
            // https://docs.vllm.ai/en/stable/serving/openai_compatible_server: `parallel_tool_calls` is ignored.
            Self::Vllm => {
                profile.name = "vllm";
                profile.output_schema_with_tools = true;
                profile.reasoning = ReasoningWords::Effort;
                profile.images = true;
                profile.audio = true;
                profile.embeddings = Some(EmbeddingWire { base64: true, ..EmbeddingWire::COMMON });
                // https://github.com/vllm-project/vllm/tree/main/vllm/entrypoints/openai/responses
                profile.responses = Some(ResponsesWire {
                    store: true,
                    reasoning: ReasoningItems::Plain,
                    effort: true,
                    output_schema: true,
                    ..ResponsesWire::COMMON
                });
                profile.endpoints = &[Endpoint::Transcriptions, Endpoint::Translations];
            }
            // https://github.com/ggml-org/llama.cpp/tree/master/tools/server: a tool choice that is an object is not
            // understood, and silently means `auto`.
            Self::LlamaCpp => {
                profile.name = "llama.cpp";
                profile.tool_choice = ToolChoiceWords::WordsOnly;
                profile.tool_images = true;
                profile.images = true;
                profile.audio = true;
                // It makes a chat request of it, without the format of the text.
                profile.responses = Some(ResponsesWire { reasoning: ReasoningItems::Plain, ..ResponsesWire::COMMON });
                profile.endpoints = &[Endpoint::Transcriptions];
            }
            // https://lmstudio.ai/docs/developer/openai-compat/chat-completions: `stream_options` is not among its fields.
            Self::LmStudio => {
                profile.name = "lm-studio";
                profile.host = Some("http://localhost:1234");
                profile.tool_choice = ToolChoiceWords::Absent;
                profile.stream_usage = false;
                profile.images = true;
                profile.image_addresses = false;
                // https://lmstudio.ai/docs/developer/openai-compat/responses
                profile.responses = Some(ResponsesWire { effort: true, ..ResponsesWire::COMMON });
                profile.endpoints = &[];
            }
            // https://github.com/ollama/ollama/blob/main/openai/openai.go: no field for a tool choice, images in Base64 only.
            Self::Ollama => {
                profile.name = "ollama";
                profile.host = Some("http://localhost:11434");
                profile.tool_choice = ToolChoiceWords::Absent;
                profile.output_schema_with_tools = true;
                profile.reasoning = ReasoningWords::Effort;
                profile.images = true;
                profile.image_addresses = false;
                profile.embeddings = Some(EmbeddingWire { base64: true, ..EmbeddingWire::COMMON });
                // …/openai/responses.go
                profile.responses = Some(ResponsesWire {
                    reasoning: ReasoningItems::Plain,
                    effort: true,
                    output_schema: true,
                    tool_media: true,
                    ..ResponsesWire::COMMON
                });
                profile.endpoints = &[Endpoint::Images];
            }
        }
        profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_a_name_of_its_own_which_is_that_of_its_config() {
        for preset in Preset::ALL {
            let profile = preset.profile();
            let named: Preset = serde_json::from_value(serde_json::json!(profile.name)).unwrap();
            assert_eq!(named, *preset);
            assert!(profile.host.is_none_or(|host| !host.ends_with('/')) && !profile.path.ends_with('/'));
        }
    }

    #[test]
    fn what_a_service_lacks_is_off() {
        use circle_core_common::Flag;
        use circle_core_common::interfaces::chat_model::ChatModelCapabilities;
        for (preset, expected) in [
            (Preset::Openai, "count_tokens"),
            (Preset::Azure, "documents count_tokens"),
            (Preset::Mistral, "audio documents reasoning prompt_cache count_tokens"),
            (Preset::Deepseek, "parallel_tools output_schema output_schema_with_tools images audio documents count_tokens seed"),
            (Preset::Groq, "output_schema_with_tools audio documents prompt_cache count_tokens"),
            (Preset::Openrouter, "prompt_cache count_tokens"),
            (Preset::Vllm, "parallel_tools documents prompt_cache count_tokens"),
            (Preset::LlamaCpp, "parallel_tools output_schema_with_tools documents reasoning prompt_cache count_tokens"),
            (
                Preset::LmStudio,
                "parallel_tools tool_choice output_schema_with_tools audio documents reasoning prompt_cache count_tokens",
            ),
            (Preset::Ollama, "parallel_tools tool_choice audio documents prompt_cache count_tokens"),
            (
                Preset::Generic,
                "parallel_tools output_schema_with_tools images audio documents reasoning prompt_cache count_tokens",
            ),
        ] {
            let capabilities = preset.profile().chat_capabilities();
            let off = ChatModelCapabilities::FLAGS.iter().filter(|flag| !flag.is_on(&capabilities)).map(Flag::name);
            assert_eq!(off.collect::<Vec<_>>().join(" "), expected, "{preset:?}");
        }
    }

    #[test]
    fn what_a_responses_api_lacks_is_off() {
        use circle_core_common::Flag;
        use circle_core_common::interfaces::chat_model::ChatModelCapabilities;
        for (preset, expected) in [
            (Preset::Openai, Some("audio seed stop")),
            (Preset::Azure, Some("audio count_tokens seed stop")),
            (Preset::Mistral, None),
            (Preset::Deepseek, None),
            (Preset::Groq, Some("output_schema_with_tools audio documents prompt_cache count_tokens seed stop")),
            (Preset::Openrouter, Some("audio prompt_cache count_tokens seed stop")),
            (Preset::Vllm, Some("parallel_tools audio documents prompt_cache count_tokens seed stop")),
            (
                Preset::LlamaCpp,
                Some(
                    "parallel_tools output_schema output_schema_with_tools audio documents reasoning prompt_cache count_tokens \
                     seed stop",
                ),
            ),
            (
                Preset::LmStudio,
                Some(
                    "parallel_tools tool_choice output_schema output_schema_with_tools audio documents prompt_cache \
                     count_tokens seed stop",
                ),
            ),
            (Preset::Ollama, Some("parallel_tools tool_choice audio documents prompt_cache count_tokens seed stop")),
            (
                Preset::Generic,
                Some(
                    "parallel_tools output_schema output_schema_with_tools images audio documents reasoning prompt_cache \
                     count_tokens seed stop",
                ),
            ),
        ] {
            let off = preset.profile().responses_capabilities().map(|capabilities| {
                let off = ChatModelCapabilities::FLAGS.iter().filter(|flag| !flag.is_on(&capabilities)).map(Flag::name);
                off.collect::<Vec<_>>().join(" ")
            });
            assert_eq!(off.as_deref(), expected, "{preset:?}");
        }
    }

    #[test]
    fn what_a_service_takes_beside_chat_is_known() {
        for (preset, expected) in [
            (
                Preset::Azure,
                "files, uploads in parts, batches, image generation, image edits, speech, transcriptions, translations",
            ),
            (Preset::Mistral, "moderation"),
            (Preset::Deepseek, ""),
            (Preset::Groq, "files, batches, speech, transcriptions, translations"),
            (Preset::Openrouter, ""),
            (Preset::Vllm, "transcriptions, translations"),
            (Preset::LlamaCpp, "transcriptions"),
            (Preset::LmStudio, ""),
            (Preset::Ollama, "image generation"),
        ] {
            let names: Vec<_> = preset.profile().endpoints.iter().map(|endpoint| endpoint.name()).collect();
            assert_eq!(names.join(", "), expected, "{preset:?}");
        }
        for preset in [Preset::Openai, Preset::Generic] {
            assert_eq!(preset.profile().endpoints, Endpoint::ALL, "{preset:?}");
        }
    }

    #[test]
    fn a_width_is_announced_where_it_is_documented() {
        let widths = |preset: Preset, model| {
            let capabilities = preset.profile().embedding_capabilities(Some(model));
            (capabilities.dimensions, capabilities.dimensions_choice, capabilities.normalised)
        };
        assert_eq!(widths(Preset::Openai, "text-embedding-3-large"), (3072, true, true));
        assert_eq!(widths(Preset::Openai, "text-embedding-ada-002"), (1536, false, true));
        assert_eq!(widths(Preset::Azure, "text-embedding-3-large"), (0, false, false));
        assert_eq!(widths(Preset::Ollama, "nomic-embed-text"), (0, false, false));
    }
}
