//! The OpenAI API, written once: what tells one service from another is data ([`Preset`], [`OpenAiProfile`]).

mod client;
mod decoder;
mod embeddings;
mod error;
mod extension;
mod media;
mod models;
mod moderation;
mod preset;
mod profile;
mod request;
mod responses;
mod settings;
mod stream;
mod wire;

pub use client::OpenAiClient;
pub use error::OpenAiError;
pub use extension::{OpenAiChat, OpenAiReply};
pub use models::OpenAiModel;
pub use moderation::OpenAiModeration;
pub use preset::Preset;
pub use profile::{
    EmbeddingWire, KeyPlace, MaxTokens, OpenAiProfile, ReasoningItems, ReasoningWords, ResponsesWire, ToolChoiceWords,
};
pub use settings::OpenAiSettings;
