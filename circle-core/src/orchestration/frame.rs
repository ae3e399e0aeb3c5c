//! What a decorator of one service is, besides what it does.

use std::sync::atomic::{AtomicBool, Ordering};

use circle_core_common::{CallContext, Environment, Error, ErrorKind, Handle, Health, Provider, ProviderInfo, Result};

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

    pub(super) fn info_ref(&self) -> &ProviderInfo {
        &self.info
    }

    pub(super) fn environment_ref(&self) -> &Environment {
        &self.environment
    }

    pub(super) async fn health(&self, cx: &CallContext) -> Result<Health> {
        self.open()?;
        match self.handle.as_provider() {
            Some(provider) => provider.health(cx).await,
            None => Ok(Health::new(circle_core_common::HealthState::Degraded, "it has not started")),
        }
    }

    pub(super) async fn close(&self, cx: &CallContext) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        match self.handle.as_provider() {
            Some(provider) => provider.close(cx).await,
            None => Ok(()),
        }
    }

    pub(super) fn inner(&self) -> Option<&dyn Provider> {
        self.handle.as_provider()
    }
}

/// What every decorator of one service says of itself: `framed!(Cached)`, whose field is `frame`.
macro_rules! framed {
    ($decorator:ident) => {
        #[async_trait]
        impl<H: Handle> Provider for $decorator<H> {
            fn info(&self) -> &ProviderInfo {
                self.frame.info_ref()
            }

            fn environment(&self) -> &Environment {
                self.frame.environment_ref()
            }

            async fn health(&self, cx: &CallContext) -> Result<Health> {
                self.frame.health(cx).await
            }

            async fn close(&self, cx: &CallContext) -> Result<()> {
                self.frame.close(cx).await
            }

            fn inner(&self) -> Option<&dyn Provider> {
                self.frame.inner()
            }
        }

        impl<H: Handle> fmt::Debug for $decorator<H> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($decorator), "({})"), self.frame.info_ref().target)
            }
        }
    };
}
pub(super) use framed;
