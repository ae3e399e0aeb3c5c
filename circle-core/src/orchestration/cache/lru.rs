//! What was asked for most recently, up to a number and a size.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What an entry takes besides its key and value, roughly.
const OVERHEAD: usize = 160;

/// A bounded table that forgets what has not been asked for the longest.
#[derive(Debug)]
pub struct Lru<V> {
    entries: HashMap<Arc<str>, Entry<V>>,
    /// The keys by their last use.
    uses: BTreeMap<u64, Arc<str>>,
    next: u64,
    bytes: usize,
    entries_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    size: usize,
    used: u64,
}

impl<V: Clone> Lru<V> {
    pub(super) fn new(entries_max: usize, bytes_max: usize) -> Self {
        Self { entries: HashMap::new(), uses: BTreeMap::new(), next: 0, bytes: 0, entries_max, bytes_max }
    }

    pub(super) fn get(&mut self, key: &str) -> Option<V> {
        let entry = self.entries.get_mut(key)?;
        let key = self.uses.remove(&entry.used)?;
        self.next += 1;
        entry.used = self.next;
        self.uses.insert(self.next, key);
        Some(entry.value.clone())
    }

    /// Keeps a value of so many bytes.
    pub(super) fn put(&mut self, key: &str, value: V, bytes: usize) {
        self.remove(key);
        let size = key.len().saturating_add(bytes).saturating_add(OVERHEAD);
        // One that is larger than everything may be would push all others out, and then itself.
        if size > self.bytes_max || self.entries_max == 0 {
            return;
        }
        let key: Arc<str> = key.into();
        self.next += 1;
        self.uses.insert(self.next, Arc::clone(&key));
        self.entries.insert(key, Entry { value, size, used: self.next });
        self.bytes += size;
        while self.entries.len() > self.entries_max || self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.uses.first_key_value() else { break };
            let oldest = Arc::clone(oldest);
            self.remove(&oldest);
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.uses.remove(&entry.used);
            self.bytes -= entry.size;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn put(lru: &mut Lru<Bytes>, key: &str, value: impl Into<Bytes>) {
        let value = value.into();
        let bytes = value.len();
        lru.put(key, value, bytes);
    }

    #[test]
    fn what_was_not_asked_for_the_longest_goes_first() {
        let mut lru = Lru::new(2, 10_000);
        put(&mut lru, "a", "1");
        put(&mut lru, "b", "2");
        assert_eq!(lru.get("a"), Some(Bytes::from_static(b"1")));
        put(&mut lru, "c", "3");
        assert_eq!((lru.get("a").is_some(), lru.get("b").is_some(), lru.get("c").is_some()), (true, false, true));
    }

    #[test]
    fn what_is_larger_than_everything_pushes_nothing_out() {
        let mut lru = Lru::new(10, 1_000);
        put(&mut lru, "a", "1");
        put(&mut lru, "b", vec![0; 1_000]);
        assert!(lru.get("a").is_some() && lru.get("b").is_none());
    }

    proptest! {
        #[test]
        fn both_bounds_and_the_books_are_kept(ops in prop::collection::vec((0_u8..12, 0_usize..400, any::<bool>()), 0..200)) {
            let (entries_max, bytes_max) = (5, 1_500);
            let mut lru = Lru::new(entries_max, bytes_max);
            for (key, length, put) in ops {
                let key = key.to_string();
                if put { super::tests::put(&mut lru, &key, vec![0; length]) } else { drop(lru.get(&key)) }
                let bytes: usize = lru.entries.iter().map(|(key, entry)| key.len() + entry.value.len() + OVERHEAD).sum();
                prop_assert_eq!(bytes, lru.bytes);
                prop_assert!(lru.bytes <= bytes_max && lru.entries.len() <= entries_max);
                prop_assert_eq!(lru.uses.len(), lru.entries.len());
            }
        }
    }
}
