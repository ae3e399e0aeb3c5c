//! The slots of a cache, by key.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::slot::{Key, Slot};

/// So many slots; of more, the one goes that was asked for the longest time ago.
pub(super) struct Slots<C> {
    most: usize,
    /// Held for a look-up or an insertion, never across an await.
    table: RwLock<HashMap<Key, Entry<C>>>,
    /// Counts looks: a larger one was later.
    looks: AtomicU64,
}

struct Entry<C> {
    slot: Arc<Slot<C>>,
    used: AtomicU64,
}

impl<C: Send + Sync + 'static> Slots<C> {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), table: RwLock::new(HashMap::new()), looks: AtomicU64::new(0) }
    }

    /// What `look` makes of the slot of a key, if there is one.
    pub(super) fn with<T>(&self, key: &Key, look: impl FnOnce(&Arc<Slot<C>>) -> T) -> Option<T> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let entry = table.get(key)?;
        entry.used.store(self.looks.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(look(&entry.slot))
    }

    /// The slot of a key, made where there is none.
    pub(super) fn get(&self, key: Key, make: impl FnOnce(Key) -> Slot<C>) -> Arc<Slot<C>> {
        if let Some(slot) = self.with(&key, Arc::clone) {
            return slot;
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have made it meanwhile.
        if let Some(entry) = table.get(&key) {
            return Arc::clone(&entry.slot);
        }
        while table.len() >= self.most {
            // Who waits for a load holds its slot: if it went, the next caller would start a second load.
            let oldest = table
                .iter()
                .min_by_key(|(_, entry)| (Arc::strong_count(&entry.slot) > 1, entry.used.load(Ordering::Relaxed)))
                .map(|(key, _)| key.clone());
            if oldest.is_none_or(|key| table.remove(&key).is_none()) {
                break;
            }
        }
        let slot = Arc::new(make(key.clone()));
        let used = AtomicU64::new(self.looks.fetch_add(1, Ordering::Relaxed));
        table.insert(key, Entry { slot: Arc::clone(&slot), used });
        slot
    }

    /// Whether one of the slots is the one that is looked for.
    pub(super) fn any(&self, is_it: impl Fn(&Slot<C>) -> bool) -> bool {
        self.table.read().unwrap_or_else(PoisonError::into_inner).values().any(|entry| is_it(&entry.slot))
    }

    pub(super) fn len(&self) -> usize {
        self.table.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
