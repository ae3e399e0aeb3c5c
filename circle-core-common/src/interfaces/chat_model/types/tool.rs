//! Tools: what a model may call, its calls, and what they give.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Part, ProviderState, Schema};
use crate::error::{Result, decode_json_error};

crate::token! {
    /// Which call of a tool a result belongs to.
    pub struct ToolCallId;
}

impl From<&str> for ToolCallId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for ToolCallId {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

/// A tool that a model may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tool {
    /// Its name: 1 to 64 letters, digits, `_` and `-`.
    pub name: String,
    /// What it does and when to call it, for the model.
    pub description: String,
    /// What its arguments are.
    pub input: Schema,
    /// Whether the service must hold the model to the schema, where it can; its own choice by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

impl Tool {
    /// A tool of this name, description and schema of arguments.
    #[must_use]
    pub fn new(name: impl Into<String>, description: impl Into<String>, input: impl Into<Schema>) -> Self {
        Self { name: name.into(), description: description.into(), input: input.into(), strict: None }
    }

    /// A tool whose arguments are of this type.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn of<T: schemars::JsonSchema>(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self::new(name, description, Schema::of::<T>())
    }

    /// Sets whether the service must hold the model to the schema.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = Some(strict);
        self
    }
}

impl From<&Tool> for Tool {
    fn from(tool: &Self) -> Self {
        tool.clone()
    }
}

/// A call that a model wants made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolCall {
    /// Which call it is.
    pub id: ToolCallId,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them; `{}` where it wrote none. Models make mistakes: it need not be JSON.
    pub arguments: String,
    /// What its provider wants back with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ProviderState>,
}

impl ToolCall {
    /// A call of this tool with these arguments, under an id.
    #[must_use]
    pub fn new(id: impl Into<ToolCallId>, name: impl Into<String>, arguments: impl Into<Value>) -> Self {
        Self::from_text(id, name, arguments.into().to_string())
    }

    /// A call whose arguments are this text.
    #[must_use]
    pub fn from_text(id: impl Into<ToolCallId>, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        let mut arguments = arguments.into();
        if arguments.trim().is_empty() {
            arguments.replace_range(.., "{}");
        }
        Self { id: id.into(), name: name.into(), arguments, state: None }
    }

    /// Sets the state.
    #[must_use]
    pub fn state(mut self, state: ProviderState) -> Self {
        self.state = Some(state);
        self
    }

    /// The arguments as a type.
    ///
    /// # Errors
    /// `Decode` when they are not JSON of it. Tell the model: [`ToolOutput::error`].
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.arguments)
            .map_err(|error| decode_json_error(format_args!("the arguments of the tool call `{}`", self.name), &error))
    }
}

/// What a tool gave, as the next request tells the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolResult {
    /// Which call it answers.
    pub call: ToolCallId,
    /// The tool, which some services ask for.
    pub name: String,
    /// What it gave.
    pub output: ToolOutput,
}

impl ToolResult {
    /// The result of this call.
    #[must_use]
    pub fn new(call: &ToolCall, output: impl Into<ToolOutput>) -> Self {
        Self { call: call.id.clone(), name: call.name.clone(), output: output.into() }
    }
}

/// What a tool gave: text, JSON, images, or its own failure, which is the model's to deal with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolOutput {
    /// The content: texts, images and documents.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    #[serde(default)]
    pub is_error: bool,
}

impl ToolOutput {
    /// These parts.
    #[must_use]
    pub fn new(parts: Vec<Part>) -> Self {
        Self { parts, is_error: false }
    }

    /// A failure, in words that help the model.
    #[must_use]
    pub fn error(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::text(text)], is_error: true }
    }

    /// Its texts, one after the other.
    #[must_use]
    pub fn text(&self) -> String {
        super::message::text_of(&self.parts)
    }
}

impl From<&str> for ToolOutput {
    fn from(text: &str) -> Self {
        Self::new(vec![Part::text(text)])
    }
}

impl From<String> for ToolOutput {
    fn from(text: String) -> Self {
        Self::new(vec![Part::text(text)])
    }
}

/// The JSON text, with sorted keys: equal values are equal bytes.
impl From<Value> for ToolOutput {
    fn from(mut value: Value) -> Self {
        value.sort_all_objects();
        Self::from(value.to_string())
    }
}
