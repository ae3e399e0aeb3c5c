//! The messages of a request.

use std::borrow::Cow;

use circle_core_common::Result;
use circle_core_common::interfaces::chat_model::{ChatRequest, Media, MediaSource, Message, Part, Role, ToolCall, ToolResult};
use serde::Serialize;

use crate::media::{self, InputAudio};
use crate::profile::OpenAiProfile;

#[derive(Serialize)]
pub(super) struct WireMessage<'a> {
    role: &'static str,
    /// Null where a message is made of calls alone.
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<WirePart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WirePart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl },
    InputAudio { input_audio: InputAudio },
    File { file: File<'a> },
}

#[derive(Serialize)]
struct ImageUrl {
    url: String,
}

#[derive(Serialize)]
struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<String>,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> WireMessage<'a> {
    fn new(role: &'static str, content: Option<Content<'a>>) -> Self {
        Self { role, content, refusal: None, reasoning_content: None, tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// The system texts, and then the conversation.
pub(super) fn of<'a>(profile: &OpenAiProfile, request: &'a ChatRequest) -> Result<Vec<WireMessage<'a>>> {
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    if let Some(text) = system(request) {
        messages.push(WireMessage::new("system", Some(Content::Text(text))));
    }
    for message in request.messages.iter() {
        match message.role {
            Role::Assistant => messages.push(assistant(profile, message)),
            Role::Tool => {
                for part in message.parts.iter() {
                    if let Part::ToolResult(result) = part {
                        messages.push(tool(profile, result)?);
                    }
                }
            }
            _ => messages.push(WireMessage::new("user", Some(content(profile, &message.parts)?))),
        }
    }
    Ok(messages)
}

/// The system texts as one: the templates of many models take no second one.
pub(crate) fn system(request: &ChatRequest) -> Option<Cow<'_, str>> {
    let texts: Vec<&str> = request.system.iter().map(|text| text.text.as_str()).collect();
    (!texts.is_empty()).then(|| joined(&texts, "\n\n"))
}

fn joined<'a>(texts: &[&'a str], between: &str) -> Cow<'a, str> {
    match texts {
        [one] => Cow::Borrowed(one),
        many => Cow::Owned(many.join(between)),
    }
}

fn assistant<'a>(profile: &OpenAiProfile, message: &'a Message) -> WireMessage<'a> {
    let (mut texts, mut refusals, mut calls, mut reasoning) = (Vec::new(), Vec::new(), Vec::new(), None);
    for part in message.parts.iter() {
        match part {
            Part::Text(text) => texts.push(text.text.as_str()),
            Part::Refusal(text) if profile.refusals => refusals.push(text.text.as_str()),
            Part::Refusal(text) => texts.push(text.text.as_str()),
            Part::Reasoning(text) => reasoning = text.state.as_ref().map(|state| &*state.data).or(reasoning),
            Part::ToolCall(call) => calls.push(wire_call(profile, call)),
            _ => {}
        }
    }
    let silent = texts.is_empty() && (!calls.is_empty() || !refusals.is_empty());
    let content = (!silent).then(|| Content::Text(joined(&texts, "")));
    let mut wire = WireMessage::new("assistant", content);
    wire.refusal = (!refusals.is_empty()).then(|| joined(&refusals, ""));
    // DeepSeek refuses a message with calls and without what was thought before them, also where that is nothing; of other
    // messages it ignores it.
    if profile.replays_reasoning && !calls.is_empty() {
        wire.reasoning_content = Some(Cow::Borrowed(reasoning.unwrap_or_default()));
    }
    wire.tool_calls = calls;
    wire
}

fn wire_call<'a>(profile: &OpenAiProfile, call: &'a ToolCall) -> WireCall<'a> {
    let function = WireFunction { name: &call.name, arguments: &call.arguments };
    WireCall { id: call_id(profile, call.id.as_str()), kind: "function", function }
}

/// The id of a call, as the service takes it: one that was made elsewhere may have to be made anew, the same at each place.
fn call_id<'a>(profile: &OpenAiProfile, id: &'a str) -> Cow<'a, str> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let fits = id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits || !profile.short_tool_ids {
        return Cow::Borrowed(id);
    }
    // FNV-1a: nobody gains by two ids that are the same here.
    let mut hash =
        id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut short = String::with_capacity(9);
    for _ in 0..9 {
        short.push(char::from(LETTERS[usize::try_from(hash % 62).unwrap_or(0)]));
        hash /= 62;
    }
    Cow::Owned(short)
}

fn tool<'a>(profile: &OpenAiProfile, result: &'a ToolResult) -> Result<WireMessage<'a>> {
    let parts = &result.output.parts;
    let text_only = media::text_only(profile, profile.tool_images, parts)?;
    let content = if text_only { Content::Text(texts(parts)) } else { content(profile, parts)? };
    let mut wire = WireMessage::new("tool", Some(content));
    wire.tool_call_id = Some(call_id(profile, result.call.as_str()));
    Ok(wire)
}

/// The texts of parts, as one.
pub(crate) fn texts(parts: &[Part]) -> Cow<'_, str> {
    let texts: Vec<&str> =
        parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.text.as_str()) } else { None }).collect();
    joined(&texts, "")
}

/// A text where there is nothing else, which every server reads; else parts.
fn content<'a>(profile: &OpenAiProfile, parts: &'a [Part]) -> Result<Content<'a>> {
    if let [Part::Text(text)] = parts {
        return Ok(Content::Text(Cow::Borrowed(&text.text)));
    }
    let wire = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(Ok(WirePart::Text { text: &text.text })),
        Part::Image(media) => Some(image(profile, media)),
        Part::Audio(media) => Some(InputAudio::of(profile, media).map(|input_audio| WirePart::InputAudio { input_audio })),
        Part::Document(media) => Some(document(profile, media)),
        _ => None,
    });
    wire.collect::<Result<_>>().map(Content::Parts)
}

fn image<'a>(profile: &OpenAiProfile, media: &Media) -> Result<WirePart<'a>> {
    Ok(WirePart::ImageUrl { image_url: ImageUrl { url: media::image_url(profile, media)? } })
}

fn document<'a>(profile: &OpenAiProfile, media: &'a Media) -> Result<WirePart<'a>> {
    let file = match &media.source {
        MediaSource::File(id) => File { file_id: Some(id), filename: None, file_data: None },
        _ => {
            let missing = || media::unsupported(profile, "the address of a document; send its bytes");
            let data = media::data_url(media).ok_or_else(missing)?;
            File { file_id: None, filename: Some(media::file_name(media)), file_data: Some(data) }
        }
    };
    Ok(WirePart::File { file })
}
