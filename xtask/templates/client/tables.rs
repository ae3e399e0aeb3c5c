//! What stands in for the service: tables in memory, one for each interface.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use circle_core_common::{ByteSize, Timestamp, Version};

use crate::{config::{{Provider}}Config, error::{{Provider}}Error};

/// Entries of one interface never meet those of another: the first half of each key is the interface.
type Key = (&'static str, String);

pub(crate) struct Tables {
    capacity: ByteSize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: BTreeMap<Key, Stored>,
    used: u64,
    /// Counts the writes; what a write leaves carries its number.
    writes: u64,
}

/// A value as it is kept.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) value: Bytes,
    pub(crate) modified: Timestamp,
    write: u64,
}

impl Stored {
    pub(crate) fn version(&self) -> Version {
        Version::generation(self.write.to_string())
    }
}

impl Tables {
    pub(crate) fn new(config: &{{Provider}}Config) -> Self {
        Self { capacity: config.capacity, kept: Mutex::default() }
    }

    pub(crate) fn get(&self, table: &'static str, key: &str) -> Option<Stored> {
        self.kept().entries.get(&(table, key.to_owned())).cloned()
    }

    pub(crate) fn put(&self, table: &'static str, key: &str, value: Bytes, now: Timestamp) -> Result<Stored, {{Provider}}Error> {
        let mut kept = self.kept();
        let key = (table, key.to_owned());
        let freed = kept.entries.get(&key).map_or(0, |old| size(&key, old));
        let stored = Stored { value, modified: now, write: kept.writes + 1 };
        let used = kept.used - freed + size(&key, &stored);
        if used > self.capacity.as_u64() {
            return Err({{Provider}}Error::Full { capacity: self.capacity });
        }
        kept.used = used;
        kept.writes = stored.write;
        kept.entries.insert(key, stored.clone());
        Ok(stored)
    }

    /// Whether there was one.
    pub(crate) fn delete(&self, table: &'static str, key: &str) -> bool {
        let mut kept = self.kept();
        let key = (table, key.to_owned());
        let removed = kept.entries.remove(&key);
        kept.used -= removed.as_ref().map_or(0, |old| size(&key, old));
        removed.is_some()
    }

    /// At most `count` entries behind `after`, in the byte order of their keys; and whether there are more.
    pub(crate) fn list(&self, table: &'static str, prefix: &str, after: Option<&str>, count: usize) -> (Vec<(String, Stored)>, bool) {
        let kept = self.kept();
        let start = match after {
            Some(after) => Bound::Excluded((table, after.to_owned())),
            None => Bound::Included((table, prefix.to_owned())),
        };
        let mut found = kept
            .entries
            .range((start, Bound::Unbounded))
            .take_while(|((of, key), _)| *of == table && key.starts_with(prefix))
            .map(|((_, key), stored)| (key.clone(), stored.clone()));
        let page = found.by_ref().take(count).collect();
        (page, found.next().is_some())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing between lock and unlock can leave the tables half changed.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the value, which may be a secret.
impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stored({} bytes, {}, write {})", self.value.len(), self.modified, self.write)
    }
}

fn size((_, key): &Key, stored: &Stored) -> u64 {
    (key.len() + stored.value.len()) as u64
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tables({})", self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(capacity: ByteSize) -> Tables {
        Tables::new(&{{Provider}}Config::new().capacity(capacity))
    }

    fn put(tables: &Tables, key: &str, value: &'static str) -> bool {
        tables.put("t", key, Bytes::from_static(value.as_bytes()), Timestamp::UNIX_EPOCH).is_ok()
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_is_deleted_makes_room() {
        let tables = tables(ByteSize::bytes(8));
        assert!(put(&tables, "a", "123") && put(&tables, "b", "123"));
        assert!(!put(&tables, "c", ""), "full");
        assert!(put(&tables, "a", "12") && put(&tables, "c", ""), "an overwritten value makes room");
        assert!(tables.delete("t", "b") && !tables.delete("t", "b"));
        assert!(put(&tables, "d", "123"));
    }

    #[test]
    fn lists_stay_within_their_table_and_prefix() {
        let tables = tables(ByteSize::kib(1));
        for key in ["a", "b/1", "b/2", "b/3", "c"] {
            assert!(put(&tables, key, ""));
        }
        assert!(tables.put("u", "b/4", Bytes::new(), Timestamp::UNIX_EPOCH).is_ok());
        let keys = |after, count| {
            let (page, more) = tables.list("t", "b/", after, count);
            (page.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), more)
        };
        assert_eq!(keys(None, 2), (vec!["b/1".to_owned(), "b/2".to_owned()], true));
        assert_eq!(keys(Some("b/2"), 2), (vec!["b/3".to_owned()], false));
    }
}
