//! What moves on, what does not, and when.

mod models;
#[cfg(feature = "openai")]
mod over_http;
