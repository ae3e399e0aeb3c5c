//! How providers are built: what they get, what they offer, how they refer to each other.

mod context;
mod reference;

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub use context::BuildContext;
pub use reference::{AnyServiceRef, ServiceRef};

use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::handle::Handle;
use crate::provider::Provider;

/// What a provider offers: one handle per interface, one provider behind them all.
///
/// ```
/// # use std::sync::Arc;
/// # use circle_core_common::{Provider, Service};
/// # use circle_core_common::interfaces::key_value_store::{KeyValueStore, KeyValueStoreProvider};
/// # use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreProvider};
/// # fn example<P: ObjectStoreProvider + KeyValueStoreProvider>(store: Arc<P>) -> Service {
/// Service::new(store.clone())
///     .offer::<ObjectStore>(store.clone() as Arc<dyn ObjectStoreProvider>)
///     .offer::<KeyValueStore>(store as Arc<dyn KeyValueStoreProvider>)
/// # }
/// ```
#[derive(Clone)]
pub struct Service {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Started { provider: Arc<dyn Provider>, offers: Vec<Offer> },
    Deferred { service: Arc<Deferred>, environment: Environment },
}

type AnyHandle = dyn Any + Send + Sync;

#[derive(Clone)]
struct Offer {
    id: TypeId,
    name: &'static str,
    handle: Arc<AnyHandle>,
    rebind: fn(&AnyHandle, Environment, &str) -> Option<Arc<AnyHandle>>,
}

impl Service {
    /// A service of one provider that offers nothing yet.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        Self { source: Source::Started { provider, offers: Vec::new() } }
    }

    /// A service that has not started yet.
    #[must_use]
    pub fn deferred(service: Arc<Deferred>, environment: Environment) -> Self {
        Self { source: Source::Deferred { service, environment } }
    }

    /// A service that offers one ready handle.
    ///
    /// # Errors
    /// Why the handle's own service has not started, of one that has not.
    pub fn of<H: Handle>(handle: H) -> Result<Self> {
        match handle.as_provider() {
            Some(provider) => {
                let ready =
                    Ready { info: provider.info().clone(), environment: provider.environment().clone(), handle: handle.clone() };
                Ok(Self::new(Arc::new(ready)).offer::<H>(handle))
            }
            None => {
                Err(Error::new(ErrorKind::Unavailable, "the service behind the handle has not started")
                    .with_reason(Reason::Degraded))
            }
        }
    }

    /// Offers an interface.
    #[must_use]
    pub fn offer<H: Handle>(mut self, handle: impl Into<H>) -> Self {
        if let Source::Started { offers, .. } = &mut self.source {
            offers.retain(|offer| offer.id != TypeId::of::<H>());
            offers.push(Offer {
                id: TypeId::of::<H>(),
                name: H::NAME,
                handle: Arc::new(handle.into()),
                rebind: |handle, environment, name| Some(Arc::new(handle.downcast_ref::<H>()?.rebind(environment, name))),
            });
        }
        self
    }

    /// The handle of this interface.
    ///
    /// # Errors
    /// `ConfigInvalid`, reason [`Reason::WrongInterface`]: "`documents` offers ObjectStore, not Queue".
    pub fn get<H: Handle>(&self, name: &str) -> Result<H> {
        let found = match &self.source {
            Source::Started { offers, .. } => {
                let offer = offers.iter().find(|offer| offer.id == TypeId::of::<H>());
                offer.and_then(|offer| offer.handle.downcast_ref::<H>()).cloned()
            }
            Source::Deferred { service, environment } => {
                service.interfaces.contains(&H::NAME).then(|| H::deferred(environment.clone(), Arc::clone(service)))
            }
        };
        found.ok_or_else(|| {
            let text = format!("`{name}` offers {}, not {}", self.interfaces().join(", "), H::NAME);
            Error::new(ErrorKind::ConfigInvalid, text).with_reason(Reason::WrongInterface)
        })
    }

    /// The interfaces offered.
    #[must_use]
    pub fn interfaces(&self) -> Vec<&'static str> {
        match &self.source {
            Source::Started { offers, .. } => offers.iter().map(|offer| offer.name).collect(),
            Source::Deferred { service, .. } => service.interfaces.to_vec(),
        }
    }

    /// The provider.
    ///
    /// # Errors
    /// Why the service has not started, of one that has not.
    pub fn provider(&self) -> Result<&Arc<dyn Provider>> {
        match &self.source {
            Source::Started { provider, .. } => Ok(provider),
            Source::Deferred { service, .. } => service.started()?.provider(),
        }
    }

    /// The same service with its handles in this environment, under this name; what the hub does.
    #[must_use]
    pub fn rebind(&self, environment: &Environment, name: &str) -> Self {
        let source = match &self.source {
            Source::Started { provider, offers } => {
                let rebound = |offer: &Offer| {
                    let handle =
                        (offer.rebind)(&*offer.handle, environment.clone(), name).unwrap_or_else(|| Arc::clone(&offer.handle));
                    Offer { handle, ..offer.clone() }
                };
                Source::Started { provider: Arc::clone(provider), offers: offers.iter().map(rebound).collect() }
            }
            Source::Deferred { service, .. } => {
                Source::Deferred { service: Arc::clone(service), environment: environment.clone() }
            }
        };
        Self { source }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interfaces = self.interfaces().join(", ");
        match self.provider() {
            Ok(provider) => write!(f, "Service({}: {interfaces})", provider.info()),
            Err(_) => write!(f, "Service(not started: {interfaces})"),
        }
    }
}

