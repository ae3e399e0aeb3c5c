//! Chat and embedding models of OpenAI, and of every service that speaks its API: each a [`Preset`], with its deviations as
//! data.
//!
//! ```no_run
//! use circle_core_common::interfaces::chat_model::ChatModel;
//! use circle_core_common::{Environment, SecretRef};
//! use circle_core_openai::{OpenAi, OpenAiConfig};
//!
//! # async fn example() -> circle_core_common::Result<()> {
//! let config = OpenAiConfig::new("gpt-5-mini").api_key(SecretRef::environment("OPENAI_API_KEY"));
//! let model = ChatModel::new(OpenAi::new(config, &Environment::default())?);
//! println!("{}", model.chat("Name three rivers in Latvia.").await?.text());
//! # Ok(())
//! # }
//! ```

mod chat_model;
mod config;
mod embedding_model;
mod provider;

pub use circle_core_protocol_openai::{
    EventStream, FilePart, ModerationInput, OpenAiChat, OpenAiClient, OpenAiEndpoint, OpenAiError, OpenAiModel, OpenAiModeration,
    OpenAiReply, Preset, batches, files, images, speech, transcriptions, uploads,
};
pub use config::{OpenAiApi, OpenAiConfig};
pub use provider::OpenAi;
