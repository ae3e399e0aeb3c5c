//! What tells one service that speaks the API from another, as data.

use circle_core_common::Flag;
use circle_core_common::interfaces::chat_model::ChatModelCapabilities;
use circle_core_common::interfaces::embedding_model::EmbeddingModelCapabilities;

use crate::endpoint::OpenAiEndpoint;

type Caps = ChatModelCapabilities;

/// One service that speaks the API: where it is, and what it does otherwise than OpenAI.
///
/// A profile says only what the service's documentation or its source promises. What it leaves open is off: a call that needs
/// it is `Unsupported`, instead of doing something else than it says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenAiProfile {
    /// The name, such as `groq`.
    pub name: &'static str,
    /// The address without a path; `None` where every installation has its own.
    pub host: Option<&'static str>,
    /// The path that all requests start with, where an address has none of its own.
    pub path: &'static str,
    /// Where the key goes.
    pub key: KeyPlace,
    /// Whether nothing is answered without a key.
    pub key_required: bool,
    /// What the most tokens of an answer are called.
    pub max_tokens: MaxTokens,
    /// What the seed is called, where there is one.
    pub seed: Option<&'static str>,
    /// Whether models call tools.
    pub tools: bool,
    /// How a model is told to call a tool.
    pub tool_choice: ToolChoiceWords,
    /// Whether `parallel_tool_calls` means something.
    pub parallel_tool_calls: bool,
    /// Whether the ids of tool calls must be nine letters and digits.
    pub short_tool_ids: bool,
    /// Whether the result of a tool may hold images.
    pub tool_images: bool,
    /// Whether a stream tells its usage only when asked with `stream_options`; else that field is not sent.
    pub stream_usage: bool,
    /// Whether a stream is padded unless told not to be.
    pub obfuscation: bool,
    /// Whether `response_format` takes a schema.
    pub output_schema: bool,
    /// Whether it takes one beside tools.
    pub output_schema_with_tools: bool,
    /// Whether messages of the model have a `refusal`; else its words are sent back as content.
    pub refusals: bool,
    /// How a model is told how much to reason.
    pub reasoning: ReasoningWords,
    /// Whether `reasoning_content` must come back with every message that calls tools.
    pub replays_reasoning: bool,
    /// Whether models see images.
    pub images: bool,
    /// Whether an image may be an address that the service fetches.
    pub image_addresses: bool,
    /// Whether models hear audio.
    pub audio: bool,
    /// Whether models read documents.
    pub documents: bool,
    /// Whether the beginnings of requests are kept without being asked.
    pub prompt_cache: bool,
    /// How embeddings are asked for, where the service has them.
    pub embeddings: Option<EmbeddingWire>,
    /// What its Responses API takes, where the service has one. What this does not say is as in Chat Completions.
    pub responses: Option<ResponsesWire>,
    /// Which of the other requests it takes. Those to other endpoints are `Unsupported`, and not sent.
    pub endpoints: &'static [OpenAiEndpoint],
}

/// Where a key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPlace {
    /// `Authorization: Bearer …`.
    Bearer,
    /// A header of this name.
    Header(&'static str),
}

/// What the most tokens of an answer are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaxTokens {
    /// `max_completion_tokens`, which includes those of reasoning.
    MaxCompletionTokens,
    /// `max_tokens`.
    MaxTokens,
}

impl MaxTokens {
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxTokens => "max_tokens",
        }
    }
}

/// How a model is told to call a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolChoiceWords {
    /// `none`, `required`, or the name of a tool.
    Standard,
    /// As the standard has it, with `any` in place of `required`.
    Any,
    /// Words only. A named tool is called by offering this one alone, and requiring it.
    WordsOnly,
    /// Not at all.
    Absent,
}

/// How a model is told how much to reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReasoningWords {
    /// `reasoning_effort`.
    Effort,
    /// `reasoning_effort`, and `thinking` to switch it off.
    EffortAndThinking,
    /// `reasoning: { effort, max_tokens }`.
    Object,
    /// Not at all.
    Absent,
}

