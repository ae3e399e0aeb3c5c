//! What credential caches, sources and token stores are held to: those of the SDK, and one's own.

mod model;
mod source;
mod tokens;

pub use model::{CacheUnderTest, CredentialModel, Issued, ModelSource};
pub use source::check_source;
pub use tokens::check_token_store;
