//! The interfaces that have a suite.

use circle_core_common::Handle;
use circle_core_common::Result;
use circle_core_common::interfaces::chat_model::{self, ChatModel, ChatModelCapabilities};
use circle_core_common::interfaces::embedding_model::{self, EmbeddingModel, EmbeddingModelCapabilities};
use circle_core_common::interfaces::identity_provider::{self, IdentityProvider, IdentityProviderCapabilities};
use circle_core_common::interfaces::key_service::{self, KeyService, KeyServiceCapabilities};
use circle_core_common::interfaces::key_value_store::{self, KeyValueStore, KeyValueStoreCapabilities};
use circle_core_common::interfaces::messenger::{self, Messenger, MessengerCapabilities};
use circle_core_common::interfaces::notifier::{self, Notifier, NotifierCapabilities};
use circle_core_common::interfaces::object_store::{self, ObjectStore, ObjectStoreCapabilities};
use circle_core_common::interfaces::secret_store::{self, SecretStore, SecretStoreCapabilities};
use circle_core_common::interfaces::token_verifier::{self, TokenVerifier, TokenVerifierCapabilities};
use circle_core_common::interfaces::vector_store::{self, VectorStore, VectorStoreCapabilities};
use circle_core_common::interfaces::webhook_verifier::{self, WebhookVerifier, WebhookVerifierCapabilities};
use circle_core_common::suite::{Case, Negative, Subject};

/// A handle whose interface has a suite.
pub trait Suited: Handle {
    /// The capabilities of the interface.
    type Capabilities: 'static;

    /// The suite.
    const SUITE: &'static [Case<Self>];

    /// Its negatives.
    const NEGATIVES: &'static [Negative<Self, Self::Capabilities>];

    /// A subject over the provider of this handle, with counted calls and injectable faults.
    ///
    /// # Errors
    /// Why the service behind the handle has not started.
    fn subject(&self) -> Result<Subject<Self>>;
}

macro_rules! suited {
    ($($handle:ident, $capabilities:ident, $interface:ident;)+) => {
        $(impl Suited for $handle {
            type Capabilities = $capabilities;

            const SUITE: &'static [Case<Self>] = $interface::conformance::SUITE;
            const NEGATIVES: &'static [Negative<Self, Self::Capabilities>] = $interface::conformance::NEGATIVES;

            fn subject(&self) -> Result<Subject<Self>> {
                Ok(Subject::<Self>::over(self.provider()?.clone()))
            }
        })+
    };
}

suited! {
    ObjectStore, ObjectStoreCapabilities, object_store;
    KeyValueStore, KeyValueStoreCapabilities, key_value_store;
    EmbeddingModel, EmbeddingModelCapabilities, embedding_model;
    VectorStore, VectorStoreCapabilities, vector_store;
    ChatModel, ChatModelCapabilities, chat_model;
    Messenger, MessengerCapabilities, messenger;
    Notifier, NotifierCapabilities, notifier;
    SecretStore, SecretStoreCapabilities, secret_store;
    KeyService, KeyServiceCapabilities, key_service;
    WebhookVerifier, WebhookVerifierCapabilities, webhook_verifier;
    IdentityProvider, IdentityProviderCapabilities, identity_provider;
    TokenVerifier, TokenVerifierCapabilities, token_verifier;
}
