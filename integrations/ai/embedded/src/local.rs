//! What every provider of this crate is: in this process, open until it is closed.

use std::sync::atomic::{AtomicBool, Ordering};

use circle_core_common::{Environment, Error, ErrorKind, ProviderInfo, Result};

/// Who a provider is, and whether it is closed; clones of the provider share it.
pub(crate) struct Local {
    /// What its errors call it.
    kind: &'static str,
    pub(crate) info: ProviderInfo,
    pub(crate) environment: Environment,
    closed: AtomicBool,
}

impl Local {
    pub(crate) fn new(kind: &'static str, name: &'static str, target: impl Into<String>, environment: Environment) -> Self {
        let info = ProviderInfo::new(name, env!("CARGO_PKG_VERSION"), target);
        Self { kind, info, environment, closed: AtomicBool::new(false) }
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, format!("the {} is closed", self.kind)));
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

/// Makes a type with the field `shared.local: Local` a provider that is healthy until it is closed.
macro_rules! local_provider {
    ($provider:ident) => {
        #[async_trait]
        impl circle_core_common::Provider for $provider {
            fn info(&self) -> &circle_core_common::ProviderInfo {
                &self.shared.local.info
            }

            fn environment(&self) -> &Environment {
                &self.shared.local.environment
            }

            async fn health(&self, _: &CallContext) -> Result<circle_core_common::Health> {
                self.shared.local.check_open().map(|()| circle_core_common::Health::healthy())
            }

            async fn close(&self, _: &CallContext) -> Result<()> {
                self.shared.local.close();
                Ok(())
            }
        }
    };
}
pub(crate) use local_provider;
