//! What a streaming answer is made of.

use super::{FinishReason, Opaque, ProviderState, Source, ToolCallId, Usage, Warning};

/// One event of a streaming answer.
///
/// The first is `Start`, the last is `End`. Parts are numbered from 0 in the order in which they start; several may be open
/// at a time. A part that is still open at `End` ends there.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ChatEvent {
    /// The answer begins.
    #[non_exhaustive]
    Start {
        /// The service's id of it.
        id: Option<String>,
        /// The model that answers, as the service says.
        model: Option<String>,
        /// What of the request is not honoured.
        warnings: Vec<Warning>,
    },
    /// A part begins.
    #[non_exhaustive]
    PartStart {
        /// Its number.
        part: u32,
        /// What it is.
        kind: PartKind,
    },
    /// More of a text, or of a refusal.
    #[non_exhaustive]
    TextDelta {
        /// The part.
        part: u32,
        /// The text.
        text: String,
    },
    /// More of the reasoning.
    #[non_exhaustive]
    ReasoningDelta {
        /// The part.
        part: u32,
        /// The text.
        text: String,
    },
    /// A part begins that is a tool call.
    #[non_exhaustive]
    ToolCallStart {
        /// Its number.
        part: u32,
        /// Which call it is.
        id: ToolCallId,
        /// The tool.
        name: String,
    },
    /// More of the arguments of a tool call.
    #[non_exhaustive]
    ToolCallDelta {
        /// The part.
        part: u32,
        /// The text of the arguments.
        arguments: String,
    },
    /// The arguments of a tool call are complete.
    #[non_exhaustive]
    ToolCallEnd {
        /// The part.
        part: u32,
        /// What its provider wants back with it.
        state: Option<ProviderState>,
    },
    /// A part is complete.
    #[non_exhaustive]
    PartEnd {
        /// The part.
        part: u32,
        /// What its provider wants back with it.
        state: Option<ProviderState>,
    },
    /// A part that only its provider understands, whole.
    #[non_exhaustive]
    Opaque {
        /// Its number.
        part: u32,
        /// The part.
        content: Opaque,
    },
    /// Something that the answer is based on.
    Source(Source),
    /// The tokens so far: each count replaces the one before.
    Usage(Usage),
    /// The service is still there.
    Heartbeat,
    /// The answer is complete. Providers give it once they have read what comes behind it.
    #[non_exhaustive]
    End {
        /// Why it ended.
        finish: FinishReason,
    },
}

/// What a part of a streaming answer is, where it is no tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartKind {
    /// Text.
    Text,
    /// The model's words in place of an answer that it will not give.
    Refusal,
    /// Reasoning.
    Reasoning,
}

impl ChatEvent {
    /// Whether it is a piece of the answer, or its end: what stands before the first is only that an answer begins.
    #[must_use]
    pub fn is_content(&self) -> bool {
        match self {
            Self::TextDelta { text, .. } | Self::ReasoningDelta { text, .. } => !text.is_empty(),
            Self::ToolCallDelta { arguments, .. } => !arguments.is_empty(),
            Self::ToolCallStart { .. } | Self::Opaque { .. } | Self::Source(_) | Self::End { .. } => true,
            _ => false,
        }
    }

    /// The answer begins.
    #[must_use]
    pub fn start(id: Option<String>, model: Option<String>) -> Self {
        Self::Start { id, model, warnings: Vec::new() }
    }

    /// A part begins.
    #[must_use]
    pub fn part_start(part: u32, kind: PartKind) -> Self {
        Self::PartStart { part, kind }
    }

    /// More of a text.
    #[must_use]
    pub fn text(part: u32, text: impl Into<String>) -> Self {
        Self::TextDelta { part, text: text.into() }
    }

    /// More of the reasoning.
    #[must_use]
    pub fn reasoning(part: u32, text: impl Into<String>) -> Self {
        Self::ReasoningDelta { part, text: text.into() }
    }

    /// A tool call begins.
    #[must_use]
    pub fn tool_call(part: u32, id: impl Into<ToolCallId>, name: impl Into<String>) -> Self {
        Self::ToolCallStart { part, id: id.into(), name: name.into() }
    }

    /// More of the arguments of a tool call.
    #[must_use]
    pub fn arguments(part: u32, arguments: impl Into<String>) -> Self {
        Self::ToolCallDelta { part, arguments: arguments.into() }
    }

    /// The arguments of a tool call are complete.
    #[must_use]
    pub fn tool_call_end(part: u32, state: Option<ProviderState>) -> Self {
        Self::ToolCallEnd { part, state }
    }

    /// A part is complete.
    #[must_use]
    pub fn part_end(part: u32, state: Option<ProviderState>) -> Self {
        Self::PartEnd { part, state }
    }

    /// A part that only its provider understands.
    #[must_use]
    pub fn opaque(part: u32, content: Opaque) -> Self {
        Self::Opaque { part, content }
    }

    /// The answer is complete.
    #[must_use]
    pub fn end(finish: FinishReason) -> Self {
        Self::End { finish }
    }
}
