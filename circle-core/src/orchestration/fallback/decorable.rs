//! The interfaces whose services can stand behind one another.

use std::fmt;

use circle_core_common::Handle;
use circle_core_common::interfaces::chat_model::{ChatModel, ChatModelCapabilities};
use circle_core_common::interfaces::embedding_model::{EmbeddingModel, EmbeddingModelCapabilities};
use circle_core_common::interfaces::key_value_store::{KeyValueStore, KeyValueStoreCapabilities};
use circle_core_common::interfaces::messenger::{Messenger, MessengerCapabilities};
use circle_core_common::interfaces::notifier::{Notifier, NotifierCapabilities};
use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreCapabilities};
use circle_core_common::interfaces::secret_store::{SecretStore, SecretStoreCapabilities};
use circle_core_common::interfaces::vector_store::{VectorStore, VectorStoreCapabilities};

use crate::orchestration::capabilities;

/// An interface whose services can stand behind one another. Implemented here, for the interfaces that are.
pub trait Decorable: Handle {
    /// What a provider of it can do.
    type Capabilities: Clone + fmt::Debug + Send + Sync;

    /// What all of these can do, which are those of so many legs that have started.
    #[doc(hidden)]
    fn common(all: &[&Self::Capabilities], legs: usize) -> Self::Capabilities;

    /// What this one can do, where it has started.
    #[doc(hidden)]
    fn known(&self) -> Option<&Self::Capabilities>;
}

/// An interface whose services keep what they are given.
pub trait Store: Decorable {}

impl Store for KeyValueStore {}
impl Store for ObjectStore {}
impl Store for SecretStore {}
impl Store for VectorStore {}

macro_rules! decorable {
    ($($handle:ident: $capabilities:ident by $common:path $(, alone $alone:ident)?;)+) => {
        $(impl Decorable for $handle {
            type Capabilities = $capabilities;

            fn common(all: &[&$capabilities], legs: usize) -> $capabilities {
                let common = $common(all);
                // A key that one service has seen is new to the next: only a single one can keep the promise.
                $(let common = if legs > 1 { common.without($capabilities::$alone) } else { common };)?
                let _ = legs;
                common
            }

            fn known(&self) -> Option<&$capabilities> {
                self.provider().ok().map(|provider| provider.capabilities())
            }
        })+
    };
}

decorable! {
    ChatModel: ChatModelCapabilities by capabilities::all_chat;
    EmbeddingModel: EmbeddingModelCapabilities by capabilities::all_embedding;
    KeyValueStore: KeyValueStoreCapabilities by capabilities::all_key_value_stores;
    Messenger: MessengerCapabilities by capabilities::all_messengers, alone IDEMPOTENCY;
    Notifier: NotifierCapabilities by capabilities::all_notifiers, alone IDEMPOTENCY;
    ObjectStore: ObjectStoreCapabilities by capabilities::all_object_stores;
    SecretStore: SecretStoreCapabilities by capabilities::all_secret_stores;
    VectorStore: VectorStoreCapabilities by capabilities::all_vector_stores;
}
