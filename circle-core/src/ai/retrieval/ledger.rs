//! What is in the index, as an object beside the documents.
//!
//! Records are written before the ledger names them and deleted after it has stopped to: whoever believes the ledger alone
//! sees every document whole. What a run that broke off has left is named as debris, so that the next one finds it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circle_core_common::interfaces::object_store::{GetOptions, ObjectKey, ObjectStore, ObjectStoreCapabilities};
use circle_core_common::{Error, ErrorKind, Reason, Result, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const FORMAT: u32 = 1;

/// A version of a document in the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Edition {
    /// The hash of its content and of everything that shapes its passages.
    pub(super) hash: String,
    /// How many passages it has.
    pub(super) passages: u32,
}

impl Edition {
    /// The id of a passage: the same for the same passage, so that a run that is repeated writes over what it wrote.
    pub(super) fn record_id(&self, source: &str, at: u32) -> String {
        format!("{}-{}-{at}", &hash([source])[..16], &self.hash[..self.hash.len().min(16)])
    }

    pub(super) fn record_ids(&self, source: &str) -> impl Iterator<Item = String> {
        (0..self.passages).map(|at| self.record_id(source, at))
    }
}

/// A document in the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(flatten)]
    pub(super) edition: Edition,
    /// What shaped its passages.
    pub(super) shape: String,
    /// The version of the object, so that what has not changed need not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<Version>,
}

/// An edition that does not count, and of which records may be left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Debris {
    pub(super) source: String,
    #[serde(flatten)]
    pub(super) edition: Edition,
}

/// What is in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    pub(super) format: u32,
    /// The run that wrote last: another one finds that it is no longer alone.
    pub(super) run: String,
    /// The embedding model, as its service calls it, and the width of its embeddings.
    pub(super) model: String,
    pub(super) dimensions: u32,
    /// Whether the collection is to be dropped before anything else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) drop: bool,
    pub(super) documents: BTreeMap<String, Entry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) debris: Vec<Debris>,
}

impl Ledger {
    /// Whether a record is of a version that counts.
    pub(super) fn counts(&self, source: &str, hash: &str) -> bool {
        !self.drop && self.documents.get(source).is_some_and(|entry| entry.edition.hash == hash)
    }

    /// How many records the collection has at least.
    pub(super) fn passages(&self) -> u64 {
        self.documents.values().map(|entry| u64::from(entry.edition.passages)).sum()
    }
}

/// The ledger in its store, with the version that was seen last.
#[derive(Debug)]
pub(super) struct LedgerFile {
    store: ObjectStore,
    key: ObjectKey,
    seen: Mutex<Option<(Version, Arc<Ledger>)>>,
}

impl LedgerFile {
    pub(super) fn new(store: ObjectStore, name: &str) -> Self {
        Self { store, key: format!("ledgers/{name}.json").into(), seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Option<(Version, Arc<Ledger>)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn key(&self) -> &str {
        self.key.as_str()
    }

    /// The ledger as it is now, with its version; `None` where there is none yet.
    pub(super) async fn read(&self) -> Result<Option<(Version, Arc<Ledger>)>> {
        let seen = self.seen().clone();
        let conditional = ObjectStoreCapabilities::GET_IF_NONE_MATCH.is_on(self.store.capabilities());
        let options = match &seen {
            Some((version, _)) if conditional => GetOptions::new().if_none_match(version.clone()),
            _ => GetOptions::new(),
        };
        let object = match self.store.get_with(&self.key, options).await {
            Ok(object) => object,
            Err(error) if error.is(ErrorKind::NotFound) => return Ok(None),
            Err(error) if error.reason() == Some(Reason::NotModified) => return Ok(seen),
            Err(error) => return Err(error),
        };
        let version = object.meta.version()?.clone();
        if let Some(seen) = seen.filter(|(seen, _)| *seen == version) {
            return Ok(Some(seen));
        }
        let ledger: Ledger = serde_json::from_slice(&object.bytes().await?).map_err(|error| {
            let text = format!("the ledger `{}` cannot be read: {error}; clear the index, and ingest again", self.key);
            Error::new(ErrorKind::Corrupt, text)
        })?;
        if ledger.format != FORMAT {
            let text = format!("the ledger `{}` has format {}, and this version knows {FORMAT}", self.key, ledger.format);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let found = (version, Arc::new(ledger));
        *self.seen() = Some(found.clone());
        Ok(Some(found))
    }

    /// Writes the ledger over the version that it was made of.
    pub(super) async fn write(&self, ledger: &mut Ledger, over: Option<&Version>) -> Result<Version> {
        ledger.format = FORMAT;
        let content = serde_json::to_vec(ledger)
            .map_err(|error| Error::new(ErrorKind::Internal, "the ledger cannot be written").with_source(error))?;
        let written = match over {
            Some(version) => self.store.replace(&self.key, content, version.clone()).await,
            None => self.store.create(&self.key, content).await,
        };
        let meta = written.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::Conflict => error.context("another run ingests the same documents"),
            _ => error,
        })?;
        let version = meta.version()?.clone();
        *self.seen() = Some((version.clone(), Arc::new(ledger.clone())));
        Ok(version)
    }
}

/// The hash of some texts in order, as hexadecimal digits.
pub(super) fn hash<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        let text = text.as_ref();
        // With their lengths: `a`, `bc` is not `ab`, `c`.
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_documents_and_editions_apart() {
        let edition = |text: &str| Edition { hash: hash([text]), passages: 2 };
        let ids: Vec<String> = edition("a").record_ids("x").chain(edition("b").record_ids("x")).collect();
        let more: Vec<String> = edition("a").record_ids("y").collect();
        let all: std::collections::HashSet<_> = ids.iter().chain(&more).collect();
        assert_eq!((all.len(), ids[0].len()), (6, 35));
        assert_ne!(hash(["a", "bc"]), hash(["ab", "c"]));
    }
}
