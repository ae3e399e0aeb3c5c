//! The interfaces that have a suite.

use circle_core_common::Handle;
use circle_core_common::Result;
use circle_core_common::interfaces::chat_model::{self, ChatModel, ChatModelCapabilities};
use circle_core_common::interfaces::embedding_model::{self, EmbeddingModel, EmbeddingModelCapabilities};
use circle_core_common::interfaces::key_value_store::{self, KeyValueStore, KeyValueStoreCapabilities};
use circle_core_common::interfaces::object_store::{self, ObjectStore, ObjectStoreCapabilities};
use circle_core_common::interfaces::vector_store::{self, VectorStore, VectorStoreCapabilities};
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

impl Suited for ObjectStore {
    type Capabilities = ObjectStoreCapabilities;

    const SUITE: &'static [Case<Self>] = object_store::conformance::SUITE;
    const NEGATIVES: &'static [Negative<Self, Self::Capabilities>] = object_store::conformance::NEGATIVES;

    fn subject(&self) -> Result<Subject<Self>> {
        Ok(Subject::<Self>::over(self.provider()?.clone()))
    }
}

impl Suited for KeyValueStore {
    type Capabilities = KeyValueStoreCapabilities;

    const SUITE: &'static [Case<Self>] = key_value_store::conformance::SUITE;
    const NEGATIVES: &'static [Negative<Self, Self::Capabilities>] = key_value_store::conformance::NEGATIVES;

    fn subject(&self) -> Result<Subject<Self>> {
        Ok(Subject::<Self>::over(self.provider()?.clone()))
    }
}

impl Suited for EmbeddingModel {
    type Capabilities = EmbeddingModelCapabilities;

    const SUITE: &'static [Case<Self>] = embedding_model::conformance::SUITE;
    const NEGATIVES: &'static [Negative<Self, Self::Capabilities>] = embedding_model::conformance::NEGATIVES;

    fn subject(&self) -> Result<Subject<Self>> {
        Ok(Subject::<Self>::over(self.provider()?.clone()))
    }
}

impl Suited for VectorStore {
    type Capabilities = VectorStoreCapabilities;

    const SUITE: &'static [Case<Self>] = vector_store::conformance::SUITE;
    const NEGATIVES: &'static [Negative<Self, Self::Capabilities>] = vector_store::conformance::NEGATIVES;

    fn subject(&self) -> Result<Subject<Self>> {
        Ok(Subject::<Self>::over(self.provider()?.clone()))
    }
}

impl Suited for ChatModel {
    type Capabilities = ChatModelCapabilities;

    const SUITE: &'static [Case<Self>] = chat_model::conformance::SUITE;
    const NEGATIVES: &'static [Negative<Self, Self::Capabilities>] = chat_model::conformance::NEGATIVES;

    fn subject(&self) -> Result<Subject<Self>> {
        Ok(Subject::<Self>::over(self.provider()?.clone()))
    }
}
