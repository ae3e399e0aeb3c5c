//! What was asked for most recently, up to a number and a size.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

/// What an entry takes besides its key and value, roughly.
const OVERHEAD: usize = 160;

/// A bounded table that forgets what has not been asked for the longest.
#[derive(Debug)]
pub(super) struct Lru {
    entries: HashMap<Arc<str>, Entry>,
    /// The keys by their last use.
    uses: BTreeMap<u64, Arc<str>>,
    next: u64,
    bytes: usize,
    entries_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Entry {
    value: Bytes,
    used: u64,
}

fn size(key: &str, value: &Bytes) -> usize {
    key.len() + value.len() + OVERHEAD
}

impl Lru {
    pub(super) fn new(entries_max: usize, bytes_max: usize) -> Self {
        Self { entries: HashMap::new(), uses: BTreeMap::new(), next: 0, bytes: 0, entries_max, bytes_max }
    }

    pub(super) fn get(&mut self, key: &str) -> Option<Bytes> {
        let entry = self.entries.get_mut(key)?;
        let key = self.uses.remove(&entry.used)?;
        self.next += 1;
        entry.used = self.next;
        self.uses.insert(self.next, key);
        Some(entry.value.clone())
    }

    pub(super) fn put(&mut self, key: &str, value: Bytes) {
        self.remove(key);
        let size = size(key, &value);
        // One that is larger than everything may be would push all others out, and then itself.
        if size > self.bytes_max || self.entries_max == 0 {
            return;
        }
        let key: Arc<str> = key.into();
        self.next += 1;
        self.uses.insert(self.next, Arc::clone(&key));
        self.entries.insert(key, Entry { value, used: self.next });
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
            self.bytes -= size(key, &entry.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_not_asked_for_the_longest_goes_first() {
        let mut lru = Lru::new(2, 10_000);
        lru.put("a", Bytes::from_static(b"1"));
        lru.put("b", Bytes::from_static(b"2"));
        assert_eq!(lru.get("a"), Some(Bytes::from_static(b"1")));
        lru.put("c", Bytes::from_static(b"3"));
        assert_eq!((lru.get("a").is_some(), lru.get("b").is_some(), lru.get("c").is_some()), (true, false, true));
    }

    #[test]
    fn what_is_larger_than_everything_pushes_nothing_out() {
        let mut lru = Lru::new(10, 1_000);
        lru.put("a", Bytes::from_static(b"1"));
        lru.put("b", Bytes::from(vec![0; 1_000]));
        assert!(lru.get("a").is_some() && lru.get("b").is_none());
    }

    proptest! {
        #[test]
        fn both_bounds_and_the_books_are_kept(ops in prop::collection::vec((0_u8..12, 0_usize..400, any::<bool>()), 0..200)) {
            let (entries_max, bytes_max) = (5, 1_500);
            let mut lru = Lru::new(entries_max, bytes_max);
            for (key, length, put) in ops {
                let key = key.to_string();
                if put { lru.put(&key, Bytes::from(vec![0; length])) } else { drop(lru.get(&key)) }
                let bytes: usize = lru.entries.iter().map(|(key, entry)| size(key, &entry.value)).sum();
                prop_assert_eq!(bytes, lru.bytes);
                prop_assert!(lru.bytes <= bytes_max && lru.entries.len() <= entries_max);
                prop_assert_eq!(lru.uses.len(), lru.entries.len());
            }
        }
    }
}
