//! Both suites over the store in memory.

use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_memory::{Memory, MemoryConfig};
use circle_core_testkit::Conformance;

fn main() {
    Conformance::<Memory>::of(env!("CARGO_MANIFEST_DIR"), |_| Ok(MemoryConfig::new().versions(true)))
        .native::<Memory>()
        .without(|flag| ObjectStore::new(Memory::with_versions().without(flag)))
        .without(|flag| KeyValueStore::new(Memory::new().without(flag)))
        .main();
}
