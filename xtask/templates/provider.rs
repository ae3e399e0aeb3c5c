//! The provider: what its interfaces share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
{{interface_imports}}
{{#signs}}
use circle_core_common::interfaces::webhook_verifier::Seen;
{{/signs}}
use circle_core_common::{BuildContext, CallContext, Environment, Error, ErrorKind, Health, Integration, Provider, ProviderInfo, Result, Service};

use crate::{client::Client, config::{{Provider}}Config, {{module_list}}};

/// {{Provider}}. Construct it with [`new`](Self::new), or name it in a config file.
pub struct {{Provider}} {
    info: ProviderInfo,
    environment: Environment,
    closed: AtomicBool,
    client: Client,
{{#signs}}
    pub(crate) seen: Seen,
{{/signs}}
{{fields}}
}

impl {{Provider}} {
    /// A provider of this config.
    ///
    /// # Errors
    /// `ConfigInvalid` for a config that is wrong in a way that its types allow.
    pub fn new(config: {{Provider}}Config, cx: impl Into<BuildContext>) -> Result<Self> {
        let cx = cx.into();
        Ok(Self {
            info: ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), ""),
            environment: cx.environment().clone(),
            closed: AtomicBool::new(false),
            client: Client::new(&config)?,
{{#signs}}
            seen: Seen::in_process(),
{{/signs}}
{{field_values}}
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
impl Provider for {{Provider}} {
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

impl Integration for {{Provider}} {
    type Config = {{Provider}}Config;

    const NAME: &'static str = "{{provider}}";
    const INTERFACES: &'static [&'static str] = &[{{interface_list}}];

    async fn build(config: {{Provider}}Config, cx: BuildContext) -> Result<Service> {
        let provider = Arc::new(Self::new(config, cx)?);
        Ok(Service::new(Arc::clone(&provider) as Arc<dyn Provider>){{offers}})
    }
}

impl fmt::Debug for {{Provider}} {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{Provider}}({:?})", self.client)
    }
}
