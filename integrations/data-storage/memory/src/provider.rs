//! The provider: what its interfaces share.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{KeyValueStore, KeyValueStoreCapabilities, KeyValueStoreProvider};
use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreCapabilities, ObjectStoreProvider};
use circle_core_common::interfaces::secret_store::{SecretStore, SecretStoreCapabilities, SecretStoreProvider};
use circle_core_common::{
    BuildContext, ByteSize, CallContext, Clock, Environment, Error, ErrorKind, Health, Integration, Provider, ProviderInfo,
    Result, Service, Tick, Timestamp, Version,
};

use crate::config::MemoryConfig;
use crate::key_value_store::{self, Entries};
use crate::object_store::{self, Objects};
use crate::quota::Quota;
use crate::secret_store::{self, Secrets};

/// A store in the memory of this process. Clones share it, whatever capabilities they are seen with.
#[derive(Clone)]
pub struct Memory {
    pub(crate) store: Arc<Store>,
    pub(crate) object_store: ObjectStoreCapabilities,
    pub(crate) key_value_store: KeyValueStoreCapabilities,
    pub(crate) secret_store: SecretStoreCapabilities,
}

impl Memory {
    /// An empty store without limit, in the default environment.
    #[must_use]
    pub fn new() -> Self {
        Self::with(MemoryConfig::new(), &Environment::default())
    }

    /// An empty store that refuses what does not fit into so many bytes of keys and content.
    #[must_use]
    pub fn with_capacity(capacity: ByteSize) -> Self {
        Self::with(MemoryConfig::new().capacity(capacity), &Environment::default())
    }

    /// An empty store that keeps the older versions of objects.
    #[must_use]
    pub fn with_versions() -> Self {
        Self::with(MemoryConfig::new().versions(true), &Environment::default())
    }

    /// An empty store of this config in this environment.
    #[must_use]
    pub fn with(config: MemoryConfig, cx: impl Into<BuildContext>) -> Self {
        let environment = cx.into().environment().clone();
        Self {
            object_store: object_store::capabilities(&config),
            key_value_store: key_value_store::capabilities(),
            secret_store: secret_store::capabilities(),
            store: Arc::new(Store::new(&config, environment)),
        }
    }

    /// Every interface over this store, for a hub.
    #[must_use]
    pub fn service(&self) -> Service {
        let provider = Arc::new(self.clone());
        Service::new(Arc::clone(&provider) as _)
            .offer::<ObjectStore>(Arc::clone(&provider) as Arc<dyn ObjectStoreProvider>)
            .offer::<KeyValueStore>(Arc::clone(&provider) as Arc<dyn KeyValueStoreProvider>)
            .offer::<SecretStore>(provider as Arc<dyn SecretStoreProvider>)
    }

    /// The bytes of keys and content that are kept, those of unfinished uploads included.
    #[must_use]
    pub fn used(&self) -> ByteSize {
        ByteSize::bytes(self.store.quota.used())
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} used)", self.used())
    }
}

#[async_trait]
impl Provider for Memory {
    fn info(&self) -> &ProviderInfo {
        &self.store.info
    }

    fn environment(&self) -> &Environment {
        &self.store.environment
    }

    async fn health(&self, _: &CallContext) -> Result<Health> {
        self.store.check_open().map(|()| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.store.close();
        Ok(())
    }
}

impl Integration for Memory {
    type Config = MemoryConfig;

    const NAME: &'static str = "memory";
    const INTERFACES: &'static [&'static str] = &["ObjectStore", "KeyValueStore", "SecretStore"];

    async fn build(config: MemoryConfig, cx: BuildContext) -> Result<Service> {
        Ok(Self::with(config, cx).service())
    }
}

/// What clones share. No lock is held across an await, nor are two of them held together.
pub(crate) struct Store {
    info: ProviderInfo,
    environment: Environment,
    pub(crate) quota: Quota,
    pub(crate) keeps_versions: bool,
    closed: AtomicBool,
    next_token: AtomicU64,
    objects: RwLock<Objects>,
    entries: RwLock<Entries>,
    secrets: RwLock<Secrets>,
}

impl Store {
    fn new(config: &MemoryConfig, environment: Environment) -> Self {
        // Tokens start at the wall clock: one that an application kept from an earlier process never fits by chance.
        let started = environment.clock().timestamp().since(Timestamp::UNIX_EPOCH).as_nanos();
        Self {
            info: ProviderInfo::new(Memory::NAME, env!("CARGO_PKG_VERSION"), ""),
            environment,
            quota: Quota::new(config.capacity),
            keeps_versions: config.versions,
            closed: AtomicBool::new(false),
            next_token: AtomicU64::new(u64::try_from(started).unwrap_or(0).max(1)),
            objects: RwLock::default(),
            entries: RwLock::default(),
            secrets: RwLock::default(),
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.environment.clock()
    }

    pub(crate) fn now(&self) -> Tick {
        self.clock().now()
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        self.clock().timestamp()
    }

    /// A number that is never given twice, and larger than those given before.
    pub(crate) fn next_token(&self) -> u64 {
        self.next_token.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn next_version(&self) -> Version {
        Version::generation(self.next_token().to_string())
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the memory store is closed"));
        }
        Ok(())
    }

    // Closed is looked at under the lock: once `close` has emptied a map, nobody writes into it.

    pub(crate) fn objects(&self) -> Result<RwLockReadGuard<'_, Objects>> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        self.check_open().map(|()| objects)
    }

    pub(crate) fn objects_mut(&self) -> Result<RwLockWriteGuard<'_, Objects>> {
        let objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        self.check_open().map(|()| objects)
    }

    pub(crate) fn entries(&self) -> Result<RwLockReadGuard<'_, Entries>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        self.check_open().map(|()| entries)
    }

    /// The entries without those that have expired.
    pub(crate) fn entries_mut(&self) -> Result<RwLockWriteGuard<'_, Entries>> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        self.check_open()?;
        entries.sweep(self);
        Ok(entries)
    }

    pub(crate) fn secrets(&self) -> Result<RwLockReadGuard<'_, Secrets>> {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        self.check_open().map(|()| secrets)
    }

    pub(crate) fn secrets_mut(&self) -> Result<RwLockWriteGuard<'_, Secrets>> {
        let secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        self.check_open().map(|()| secrets)
    }

    fn close(&self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        *self.objects.write().unwrap_or_else(PoisonError::into_inner) = Objects::default();
        self.entries.write().unwrap_or_else(PoisonError::into_inner).close();
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).close();
        self.quota.release(self.quota.used());
    }
}
