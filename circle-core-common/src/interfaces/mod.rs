//! The common interfaces, one folder each, all with the same rooms.

#[macro_use]
mod shapes;
mod model_id;

pub mod chat_model;
pub mod embedding_model;
pub mod identity_provider;
pub mod key_service;
pub mod key_value_store;
pub mod messenger;
pub mod notifier;
pub mod object_store;
pub mod secret_store;
pub mod token_verifier;
pub mod vector_store;
pub mod webhook_verifier;
