//! What nearly every application uses: `use circle_core::prelude::*;`.
//!
//! No `Result`, which would hide the standard one, no option types and no modules: those come by path, as
//! `circle_core::object_store::PutOptions`.

pub use std::time::Duration;

pub use circle_core_common::{ByteSize, CallOptions, Error, ErrorKind, Filter, Handle as _, ResultExt as _, Timestamp};

pub use crate::chat_model::ChatRequest;
pub use crate::{
    ChatModel, EmbeddingModel, Hub, IdentityProvider, KeyService, KeyValueStore, Messenger, Notifier, ObjectStore, SecretStore,
    TokenVerifier, VectorStore, WebhookVerifier,
};
