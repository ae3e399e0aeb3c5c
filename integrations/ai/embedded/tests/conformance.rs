//! The suites of what this crate offers, over an index in one object store that two clients share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::{Environment, Result, Service, ServiceRef};
use circle_core_embedded::volatile::Volatile;
use circle_core_embedded::{
    EmbeddedAnswers, EmbeddedAnswersConfig, EmbeddedEmbeddings, EmbeddedEmbeddingsConfig, EmbeddedVectors, EmbeddedVectorsConfig,
};
use circle_core_testkit::{Conformance, Fixture, Runner};

fn main() {
    let runner = Conformance::<EmbeddedEmbeddings>::of(env!("CARGO_MANIFEST_DIR"), |_| Ok(EmbeddedEmbeddingsConfig::new()))
        .native::<EmbeddedEmbeddings>()
        .second_client()
        .add_to(Runner::new());
    // What it answers cannot be told to it: those cases are for the scripted model, in `tests/chat.rs`.
    let runner = Conformance::<EmbeddedAnswers>::of(env!("CARGO_MANIFEST_DIR"), |_| Ok(EmbeddedAnswersConfig::new()))
        .native::<EmbeddedAnswers>()
        .add_to(runner);
    Conformance::<EmbeddedVectors>::of(env!("CARGO_MANIFEST_DIR"), |_| {
        Ok(EmbeddedVectorsConfig::new().store(ServiceRef::new("documents")))
    })
    .services(documents)
    .native::<EmbeddedVectors>()
    .second_client()
    .add_to(runner)
    .main();
}

/// The object store of a trial, the same at every build: it stays while clients come and go.
fn documents(fixture: &Fixture) -> Result<Vec<(String, Service)>> {
    static STORES: LazyLock<Mutex<HashMap<PathBuf, Volatile>>> = LazyLock::new(Mutex::default);
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    let store = stores.entry(fixture.folder()?.to_owned()).or_insert_with(|| Volatile::new(Environment::default()));
    Ok(vec![("documents".to_owned(), Service::of(ObjectStore::new(store.clone()))?)])
}