/// How embeddings are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbeddingWire {
    /// Whether they come in Base64 when asked to; else as decimal numbers, four times as long.
    pub base64: bool,
    /// The most inputs of a request.
    pub batch_max: u32,
    /// The most tokens of a request.
    pub batch_tokens_max: u32,
    /// The models whose width is documented: name, width, and whether a smaller one can be chosen.
    pub models: &'static [(&'static str, u32, bool)],
}

/// What a Responses API takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponsesWire {
    /// Whether answers are kept unless `store` says not to; then it says so.
    pub store: bool,
    /// What becomes of the reasoning of earlier answers.
    pub reasoning: ReasoningItems,
    /// Whether `reasoning` takes an effort.
    pub effort: bool,
    /// Whether `text` takes a schema.
    pub output_schema: bool,
    /// Whether models read documents.
    pub documents: bool,
    /// Whether an image or a document may be the id of a file.
    pub files: bool,
    /// Whether the result of a tool may hold images and documents.
    pub tool_media: bool,
    /// Whether `/responses/input_tokens` counts the tokens of a request.
    pub count_tokens: bool,
}

/// What becomes of the reasoning of earlier answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReasoningItems {
    /// It comes encrypted when asked for, and goes back as it came.
    Encrypted,
    /// It goes back as it came.
    Plain,
    /// It does not go back.
    Dropped,
}

impl ResponsesWire {
    /// What every service takes.
    pub(crate) const COMMON: Self = Self {
        store: false,
        reasoning: ReasoningItems::Dropped,
        effort: false,
        output_schema: false,
        documents: false,
        files: false,
        tool_media: false,
        count_tokens: false,
    };
}

impl EmbeddingWire {
    /// What every service takes.
    pub(crate) const COMMON: Self = Self { base64: false, batch_max: 256, batch_tokens_max: 100_000, models: &[] };
}

impl OpenAiProfile {
    /// OpenAI itself.
    ///
    /// <https://platform.openai.com/docs/api-reference/chat/create> and …/embeddings/create.
    pub const OPENAI: Self = Self {
        name: "openai",
        host: Some("https://api.openai.com"),
        path: "/v1",
        key: KeyPlace::Bearer,
        key_required: true,
        max_tokens: MaxTokens::MaxCompletionTokens,
        seed: Some("seed"),
        tools: true,
        tool_choice: ToolChoiceWords::Standard,
        parallel_tool_calls: true,
        short_tool_ids: false,
        tool_images: false,
        stream_usage: true,
        obfuscation: true,
        output_schema: true,
        output_schema_with_tools: true,
        refusals: true,
        reasoning: ReasoningWords::Effort,
        replays_reasoning: false,
        images: true,
        image_addresses: true,
        audio: true,
        documents: true,
        prompt_cache: true,
        embeddings: Some(EmbeddingWire {
            base64: true,
            // At most 2048 inputs and 300,000 tokens; the latter is estimated before it is sent.
            batch_max: 2048,
            batch_tokens_max: 250_000,
            models: &[
                ("text-embedding-3-small", 1536, true),
                ("text-embedding-3-large", 3072, true),
                ("text-embedding-ada-002", 1536, false),
            ],
        }),
        // …/responses/create; audio is not among what it takes in.
        responses: Some(ResponsesWire {
            store: true,
            reasoning: ReasoningItems::Encrypted,
            effort: true,
            output_schema: true,
            documents: true,
            files: true,
            tool_media: true,
            count_tokens: true,
        }),
        endpoints: OpenAiEndpoint::ALL,
    };

