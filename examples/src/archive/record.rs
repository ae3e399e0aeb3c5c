//! The record of a run: one small object, whose every change is a compare-and-swap.
//!
//! A run creates its record as *running* and replaces it again and again while it works; that is how others see that it
//! lives. It ends by replacing it with the *finished* record, which names the manifest: the last write, and atomic. A
//! prune that finds a run silent replaces its record with *abandoned*; should the run only have slept, its own next
//! replacement is a `Conflict`, and it knows that it must not go on.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use circle_core::object_store::{ObjectKey, ObjectStore};
use circle_core::{Environment, Error, ErrorKind, Result, Timestamp, Version};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::chunk::ChunkId;
use super::content::{Added, Content};
use super::tree_path::raw;

const PREFIX: &str = "runs/";
const SUFFIX: &str = ".json";

/// The name of a run: when it began, and something random. Later runs sort later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// A name that sorts behind `latest`, even if the clock was set back since.
    ///
    /// # Errors
    /// `Internal` without randomness.
    pub fn new(environment: &Environment, latest: Option<&Self>) -> Result<Self> {
        let time = |at: Timestamp| -> String {
            let text = Timestamp::from_unix(at.unix_seconds(), 0).to_string();
            let digits: String = text.chars().filter(|character| !matches!(character, '-' | ':' | 'Z')).collect();
            format!("{digits}{:03}", at.subsecond_nanos() / 1_000_000)
        };
        let mut at = time(environment.clock().timestamp());
        if let Some(latest) = latest.and_then(|latest| latest.0.split('-').next())
            && *latest >= *at
        {
            at = format!("{latest}0");
        }
        Ok(Self(format!("{at}-{:08x}", environment.random().bits()? as u32)))
    }

    /// The key of its record.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        format!("{PREFIX}{self}{SUFFIX}").into()
    }

    fn of_key(key: &ObjectKey) -> Option<Self> {
        key.as_str().strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if text.is_empty() || text.len() > 64 || !text.bytes().all(allowed) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("`{}` is no run", text.escape_debug())));
        }
        Ok(Self(text))
    }
}

/// What is known of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its name.
    pub id: RunId,
    /// The folder that it archives: an absolute path.
    #[serde(with = "raw")]
    pub source: Vec<u8>,
    /// When it began.
    pub started: Timestamp,
    /// How far it has come.
    #[serde(flatten)]
    pub state: State,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// At work, or killed: who sees the beat change knows that it lives.
    Running {
        /// Counts the replacements of the record.
        beat: u64,
    },
    /// Ended before its end. What it had stored is in its journal.
    Abandoned,
    /// Complete.
    Finished(Finished),
}

/// What a complete run holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// When it ended.
    pub finished: Timestamp,
    /// How much it holds and what it took.
    pub summary: Summary,
    /// The entries, one line of JSON each, in the order of the walk.
    pub manifest: Content,
}

/// How much a run holds and what it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Files.
    pub files: u64,
    /// Folders, the archived one included.
    pub folders: u64,
    /// Symbolic links.
    pub links: u64,
    /// Bytes in the files.
    pub bytes: u64,
    /// Files that were read because they are new or have changed.
    pub stored: u64,
    /// Files that were not read because they have not.
    pub unchanged: u64,
    /// What was reported and left out, or stored in doubt.
    pub problems: u64,
    /// The files' chunks that the archive did not have before.
    pub added: Added,
}

impl RunRecord {
    /// The record as it is stored.
    ///
    /// # Errors
    /// `Internal` when it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Bytes> {
        seal(self)
    }
}

/// A record as it was found.
#[derive(Debug)]
pub struct FoundRun {
    /// The run.
    pub id: RunId,
    /// The version of the object.
    pub version: Version,
    /// What it says, or how it is damaged.
    pub record: Result<RunRecord>,
}

/// The names of all runs, in their order.
///
/// # Errors
/// What the store says.
pub async fn ids(files: &ObjectStore) -> Result<Vec<RunId>> {
    let mut ids = Vec::new();
    let mut objects = files.list(PREFIX).stream();
    while let Some(meta) = objects.try_next().await? {
        ids.extend(RunId::of_key(&meta.key));
    }
    ids.sort_unstable();
    Ok(ids)
}

