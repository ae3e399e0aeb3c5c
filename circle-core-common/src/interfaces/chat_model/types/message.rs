//! What a conversation is made of.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Media, ToolCall, ToolResult};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The application, or whoever stands behind it.
    User,
    /// The model.
    Assistant,
    /// The results of tools.
    Tool,
}

/// One message of a conversation. Cloning one shares its parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub parts: Arc<Vec<Part>>,
    /// Has the service keep everything up to the end of this message for later requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMark>,
}

impl Message {
    /// A message of these parts.
    #[must_use]
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts: Arc::new(parts), cache: None }
    }

    /// A text of the user.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, vec![Part::text(text)])
    }

    /// A text of the model.
    #[must_use]
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, vec![Part::text(text)])
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        Arc::make_mut(&mut self.parts).push(part);
        self
    }

    /// Has the service keep everything up to the end of this message for later requests.
    #[must_use]
    pub fn cache(mut self, mark: CacheMark) -> Self {
        self.cache = Some(mark);
        self
    }

    /// Its texts, one after the other.
    #[must_use]
    pub fn text(&self) -> String {
        text_of(&self.parts)
    }
}

/// The texts of parts, one after the other; refusals, reasoning and everything else left out.
pub(super) fn text_of(parts: &[Part]) -> String {
    parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.text.as_str()) } else { None }).collect()
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Text.
    Text(Text),
    /// The model's words in place of an answer that it will not give.
    Refusal(Text),
    /// What the model told of its reasoning. Without state there is nothing to give back to the model, and providers leave
    /// it out.
    Reasoning(Text),
    /// An image.
    Image(Media),
    /// A sound.
    Audio(Media),
    /// A document.
    Document(Media),
    /// A tool that the model wants called.
    ToolCall(ToolCall),
    /// What a tool gave.
    ToolResult(ToolResult),
    /// Something that only its provider understands; given back as it came.
    Opaque(Opaque),
}

impl Part {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Text::new(text))
    }

    /// What its provider wants back with it.
    #[must_use]
    pub fn state(&self) -> Option<&ProviderState> {
        match self {
            Self::Text(text) | Self::Refusal(text) | Self::Reasoning(text) => text.state.as_ref(),
            Self::ToolCall(call) => call.state.as_ref(),
            Self::Opaque(opaque) => Some(&opaque.state),
            Self::Image(_) | Self::Audio(_) | Self::Document(_) | Self::ToolResult(_) => None,
        }
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// A text, and what its provider wants back with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Text {
    /// The text.
    pub text: String,
    /// What its provider wants back with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ProviderState>,
}

impl Text {
    /// A text without state.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), state: None }
    }

    /// Sets the state.
    #[must_use]
    pub fn state(mut self, state: ProviderState) -> Self {
        self.state = Some(state);
        self
    }
}

/// What a provider attaches to a part of an answer and must have back, byte for byte, in the next request: a signature,
/// encrypted reasoning. Another provider never gets it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProviderState {
    /// Whose it is: what the provider calls itself in
    /// [`state_owner`](super::super::ChatModelProvider::state_owner).
    pub owner: Arc<str>,
    /// The state, as it came.
    pub data: Arc<str>,
}

impl ProviderState {
    /// State of this owner.
    #[must_use]
    pub fn new(owner: impl Into<Arc<str>>, data: impl Into<Arc<str>>) -> Self {
        Self { owner: owner.into(), data: data.into() }
    }
}

/// Without the data, which may be anything.
impl fmt::Debug for ProviderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.data.len(), self.owner)
    }
}

/// A part of a kind that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Opaque {
    /// What the service calls it.
    pub kind: String,
    /// The part, as it came.
    pub state: ProviderState,
}

impl Opaque {
    /// A part of this kind.
    #[must_use]
    pub fn new(kind: impl Into<String>, state: ProviderState) -> Self {
        Self { kind: kind.into(), state }
    }
}

/// Has the service keep the beginning of a request, up to the mark, for later requests that begin alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CacheMark {
    /// How long to keep it at least; the service's usual time by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
}

impl CacheMark {
    /// For the service's usual time.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long to keep it.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }
}
