//! The services of an application: built from a config, handed out by name.

mod audit;
mod builder;
mod health;
mod plan;
mod start;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use circle_core_common::interfaces::secret_store::SecretStores;
use circle_core_common::{
    CallContext, CallOptions, Environment, Error, ErrorKind, Handle, Reason, Result, Service, Tick, config, operations,
};
use tokio::task::JoinSet;

pub use self::builder::HubBuilder;
pub use self::health::{HealthReport, ServiceHealth};
pub(crate) use self::plan::sections;

operations! {
    "Hub" => {
        /// Asks a provider how it is.
        HEALTH = "hub.health", Read;
        /// Closes a provider.
        CLOSE = "hub.close", Admin;
    }
}

/// How long a service may take to say how it is.
const HEALTH_WITHIN: Duration = Duration::from_secs(5);

/// The services of an application. Cheap to clone; handles got from it share its providers, clock, audit and access
/// control.
///
/// ```no_run
/// # async fn example() -> circle_core::Result<()> {
/// use circle_core::prelude::*;
/// let hub = Hub::from_file("circle.toml").await?;
/// let files: ObjectStore = hub.get("documents")?;
/// println!("{}", hub.health().await);
/// hub.shutdown(Duration::from_secs(20)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    environment: Environment,
    services: BTreeMap<String, Slot>,
    /// The order of building; closing is the reverse.
    order: Vec<String>,
    /// The tasks that start what could not be reached, and the first probes.
    background: Mutex<JoinSet<()>>,
}

#[derive(Clone)]
struct Slot {
    name: String,
    provider: String,
    service: Service,
    /// Further handles that the application brought under the same name, for an orderly end.
    more: Vec<Service>,
    required: bool,
}

impl Slot {
    fn all(&self) -> impl Iterator<Item = &Service> {
        self.more.iter().rev().chain([&self.service])
    }
}

impl Hub {
    fn new(environment: Environment, services: BTreeMap<String, Slot>, order: Vec<String>, background: JoinSet<()>) -> Self {
        Self { inner: Arc::new(Inner { environment, services, order, background: Mutex::new(background) }) }
    }