/// All runs in the order of their names, which is that of time.
///
/// # Errors
/// What the store says. A damaged record is no error here.
pub async fn runs(files: &ObjectStore) -> Result<Vec<FoundRun>> {
    let mut found = Vec::new();
    for id in ids(files).await? {
        // One that is removed meanwhile is none.
        found.extend(run(files, &id).await?);
    }
    Ok(found)
}

/// One run; `None` when there is none of this name.
///
/// # Errors
/// What the store says.
pub async fn run(files: &ObjectStore, id: &RunId) -> Result<Option<FoundRun>> {
    let Some((record, version)) = read_sealed::<RunRecord>(files, &id.key()).await? else { return Ok(None) };
    let record = record.and_then(|record| match record.id == *id {
        true => Ok(record),
        false => Err(Error::new(ErrorKind::Corrupt, format!("`{}` is the record of another run", id.key()))),
    });
    Ok(Some(FoundRun { id: id.clone(), version, record }))
}

/// JSON under its own hash: every flipped bit shows.
///
/// # Errors
/// `Internal` when the value cannot be written as JSON.
pub(super) fn seal(value: &impl Serialize) -> Result<Bytes> {
    let json = serde_json::to_vec(value)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("a record cannot be written: {error}")).with_source(error))?;
    Ok(seal_bytes(&json))
}

/// Bytes under their own hash.
pub(super) fn seal_bytes(content: &[u8]) -> Bytes {
    let mut sealed = format!("{}\n", ChunkId::of(content)).into_bytes();
    sealed.extend_from_slice(content);
    sealed.into()
}

/// What was sealed.
///
/// # Errors
/// `Corrupt` when it is not what was written.
pub(super) fn unseal_bytes(key: &ObjectKey, sealed: &Bytes) -> Result<Bytes> {
    let corrupt = || Error::new(ErrorKind::Corrupt, format!("`{key}` is not what was written"));
    let end = ChunkId::LENGTH * 2;
    let id: Option<ChunkId> = sealed.get(..end).and_then(|id| std::str::from_utf8(id).ok()).and_then(|id| id.parse().ok());
    let content = sealed.slice(sealed.len().min(end + 1)..);
    if sealed.get(end) != Some(&b'\n') || id != Some(ChunkId::of(&content)) {
        return Err(corrupt());
    }
    Ok(content)
}

/// Reads a sealed record and the version of its object: `None` when it is absent, the inner error when it is damaged.
///
/// # Errors
/// What the store says.
pub(super) async fn read_sealed<T: DeserializeOwned>(
    files: &ObjectStore,
    key: &ObjectKey,
) -> Result<Option<(Result<T>, Version)>> {
    use circle_core::ResultExt;
    let Some(object) = files.get(key).await.optional()? else { return Ok(None) };
    let version = object.meta.version()?.clone();
    let content = unseal_bytes(key, &object.bytes().await?);
    let value = content.and_then(|json| {
        serde_json::from_slice(&json).map_err(|error| Error::new(ErrorKind::Corrupt, format!("`{key}` cannot be read: {error}")))
    });
    Ok(Some((value, version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_record_shows() {
        let record = RunRecord {
            id: "20261121T093000000-0000002a".parse().unwrap(),
            source: b"/data/\xff".to_vec(),
            started: Timestamp::UNIX_EPOCH,
            state: State::Running { beat: 7 },
        };
        let key = record.id.key();
        let sealed = record.to_bytes().unwrap();
        let back: RunRecord = serde_json::from_slice(&unseal_bytes(&key, &sealed).unwrap()).unwrap();
        assert_eq!(back, record);
        for at in 0..sealed.len() {
            let mut damaged = sealed.to_vec();
            damaged[at] ^= 1;
            assert!(unseal_bytes(&key, &damaged.into()).is_err(), "byte {at}");
        }
        for cut in 0..sealed.len() {
            assert!(unseal_bytes(&key, &sealed.slice(..cut)).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn run_ids_grow_even_if_the_clock_does_not() {
        let environment = Environment::default();
        let mut ids: Vec<RunId> = Vec::new();
        for _ in 0..20 {
            ids.push(RunId::new(&environment, ids.last()).unwrap());
        }
        assert!(ids.is_sorted_by(|one, other| one < other));
        let future: RunId = "99991231T235959999-ffffffff".parse().unwrap();
        assert!(RunId::new(&environment, Some(&future)).unwrap() > future);
        assert!("../x".parse::<RunId>().is_err() && "".parse::<RunId>().is_err());
    }
}