    /// What every server that calls itself compatible does; the presets are told apart from it.
    pub const GENERIC: Self = Self {
        name: "generic",
        host: None,
        path: "/v1",
        key: KeyPlace::Bearer,
        key_required: false,
        max_tokens: MaxTokens::MaxTokens,
        seed: Some("seed"),
        tools: true,
        tool_choice: ToolChoiceWords::Standard,
        parallel_tool_calls: false,
        short_tool_ids: false,
        tool_images: false,
        stream_usage: true,
        obfuscation: false,
        output_schema: true,
        output_schema_with_tools: false,
        refusals: false,
        reasoning: ReasoningWords::Absent,
        replays_reasoning: false,
        images: false,
        image_addresses: true,
        audio: false,
        documents: false,
        prompt_cache: false,
        embeddings: Some(EmbeddingWire::COMMON),
        responses: Some(ResponsesWire::COMMON),
        // Nobody knows what it takes: whatever it does not, it says.
        endpoints: OpenAiEndpoint::ALL,
    };

    /// What a chat model of this service can do, as far as the service lets it.
    #[must_use]
    pub fn chat_capabilities(&self) -> Caps {
        let mut capabilities = Caps::all();
        let mut keep = |flag: Flag<Caps>, on: bool| {
            if !on {
                flag.set(&mut capabilities, false);
            }
        };
        keep(Caps::TOOLS, self.tools);
        keep(Caps::TOOL_CHOICE, self.tools && self.tool_choice != ToolChoiceWords::Absent);
        keep(Caps::PARALLEL_TOOLS, self.tools && self.parallel_tool_calls);
        keep(Caps::OUTPUT_SCHEMA, self.output_schema);
        keep(Caps::OUTPUT_SCHEMA_WITH_TOOLS, self.output_schema && self.output_schema_with_tools);
        keep(Caps::IMAGES, self.images);
        keep(Caps::AUDIO, self.audio);
        keep(Caps::DOCUMENTS, self.documents);
        keep(Caps::REASONING, self.reasoning != ReasoningWords::Absent);
        keep(Caps::PROMPT_CACHE, self.prompt_cache);
        keep(Caps::SEED, self.seed.is_some());
        keep(Caps::COUNT_TOKENS, false);
        capabilities
    }

    /// What a chat model of this service can do over its Responses API; `None` where the service has none.
    #[must_use]
    pub fn responses_capabilities(&self) -> Option<Caps> {
        let wire = self.responses?;
        let mut capabilities = self.chat_capabilities();
        for (flag, on) in [
            (Caps::OUTPUT_SCHEMA, wire.output_schema),
            (Caps::OUTPUT_SCHEMA_WITH_TOOLS, wire.output_schema && self.output_schema_with_tools),
            (Caps::AUDIO, false),
            (Caps::DOCUMENTS, wire.documents),
            (Caps::REASONING, wire.effort),
            (Caps::COUNT_TOKENS, wire.count_tokens),
            // The API has neither.
            (Caps::SEED, false),
            (Caps::STOP, false),
        ] {
            flag.set(&mut capabilities, on);
        }
        Some(capabilities)
    }

    /// What an embedding model of this service can do. Of a model that is not documented the width is unknown.
    #[must_use]
    pub fn embedding_capabilities(&self, model: Option<&str>) -> EmbeddingModelCapabilities {
        let mut capabilities = EmbeddingModelCapabilities::none();
        let wire = self.embeddings.unwrap_or(EmbeddingWire::COMMON);
        let known = wire.models.iter().find(|(name, ..)| model == Some(*name));
        (capabilities.dimensions, capabilities.dimensions_choice) =
            known.map_or((0, false), |(_, width, choice)| (*width, *choice));
        // OpenAI documents length 1; of others it depends on the model.
        capabilities.normalised = known.is_some();
        (capabilities.batch_max, capabilities.batch_tokens_max) = (wire.batch_max, wire.batch_tokens_max);
        capabilities
    }

    /// Whose state goes back to this service: no other of them can read it.
    pub(crate) fn state_owner(&self) -> String {
        format!("openai/{}", self.name)
    }

    /// Whose state goes back to its Responses API: what is an item there means nothing to Chat Completions.
    pub(crate) fn responses_state_owner(&self) -> String {
        format!("openai/{}/responses", self.name)
    }
}
