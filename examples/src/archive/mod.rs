//! An archive of folders in any object store: incremental, deduplicating, verifiable.
//!
//! ```text
//! archive.json                  which archive this is
//! chunks/ab/abcd…               pieces of files, each under the SHA-256 of what it holds
//! manifests/ab/abcd…            pieces of the lists of what the runs hold, likewise
//! runs/<run>.json               a run: which folder, when, and where its list is; written last
//! journal/<run>/00000001        what an unfinished run has stored so far
//! prune.json                    whether somebody prunes
//! ```
//!
//! The rooms, from below: a [`cutter`] cuts content into pieces, [`chunk`] stores them, [`content`] keeps what belongs
//! together; an [`entry`] is a file, folder or link at a [`tree_path`], a [`manifest`] the list of a run's entries, a
//! [`record`] the run. [`walk`], [`read`] and the [`index`] say what to store; a [`lease`] keeps runs and prunes apart.
//! The jobs are [`run`], [`restore`], [`verify`] and [`prune`], and an [`observe`]r hears what they do.
//!
//! Every change of the archive is one atomic object. Chunks are written before what names them and deleted after, so
//! that an archive is whole at every moment, however a job ends.

pub mod chunk;
pub mod content;
pub mod cutter;
pub mod entry;
pub mod index;
pub mod lease;
pub mod manifest;
pub mod observe;
pub mod prune;
pub mod read;
pub mod record;
pub mod restore;
pub mod run;
pub mod target;
pub mod tree_path;
pub mod verify;
pub mod walk;

use std::path::PathBuf;

use circle_core::key_value_store::{KeyValueStore, KeyValueStoreCapabilities};
use circle_core::object_store::{ObjectKey, ObjectStore, ObjectStoreCapabilities};
use circle_core::{Environment, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use chunk::{Area, Chunks};
use index::Index;
use record::{FoundRun, RunId, RunRecord, State, read_sealed, seal};

const MARKER: &str = "archive.json";
const FORMAT: u32 = 1;

/// What is written into the archive first.
#[derive(Serialize, Deserialize)]
struct Marker {
    format: u32,
    id: String,
}

/// An archive.
#[derive(Clone, Debug)]
pub struct Archive {
    files: ObjectStore,
    index: Index,
    environment: Environment,
    folder: Option<PathBuf>,
}

impl Archive {
    /// Opens the archive in a store, or begins one where there is none.
    ///
    /// # Errors
    /// `Unsupported` when a store lacks what an archive needs; `Corrupt`; what the stores say.
    pub async fn create(files: ObjectStore, index: KeyValueStore) -> Result<Self> {
        let environment = files.provider()?.environment().clone();
        let marker = Marker { format: FORMAT, id: format!("{:016x}", environment.random().bits()? as u64) };
        match files.create(MARKER, seal(&marker)?).await {
            Err(error) if !error.is(ErrorKind::AlreadyExists) => Err(error),
            _ => Self::open(files, index).await,
        }
    }

    /// Opens the archive in a store.
    ///
    /// # Errors
    /// `NotFound` when there is none; as [`create`](Self::create).
    pub async fn open(files: ObjectStore, index: KeyValueStore) -> Result<Self> {
        let files = files.require([ObjectStoreCapabilities::PUT_IF_ABSENT, ObjectStoreCapabilities::PUT_IF_MATCH])?;
        let index = index.require([KeyValueStoreCapabilities::LIST])?;
        let environment = files.provider()?.environment().clone();
        let marker = read_sealed::<Marker>(&files, &MARKER.into()).await?;
        let marker = marker.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no archive in {files:?}")))?.0?;
        if marker.format != FORMAT {
            let text = format!("the archive has format {}, and this program knows {FORMAT}", marker.format);
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(Self { index: Index::new(index, &marker.id), files, environment, folder: None })
    }

    /// Says which local folder the store lies in, so that runs leave it out.
    #[must_use]
    pub fn in_folder(mut self, folder: Option<PathBuf>) -> Self {
        self.folder = folder;
        self
    }

    /// All runs, earliest first, damaged ones included.
    ///
    /// # Errors
    /// What the store says.
    pub async fn runs(&self) -> Result<Vec<FoundRun>> {
        record::runs(&self.files).await
    }

    /// One run, or the latest complete one.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` when its record is damaged.
    pub async fn run_or_latest(&self, id: Option<&RunId>) -> Result<RunRecord> {
        if let Some(id) = id {
            let found = record::run(&self.files, id).await?;
            return found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no run {id}")))?.record;
        }
        let mut latest = Err(Error::new(ErrorKind::NotFound, "the archive has no complete run"));
        for run in self.runs().await?.into_iter().rev() {
            match run.record {
                Ok(record) if matches!(record.state, State::Finished(_)) => return Ok(record),
                // Nobody can tell whether it was complete: better to ask than to give an older state silently.
                Err(error) => return Err(error.context("the latest run is damaged; name one with --run")),
                Ok(_) => latest = Err(Error::new(ErrorKind::NotFound, "the archive has no complete run; see `list`")),
            }
        }
        latest
    }

    /// The entries of a run.
    ///
    /// # Errors
    /// `Corrupt` for a record that no archive writes.
    pub fn entries(&self, record: &RunRecord) -> Result<manifest::Entries> {
        manifest::Entries::of(&self.files, record)
    }

    fn chunks(&self, area: Area) -> Chunks {
        Chunks::new(self.files.clone(), area)
    }

    fn prune_key() -> ObjectKey {
        "prune.json".into()
    }
}
