//! What moves on, what does not, and when.

mod messages;
mod models;
#[cfg(feature = "openai")]
mod over_http;
mod stores;
