//! Runs in a store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::{Error, ErrorKind, OperationId, Result, ResultExt as _, Version};

use super::ToolRun;

/// Where runs are stored: a [`KeyValueStore`], an [`ObjectStore`], or a table of the application.
///
/// Every write is conditional, so that of two processes that drive the same run one is refused before it makes a call that must
/// not be made twice.
#[async_trait]
pub trait RunStore: Send + Sync + 'static {
    /// What is stored under a key.
    ///
    /// # Errors
    /// What the store says.
    async fn get(&self, key: &str) -> Result<Option<Stored>>;

    /// Stores a run under a key that has this version, or that is absent where there is none; gives the new version.
    ///
    /// # Errors
    /// `AlreadyExists` and `Conflict` where that is not so; what the store says.
    async fn put(&self, key: &str, run: Bytes, expected: Option<&Version>) -> Result<Version>;

    /// Deletes a key, if it is there.
    ///
    /// # Errors
    /// What the store says.
    async fn delete(&self, key: &str) -> Result<()>;
}

/// A run as it is stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stored {
    /// The run, as JSON.
    pub run: Bytes,
    /// Its version.
    pub version: Version,
}

impl Stored {
    /// A run of this version.
    #[must_use]
    pub fn new(run: impl Into<Bytes>, version: Version) -> Self {
        Self { run: run.into(), version }
    }
}

#[async_trait]
impl RunStore for KeyValueStore {
    async fn get(&self, key: &str) -> Result<Option<Stored>> {
        Ok(KeyValueStore::get(self, key).await?.map(|entry| Stored::new(entry.value, entry.version)))
    }

    async fn put(&self, key: &str, run: Bytes, expected: Option<&Version>) -> Result<Version> {
        let written = match expected {
            Some(version) => self.replace(key, run, version).await?,
            None => self.create(key, run).await?,
        };
        written.version.ok_or_else(|| Error::new(ErrorKind::Internal, "the store gave no version for what it wrote"))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        KeyValueStore::delete(self, key).await.map(drop)
    }
}

#[async_trait]
impl RunStore for ObjectStore {
    async fn get(&self, key: &str) -> Result<Option<Stored>> {
        let Some(object) = ObjectStore::get(self, key).await.optional()? else { return Ok(None) };
        let version = object.meta.version()?.clone();
        Ok(Some(Stored::new(object.bytes().await?, version)))
    }

    async fn put(&self, key: &str, run: Bytes, expected: Option<&Version>) -> Result<Version> {
        let meta = match expected {
            Some(version) => self.replace(key, run, version).await?,
            None => self.create(key, run).await?,
        };
        meta.version().cloned()
    }

    async fn delete(&self, key: &str) -> Result<()> {
        ObjectStore::delete(self, key).await.map(drop)
    }
}

/// Stores a run at every step: what the model has answered, and before a call is made that must not be made twice, that it
/// is about to be made. Cloning one shares the store.
///
/// The store must write conditionally, as all embedded ones do; one that cannot is refused by the first write. A run stays
/// stored when it is finished, so that a second one of its id is refused, until it is [deleted](Self::delete).
#[derive(Clone)]
pub struct Checkpoints {
    store: Arc<dyn RunStore>,
    prefix: Arc<str>,
}

impl Checkpoints {
    /// Runs in this store, under `runs/` and their ids.
    #[must_use]
    pub fn new(store: impl RunStore) -> Self {
        Self { store: Arc::new(store), prefix: "runs/".into() }
    }

    /// Sets what their keys begin with.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<Arc<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The run of this id, to be driven on.
    ///
    /// # Errors
    /// `Decode` for what is no run, or one of a later version; what the store says.
    pub async fn get(&self, id: impl Into<OperationId>) -> Result<Option<ToolRun>> {
        let key = self.key(&id.into());
        let Some(stored) = self.store.get(&key).await? else { return Ok(None) };
        let run: serde_json::Result<ToolRun> = serde_json::from_slice(&stored.run);
        let mut run = run.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let text = format!("`{key}` is no run that this version can read (line {line}, column {column})");
            Error::new(ErrorKind::Decode, text)
        })?;
        run.version = Some(stored.version);
        Ok(Some(run))
    }

    /// Deletes the run of this id, if it is there.
    ///
    /// # Errors
    /// What the store says.
    pub async fn delete(&self, id: impl Into<OperationId>) -> Result<()> {
        self.store.delete(&self.key(&id.into())).await
    }

    /// Stores a run over the version that it was read or stored as; gives the new version.
    pub(super) async fn put(&self, run: &ToolRun) -> Result<Version> {
        let id = run.id().ok_or_else(|| Error::new(ErrorKind::Internal, "a run without an id cannot be stored"))?;
        let json =
            serde_json::to_vec(run).map_err(|error| Error::new(ErrorKind::Internal, "a run is no JSON").with_source(error))?;
        self.store.put(&self.key(id), json.into(), run.version.as_ref()).await.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => error.context(format_args!("there is a run `{id}` already")),
            ErrorKind::Conflict => error.context(format_args!("the run `{id}` is driven elsewhere")),
            _ => error.context(format_args!("storing the run `{id}`")),
        })
    }

    fn key(&self, id: &OperationId) -> String {
        format!("{}{id}", self.prefix)
    }
}

impl fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checkpoints({})", self.prefix)
    }
}
