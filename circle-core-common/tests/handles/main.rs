//! What the handles do around a provider that fails, stalls or answers wrongly.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod chat_model;
mod embedding_model;
mod key_value_store;
mod messenger;
mod notifier;
mod object_store;
mod policies;
