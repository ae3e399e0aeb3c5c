//! What a decorator of one service is, besides what it does.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use circle_core_common::{
    CallContext, Environment, Error, ErrorKind, Handle, Health, HealthState, Provider, ProviderInfo, Result,
};

/// The service that is decorated, and what is shown of the decorator.
pub(super) struct Frame<H> {
    pub(super) handle: H,
    info: ProviderInfo,
    environment: Environment,
    closed: AtomicBool,
}

impl<H: Handle> Frame<H> {
    pub(super) fn new(name: &'static str, handle: H) -> Self {
        let provider = handle.as_provider();
        let target = match (handle.service(), provider) {
            ("", Some(provider)) => provider.info().to_string(),
            (service, _) => service.to_owned(),
        };
        let environment = provider.map(|provider| provider.environment().clone()).unwrap_or_default();
        Self {
            info: ProviderInfo::new(name, env!("CARGO_PKG_VERSION"), target),
            environment,
            handle,
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Whether calls may be made: an answer of one's own could be given after everything else has ended.
    pub(super) fn open(&self) -> Result<()> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(Error::new(ErrorKind::Closed, format!("the {} is closed", self.info.name))),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl<H: Handle> Provider for Frame<H> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn environment(&self) -> &Environment {
        &self.environment
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        self.open()?;
        match self.handle.as_provider() {
            Some(provider) => provider.health(cx).await,
            None => Ok(Health::new(HealthState::Degraded, "it has not started")),
        }
    }

    async fn close(&self, cx: &CallContext) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        match self.handle.as_provider() {
            Some(provider) => provider.close(cx).await,
            None => Ok(()),
        }
    }

    fn inner(&self) -> Option<&dyn Provider> {
        self.handle.as_provider()
    }
}
