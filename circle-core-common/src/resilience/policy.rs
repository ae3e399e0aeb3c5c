//! The policies of one service.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
#[cfg(feature = "http")]
use std::time::Duration;

use tracing::Span;

#[cfg(feature = "http")]
use super::Lasting;
use super::endpoints::Endpoints;
use super::machine::Machine;
use super::telemetry::Telemetry;
use super::{
    Attempt, Attempts, Endpoint, EndpointState, OperationSettings, Permit, RateLimitStore, RemoteOperation, Resilience, Resolved,
};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;

/// The policies of one service: values, and one state for each endpoint. Cheap to clone; clones share everything.
///
/// A provider gets it from [`BuildContext::policy`](crate::BuildContext::policy) and makes its requests through it:
///
/// ```
/// # use circle_core_common::{BuildContext, CallContext, Environment, Result, operations};
/// # use circle_core_common::resilience::{Idempotency, Policy, RemoteOperation};
/// static PING: RemoteOperation = RemoteOperation::new("acme.Ping", Idempotency::Safe, "/ping");
///
/// # async fn request() -> Result<u32> { Ok(7) }
/// async fn ping(policy: &Policy, cx: &CallContext) -> Result<u32> {
///     policy.run(cx, &PING, |_attempt| request()).await
/// }
/// ```
#[derive(Clone)]
pub struct Policy {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Resolved,
    /// Those of single operations; few, or none.
    operations: Box<[OfOperation]>,
    telemetry: Arc<Telemetry>,
    endpoints: Endpoints,
    rates: Option<Arc<dyn RateLimitStore>>,
    /// The endpoint of a service that has one.
    only: OnceLock<Arc<Endpoint>>,
}

/// The values of one remote operation.
struct OfOperation {
    name: Box<str>,
    settings: Resolved,
    /// Whether its own timeouts were chosen: these hold for requests too that last by their nature.
    attempt_timeout: bool,
    total_timeout: bool,
}

impl Inner {
    #[inline]
    fn of(&self, operation: &str) -> Option<&OfOperation> {
        self.operations.iter().find(|of| *of.name == *operation)
    }
}

/// The policy of the service of a name, for its health.
#[derive(Default)]
struct Current(Mutex<Option<Policy>>);

/// What a request came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Done<'a, T> {
    /// The answer.
    pub output: T,
    /// The place of the attempt, still held: dropped at once, or kept while the answer is still being read.
    pub permit: Permit<'a>,
    /// How many attempts it took.
    pub attempts: u32,
}

impl Policy {
    /// The policies of a service; a provider gets them from [`BuildContext::policy`](crate::BuildContext::policy).
    #[must_use]
    pub fn new(environment: &Environment, service: &str, resilience: &Resilience) -> Self {
        Self::made(environment, service, resilience, None)
    }

    /// As [`new`](Self::new), with the rate of `rate_limit` kept in a store, so that whoever uses the same store under the same
    /// name of a service shares it. [`BuildContext::rates`](crate::BuildContext::rates) gives it to a provider.
    #[must_use]
    pub fn sharing(environment: &Environment, service: &str, resilience: &Resilience, rates: Arc<dyn RateLimitStore>) -> Self {
        Self::made(environment, service, resilience, Some(rates))
    }

    fn made(environment: &Environment, service: &str, resilience: &Resilience, rates: Option<Arc<dyn RateLimitStore>>) -> Self {
        let policy = Self {
            inner: Arc::new(Inner {
                settings: resilience.resolved(),
                operations: resilience.operations.iter().map(|(name, own)| of_operation(resilience, name, own)).collect(),
                telemetry: Arc::new(Telemetry::new(environment, service)),
                endpoints: Endpoints::default(),
                rates,
                only: OnceLock::new(),
            }),
        };
        if !service.is_empty() {
            let current = environment.shared(service, Current::default);
            *current.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(policy.clone());
        }
        policy
    }

    /// The policies of the service of this name, where it has any.
    #[must_use]
    pub fn of(environment: &Environment, service: &str) -> Option<Self> {
        let current = environment.shared(service, Current::default);
        let policy = current.0.lock().unwrap_or_else(PoisonError::into_inner);
        policy.clone()
    }

    /// How long a request of this remote operation may take in all.
    #[cfg(feature = "http")]
    pub(crate) fn total_timeout(&self, operation: &str, lasting: Lasting) -> Option<Duration> {
        match self.inner.of(operation) {
            Some(of) if of.total_timeout => of.settings.total_timeout,
            of => lasting.total_timeout.or(of.map_or(&self.inner.settings, |of| &of.settings).total_timeout),
        }
    }

