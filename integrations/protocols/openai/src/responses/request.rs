//! The body of a request: equal requests are equal bytes.

use std::borrow::Cow;

use circle_core_common::Result;
use circle_core_common::interfaces::chat_model::{ChatRequest, Schema, Warning};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::input::{self, InputItem};
use crate::extension::OpenAiChat;
use crate::profile::{OpenAiProfile, ReasoningItems, ReasoningWords, ResponsesWire};
use crate::request::{
    Choice, OfferedTool, Prepared, entry, messages, no_budget, offered, prepare, reasoning_object, tool_choice,
};

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An answer, whole.
    Whole,
    /// An answer as it comes.
    Stream,
    /// The number of its tokens.
    Count,
}

/// The fields of the extension that are part of what is counted.
const COUNTED: [&str; 4] = ["conversation", "personality", "previous_response_id", "truncation"];

/// Writes the body that asks `model`.
pub(super) fn body(
    profile: &OpenAiProfile,
    wire: &ResponsesWire,
    model: &str,
    request: &ChatRequest,
    purpose: Purpose,
) -> Result<Prepared> {
    let extension = request.extensions.get::<OpenAiChat>();
    let mut warnings = Vec::new();
    let body = Body {
        profile,
        wire,
        model,
        instructions: messages::system(request),
        input: input::items(profile, wire, request)?,
        tools: offered(profile, request, |tool| WireTool {
            kind: "function",
            name: &tool.name,
            description: &tool.description,
            parameters: &tool.input,
            strict: tool.strict,
        }),
        choice: tool_choice(profile, request, |name| NamedTool { kind: "function", name }),
        reasoning: reasoning(profile, request, extension, &mut warnings),
        request,
        extension,
        purpose,
    };
    prepare(profile, model, request, &body, warnings)
}

fn reasoning(
    profile: &OpenAiProfile,
    request: &ChatRequest,
    extension: Option<&OpenAiChat>,
    warnings: &mut Vec<Warning>,
) -> Map<String, Value> {
    let takes_budget = profile.reasoning == ReasoningWords::Object;
    let mut object = match &request.reasoning {
        Some(options) => {
            if options.budget_tokens.is_some() && !takes_budget {
                warnings.push(no_budget(profile));
            }
            reasoning_object(options, takes_budget)
        }
        None => Map::new(),
    };
    if let Some(summary) = extension.and_then(|extension| extension.reasoning_summary.as_deref()) {
        object.insert("summary".to_owned(), summary.into());
    }
    object
}

struct Body<'a> {
    profile: &'a OpenAiProfile,
    wire: &'a ResponsesWire,
    model: &'a str,
    instructions: Option<Cow<'a, str>>,
    input: Vec<InputItem<'a>>,
    tools: Vec<OfferedTool<'a, WireTool<'a>>>,
    choice: Option<Choice<NamedTool<'a>>>,
    reasoning: Map<String, Value>,
    request: &'a ChatRequest,
    extension: Option<&'a OpenAiChat>,
    purpose: Purpose,
}

impl Body<'_> {
    /// Whether the extension's fields leave this one to the defaults of this client.
    fn is_default(&self, name: &str) -> bool {
        self.extension.is_none_or(|extension| !extension.fields.contains_key(name))
    }

    fn text(&self) -> Option<TextOptions<'_>> {
        let format = self.request.output.as_ref().map(|output| TextFormat {
            kind: "json_schema",
            name: &output.name,
            schema: &output.schema,
            strict: output.strict,
        });
        let verbosity = self.extension.and_then(|extension| extension.verbosity.as_deref());
        (format.is_some() || verbosity.is_some()).then_some(TextOptions { format, verbosity })
    }

    /// What says how to answer, and is not part of what is counted.
    fn serialize_answer<M: SerializeMap>(&self, map: &mut M) -> std::result::Result<(), M::Error> {
        let request = self.request;
        entry(map, "max_output_tokens", request.max_output_tokens)?;
        entry(map, "temperature", request.temperature)?;
        entry(map, "top_p", request.top_p)?;
        if self.wire.reasoning == ReasoningItems::Encrypted && self.is_default("include") {
            map.serialize_entry("include", &["reasoning.encrypted_content"])?;
        }
        let store = self.extension.and_then(|extension| extension.store);
        let default = (self.wire.store && self.is_default("store")).then_some(false);
        entry(map, "store", store.or(default))?;
        if let Some(extension) = self.extension {
            entry(map, "service_tier", extension.service_tier.as_ref())?;
            entry(map, "prompt_cache_key", extension.prompt_cache_key.as_ref())?;
            entry(map, "safety_identifier", extension.safety_identifier.as_ref())?;
        }
        Ok(())
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (profile, request) = (self.profile, self.request);
        let counts = self.purpose == Purpose::Count;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", self.model)?;
        entry(&mut map, "instructions", self.instructions.as_ref())?;
        map.serialize_entry("input", &self.input)?;
        if !self.tools.is_empty() {
            map.serialize_entry("tools", &self.tools)?;
            entry(&mut map, "tool_choice", self.choice.as_ref())?;
            entry(&mut map, "parallel_tool_calls", request.parallel_tools.filter(|_| profile.parallel_tool_calls))?;
        }
        entry(&mut map, "text", self.text())?;
        entry(&mut map, "reasoning", Some(&self.reasoning).filter(|reasoning| !reasoning.is_empty()))?;
        if !counts {
            self.serialize_answer(&mut map)?;
        }
        let fields = self.extension.into_iter().flat_map(|extension| &extension.fields);
        for (name, value) in fields.filter(|(name, _)| !counts || COUNTED.contains(&name.as_str())) {
            map.serialize_entry(name, value)?;
        }
        if self.purpose == Purpose::Stream {
            map.serialize_entry("stream", &true)?;
            if profile.obfuscation {
                // As in Chat Completions: TLS to the service is what this client has.
                map.serialize_entry("stream_options", &json!({ "include_obfuscation": false }))?;
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct NamedTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct WireTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    description: &'a str,
    parameters: &'a Schema,
    /// Required: null leaves it to the service.
    strict: Option<bool>,
}

#[derive(Serialize)]
struct TextOptions<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<TextFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Serialize)]
struct TextFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    schema: &'a Schema,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[cfg(test)]
mod tests;
