//! Requests, messages, events and answers.

mod event;
mod media;
mod message;
mod options;
mod request;
mod response;
mod schema;
mod tool;
mod usage;

pub use event::{ChatEvent, PartKind};
pub use media::{Media, MediaSource};
pub use message::{CacheMark, Message, Opaque, Part, ProviderState, Role, Text};
pub use options::{ChatManyOptions, Effort, OutputSchema, ReasoningOptions, ToolChoice};
pub use request::ChatRequest;
pub use response::{ChatResponse, FinishReason, Source, TokenCount, Warning, WarningKind};
pub use schema::Schema;
pub use tool::{Tool, ToolCall, ToolCallId, ToolOutput, ToolResult};
pub use usage::Usage;

crate::name! {
    /// The name of a model, as the service writes it.
    pub struct ModelName;
}
