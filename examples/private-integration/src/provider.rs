//! The provider: what its interfaces share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{KeyValueStore, KeyValueStoreCapabilities, KeyValueStoreProvider};
use circle_core_common::{
    BuildContext, CallContext, Environment, Error, ErrorKind, Health, Integration, Provider, ProviderInfo, Result, Service,
};

use crate::{client::Client, config::AcmeConfig, key_value_store};

/// Acme. Construct it with [`new`](Self::new), or name it in a config file.
pub struct Acme {
    info: ProviderInfo,
    environment: Environment,
    closed: AtomicBool,
    client: Client,
    pub(crate) key_value_store: KeyValueStoreCapabilities,
}

impl Acme {
    /// A provider of this config.
    ///
    /// # Errors
    /// None yet; `ConfigInvalid` once a config can be wrong in ways that its types allow.
    pub fn new(config: AcmeConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        let cx = cx.into();
        Ok(Self {
            info: ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), ""),
            environment: cx.environment().clone(),
            closed: AtomicBool::new(false),
            client: Client::new(config.capacity),
            key_value_store: key_value_store::capabilities(),
        })
    }

    /// The client, while the provider is open.
    pub(crate) fn client(&self) -> Result<&Client> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, format!("{} is closed", self.info)));
        }
        Ok(&self.client)
    }
}

#[async_trait]
impl Provider for Acme {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn environment(&self) -> &Environment {
        &self.environment
    }

    async fn health(&self, _: &CallContext) -> Result<Health> {
        self.client()?;
        Ok(Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}

impl Integration for Acme {
    type Config = AcmeConfig;

    const NAME: &'static str = "acme";
    const INTERFACES: &'static [&'static str] = &["KeyValueStore"];

    async fn build(config: AcmeConfig, cx: BuildContext) -> Result<Service> {
        let provider = Arc::new(Self::new(config, cx)?);
        Ok(Service::new(Arc::clone(&provider) as Arc<dyn Provider>)
            .offer::<KeyValueStore>(Arc::clone(&provider) as Arc<dyn KeyValueStoreProvider>))
    }
}

impl fmt::Debug for Acme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acme({:?})", self.client)
    }
}
