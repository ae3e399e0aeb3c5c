//! What every provider is, whatever it offers.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;

/// Implemented once per provider; each interface's provider trait has it as supertrait.
///
/// A provider may assume valid input, a checked capability and a deadline that the handle enforces. It makes one
/// attempt per remote call: it does not retry, sleep, cache, log secrets or spawn unbounded work.
#[async_trait]
pub trait Provider: Any + Send + Sync {
    /// Who it is and what it talks to.
    fn info(&self) -> &ProviderInfo;

    /// The environment that it was built in.
    fn environment(&self) -> &Environment;

    /// Makes one cheap call to see whether the service answers.
    ///
    /// # Errors
    /// Whatever that call says.
    async fn health(&self, cx: &CallContext) -> Result<Health>;

    /// Ends the provider: calls after it are `Closed`. Idempotent.
    ///
    /// # Errors
    /// What could not be ended in an orderly way.
    async fn close(&self, cx: &CallContext) -> Result<()>;

    /// The provider that this one decorates, so that `handle.native::<T>()` finds it.
    fn inner(&self) -> Option<&dyn Provider> {
        None
    }
}

/// The provider of type `T` at or below this one.
#[must_use]
pub fn native<T: Any>(provider: &dyn Provider) -> Option<&T> {
    let mut next = Some(provider);
    while let Some(provider) = next {
        let any: &dyn Any = provider;
        if let Some(found) = any.downcast_ref() {
            return Some(found);
        }
        next = provider.inner();
    }
    None
}

/// Who a provider is.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderInfo {
    /// The service id: `s3`.
    pub name: &'static str,
    /// The version of the provider's crate.
    pub version: &'static str,
    /// Host and resource, without query and user-info: `acme-documents@eu-west-1`.
    pub target: String,
}

impl ProviderInfo {
    /// Who a provider is; `version` is `env!("CARGO_PKG_VERSION")`.
    #[must_use]
    pub fn new(name: &'static str, version: &'static str, target: impl Into<String>) -> Self {
        Self { name, version, target: target.into() }
    }
}

/// `s3 acme-documents@eu-west-1`.
impl fmt::Display for ProviderInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.target.is_empty() { Ok(()) } else { write!(f, " {}", self.target) }
    }
}

impl fmt::Debug for ProviderInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderInfo({self} v{})", self.version)
    }
}

/// How a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether it serves.
    pub state: HealthState,
    /// How long its answer took.
    pub latency: Option<Duration>,
    /// What else there is to say, in one line.
    pub note: Option<String>,
}

/// Whether a service serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthState {
    /// It serves.
    Healthy,
    /// It serves in part.
    Impaired,
    /// It has not started yet; the hub keeps trying.
    Degraded,
    /// It does not serve.
    Unhealthy,
}

impl Health {
    /// It serves.
    #[must_use]
    pub const fn healthy() -> Self {
        Self { state: HealthState::Healthy, latency: None, note: None }
    }

    /// It is in this state, for this reason.
    #[must_use]
    pub fn new(state: HealthState, note: impl Into<String>) -> Self {
        Self { state, latency: None, note: Some(note.into()) }
    }
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Impaired => "impaired",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        })
    }
}