    /// The hub of a config file, with the profile from `CIRCLE_PROFILE` and the variables `CIRCLE__…` laid over it.
    ///
    /// # Errors
    /// As [`HubBuilder::build`].
    pub async fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().file(path).environment("CIRCLE").build().await
    }

    /// A hub put together by hand.
    pub fn builder() -> HubBuilder {
        HubBuilder::new()
    }

    /// Validates a config file with a profile, offline: for CI. Variables are not looked at.
    ///
    /// # Errors
    /// `ConfigInvalid` with every problem, not the first.
    pub fn check<'p>(path: impl AsRef<Path>, profile: impl Into<Option<&'p str>>) -> Result<()> {
        let builder = Self::builder().file(path);
        match profile.into() {
            Some(profile) => builder.profile(profile).check(),
            None => builder.check(),
        }
    }

    /// The handle of a service. Touches nothing: handles of one service share one provider.
    ///
    /// # Errors
    /// `NotFound`, reason `UnknownService`, with the names that there are; `ConfigInvalid`, reason `WrongInterface`.
    pub fn get<H: Handle>(&self, name: &str) -> Result<H> {
        match self.inner.services.get(name) {
            Some(slot) => slot.service.get(name),
            None => Err(self.unknown(name)),
        }
    }

    /// The provider of a service itself, for what no interface has; a clone of it, as its handles share it.
    ///
    /// # Errors
    /// As [`get`](Self::get); `ConfigInvalid`, reason `WrongInterface`, for a provider of another type; why the service has not
    /// started.
    pub fn native<P: Clone + 'static>(&self, name: &str) -> Result<P> {
        let slot = self.inner.services.get(name).ok_or_else(|| self.unknown(name))?;
        let provider = slot.service.provider()?;
        circle_core_common::provider::native::<P>(&**provider).cloned().ok_or_else(|| {
            let text = format!("`{name}` is {}, no {}", provider.info().name, std::any::type_name::<P>());
            Error::new(ErrorKind::ConfigInvalid, text).with_reason(Reason::WrongInterface)
        })
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self.inner.services.keys().map(String::as_str).collect();
        let mut text = format!("there is no service `{name}`");
        match config::nearest(name, names.iter().copied()) {
            Some(nearest) => text += &format!(", did you mean `{nearest}`?"),
            None if names.is_empty() => text += "; none is configured",
            None => text += &format!("; there are: {}", names.join(", ")),
        }
        Error::new(ErrorKind::NotFound, text).with_reason(Reason::UnknownService)
    }

    /// The names of the services.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.inner.services.keys().map(String::as_str)
    }

    /// The environment that the services live in.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.inner.environment
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.inner.services.values()
    }

    /// Asks every service how it is, in parallel, each for at most 5 s.
    pub async fn health(&self) -> HealthReport {
        let mut probes = JoinSet::new();
        let mut probed = BTreeMap::new();
        for slot in self.slots() {
            let (environment, asked) = (self.inner.environment.clone(), slot.clone());
            let task = probes.spawn(async move { health::probe(&environment, &asked, HEALTH_WITHIN).await });
            probed.insert(task.id(), slot);
        }
        let mut services = Vec::with_capacity(probed.len());
        while let Some(answer) = probes.join_next().await {
            match answer {
                Ok(health) => services.push(health),
                // A provider that panics is one service's trouble, not the report's.
                Err(error) => {
                    services.extend(probed.get(&error.id()).map(|slot| health::panicked(&self.inner.environment, slot)))
                }
            }
        }
        services.sort_by(|a, b| a.service.cmp(&b.service));
        HealthReport { services }
    }

    /// Asks the services that did not have to answer at the start, so that the first report knows them.
    fn probe_in_background(&self) {
        let mut background = self.inner.background.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in self.slots().filter(|slot| !slot.required) {
            let (environment, slot) = (self.inner.environment.clone(), slot.clone());
            background.spawn(async move {
                let health = health::probe(&environment, &slot, HEALTH_WITHIN).await;
                if let Some(error) = health.error {
                    tracing::warn!(target: "circle", service = slot.name, %error, "the service is not healthy");
                }
            });
        }
    }

    /// Ends the hub: later calls through its handles are `Closed`, and the providers close in the reverse order of
    /// their building. Idempotent.
    ///
    /// # Errors
    /// What could not be closed in order, the first of it; `Timeout` for what was not closed `within` this time.
    /// Everything is asked to close all the same.
    pub async fn shutdown(&self, within: Duration) -> Result<()> {
        let environment = &self.inner.environment;
        environment.close();
        let mut background = std::mem::take(&mut *self.inner.background.lock().unwrap_or_else(PoisonError::into_inner));
        // Waited for: a build that is just ending must not end behind the closing.
        background.shutdown().await;
        // Who reads references holds the stores, which hold the environment that holds him.
        drop(SecretStores::of(environment));
        let deadline = environment.clock().now().after(within);
        // Before the services close: one of them may keep the log's checkpoints.
        let mut result = self.flush_audit(deadline).await;
        for name in self.inner.order.iter().rev() {
            let Some(slot) = self.inner.services.get(name) else { continue };
            for provider in slot.all().filter_map(|service| service.provider().ok()) {
                let cx = CallContext::new(environment, &CLOSE, Some(CallOptions::new().deadline(deadline).into()));
                let closed = cx.guard(provider.close(&cx)).await;
                result = result.and(closed.map_err(|error| error.context(format_args!("closing `{name}`"))));
            }
        }
        // And behind them, for the calls that were under way.
        result.and(self.flush_audit(deadline).await)
    }

    async fn flush_audit(&self, deadline: Tick) -> Result<()> {
        let environment = &self.inner.environment;
        let Some((sink, _)) = environment.audit() else { return Ok(()) };
        let cx = CallContext::new(environment, &CLOSE, Some(CallOptions::new().deadline(deadline).into()));
        cx.guard(sink.flush()).await.map_err(|error| error.context("writing the last audit records"))
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.slots().map(|slot| (&slot.name, &slot.service))).finish()
    }
}
