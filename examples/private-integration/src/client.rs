//! The native client: one method per operation of the service. Here the service is a table in memory.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use circle_core_common::{ByteSize, Timestamp, Version};

use crate::error::AcmeError;

/// Entries of one interface never meet those of another: the first half of each key is the interface.
type Key = (&'static str, String);

pub(crate) struct Client {
    capacity: ByteSize,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
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

impl Client {
    pub(crate) fn new(capacity: ByteSize) -> Self {
        Self { capacity, tables: Mutex::default() }
    }

    pub(crate) fn get(&self, table: &'static str, key: &str) -> Option<Stored> {
        self.tables().entries.get(&(table, key.to_owned())).cloned()
    }

    pub(crate) fn put(&self, table: &'static str, key: &str, value: Bytes, now: Timestamp) -> Result<Stored, AcmeError> {
        let mut tables = self.tables();
        let key = (table, key.to_owned());
        let freed = tables.entries.get(&key).map_or(0, |old| size(&key, old));
        let stored = Stored { value, modified: now, write: tables.writes + 1 };
        let used = tables.used - freed + size(&key, &stored);
        if used > self.capacity.as_u64() {
            return Err(AcmeError::Full { capacity: self.capacity });
        }
        tables.used = used;
        tables.writes = stored.write;
        tables.entries.insert(key, stored.clone());
        Ok(stored)
    }

    /// Whether there was one.
    pub(crate) fn delete(&self, table: &'static str, key: &str) -> bool {
        let mut tables = self.tables();
        let key = (table, key.to_owned());
        let removed = tables.entries.remove(&key);
        tables.used -= removed.as_ref().map_or(0, |old| size(&key, old));
        removed.is_some()
    }

    /// At most `count` entries behind `after`, in the byte order of their keys; and whether there are more.
    pub(crate) fn list(
        &self,
        table: &'static str,
        prefix: &str,
        after: Option<&str>,
        count: usize,
    ) -> (Vec<(String, Stored)>, bool) {
        let tables = self.tables();
        let start = match after {
            Some(after) => Bound::Excluded((table, after.to_owned())),
            None => Bound::Included((table, prefix.to_owned())),
        };
        let mut found = tables
            .entries
            .range((start, Bound::Unbounded))
            .take_while(|((of, key), _)| *of == table && key.starts_with(prefix))
            .map(|((_, key), stored)| (key.clone(), stored.clone()));
        let page = found.by_ref().take(count).collect();
        (page, found.next().is_some())
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Nothing between lock and unlock can leave the tables half changed.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
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

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(client: &Client, key: &str, value: &'static str) -> bool {
        client.put("t", key, Bytes::from_static(value.as_bytes()), Timestamp::UNIX_EPOCH).is_ok()
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_is_deleted_makes_room() {
        let client = Client::new(ByteSize::bytes(8));
        assert!(put(&client, "a", "123") && put(&client, "b", "123"));
        assert!(!put(&client, "c", ""), "full");
        assert!(put(&client, "a", "12") && put(&client, "c", ""), "an overwritten value makes room");
        assert!(client.delete("t", "b") && !client.delete("t", "b"));
        assert!(put(&client, "d", "123"));
    }

    #[test]
    fn lists_stay_within_their_table_and_prefix() {
        let client = Client::new(ByteSize::kib(1));
        for key in ["a", "b/1", "b/2", "b/3", "c"] {
            assert!(put(&client, key, ""));
        }
        assert!(client.put("u", "b/4", Bytes::new(), Timestamp::UNIX_EPOCH).is_ok());
        let keys = |after, count| {
            let (page, more) = client.list("t", "b/", after, count);
            (page.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), more)
        };
        assert_eq!(keys(None, 2), (vec!["b/1".to_owned(), "b/2".to_owned()], true));
        assert_eq!(keys(Some("b/2"), 2), (vec!["b/3".to_owned()], false));
    }
}
