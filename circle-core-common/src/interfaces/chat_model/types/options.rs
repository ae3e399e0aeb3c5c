//! What of a request is chosen among a few things.

use std::fmt;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::Schema;

/// Whether, and which tool, a model calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Tool(String),
}

impl ToolChoice {
    /// Whether the model decides.
    pub(super) fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// The JSON that a model answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutputSchema {
    /// What the JSON is called, for the model: 1 to 64 letters, digits, `_` and `-`.
    pub name: String,
    /// The schema.
    pub schema: Schema,
    /// Whether the service must hold the model to the schema, where it can; its own choice by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

impl OutputSchema {
    /// Answers of this schema.
    #[must_use]
    pub fn new(name: impl Into<String>, schema: impl Into<Schema>) -> Self {
        Self { name: name.into(), schema: schema.into(), strict: None }
    }

    /// Answers of this type, called as the type is.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn of<T: schemars::JsonSchema>() -> Self {
        let name = T::schema_name();
        let allowed = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        Self::new(name.chars().map(allowed).take(64).collect::<String>(), Schema::of::<T>())
    }

    /// Sets whether the service must hold the model to the schema.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = Some(strict);
        self
    }
}

impl From<Schema> for OutputSchema {
    fn from(schema: Schema) -> Self {
        Self::new("answer", schema)
    }
}

/// How much a model reasons before it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReasoningOptions {
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// In tokens, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u32>,
}

impl ReasoningOptions {
    /// As much as the model likes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how much, in words.
    #[must_use]
    pub fn effort(mut self, effort: Effort) -> Self {
        self.effort = Some(effort);
        self
    }

    /// Sets how much, in tokens.
    #[must_use]
    pub fn budget_tokens(mut self, tokens: u32) -> Self {
        self.budget_tokens = Some(tokens);
        self
    }
}

impl From<Effort> for ReasoningOptions {
    fn from(effort: Effort) -> Self {
        Self::new().effort(effort)
    }
}

/// How much a model reasons, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as it can.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Another word of the service.
    Other(String),
}

impl Effort {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Effort {
    fn from(word: String) -> Self {
        match word.as_str() {
            "none" => Self::None,
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            _ => Self::Other(word),
        }
    }
}

impl From<Effort> for String {
    fn from(effort: Effort) -> Self {
        effort.as_str().to_owned()
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How several requests are made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChatManyOptions {
    /// How many are made at a time.
    pub concurrency: NonZeroUsize,
}

impl ChatManyOptions {
    /// Eight at a time.
    #[must_use]
    pub fn new() -> Self {
        Self { concurrency: const { NonZeroUsize::new(8).unwrap() } }
    }

    /// Sets how many are made at a time; none is one.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = NonZeroUsize::new(concurrency).unwrap_or(NonZeroUsize::MIN);
        self
    }
}

impl Default for ChatManyOptions {
    fn default() -> Self {
        Self::new()
    }
}