/// A service that has not started, because what it needs was not there. Whoever starts it keeps trying; its handles
/// fail with the last reason until it has.
pub struct Deferred {
    name: String,
    provider: &'static str,
    interfaces: &'static [&'static str],
    started: OnceLock<Service>,
    last: Mutex<Error>,
}

impl Deferred {
    /// A service of this name, by this provider, which failed to start.
    #[must_use]
    pub fn new(name: impl Into<String>, provider: &'static str, interfaces: &'static [&'static str], error: Error) -> Self {
        Self { name: name.into(), provider, interfaces, started: OnceLock::new(), last: Mutex::new(error) }
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The provider's id.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// It has started.
    pub fn start(&self, service: Service) {
        // A second start changes nothing: handles may hold the first one's provider.
        let _ = self.started.set(service);
    }

    /// It failed to start again.
    pub fn fail(&self, error: Error) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// The service, once it has started.
    ///
    /// # Errors
    /// The last reason why it has not, with [`Reason::Degraded`].
    pub fn started(&self) -> Result<&Service> {
        self.started.get().ok_or_else(|| {
            let error = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            error.with_reason(Reason::Degraded).context(format_args!("`{}` has not started", self.name))
        })
    }
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deferred({}: {}, started: {})", self.name, self.provider, self.started.get().is_some())
    }
}

/// The provider behind a ready handle, seen without its interface.
struct Ready<H> {
    info: crate::ProviderInfo,
    environment: Environment,
    handle: H,
}

impl<H: Handle> Ready<H> {
    fn provider(&self) -> Result<&dyn Provider> {
        self.handle.as_provider().ok_or_else(|| Error::new(ErrorKind::Internal, "the handle has lost its provider"))
    }
}

#[async_trait::async_trait]
impl<H: Handle> Provider for Ready<H> {
    fn info(&self) -> &crate::ProviderInfo {
        &self.info
    }

    fn environment(&self) -> &Environment {
        &self.environment
    }

    async fn health(&self, cx: &crate::CallContext) -> Result<crate::Health> {
        self.provider()?.health(cx).await
    }

    async fn close(&self, cx: &crate::CallContext) -> Result<()> {
        self.provider()?.close(cx).await
    }

    fn inner(&self) -> Option<&dyn Provider> {
        self.handle.as_provider()
    }
}
