//! The provider: what its interfaces share.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{KeyValueStore, KeyValueStoreCapabilities, KeyValueStoreProvider};
use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreCapabilities, ObjectStoreProvider};
use circle_core_common::{
    BuildContext, CallContext, Environment, Error, ErrorKind, Health, Integration, Provider, ProviderInfo, Result, Service,
};

use crate::blocking::blocking;
use crate::config::FilesystemConfig;
use crate::disk::{Disk, LocalDisk};
use crate::key_value_store::{self, Engine};
use crate::object_store;
use crate::root::Root;

/// A directory as a store. Clones share it, and so do other processes that open the same one.
#[derive(Clone)]
pub struct Filesystem {
    pub(crate) shared: Arc<Shared>,
}

/// What clones share.
pub(crate) struct Shared {
    info: ProviderInfo,
    environment: Environment,
    closed: AtomicBool,
    root: Arc<Root>,
    engine: Arc<Engine>,
    pub(crate) object_store: ObjectStoreCapabilities,
    pub(crate) key_value_store: KeyValueStoreCapabilities,
}

impl Filesystem {
    /// A store in this directory, which is made where it is missing, in the default environment.
    ///
    /// # Errors
    /// As [`Filesystem::new`].
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        Self::new(FilesystemConfig::new(root), &Environment::default())
    }

    /// A store of this config. The root and the directories above it are made where they are missing, and what
    /// processes that have died left half done is removed. Blocks for as long as that takes.
    ///
    /// # Errors
    /// `PermissionDenied` for a root that cannot be read or written; `ConfigInvalid` for one that is no directory, or
    /// of another version of this store.
    pub fn new(config: FilesystemConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        Self::with_disk(config, cx, Arc::new(LocalDisk))
    }

    /// A store on another disk than this machine's: for tests of full disks and crashes.
    ///
    /// # Errors
    /// As [`Filesystem::new`].
    #[doc(hidden)]
    pub fn with_disk(config: FilesystemConfig, cx: impl Into<BuildContext>, disk: Arc<dyn Disk>) -> Result<Self> {
        let environment = cx.into().environment().clone();
        let root = Arc::new(Root::open(&config, disk, environment.random())?);
        root.sweep_uploads(config.upload_expiry, environment.clock().timestamp())?;
        let engine = Engine::new(Arc::clone(&root), environment.clock().clone(), environment.random().clone());
        let shared = Shared {
            info: ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), config.root.display().to_string()),
            environment,
            closed: AtomicBool::new(false),
            root,
            engine: Arc::new(engine),
            object_store: object_store::capabilities(),
            key_value_store: key_value_store::capabilities(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The directory, as the config gives it.
    #[must_use]
    pub fn root_path(&self) -> &Path {
        self.shared.root.dir.path()
    }

    /// Every interface over this store, for a hub.
    #[must_use]
    pub fn service(&self) -> Service {
        let provider = Arc::new(self.clone());
        Service::new(Arc::clone(&provider) as _)
            .offer::<ObjectStore>(Arc::clone(&provider) as Arc<dyn ObjectStoreProvider>)
            .offer::<KeyValueStore>(provider as Arc<dyn KeyValueStoreProvider>)
    }

    pub(crate) fn root(&self) -> Result<Arc<Root>> {
        self.check_open().map(|()| Arc::clone(&self.shared.root))
    }

    pub(crate) fn engine(&self) -> Result<Arc<Engine>> {
        self.check_open().map(|()| Arc::clone(&self.shared.engine))
    }

    fn check_open(&self) -> Result<()> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the filesystem store is closed"));
        }
        Ok(())
    }
}

impl fmt::Debug for Filesystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filesystem({})", self.shared.info.target)
    }
}

#[async_trait]
impl Provider for Filesystem {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    async fn health(&self, _: &CallContext) -> Result<Health> {
        let root = self.root()?;
        blocking(move |_| root.check()).await.map(|()| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.engine.close();
        Ok(())
    }
}

impl Integration for Filesystem {
    type Config = FilesystemConfig;

    const NAME: &'static str = "filesystem";
    const INTERFACES: &'static [&'static str] = &["ObjectStore", "KeyValueStore"];

    async fn build(config: FilesystemConfig, cx: BuildContext) -> Result<Service> {
        blocking(move |_| Self::new(config, cx)).await.map(|filesystem| filesystem.service())
    }
}
