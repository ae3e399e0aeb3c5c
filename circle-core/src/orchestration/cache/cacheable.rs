//! The interfaces whose answers can be kept.

use std::sync::Arc;
use std::time::Duration;

use circle_core_common::interfaces::chat_model::ChatModel;
use circle_core_common::interfaces::embedding_model::EmbeddingModel;
use circle_core_common::interfaces::key_value_store::{Entry, KeyValueStore};
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::interfaces::vector_store::{Match, VectorStore};
use circle_core_common::{ByteSize, Handle};

use super::fresh::Fresh;
use super::object_store::Kept;
use super::store::Answers;

/// An interface whose answers can be kept. Implemented here, for the interfaces that are.
pub trait Cacheable: Handle {
    /// Where they are kept.
    #[doc(hidden)]
    type Kept: Send + Sync;

    /// For how long, where nothing else is said.
    #[doc(hidden)]
    const TTL: Duration;

    /// In this process: at most so many, and so large together.
    #[doc(hidden)]
    fn within(entries: usize, bytes: ByteSize) -> Self::Kept;
}

macro_rules! cacheable {
    ($($handle:ident in $kept:ty, $new:expr, for $seconds:expr;)+) => {
        $(impl Cacheable for $handle {
            type Kept = $kept;

            const TTL: Duration = Duration::from_secs($seconds);

            fn within(entries: usize, bytes: ByteSize) -> $kept {
                $new(entries, bytes)
            }
        })+
    };
}

cacheable! {
    ChatModel in Answers, Answers::memory, for 86_400;
    EmbeddingModel in Answers, Answers::memory, for 86_400;
    KeyValueStore in Fresh<Option<Entry>>, Fresh::new, for 10;
    ObjectStore in Fresh<Kept>, Fresh::new, for 60;
    VectorStore in Fresh<Arc<[Match]>>, Fresh::new, for 10;
}
