//! What outlives a call: clock, randomness, access control, audit, and what the services of one hub share.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
#[cfg(feature = "http")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::AccessControl;
use crate::audit::{AuditMode, AuditSink};
use crate::clock::Clock;
use crate::credentials::{SecretResolver, SecretResolvers};
#[cfg(feature = "http")]
use crate::http::{HttpTransport, Interceptor, Transport};
use crate::random::Random;
use crate::resilience::Observer;
use crate::telemetry::Propagator;

/// Everything around a call that is not the call: one per hub, cheap to clone, complete by default.
///
/// ```
/// use circle_core_common::Environment;
/// let environment = Environment::default(); // real clock, no access rules, no audit
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    parts: Arc<Parts>,
}

#[derive(Clone, Default)]
struct Parts {
    clock: Clock,
    random: Random,
    access: Option<Arc<dyn AccessControl>>,
    audit: Option<(Arc<dyn AuditSink>, AuditMode)>,
    observer: Option<Arc<dyn Observer>>,
    propagator: Option<Arc<dyn Propagator>>,
    #[cfg(feature = "http")]
    transport: Arc<OnceLock<Arc<dyn Transport>>>,
    #[cfg(feature = "http")]
    interceptors: Option<Arc<[Arc<dyn Interceptor>]>>,
    secrets: SecretResolvers,
    shared: Arc<Mutex<Shared>>,
    closed: Arc<AtomicBool>,
}

type Shared = HashMap<(TypeId, String), Arc<dyn Any + Send + Sync>>;

impl Environment {
    /// A builder that starts from the defaults.
    pub fn builder() -> EnvironmentBuilder {
        EnvironmentBuilder { parts: Parts::default() }
    }

    /// A builder that starts from this environment; what is shared stays shared.
    pub fn to_builder(&self) -> EnvironmentBuilder {
        EnvironmentBuilder { parts: (*self.parts).clone() }
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.parts.clock
    }

    /// The random source.
    #[must_use]
    pub fn random(&self) -> &Random {
        &self.parts.random
    }

    /// The access control, where it is switched on.
    #[must_use]
    pub fn access(&self) -> Option<&dyn AccessControl> {
        self.parts.access.as_deref()
    }

    /// The audit sink and its mode, where audit is switched on.
    #[must_use]
    pub fn audit(&self) -> Option<(&dyn AuditSink, AuditMode)> {
        self.parts.audit.as_ref().map(|(sink, mode)| (&**sink, *mode))
    }

    /// Who hears what the policies do.
    #[must_use]
    pub fn observer(&self) -> Option<&Arc<dyn Observer>> {
        self.parts.observer.as_ref()
    }

    /// Who says which trace a request belongs to.
    #[must_use]
    pub fn propagator(&self) -> Option<&Arc<dyn Propagator>> {
        self.parts.propagator.as_ref()
    }

    /// The transport of HTTP requests: the application's own, or one [`HttpTransport`] made when it is first asked for.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(self.parts.transport.get_or_init(|| Arc::new(HttpTransport::default())))
    }

    /// Who sees every HTTP attempt.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn interceptors(&self) -> Arc<[Arc<dyn Interceptor>]> {
        self.parts.interceptors.clone().unwrap_or_default()
    }

    /// Who reads references into secret stores.
    #[must_use]
    pub fn secret_resolvers(&self) -> &SecretResolvers {
        &self.parts.secrets
    }

    /// What the services of one hub share under this key, made by the first that asks: a pool, a credential cache.
    ///
    /// `make` runs under the lock of the table, so it must not ask for another shared value.
    pub fn shared<T: Send + Sync + 'static>(&self, key: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut table = self.parts.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = (TypeId::of::<T>(), key.to_owned());
        if let Some(Ok(found)) = table.get(&slot).map(|value| Arc::clone(value).downcast::<T>()) {
            return found;
        }
        let made = Arc::new(make());
        table.insert(slot, Arc::clone(&made) as Arc<dyn Any + Send + Sync>);
        made
    }

    /// The same environment without what is shared: for what is itself shared, which would keep the whole alive for ever.
    #[must_use]
    pub fn sharing_nothing(&self) -> Self {
        Self { parts: Arc::new(Parts { shared: Arc::default(), ..(*self.parts).clone() }) }
    }

    /// Whether the hub of this environment has shut down; calls answer `Closed` from then on.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.parts.closed.load(Ordering::Acquire)
    }

    /// Turns every later call through handles of this environment into `Closed`.
    pub fn close(&self) {
        self.parts.closed.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("clock", &self.parts.clock)
            .field("random", &self.parts.random)
            .field("access", &self.parts.access.is_some())
            .field("audit", &self.parts.audit.as_ref().map(|(_, mode)| mode))
            .finish_non_exhaustive()
    }
}

