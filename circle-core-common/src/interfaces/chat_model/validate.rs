//! What is checked before anything is sent: capabilities, limits, and what no service takes.

use std::collections::HashSet;

use super::{Caps, ChatModel, ChatRequest, Emulated, Media, MediaSource, Message, Part, Role, Schema, ToolChoice};
use crate::capabilities::Flag;
use crate::error::{Error, ErrorKind, Limit, Reason, Result};

/// The longest name of a tool, which all of the larger services have in common.
const NAME_MAX: usize = 64;

impl ChatModel {
    pub(super) fn need(&self, flag: Flag<Caps>, needed: bool) -> Result<()> {
        if needed { flag.check(self.capabilities()) } else { Ok(()) }
    }

    pub(super) fn check(&self, request: &ChatRequest) -> Result<()> {
        if request.model.as_ref().is_some_and(|model| model.as_str().is_empty()) {
            return Err(invalid("the model's name is empty").with_reason(Reason::NameInvalid));
        }
        self.check_messages(request)?;
        self.check_tools(request)?;
        self.check_output(request)?;
        self.check_sampling(request)?;
        self.need(Caps::REASONING, request.reasoning.is_some())?;
        self.need(Caps::PROMPT_CACHE, request.is_marked())?;
        request.extensions.check(self.core.provider())
    }

    fn check_messages(&self, request: &ChatRequest) -> Result<()> {
        if request.messages.is_empty() {
            return Err(invalid("the request has no message"));
        }
        let mut calls = HashSet::new();
        for (at, message) in request.messages.iter().enumerate() {
            if message.parts.is_empty() {
                return Err(invalid(format!("message {at} is empty")));
            }
            for part in message.parts.iter() {
                check_role(at, message, part)?;
                match part {
                    Part::ToolCall(call) => {
                        calls.insert(call.id.as_str());
                    }
                    Part::ToolResult(result) => {
                        if !calls.contains(result.call.as_str()) {
                            let text =
                                format!("message {at} answers the tool call `{}`, which no message makes", result.call.as_str());
                            return Err(invalid(text));
                        }
                        result.output.parts.iter().try_for_each(|part| self.check_media(part))?;
                    }
                    part => self.check_media(part)?,
                }
            }
        }
        Ok(())
    }

    fn check_media(&self, part: &Part) -> Result<()> {
        let (flag, media, kind) = match part {
            Part::Image(media) => (Caps::IMAGES, media, Some("image/")),
            Part::Audio(media) => (Caps::AUDIO, media, Some("audio/")),
            Part::Document(media) => (Caps::DOCUMENTS, media, None),
            _ => return Ok(()),
        };
        self.need(flag, true)?;
        check_media_type(media, kind)
    }

    fn check_tools(&self, request: &ChatRequest) -> Result<()> {
        let mut names = HashSet::new();
        for tool in request.tools.iter() {
            check_name("tool", &tool.name)?;
            check_schema(&tool.input)?;
            if !names.insert(tool.name.as_str()) {
                return Err(invalid(format!("there are two tools `{}`", tool.name)));
            }
        }
        match &request.tool_choice {
            ToolChoice::Required if names.is_empty() => return Err(invalid("a tool must be called, and there is none")),
            ToolChoice::Tool(name) if !names.contains(name.as_str()) => {
                return Err(invalid(format!("the tool `{name}` must be called, and there is no such tool")));
            }
            _ => {}
        }
        self.need(Caps::TOOLS, !names.is_empty())?;
        self.need(Caps::TOOL_CHOICE, request.tool_choice != ToolChoice::Auto && !names.is_empty())?;
        // What cannot call several tools honours the wish that it does not.
        self.need(Caps::PARALLEL_TOOLS, request.parallel_tools == Some(true))
    }

