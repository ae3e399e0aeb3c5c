//! What is known of each file since the last run, so that an unchanged one is not read again.
//!
//! The index is a cache in a key-value store. It is believed only as far as the archive bears it out: a run uses an
//! entry only if every chunk that it names is there. Losing the index costs time, never data.

use circle_core::Result;
use circle_core::key_value_store::{Entry, KeyValueStore};
use serde::{Deserialize, Serialize};

use super::chunk::ChunkId;
use super::content::Content;
use super::entry::Stat;
use super::tree_path::TreePath;

/// How far apart two changes may be and still get the same time: two seconds on FAT, less on all others.
const TIME_GRAIN_SECONDS: i64 = 2;

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The file, as it was when it was read.
    pub stat: Stat,
    /// When reading began, in seconds since 1970.
    pub read_at: i64,
    /// What it held.
    pub content: Content,
}

impl Known {
    /// Whether the file is certainly the one that was read. A file that was changed shortly before could have been
    /// changed again without its times telling.
    #[must_use]
    pub fn covers(&self, stat: &Stat) -> bool {
        self.stat == *stat && stat.modified.0.max(stat.changed.0).saturating_add(TIME_GRAIN_SECONDS) < self.read_at
    }
}

/// The index of an archive.
#[derive(Clone, Debug)]
pub struct Index {
    store: KeyValueStore,
    prefix: String,
}

impl Index {
    /// The index of the archive of this name; several archives may share a store.
    #[must_use]
    pub fn new(store: KeyValueStore, archive: &str) -> Self {
        Self { store, prefix: format!("archive:{archive}:") }
    }

    /// The part for one archived folder.
    #[must_use]
    pub fn of_source(&self, source: &[u8]) -> SourceIndex {
        SourceIndex { index: self.clone(), source: source.into() }
    }

    /// Drops the entries for which `keep` says no; gives their number.
    ///
    /// # Errors
    /// What the store says.
    pub async fn retain(&self, keep: impl Fn(&Content) -> bool) -> Result<u64> {
        let mut dropped = 0;
        let mut entries = self.store.list(&self.prefix).stream();
        while let Some(Entry { key, value, .. }) = entries.try_next().await? {
            // An entry that cannot be read is of no use to anyone.
            if !serde_json::from_slice::<Known>(&value).is_ok_and(|known| keep(&known.content)) {
                self.store.delete(key).await?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }
}

/// The index of one archived folder.
#[derive(Clone, Debug)]
pub struct SourceIndex {
    index: Index,
    source: std::sync::Arc<[u8]>,
}

impl SourceIndex {
    /// What is known of a file.
    ///
    /// # Errors
    /// What the store says.
    pub async fn get(&self, path: &TreePath) -> Result<Option<Known>> {
        let entry = self.index.store.get(self.key(path)).await?;
        Ok(entry.and_then(|entry| serde_json::from_slice(&entry.value).ok()))
    }

    /// Remembers files.
    ///
    /// # Errors
    /// What the store says.
    pub async fn put<'a>(&self, files: impl IntoIterator<Item = &'a (TreePath, Known)>) -> Result<()> {
        let writes = files.into_iter().filter_map(|(path, known)| Some((self.key(path), serde_json::to_vec(known).ok()?)));
        self.index.store.put_many(writes).await?.all()?;
        Ok(())
    }

    /// A hash, because a path can be longer than a key and need not be text.
    fn key(&self, path: &TreePath) -> String {
        let place = [&self.source, &[0][..], path.as_bytes()].concat();
        format!("{}{}", self.index.prefix, ChunkId::of(&place))
    }
}
