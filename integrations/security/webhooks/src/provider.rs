//! The provider: a scheme, its secrets, and what was handled.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use circle_core_common::credentials::SecretReader;
use circle_core_common::interfaces::key_value_store::KeyValueStoreCapabilities;
use circle_core_common::interfaces::webhook_verifier::{
    Seen, WebhookVerifier, WebhookVerifierCapabilities, WebhookVerifierProvider,
};
use circle_core_common::webhook::{Verification, WebhookKey};
use circle_core_common::{
    BuildContext, CallContext, Environment, Error, ErrorKind, Health, Integration, Provider, ProviderInfo, Result, Service,
};
use secrecy::ExposeSecret;

use crate::config::WebhooksConfig;

/// A verifier of signed webhooks. Clones share what was handled.
#[derive(Clone)]
pub struct Webhooks {
    pub(crate) shared: Arc<Shared>,
}

/// What clones share.
pub(crate) struct Shared {
    info: ProviderInfo,
    environment: Environment,
    pub(crate) verification: Verification,
    pub(crate) capabilities: WebhookVerifierCapabilities,
    pub(crate) seen: Seen,
    secrets: Vec<SecretReader>,
    is_closed: AtomicBool,
}

impl Webhooks {
    /// A verifier of this config.
    ///
    /// # Errors
    /// `ConfigInvalid` for a config without a scheme or a secret, a scheme that contradicts itself, or a store that cannot mark
    /// events: it needs `cas` and `ttl`.
    pub fn new(config: WebhooksConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        let cx = cx.into();
        let verification = config.verification()?;
        let seen = match &config.seen {
            None => Seen::at_most(config.seen_events as usize),
            Some(reference) => {
                let store = cx.service(reference)?;
                let needed = [KeyValueStoreCapabilities::CAS, KeyValueStoreCapabilities::TTL];
                let store = store.require(needed).map_err(|error| {
                    let text = format!("the store `{}` of `seen` cannot mark what was handled", reference.name());
                    Error::new(ErrorKind::ConfigInvalid, text).with_source(error)
                })?;
                Seen::in_store(store, format!("webhooks/{}/", cx.name()))
            }
        };
        let mut capabilities = verification.capabilities();
        capabilities.body_max = config.body_max;
        let shared = Shared {
            info: ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), verification.scheme().signature_header.clone()),
            environment: cx.environment().clone(),
            verification,
            capabilities,
            seen: seen.kept(config.seen_for).lease(config.lease),
            secrets: config.secrets.iter().map(|secret| cx.secret_reader(secret)).collect(),
            is_closed: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The interface over this verifier, for a hub.
    #[must_use]
    pub fn service(&self) -> Service {
        let provider = Arc::new(self.clone());
        Service::new(Arc::clone(&provider) as _).offer::<WebhookVerifier>(provider as Arc<dyn WebhookVerifierProvider>)
    }
}

impl Shared {
    pub(crate) fn open(&self) -> Result<()> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Closed, "the verifier is closed"));
        }
        Ok(())
    }

    /// The keys of the live secrets.
    pub(crate) async fn keys(&self, cx: &CallContext) -> Result<Vec<WebhookKey>> {
        let mut keys = Vec::with_capacity(self.secrets.len());
        for secret in &self.secrets {
            keys.push(self.verification.key(secret.read(cx).await?.expose_secret())?);
        }
        Ok(keys)
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhooks({})", self.shared.info.target)
    }
}

#[async_trait]
impl Provider for Webhooks {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        self.shared.open()?;
        self.shared.keys(cx).await.map(|_| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Integration for Webhooks {
    type Config = WebhooksConfig;

    const NAME: &'static str = "webhook";
    const INTERFACES: &'static [&'static str] = &["WebhookVerifier"];

    async fn build(config: WebhooksConfig, cx: BuildContext) -> Result<Service> {
        Ok(Self::new(config, cx)?.service())
    }
}