    /// The values that hold for the service.
    #[must_use]
    pub fn resolved(&self) -> &Resolved {
        &self.inner.settings
    }

    /// The values that hold for one remote operation, such as `s3.GetObject`; [`Resolved::with`] tells those of a call.
    #[must_use]
    pub fn resolved_for(&self, operation: &str) -> &Resolved {
        self.inner.of(operation).map_or(&self.inner.settings, |of| &of.settings)
    }

    /// The endpoint of this key, made when it is first asked for. Of very many, those are forgotten that were not used
    /// for long; whoever holds one keeps it.
    #[must_use]
    pub fn endpoint(&self, key: &str) -> Arc<Endpoint> {
        let inner = &*self.inner;
        inner.endpoints.get(key, &inner.settings, &inner.telemetry, inner.rates.as_ref())
    }

    /// How every endpoint is, by key.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointState> {
        self.inner.endpoints.all().iter().map(|endpoint| endpoint.state()).collect()
    }

    /// Makes a request of a service that has one endpoint.
    ///
    /// `attempt` is called once per attempt; what it needs is borrowed: `|_| self.query(&request)`. An operation that is
    /// [`Keyed`](super::Idempotency::Keyed) sends [`CallContext::operation_id`] with each.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn run<T, F, Fut>(&self, cx: &CallContext, operation: &'static RemoteOperation, attempt: F) -> Result<T>
    where
        F: Fn(Attempt) -> Fut + Sync,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let endpoint = self.inner.only.get_or_init(|| self.endpoint(""));
        let work = Closure { attempt, telemetry: &self.inner.telemetry };
        self.execute(cx, operation, endpoint, &work).await.map(|done| done.output)
    }

    /// Makes a request at an endpoint: every policy in the contracted order around `work`.
    ///
    /// The deadline is the caller's; without one it is the policy's total timeout, from now on.
    ///
    /// # Errors
    /// The last attempt's error with the number of attempts; why it was not repeated is its reason: `RetryBudget`,
    /// `BodyConsumed`. `Timeout`, `Cancelled`. What refused it: `Unavailable` with `BreakerOpen`, `RateLimited` with
    /// `LocalRateLimit` or `BulkheadFull`; after an attempt, that attempt's error is the source. `OutcomeUnknown` with the
    /// operation id for a request that must not be repeated and may have arrived.
    pub async fn execute<'a, A: Attempts>(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        endpoint: &'a Arc<Endpoint>,
        work: &A,
    ) -> Result<Done<'a, A::Output>> {
        let (mut settings, mut lasting) = (&self.inner.settings, work.lasting());
        if let Some(of) = self.inner.of(operation.name()) {
            settings = &of.settings;
            lasting.attempt_timeout = lasting.attempt_timeout.filter(|_| !of.attempt_timeout);
            lasting.total_timeout = lasting.total_timeout.filter(|_| !of.total_timeout);
        }
        let mut machine = Machine::new(cx, operation, endpoint, settings, lasting, work.limited_as());
        machine.begin()?;
        loop {
            // An answer is returned from where it comes: brought together first, each would be copied once more.
            let failed = match machine.hedge_delay() {
                Some(delay) => match Box::pin(machine.hedged(work, delay)).await {
                    Ok((output, permit)) => return Ok(Done { output, permit, attempts: machine.succeeded() }),
                    Err(failed) => failed,
                },
                None => match machine.round(work).await {
                    Ok((output, permit)) => return Ok(Done { output, permit, attempts: machine.succeeded() }),
                    Err(failed) => failed,
                },
            };
            Box::pin(machine.recover(failed, work)).await?;
        }
    }
}

fn of_operation(resilience: &Resilience, name: &str, own: &OperationSettings) -> OfOperation {
    OfOperation {
        name: name.into(),
        settings: resilience.resolved_for(name),
        attempt_timeout: own.attempt_timeout.is_some(),
        total_timeout: own.total_timeout.is_some(),
    }
}

/// A closure as [`Attempts`].
struct Closure<'p, F> {
    attempt: F,
    telemetry: &'p Telemetry,
}

impl<T: Send, F: Fn(Attempt) -> Fut + Sync, Fut: Future<Output = Result<T>> + Send> Attempts for Closure<'_, F> {
    type Output = T;

    fn attempt(&self, attempt: Attempt) -> impl Future<Output = Result<T>> + Send {
        (self.attempt)(attempt)
    }

    fn span(&self, operation: &'static RemoteOperation, attempt: Attempt) -> Span {
        self.telemetry.span(operation, attempt)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({}: {:?})", self.inner.telemetry.service(), self.inner.settings)
    }
}
