//! The scope around every call of a handle: access control, span, metrics, audit, deadline, cancellation.
//!
//! A handle's method is `let call = self.core.start(&GET, resource).await?; let result =
//! call.guard(provider.get(call.cx(), request)).await; call.finish(result).await`. Dropping an unfinished [`Call`] *is*
//! the record of its cancellation.

mod admission;
mod call;
mod resources;
mod stats;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Key, Level, Metadata};

pub use call::Call;
pub use resources::Resources;
pub use stats::ServiceStats;

use crate::audit::Losses;
use crate::context::{CallContext, CallOptions};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::Operation;
use crate::units::Timestamp;

/// The histogram of call durations, in seconds; labels: operation, service, provider, and `error.type` on failure.
pub const CALL_DURATION: &str = "circle.call.duration";

static CALL_DURATION_METADATA: Metadata<'static> = Metadata::new("circle", Level::INFO, Some(module_path!()));

/// What every handle holds besides its provider.
#[derive(Clone)]
pub struct HandleCore {
    shared: Arc<Shared>,
    options: Option<Arc<CallOptions>>,
}

struct Shared {
    environment: Environment,
    service: Arc<str>,
    provider: &'static str,
    stats: Arc<ServiceStats>,
    /// Whether access control or audit is on.
    guarded: bool,
    /// Records that the audit sink refused.
    lost: Losses,
    /// Metric keys, made at the first call of each operation; an exporter may be installed at any time, so the
    /// instruments themselves are looked up at every call.
    keys: [OnceLock<Key>; Operation::MAX_PER_INTERFACE],
}

impl HandleCore {
    /// The core of a handle over a provider with this id, in this environment; `service` is the configured name.
    #[must_use]
    pub fn new(environment: Environment, service: impl Into<Arc<str>>, provider: &'static str) -> Self {
        let service: Arc<str> = service.into();
        let shared = Shared {
            stats: ServiceStats::of(&environment, &service),
            guarded: environment.access().is_some() || environment.audit().is_some(),
            lost: Losses::new(),
            environment,
            service,
            provider,
            keys: [const { OnceLock::new() }; Operation::MAX_PER_INTERFACE],
        };
        Self { shared: Arc::new(shared), options: None }
    }

    /// The same core with these options merged over its own.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        let options = match self.options.as_deref() {
            Some(base) => options.over(base),
            None => options,
        };
        Self { shared: Arc::clone(&self.shared), options: Some(Arc::new(options)) }
    }

    /// The same core with its timeout turned into a deadline from now: for a method that makes several calls, all of
    /// which the one timeout bounds.
    #[must_use]
    pub fn bounded(&self) -> Self {
        match self.options.as_deref() {
            Some(options) if options.timeout.is_some() => {
                let deadline = options.deadline_after(self.shared.environment.clock().now());
                let options = CallOptions { timeout: None, deadline, ..options.clone() };
                Self { shared: Arc::clone(&self.shared), options: Some(Arc::new(options)) }
            }
            _ => self.clone(),
        }
    }

    /// Waits between two calls, within the deadline and the cancellation of both.
    ///
    /// # Errors
    /// `Timeout`, `Cancelled`.
    pub async fn pause(&self, operation: &'static Operation, wait: Duration) -> Result<()> {
        let cx = CallContext::new(&self.shared.environment, operation, self.options.clone());
        let waited = cx.guard(async {
            cx.clock().sleep(wait).await;
            Ok(())
        });
        waited.await.map_err(|error| self.place(error, operation))
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    /// The configured name of the service; empty where there is none.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.shared.service
    }

    /// The provider's id.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.shared.provider
    }

    /// The options of this handle.
    #[must_use]
    pub fn options(&self) -> Option<&CallOptions> {
        self.options.as_deref()
    }

    /// Opens the scope of one call, and gives what it is made with; refused, it ends here and nothing is sent.
    ///
    /// # Errors
    /// `Closed` after shutdown, `Cancelled`, `Timeout` when the deadline has passed already, `InvalidInput` for a
    /// repetition of what has no id, `PermissionDenied` by the access control, `Unavailable` when audit is required and
    /// cannot be written; why there is no provider.
    pub async fn start<'a, P: ?Sized + 'a>(
        &'a self,
        operation: &'static Operation,
        resources: Resources<'_>,
        provider: impl FnOnce() -> Result<&'a P>,
    ) -> Result<(Call<'a>, &'a P)> {
        let mut call = self.open(operation, resources);
        let mut admitted = self.ready(&call.cx);
        if self.shared.guarded && admitted.is_ok() {
            admitted = self.admit(&mut call, resources).await;
        }
        match admitted.and_then(|()| provider()) {
            Ok(provider) => {
                call.open = true;
                call.cx.report(|report| report.calls += 1);
                Ok((call, provider))
            }
            Err(error) => Err(call.refuse(error)),
        }
    }

    fn open(&self, operation: &'static Operation, resources: Resources<'_>) -> Call<'_> {
        let shared = &*self.shared;
        let span = tracing::info_span!(
            target: "circle",
            "call",
            otel.name = operation.name(),
            circle.operation = operation.name(),
            circle.service = &*shared.service,
            circle.provider = shared.provider,
            error.r#type = tracing::field::Empty,
        );
        Call {
            cx: CallContext::new(&shared.environment, operation, self.options.clone()),
            span,
            core: self,
            id: 0,
            at: Timestamp::UNIX_EPOCH,
            source: resources.source().cloned(),
            resource: resources.first().cloned(),
            resources: resources.count(),
            open: false,
        }
    }

    /// What keeps any call from being made.
    fn ready(&self, cx: &CallContext) -> Result<()> {
        if self.shared.environment.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the hub has shut down"));
        }
        if cx.cancel().is_some_and(crate::Cancel::is_cancelled) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled before it started"));
        }
        // Once polled, a call to a provider that answers at once would be made in spite of its deadline.
        if cx.deadline().is_some_and(|deadline| deadline <= cx.started()) {
            return Err(Error::new(ErrorKind::Timeout, "the deadline had passed before it started"));
        }
        if cx.options().is_some_and(|options| options.unrepeatable) {
            let text = "the error given to `CallOptions::repeat` names no operation id: the call would be a second write";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(())
    }

    /// Says in an error where it happened; for what fails before the scope opens, such as validation.
    #[must_use]
    pub fn place(&self, error: Error, operation: &'static Operation) -> Error {
        error.with_place(operation, &self.shared.service, self.shared.provider)
    }
}

impl fmt::Debug for HandleCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandleCore({}: {})", self.shared.service, self.shared.provider)
    }
}