impl From<&Environment> for Environment {
    fn from(environment: &Environment) -> Self {
        environment.clone()
    }
}

/// Builds an [`Environment`].
#[must_use]
pub struct EnvironmentBuilder {
    parts: Parts,
}

impl EnvironmentBuilder {
    /// Takes time from this clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.parts.clock = clock;
        self
    }

    /// Takes randomness from this source.
    pub fn random(mut self, random: Random) -> Self {
        self.parts.random = random;
        self
    }

    /// Asks this access control before every call.
    pub fn access(self, access: impl AccessControl) -> Self {
        self.access_arc(Arc::new(access))
    }

    /// Asks this policy engine before every call.
    pub fn authorizer(self, engine: impl crate::access::Authorizer) -> Self {
        self.access(crate::access::Asking(engine))
    }

    /// As [`access`](Self::access), for one that is shared already.
    pub fn access_arc(mut self, access: Arc<dyn AccessControl>) -> Self {
        self.parts.access = Some(access);
        self
    }

    /// Writes every call into this sink.
    pub fn audit(self, sink: impl AuditSink, mode: AuditMode) -> Self {
        self.audit_arc(Arc::new(sink), mode)
    }

    /// As [`audit`](Self::audit), for a sink that is shared already.
    pub fn audit_arc(mut self, sink: Arc<dyn AuditSink>, mode: AuditMode) -> Self {
        self.parts.audit = Some((sink, mode));
        self
    }

    /// Writes no records: for what a sink calls itself.
    pub fn without_audit(mut self) -> Self {
        self.parts.audit = None;
        self
    }

    /// Tells this observer what the policies do.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.parts.observer = Some(Arc::new(observer));
        self
    }

    /// Asks this propagator which trace a request belongs to.
    pub fn propagator(mut self, propagator: impl Propagator) -> Self {
        self.parts.propagator = Some(Arc::new(propagator));
        self
    }

    /// Reads references of this scheme into a secret store, such as `vault`, with `resolver`.
    pub fn secret_resolver(self, scheme: impl Into<String>, resolver: impl SecretResolver) -> Self {
        self.parts.secrets.insert(scheme, Arc::new(resolver));
        self
    }

    /// Sends HTTP requests through this transport.
    #[cfg(feature = "http")]
    pub fn transport(self, transport: impl Transport) -> Self {
        self.transport_arc(Arc::new(transport))
    }

    /// As [`transport`](Self::transport), for one that is shared already.
    #[cfg(feature = "http")]
    pub fn transport_arc(mut self, transport: Arc<dyn Transport>) -> Self {
        self.parts.transport = Arc::new(OnceLock::from(transport));
        self
    }

    /// Shows every HTTP attempt to this interceptor too, after those that were added before.
    #[cfg(feature = "http")]
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> Self {
        let earlier = self.parts.interceptors.take().unwrap_or_default();
        let added: Arc<dyn Interceptor> = Arc::new(interceptor);
        self.parts.interceptors = Some(earlier.iter().cloned().chain([added]).collect());
        self
    }

    /// Gives the new environment a life of its own: closing it does not close the one it was made from, nor back.
    pub fn own_lifetime(mut self) -> Self {
        self.parts.closed = Arc::default();
        self
    }

    /// The environment.
    #[must_use]
    pub fn build(self) -> Environment {
        Environment { parts: Arc::new(self.parts) }
    }
}

impl fmt::Debug for EnvironmentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnvironmentBuilder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_values_are_made_once_per_type_and_key() {
        let environment = Environment::default();
        let first = environment.shared("pool", || 1_u32);
        assert!(Arc::ptr_eq(&first, &environment.clone().shared("pool", || 2_u32)));
        assert_eq!(*environment.shared("other", || 3_u32), 3);
        assert_eq!(*environment.shared("pool", || 4_u64), 4);
    }

    #[test]
    fn a_life_of_its_own_closes_alone() {
        let outer = Environment::default();
        let inner = outer.to_builder().own_lifetime().build();
        inner.close();
        assert!(inner.is_closed() && !outer.is_closed());
    }
}
