//! What a provider is built with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use secrecy::SecretString;

use super::{AnyServiceRef, Service, ServiceRef};
use crate::client_certificate::ClientCertificate;
use crate::credentials::{CredentialCache, SecretReader, SecretSource};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::handle::Handle;
use crate::network::Network;
use crate::resilience::{Policy, RateLimitStore, Resilience};
use crate::secret::SecretRef;

/// What a provider is built with: the environment, the service's name, and the services that it refers to.
///
/// `From<&Environment>` makes one with defaults and no name, so that every provider has one constructor:
/// `Memory::new(config, &environment)`.
#[derive(Clone, Default)]
pub struct BuildContext {
    environment: Environment,
    name: String,
    allow_loopback: bool,
    only_public: bool,
    allow_networks: Arc<[Network]>,
    untraced: bool,
    client_certificate: Option<ClientCertificate>,
    services: Arc<BTreeMap<String, Service>>,
    resilience: Arc<Resilience>,
    rates: Option<Arc<dyn RateLimitStore>>,
    policy: Arc<OnceLock<Policy>>,
}

impl BuildContext {
    /// A context for the service of this name.
    #[must_use]
    pub fn new(environment: Environment, name: impl Into<String>) -> Self {
        Self { environment, name: name.into(), ..Self::default() }
    }

    /// Makes these services known.
    #[must_use]
    pub fn services(mut self, services: impl IntoIterator<Item = (String, Service)>) -> Self {
        self.services = Arc::new(services.into_iter().collect());
        self
    }

    /// Allows endpoints on this machine.
    #[must_use]
    pub fn allow_loopback(mut self, allow: bool) -> Self {
        self.allow_loopback = allow;
        self
    }

    /// Chooses whether endpoints may have addresses of private networks; they may where nothing is said. An application whose
    /// users name the endpoint says `false`.
    #[must_use]
    pub fn allow_private(mut self, allow: bool) -> Self {
        self.only_public = !allow;
        self
    }

    /// Allows these networks, for endpoints and for addresses that answers name.
    #[must_use]
    pub fn allow_networks(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.allow_networks = networks.into_iter().collect();
        self
    }

    /// Shows this certificate to services that ask for one.
    #[must_use]
    pub fn with_client_certificate(mut self, certificate: Option<ClientCertificate>) -> Self {
        self.client_certificate = certificate;
        self
    }

    /// Chooses whether requests carry the trace that the application's calls belong to; they do where nothing is said.
    #[must_use]
    pub fn traced(mut self, traced: bool) -> Self {
        self.untraced = !traced;
        self
    }

    /// Sets the resilience of the service.
    #[must_use]
    pub fn resilience(mut self, resilience: Resilience) -> Self {
        self.resilience = Arc::new(resilience);
        self.policy = Arc::default();
        self
    }

    /// Keeps the rate of `rate_limit` in this store, so that several processes share it: [`KeyValueRates`], or one of your own.
    ///
    /// [`KeyValueRates`]: crate::resilience::KeyValueRates
    #[must_use]
    pub fn rates(mut self, store: Arc<dyn RateLimitStore>) -> Self {
        self.rates = Some(store);
        self.policy = Arc::default();
        self
    }

    /// What was chosen for the resilience of the service.
    #[must_use]
    pub fn chosen_resilience(&self) -> &Resilience {
        &self.resilience
    }

    /// The policies of the service: one, however often it is asked for.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let (environment, name, resilience) = (&self.environment, &self.name, &self.resilience);
        let made = || match &self.rates {
            None => Policy::new(environment, name, resilience),
            Some(rates) => Policy::sharing(environment, name, resilience, Arc::clone(rates)),
        };
        self.policy.get_or_init(made).clone()
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The service's name; empty where there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether endpoints on this machine are allowed.
    #[must_use]
    pub fn allows_loopback(&self) -> bool {
        self.allow_loopback
    }

    /// Whether endpoints may have addresses of private networks.
    #[must_use]
    pub fn allows_private(&self) -> bool {
        !self.only_public
    }

    /// Which networks are allowed besides.
    #[must_use]
    pub fn allowed_networks(&self) -> &[Network] {
        &self.allow_networks
    }

    /// What is shown to services that ask for a certificate.
    #[must_use]
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.client_certificate.as_ref()
    }

    /// Whether requests carry the trace that the application's calls belong to.
    #[must_use]
    pub fn is_traced(&self) -> bool {
        !self.untraced
    }

    /// The service that a config refers to.
    ///
    /// # Errors
    /// `ConfigInvalid` when there is no such service or it does not offer the interface.
    pub fn service<H: Handle>(&self, reference: &ServiceRef<H>) -> Result<H> {
        self.named(reference.name())?.get(reference.name())
    }

    /// The service that a config refers to, whatever it offers.
    ///
    /// # Errors
    /// `ConfigInvalid` when there is no such service.
    pub fn any_service(&self, reference: &AnyServiceRef) -> Result<&Service> {
        self.named(reference.name())
    }

    fn named(&self, name: &str) -> Result<&Service> {
        self.services.get(name).ok_or_else(|| {
            let text = format!("`{}` refers to the service `{name}`, which does not exist", self.name);
            Error::new(ErrorKind::ConfigInvalid, text).with_reason(Reason::UnknownService)
        })
    }

    /// The secret behind a reference of the config, wherever it is: read at first use, followed when it rotates, and read
    /// again when it was refused.
    #[must_use]
    pub fn secret(&self, reference: &SecretRef) -> CredentialCache<SecretString> {
        CredentialCache::new(SecretSource::new(reference.clone(), &self.environment))
    }

    /// The secret behind a reference of the config, for what cannot tell that it was replaced.
    #[must_use]
    pub fn secret_reader(&self, reference: &SecretRef) -> SecretReader {
        SecretReader::new(reference.clone(), &self.environment)
    }

    /// What the services of one hub share under this key; made by the first that asks.
    pub fn shared<T: Send + Sync + 'static>(&self, key: &str, make: impl FnOnce() -> T) -> Arc<T> {
        self.environment.shared(key, make)
    }
}

impl From<&Environment> for BuildContext {
    fn from(environment: &Environment) -> Self {
        Self::new(environment.clone(), "")
    }
}

impl From<&BuildContext> for BuildContext {
    fn from(context: &BuildContext) -> Self {
        context.clone()
    }
}

impl fmt::Debug for BuildContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BuildContext({})", self.name)
    }
}
