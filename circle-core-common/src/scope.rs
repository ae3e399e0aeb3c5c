//! The scope around every call of a handle: access control, span, metrics, audit, deadline, cancellation.
//!
//! A handle's method is `let mut call = self.core.open(&GET); let provider = call.start(resources, provider).await?; let
//! result = call.guard(provider.get(call.cx(), request)).await; call.finish(result).await`. Dropping an unfinished [`Call`]
//! *is* the record of its cancellation.

mod admission;
mod call;
mod instruments;
mod resources;
mod slo;
mod stats;
mod usage;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use call::Call;
pub(crate) use instruments::{Model, Taken};
pub use resources::Resources;
pub use slo::{Measured, Objective, ObjectiveReport, Slo, SloReport, SloState};
pub use stats::ServiceStats;
pub(crate) use usage::Account;
pub use usage::Usage;

use crate::audit::{AuditParties, Losses};
use crate::context::{CallContext, CallOptions};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// The histogram of call durations, in seconds; labels: operation, service, provider, and `error.type` on failure.
pub const CALL_DURATION: &str = "circle.call.duration";

/// What every handle holds besides its provider.
#[derive(Clone)]
pub struct HandleCore {
    shared: Arc<Shared>,
    options: Option<Arc<CallOptions>>,
    /// Made at the first record.
    parties: OnceLock<Arc<AuditParties>>,
    /// Where the calls of the tenant are counted; made at the first call that has one.
    account: OnceLock<Arc<Account>>,
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
    instruments: instruments::Instruments,
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
            instruments: instruments::Instruments::new(),
        };
        Self { shared: Arc::new(shared), options: None, parties: OnceLock::new(), account: OnceLock::new() }
    }

    /// The same core with these options merged over its own.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        let options = match self.options.as_deref() {
            Some(base) => options.over(base),
            None => options,
        };
        Self {
            shared: Arc::clone(&self.shared),
            options: Some(Arc::new(options)),
            parties: OnceLock::new(),
            account: OnceLock::new(),
        }
    }

    /// The same core with its timeout turned into a deadline from now: for a method that makes several calls, all of
    /// which the one timeout bounds.
    #[must_use]
    pub fn bounded(&self) -> Self {
        match self.options.as_deref() {
            Some(options) if options.timeout.is_some() => {
                let deadline = options.deadline_after(self.shared.environment.clock().now());
                let options = CallOptions { timeout: None, deadline, ..options.clone() };
                Self { options: Some(Arc::new(options)), ..self.clone() }
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

    /// Who calls whom through this handle.
    fn parties(&self) -> &Arc<AuditParties> {
        self.parties.get_or_init(|| {
            let options = self.options();
            Arc::new(AuditParties {
                principal: options.and_then(|options| options.principal.clone()),
                tenant: options.and_then(|options| options.tenant.clone()),
                service: Arc::clone(&self.shared.service),
                provider: self.shared.provider,
            })
        })
    }

    /// Where the calls of the options' tenant are counted; `None` without one.
    fn account(&self) -> Option<&Arc<Account>> {
        let tenant = self.options()?.tenant.as_deref()?;
        Some(self.account.get_or_init(|| self.shared.stats.of_tenant(tenant)))
    }

    /// Opens the scope of a request that gets a credential, within the load that it belongs to. Nobody is asked whether it may
    /// be: the call that needs the credential was.
    #[cfg(feature = "http")]
    pub(crate) fn open_load(&self, cx: &CallContext) -> Call<'_> {
        Call::within(self, cx.clone())
    }

    /// Opens the scope of one call, which [`Call::start`] then makes.
    pub fn open(&self, operation: &'static Operation) -> Call<'_> {
        Call::new(self, operation)
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
