//! The items of a request: what was said, called, given and thought so far.

use std::borrow::Cow;

use circle_core_common::interfaces::chat_model::{
    ChatRequest, Media, MediaSource, Message, Part, ProviderState, Role, ToolResult,
};
use circle_core_common::{Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::value::RawValue;

use super::wire::MessageState;
use crate::media;
use crate::profile::{OpenAiProfile, ReasoningItems, ResponsesWire};
use crate::request::messages;

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum InputItem<'a> {
    /// An item of an earlier answer, byte for byte.
    Kept(&'a RawValue),
    Typed(TypedItem<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum TypedItem<'a> {
    /// One of the model has no id: nothing of it is kept at the service that an id could name.
    Message {
        role: &'static str,
        content: Vec<Content<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<Cow<'a, str>>,
    },
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: Output<'a>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Content<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content<'a> {
    InputText {
        text: &'a str,
    },
    InputImage {
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
        detail: &'static str,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<String>,
    },
    OutputText {
        text: &'a str,
    },
    Refusal {
        refusal: &'a str,
    },
}

/// The conversation, without the system texts.
pub(super) fn items<'a>(profile: &OpenAiProfile, wire: &ResponsesWire, request: &'a ChatRequest) -> Result<Vec<InputItem<'a>>> {
    let mut items = Vec::with_capacity(request.messages.len());
    for message in request.messages.iter() {
        match message.role {
            Role::Assistant => assistant(profile, wire, message, &mut items)?,
            Role::Tool => {
                for part in message.parts.iter() {
                    if let Part::ToolResult(result) = part {
                        items.push(InputItem::Typed(output(profile, wire, result)?));
                    }
                }
            }
            _ => {
                let content = content(profile, wire, &message.parts)?;
                items.push(InputItem::Typed(TypedItem::Message { role: "user", content, phase: None }));
            }
        }
    }
    Ok(items)
}

/// The items of an answer, in its order: reasoning must come back in front of what it led to.
fn assistant<'a>(
    profile: &OpenAiProfile,
    wire: &ResponsesWire,
    message: &'a Message,
    items: &mut Vec<InputItem<'a>>,
) -> Result<()> {
    let alone = message.parts.len() == 1;
    for part in message.parts.iter() {
        let item = match part {
            // A message of nothing says nothing, unless it is all that was said.
            Part::Text(text) | Part::Refusal(text) if text.text.is_empty() && !alone => continue,
            Part::Text(text) => said(Content::OutputText { text: &text.text }, text.state.as_ref()),
            Part::Refusal(text) if profile.refusals => said(Content::Refusal { refusal: &text.text }, text.state.as_ref()),
            Part::Refusal(text) => said(Content::OutputText { text: &text.text }, text.state.as_ref()),
            Part::Reasoning(text) => match &text.state {
                Some(state) if wire.reasoning != ReasoningItems::Dropped => kept(state)?,
                _ => continue,
            },
            Part::ToolCall(call) => match &call.state {
                Some(state) => kept(state)?,
                None => InputItem::Typed(TypedItem::FunctionCall {
                    call_id: call.id.as_str(),
                    name: &call.name,
                    arguments: &call.arguments,
                }),
            },
            Part::Opaque(opaque) => kept(&opaque.state)?,
            _ => continue,
        };
        items.push(item);
    }
    Ok(())
}

fn said<'a>(content: Content<'a>, state: Option<&'a ProviderState>) -> InputItem<'a> {
    let state = state.and_then(|state| serde_json::from_str::<MessageState<'_>>(&state.data).ok());
    let phase = state.and_then(|state| state.phase);
    InputItem::Typed(TypedItem::Message { role: "assistant", content: vec![content], phase })
}

/// An item of an earlier answer, byte for byte.
fn kept(state: &ProviderState) -> Result<InputItem<'_>> {
    let changed = || {
        let text = format!("the state of `{}` in the conversation is not what it gave", state.owner);
        Error::new(ErrorKind::InvalidInput, text)
    };
    serde_json::from_str(&state.data).map(InputItem::Kept).map_err(|_| changed())
}

fn output<'a>(profile: &OpenAiProfile, wire: &ResponsesWire, result: &'a ToolResult) -> Result<TypedItem<'a>> {
    let parts = &result.output.parts;
    let output = if media::text_only(profile, wire.tool_media, parts)? {
        Output::Text(messages::texts(parts))
    } else {
        Output::Parts(content(profile, wire, parts)?)
    };
    Ok(TypedItem::FunctionCallOutput { call_id: result.call.as_str(), output })
}

fn content<'a>(profile: &OpenAiProfile, wire: &ResponsesWire, parts: &'a [Part]) -> Result<Vec<Content<'a>>> {
    let content = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(Ok(Content::InputText { text: &text.text })),
        Part::Image(media) => Some(image(profile, wire, media)),
        Part::Document(media) => Some(document(profile, wire, media)),
        Part::Audio(_) => Some(Err(media::unsupported(profile, "audio in its Responses API; ask its Chat Completions"))),
        _ => None,
    });
    content.collect()
}

fn image<'a>(profile: &OpenAiProfile, wire: &ResponsesWire, media: &'a Media) -> Result<Content<'a>> {
    let (image_url, file_id) = match &media.source {
        MediaSource::File(id) if wire.files => (None, Some(id.as_str())),
        _ => (Some(media::image_url(profile, media)?), None),
    };
    Ok(Content::InputImage { image_url, file_id, detail: "auto" })
}

fn document<'a>(profile: &OpenAiProfile, wire: &ResponsesWire, media: &'a Media) -> Result<Content<'a>> {
    let (file_id, file_url, bytes) = match &media.source {
        MediaSource::File(id) if wire.files => (Some(id.as_str()), None, None),
        MediaSource::Uri(uri) => (None, Some(uri.to_string()), None),
        _ => {
            let missing = || media::unsupported(profile, "the id of a file as a document");
            (None, None, Some(media::data_url(media).ok_or_else(missing)?))
        }
    };
    let filename = bytes.is_some().then(|| media::file_name(media));
    Ok(Content::InputFile { file_id, file_url, filename, file_data: bytes })
}
