//! The body of a chat request: equal requests are equal bytes.

pub(crate) mod messages;

use std::sync::Arc;

use circle_core_common::interfaces::chat_model::{
    ChatRequest, Effort, ReasoningOptions, Schema, Tool, ToolChoice, Warning, WarningKind,
};
use circle_core_common::{Error, ErrorKind, Result};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use crate::extension::OpenAiChat;
use crate::profile::{OpenAiProfile, ReasoningWords, ToolChoiceWords};
use messages::WireMessage;

/// A body, and what of the request it does not honour.
pub(crate) struct Prepared {
    /// The model that is asked; the service limits the calls of each by themselves.
    pub(crate) model: Arc<str>,
    pub(crate) body: Vec<u8>,
    pub(crate) warnings: Vec<Warning>,
}

/// Writes the body that asks `model` for an answer, whole or streamed.
pub(crate) fn chat(profile: &OpenAiProfile, model: &str, request: &ChatRequest, stream: bool) -> Result<Prepared> {
    let extension = request.extensions.get::<OpenAiChat>();
    let mut warnings = Vec::new();
    let body = Body {
        profile,
        model,
        messages: messages::of(profile, request)?,
        tools: offered(profile, request, |tool| WireTool {
            kind: "function",
            function: WireFunction {
                name: &tool.name,
                description: &tool.description,
                parameters: &tool.input,
                strict: tool.strict,
            },
        }),
        choice: tool_choice(profile, request, |name| NamedTool { kind: "function", function: NamedFunction { name } }),
        reasoning: reasoning(profile, request.reasoning.as_ref(), &mut warnings),
        request,
        extension,
        stream,
    };
    if extension.is_some_and(|extension| extension.reasoning_summary.is_some()) {
        warnings.push(ignored("Chat Completions tell no summary of reasoning; the Responses API does".to_owned()));
    }
    prepare(profile, model, request, &body, warnings)
}

/// Writes a body, and says what of the request no body can say.
pub(crate) fn prepare(
    profile: &OpenAiProfile,
    model: &str,
    request: &ChatRequest,
    body: &impl Serialize,
    mut warnings: Vec<Warning>,
) -> Result<Prepared> {
    if request.parallel_tools == Some(false) && !request.tools.is_empty() && !profile.parallel_tool_calls {
        warnings.push(ignored(format!("`{}` does not say whether several tools may be called at once", profile.name)));
    }
    if request.messages.iter().any(|message| message.cache.is_some_and(|mark| mark.ttl.is_some())) {
        warnings.push(ignored(format!("`{}` decides how long it keeps the beginning of a request", profile.name)));
    }
    let invalid = || Error::new(ErrorKind::InvalidInput, "the request cannot be written as JSON");
    let body = serde_json::to_vec(body).map_err(|_| invalid())?;
    if let Some(extension) = request.extensions.get::<OpenAiChat>() {
        check_fields(extension, &body)?;
    }
    Ok(Prepared { model: model.into(), body, warnings })
}

pub(crate) fn ignored(text: String) -> Warning {
    Warning::new(WarningKind::HintIgnored, text)
}

/// A field of the extension must not stand in the body twice: services take the first or the last of two, as they please.
fn check_fields(extension: &OpenAiChat, body: &[u8]) -> Result<()> {
    if extension.fields.is_empty() {
        return Ok(());
    }
    // A map keeps the last of two fields, so what is written twice is found by counting.
    let fields: Fields = serde_json::from_slice(body).map_err(|_| Error::new(ErrorKind::Internal, "the body is no JSON"))?;
    match extension.fields.keys().find(|name| fields.0.iter().filter(|field| field == name).count() > 1) {
        None => Ok(()),
        Some(name) => {
            let text = format!("the field `{}` of `OpenAiChat` is set by the common options too", name.escape_debug());
            Err(Error::new(ErrorKind::InvalidInput, text))
        }
    }
}

/// The names of an object's fields.
struct Fields(Vec<String>);

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Names;
        impl<'de> serde::de::Visitor<'de> for Names {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> std::result::Result<Fields, A::Error> {
                let mut names = Vec::new();
                while let Some((name, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                    names.push(name);
                }
                Ok(Fields(names))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

struct Body<'a> {
    profile: &'a OpenAiProfile,
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    tools: Vec<OfferedTool<'a, WireTool<'a>>>,
    choice: Option<Choice<NamedTool<'a>>>,
    reasoning: Vec<(&'static str, Value)>,
    request: &'a ChatRequest,
    extension: Option<&'a OpenAiChat>,
    stream: bool,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (profile, request) = (self.profile, self.request);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", self.model)?;
        map.serialize_entry("messages", &self.messages)?;
        if !self.tools.is_empty() {
            map.serialize_entry("tools", &self.tools)?;
            entry(&mut map, "tool_choice", self.choice.as_ref())?;
            entry(&mut map, "parallel_tool_calls", request.parallel_tools.filter(|_| profile.parallel_tool_calls))?;
        }
        if let Some(output) = &request.output {
            let schema = WireSchema { name: &output.name, schema: &output.schema, strict: output.strict };
            map.serialize_entry("response_format", &ResponseFormat { kind: "json_schema", json_schema: schema })?;
        }
        entry(&mut map, profile.max_tokens.field(), request.max_output_tokens)?;
        entry(&mut map, "temperature", request.temperature)?;
        entry(&mut map, "top_p", request.top_p)?;
        entry(&mut map, "stop", Some(&request.stop).filter(|stop| !stop.is_empty()))?;
        if let Some(name) = profile.seed {
            entry(&mut map, name, request.seed)?;
        }
        for (name, value) in &self.reasoning {
            map.serialize_entry(name, value)?;
        }
        if let Some(extension) = self.extension {
            entry(&mut map, "service_tier", extension.service_tier.as_ref())?;
            entry(&mut map, "prompt_cache_key", extension.prompt_cache_key.as_ref())?;
            entry(&mut map, "safety_identifier", extension.safety_identifier.as_ref())?;
            entry(&mut map, "verbosity", extension.verbosity.as_ref())?;
            entry(&mut map, "store", extension.store)?;
            for (name, value) in &extension.fields {
                map.serialize_entry(name, value)?;
            }
        }
        if self.stream {
            map.serialize_entry("stream", &true)?;
            let options = StreamOptions {
                include_usage: profile.stream_usage.then_some(true),
                // The padding hides the lengths of tokens from who watches the network; TLS to the service is what this
                // client has, and OpenAI leaves the choice to it.
                include_obfuscation: profile.obfuscation.then_some(false),
            };
            if options.include_usage.is_some() || options.include_obfuscation.is_some() {
                map.serialize_entry("stream_options", &options)?;
            }
        }
        map.end()
    }
}

/// Writes a field where it has a value.
pub(crate) fn entry<M: SerializeMap, T: Serialize>(
    map: &mut M,
    name: &str,
    value: Option<T>,
) -> std::result::Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, &value))
}

