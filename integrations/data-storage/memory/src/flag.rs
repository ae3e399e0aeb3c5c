//! Switching off single capabilities.

use circle_core_common::Flag;
use circle_core_common::interfaces::key_value_store::KeyValueStoreCapabilities;
use circle_core_common::interfaces::object_store::ObjectStoreCapabilities;
use circle_core_common::interfaces::secret_store::SecretStoreCapabilities;

use crate::provider::Memory;

/// A capability flag of an interface that [`Memory`] offers.
pub trait MemoryFlag: sealed::Sealed {}

impl MemoryFlag for Flag<ObjectStoreCapabilities> {}

impl MemoryFlag for Flag<KeyValueStoreCapabilities> {}

impl MemoryFlag for Flag<SecretStoreCapabilities> {}

mod sealed {
    use super::Memory;

    pub trait Sealed {
        fn switch_off(self, memory: &mut Memory);
    }
}

impl sealed::Sealed for Flag<ObjectStoreCapabilities> {
    fn switch_off(self, memory: &mut Memory) {
        self.set(&mut memory.object_store, false);
    }
}

impl sealed::Sealed for Flag<KeyValueStoreCapabilities> {
    fn switch_off(self, memory: &mut Memory) {
        self.set(&mut memory.key_value_store, false);
    }
}

impl sealed::Sealed for Flag<SecretStoreCapabilities> {
    fn switch_off(self, memory: &mut Memory) {
        self.set(&mut memory.secret_store, false);
    }
}

impl Memory {
    /// The same store, seen without this capability: for tests of what an application does without it.
    ///
    /// ```
    /// use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreCapabilities};
    /// use circle_core_memory::Memory;
    ///
    /// let plain = ObjectStore::new(Memory::new().without(ObjectStoreCapabilities::PUT_IF_MATCH));
    /// assert!(!plain.capabilities().put_if_match);
    /// ```
    #[must_use]
    pub fn without(mut self, flag: impl MemoryFlag) -> Self {
        flag.switch_off(&mut self);
        self
    }
}
