//! The OpenAI API, written once: what tells one service from another is data ([`Preset`], [`OpenAiProfile`]).

pub mod batches;
mod client;
mod decoder;
mod deletion;
mod embeddings;
mod endpoint;
mod error;
mod events;
mod extension;
mod field;
pub mod files;
pub mod images;
mod media;
mod models;
mod moderation;
mod operations;
mod pages;
mod part;
mod preset;
mod profile;
mod request;
mod responses;
mod settings;
pub mod speech;
mod stream;
pub mod transcriptions;
pub mod uploads;
mod wire;
mod words;

pub use client::OpenAiClient;
pub use endpoint::OpenAiEndpoint;
pub use error::OpenAiError;
pub use events::EventStream;
pub use extension::{OpenAiChat, OpenAiReply};
pub use models::OpenAiModel;
pub use moderation::{ModerationInput, OpenAiModeration};
pub use operations::OPERATIONS;
pub use part::FilePart;
pub use preset::Preset;
pub use profile::{
    EmbeddingWire, KeyPlace, MaxTokens, OpenAiProfile, ReasoningItems, ReasoningWords, ResponsesWire, ToolChoiceWords,
};
pub use settings::OpenAiSettings;