#[derive(serde::Serialize)]
struct StreamOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    include_usage: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_obfuscation: Option<bool>,
}

#[derive(serde::Serialize)]
struct ResponseFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    json_schema: WireSchema<'a>,
}

#[derive(serde::Serialize)]
struct WireSchema<'a> {
    name: &'a str,
    schema: &'a Schema,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(serde::Serialize)]
struct WireTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: WireFunction<'a>,
}

#[derive(serde::Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Schema,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// A tool of the application, or one that the service runs itself.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(crate) enum OfferedTool<'a, T> {
    Function(T),
    Hosted(&'a Value),
}

/// The tools that are offered, each function as `wire` writes it: of a service that cannot be told one by name, that one alone.
pub(crate) fn offered<'a, T>(
    profile: &OpenAiProfile,
    request: &'a ChatRequest,
    wire: impl Fn(&'a Tool) -> T,
) -> Vec<OfferedTool<'a, T>> {
    let only = match &request.tool_choice {
        ToolChoice::Tool(name) if profile.tool_choice == ToolChoiceWords::WordsOnly => Some(name.as_str()),
        _ => None,
    };
    let functions = request.tools.iter().filter(|tool| only.is_none_or(|only| tool.name == only));
    let hosted = request.extensions.get::<OpenAiChat>().map_or(&[][..], |extension| &extension.hosted_tools);
    functions.map(|tool| OfferedTool::Function(wire(tool))).chain(hosted.iter().map(OfferedTool::Hosted)).collect()
}

/// Which tool to call: a word, or a tool by its name.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Choice<T> {
    Word(&'static str),
    Named(T),
}

/// Which tool to call; a named one as `named` writes it.
pub(crate) fn tool_choice<'a, T>(
    profile: &OpenAiProfile,
    request: &'a ChatRequest,
    named: impl FnOnce(&'a str) -> T,
) -> Option<Choice<T>> {
    let required = if profile.tool_choice == ToolChoiceWords::Any { "any" } else { "required" };
    match &request.tool_choice {
        ToolChoice::None => Some(Choice::Word("none")),
        ToolChoice::Required => Some(Choice::Word(required)),
        ToolChoice::Tool(_) if profile.tool_choice == ToolChoiceWords::WordsOnly => Some(Choice::Word(required)),
        ToolChoice::Tool(name) => Some(Choice::Named(named(name))),
        _ => None,
    }
}

#[derive(serde::Serialize)]
struct NamedTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: NamedFunction<'a>,
}

#[derive(serde::Serialize)]
struct NamedFunction<'a> {
    name: &'a str,
}

fn reasoning(
    profile: &OpenAiProfile,
    options: Option<&ReasoningOptions>,
    warnings: &mut Vec<Warning>,
) -> Vec<(&'static str, Value)> {
    let Some(options) = options else { return Vec::new() };
    if options.budget_tokens.is_some() && profile.reasoning != ReasoningWords::Object {
        warnings.push(no_budget(profile));
    }
    let effort = options.effort.as_ref();
    match profile.reasoning {
        ReasoningWords::Absent => Vec::new(),
        ReasoningWords::EffortAndThinking if effort == Some(&Effort::None) => vec![("thinking", json!({ "type": "disabled" }))],
        ReasoningWords::Effort | ReasoningWords::EffortAndThinking => {
            effort.map(|effort| ("reasoning_effort", effort.as_str().into())).into_iter().collect()
        }
        ReasoningWords::Object => {
            let object = reasoning_object(options, true);
            if object.is_empty() { Vec::new() } else { vec![("reasoning", object.into())] }
        }
    }
}

pub(crate) fn no_budget(profile: &OpenAiProfile) -> Warning {
    ignored(format!("`{}` takes no number of tokens to reason with; it takes an effort", profile.name))
}

/// How much to reason, as an object: a budget where the service takes one, else an effort. A budget says more.
pub(crate) fn reasoning_object(options: &ReasoningOptions, takes_budget: bool) -> serde_json::Map<String, Value> {
    let mut object = serde_json::Map::new();
    match (options.budget_tokens.filter(|_| takes_budget), &options.effort) {
        (Some(tokens), _) => object.insert("max_tokens".to_owned(), tokens.into()),
        (None, Some(effort)) => object.insert("effort".to_owned(), effort.as_str().into()),
        (None, None) => None,
    };
    object
}

#[cfg(test)]
mod tests;
