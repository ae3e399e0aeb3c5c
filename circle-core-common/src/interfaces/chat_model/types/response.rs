//! What a model answers.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::message::text_of;
use super::{Message, Part, Role, ToolCall, Usage};
use crate::error::{Result, decode_json_error};
use crate::extension::Extensions;

/// An answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatResponse {
    /// The service's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The model that answered, as the service says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it is made of.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub finish: FinishReason,
    /// What it cost, in tokens.
    #[serde(default)]
    pub usage: Usage,
    /// What the answer is based on, where the service says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// What of the request was not honoured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// What only its provider has.
    #[serde(skip)]
    pub extensions: Extensions,
}

impl ChatResponse {
    /// An answer of these parts, complete.
    #[must_use]
    pub fn new(parts: Vec<Part>) -> Self {
        Self { parts, finish: FinishReason::Stop, ..Self::default() }
    }

    /// The text, without reasoning and refusal.
    #[must_use]
    pub fn text(&self) -> String {
        text_of(&self.parts)
    }

    /// What the model said in place of an answer that it will not give.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let texts: Vec<_> =
            self.parts.iter().filter_map(|part| if let Part::Refusal(text) = part { Some(&*text.text) } else { None }).collect();
        (!texts.is_empty()).then(|| texts.concat())
    }

    /// What the model told of its reasoning.
    #[must_use]
    pub fn reasoning(&self) -> String {
        self.parts.iter().filter_map(|part| if let Part::Reasoning(text) = part { Some(&*text.text) } else { None }).collect()
    }

    /// The tools that the model wants called, in its order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| if let Part::ToolCall(call) = part { Some(call) } else { None })
    }

    /// The text as JSON of a type.
    ///
    /// # Errors
    /// `Decode`, which does not show the text.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.text()).map_err(|error| decode_json_error("the model's answer", &error))
    }

    /// The answer as a message of the conversation that goes on.
    #[must_use]
    pub fn message(&self) -> Message {
        Message::new(Role::Assistant, self.parts.clone())
    }
}

/// Why an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum FinishReason {
    /// The model was done, or met a stop sequence.
    Stop,
    /// The most tokens of an answer, or of the context, are reached.
    Length,
    /// The model wants tools called.
    ToolCalls,
    /// A content policy ended it.
    ContentFilter,
    /// The model will not answer.
    Refusal,
    /// The service wants to go on in another request with this answer in it.
    Paused,
    /// What the service says and this version does not know; empty where it says nothing.
    Other(String),
    /// It did not end, as far as was received.
    #[default]
    Unfinished,
}

impl FinishReason {
    /// The stable name; of `Other` what the service says.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Refusal => "refusal",
            Self::Paused => "paused",
            Self::Unfinished => "unfinished",
            Self::Other(reason) => reason,
        }
    }
}

impl From<String> for FinishReason {
    fn from(text: String) -> Self {
        match text.as_str() {
            "stop" => Self::Stop,
            "length" => Self::Length,
            "tool_calls" => Self::ToolCalls,
            "content_filter" => Self::ContentFilter,
            "refusal" => Self::Refusal,
            "paused" => Self::Paused,
            "unfinished" => Self::Unfinished,
            _ => Self::Other(text),
        }
    }
}

impl From<FinishReason> for String {
    fn from(reason: FinishReason) -> Self {
        reason.as_str().to_owned()
    }
}

impl fmt::Display for FinishReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that an answer is based on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Source {
    /// The part of the answer that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where it is: an address, or the id of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The words that are quoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
}

impl Source {
    /// A source at this address or of this file.
    #[must_use]
    pub fn new(location: impl Into<String>) -> Self {
        Self { location: Some(location.into()), ..Self::default() }
    }

    /// Sets the part of the answer that it belongs to.
    #[must_use]
    pub fn part(mut self, part: u32) -> Self {
        self.part = Some(part);
        self
    }

    /// Sets what it is called.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the words that are quoted.
    #[must_use]
    pub fn quote(mut self, quote: impl Into<String>) -> Self {
        self.quote = Some(quote.into());
        self
    }
}

/// Something of the request that was not honoured and does not change what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// In words.
    pub message: String,
}

/// What a [`Warning`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningKind {
    /// State of another provider was left out of the history.
    StateDropped,
    /// A hint was left out, such as a temperature that the model does not take.
    HintIgnored,
    /// Something else.
    Other,
}

impl Warning {
    /// A warning.
    #[must_use]
    pub fn new(kind: WarningKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// How many tokens a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCount {
    /// The tokens.
    pub tokens: u64,
    /// Whether they are estimated. An estimate can be wrong by half.
    pub estimated: bool,
}

impl TokenCount {
    /// A count.
    #[must_use]
    pub const fn exact(tokens: u64) -> Self {
        Self { tokens, estimated: false }
    }

    /// An estimate.
    #[must_use]
    pub const fn estimated(tokens: u64) -> Self {
        Self { tokens, estimated: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finish_reason_reads_back_and_may_be_new() {
        for text in ["stop", "length", "tool_calls", "content_filter", "refusal", "paused", "unfinished", "", "eos_found"] {
            assert_eq!(FinishReason::from(text.to_owned()).to_string(), text);
        }
        assert_eq!(FinishReason::from("eos_found".to_owned()), FinishReason::Other("eos_found".to_owned()));
    }

    #[test]
    fn json_of_another_type_does_not_show_the_text() {
        let error = ChatResponse::new(vec![Part::text("\"hunter2\"")]).json::<u32>().unwrap_err();
        assert!(error.is(crate::ErrorKind::Decode) && !format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
