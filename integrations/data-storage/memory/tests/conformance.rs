//! The suites over the store and the keys in memory.

mod presigner;

use std::sync::Arc;

use circle_core_common::interfaces::key_service::Algorithm;
use circle_core_common::interfaces::key_service::conformance::SuiteKeys;
use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::interfaces::secret_store::SecretStore;
use circle_core_memory::{Memory, MemoryConfig, MemoryKeyUse, MemoryKeys, MemoryKeysConfig};
use circle_core_testkit::{Case, Conformance, Decorated, Runner, Subject, Suited};
use presigner::Presigner;

fn main() {
    Conformance::<Memory>::of(env!("CARGO_MANIFEST_DIR"), |_| Ok(MemoryConfig::new().versions(true)))
        .native::<Memory>()
        .without(|flag| ObjectStore::new(Memory::with_versions().without(flag)))
        .without(|flag| KeyValueStore::new(Memory::new().without(flag)))
        .without(|flag| SecretStore::new(Memory::new().without(flag)))
        // Memory presigns nothing; with a stand-in for what a service does about that, those cases run as well.
        .add_to(keys(Runner::new().suite("Presigner", presign_cases(), || async { Ok(presigned()) })))
        .main();
}

fn keys(runner: Runner) -> Runner {
    let config = MemoryKeysConfig::new().key("one", MemoryKeyUse::Encrypt).key("two", MemoryKeyUse::Encrypt);
    let config =
        config.key("ed", MemoryKeyUse::Ed25519).key("p256", MemoryKeyUse::EcdsaP256).key("p384", MemoryKeyUse::EcdsaP384);
    let named = SuiteKeys::new().encrypting("one", "two").signing("ed", Algorithm::Ed25519);
    let named = named.signing("p256", Algorithm::EcdsaP256Sha256).signing("p384", Algorithm::EcdsaP384Sha384);
    Conformance::<MemoryKeys>::of(env!("CARGO_MANIFEST_DIR"), move |_| Ok(config.clone()))
        .native::<MemoryKeys>()
        .keys(move |_| named.clone())
        .add_to(runner)
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
