//! Both suites over the store in memory.

mod presigner;

use std::sync::Arc;

use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_memory::{Memory, MemoryConfig};
use circle_core_testkit::{Case, Conformance, Decorated, Runner, Subject, Suited};
use presigner::Presigner;

fn main() {
    Conformance::<Memory>::of(env!("CARGO_MANIFEST_DIR"), |_| Ok(MemoryConfig::new().versions(true)))
        .native::<Memory>()
        .without(|flag| ObjectStore::new(Memory::with_versions().without(flag)))
        .without(|flag| KeyValueStore::new(Memory::new().without(flag)))
        // Memory presigns nothing; with a stand-in for what a service does about that, those cases run as well.
        .add_to(Runner::new().suite("Presigner", presign_cases(), || async { Ok(presigned()) }))
        .main();
}

fn presign_cases() -> impl Iterator<Item = &'static Case<ObjectStore>> {
    ObjectStore::SUITE.iter().filter(|case| case.name.starts_with("presign_"))
}

fn presigned() -> Subject<ObjectStore> {
    let memory = Memory::with_versions();
    let presigner = Presigner::over(ObjectStore::new(memory.clone()));
    let mut subject = Subject::<ObjectStore>::over(Arc::new(Decorated::new(memory, presigner.clone())));
    subject.sender = Some(Arc::new(presigner));
    subject
}