    fn check_output(&self, request: &ChatRequest) -> Result<()> {
        let Some(output) = &request.output else { return Ok(()) };
        check_name("output", &output.name)?;
        check_schema(&output.schema)?;
        let emulates = self.emulates() && Emulated::is_possible(request, self.capabilities());
        self.need(Caps::OUTPUT_SCHEMA, !emulates)?;
        self.need(Caps::OUTPUT_SCHEMA_WITH_TOOLS, !request.tools.is_empty())
    }

    fn check_sampling(&self, request: &ChatRequest) -> Result<()> {
        let within = |name: &str, value: Option<f64>, max: f64| match value {
            Some(value) if !(0.0..=max).contains(&value) => Err(invalid(format!("`{name}` is from 0 to {max}, not {value}"))),
            _ => Ok(()),
        };
        within("temperature", request.temperature, 2.0)?;
        within("top_p", request.top_p, 1.0)?;
        if request.stop.iter().any(String::is_empty) {
            return Err(invalid("a text that ends the answer is empty"));
        }
        self.need(Caps::SEED, request.seed.is_some())?;
        self.need(Caps::STOP, !request.stop.is_empty())?;
        let limit = |max: Option<u32>| {
            let max = u64::from(max.unwrap_or(u32::MAX));
            Limit { min: Some(1), ..Limit::at_most("max_output_tokens", max, "tokens") }
        };
        let max = self.capabilities().max_output_tokens;
        match request.max_output_tokens {
            Some(tokens) if tokens == 0 || max.is_some_and(|max| tokens > max) => Err(Error::outside_limit(limit(max), tokens)),
            _ => Ok(()),
        }
    }
}

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}

/// Whether a part can be said by whoever says it.
fn check_role(at: usize, message: &Message, part: &Part) -> Result<()> {
    let fits = match (message.role, part) {
        (Role::User, Part::Text(_) | Part::Image(_) | Part::Audio(_) | Part::Document(_)) => true,
        (Role::Tool, part) => matches!(part, Part::ToolResult(_)),
        (Role::Assistant, part) => !matches!(part, Part::ToolResult(_)),
        (Role::User, _) => false,
    };
    if fits { Ok(()) } else { Err(invalid(format!("message {at} holds what its role cannot say: {}", kind(part)))) }
}

fn kind(part: &Part) -> &'static str {
    match part {
        Part::Text(_) => "text",
        Part::Refusal(_) => "a refusal",
        Part::Reasoning(_) => "reasoning",
        Part::Image(_) => "an image",
        Part::Audio(_) => "audio",
        Part::Document(_) => "a document",
        Part::ToolCall(_) => "a tool call",
        Part::ToolResult(_) => "a tool result",
        Part::Opaque(_) => "an opaque part",
    }
}

fn check_media_type(media: &Media, kind: Option<&str>) -> Result<()> {
    let media_type = media.media_type.as_str();
    // What the service fetches, or has, it can look at itself.
    if media_type.is_empty() && !matches!(media.source, MediaSource::Bytes(_)) {
        return Ok(());
    }
    let well_formed = media_type.split_once('/').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty());
    let fits = well_formed && media_type.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ');
    match kind {
        _ if media_type.is_empty() => Err(invalid("the media type cannot be told from the content; give it: `Media::new`")),
        _ if !fits => Err(invalid(format!("`{}` is not a media type such as `image/png`", media_type.escape_debug()))),
        Some(kind) if !media_type.starts_with(kind) => Err(invalid(format!("`{media_type}` is no `{kind}…`"))),
        _ => Ok(()),
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    let allowed = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_' || letter == b'-';
    if (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    let text = format!("the {what} name `{}` is not made of 1 to {NAME_MAX} letters, digits, `_` and `-`", name.escape_debug());
    Err(invalid(text).with_reason(Reason::NameInvalid))
}

fn check_schema(schema: &Schema) -> Result<()> {
    if schema.is_object() { Ok(()) } else { Err(invalid("a schema is not a JSON object")) }
}
