//! What the calls of a service came to.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::slo::{Meter, Slo, SloReport};
use super::usage::{Account, Usage};
use crate::clock::Clock;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind};
use crate::telemetry::Labels;

/// How many tenants of a service are counted apart.
const TENANTS: usize = 100;

/// What the calls of one service came to since the start; all its handles count together.
#[derive(Debug)]
pub struct ServiceStats {
    service: Box<str>,
    /// Of calls on nobody's behalf.
    nobody: Account,
    tenants: Labels<Account>,
    meter: OnceLock<Box<Meter>>,
    last_error: Mutex<Option<Error>>,
}

impl ServiceStats {
    fn new(service: &str) -> Self {
        Self {
            service: service.into(),
            nobody: Account::new(service, ""),
            tenants: Labels::new(TENANTS),
            meter: OnceLock::new(),
            last_error: Mutex::new(None),
        }
    }

    /// The stats of the service of this name; handles without a name count each for itself.
    #[must_use]
    pub fn of(environment: &Environment, service: &str) -> Arc<Self> {
        let new = || Self::new(service);
        if service.is_empty() { Arc::new(new()) } else { environment.shared(service, new) }
    }

    fn sum(&self, of: impl Fn(&Account) -> u64) -> u64 {
        of(&self.nobody) + self.tenants.all().iter().map(|(_, account)| of(account)).sum::<u64>()
    }

    /// Calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.sum(Account::calls)
    }

    /// Calls that failed on the service's side.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.sum(Account::failures)
    }

    /// The last call that failed on the service's side.
    #[must_use]
    pub fn last_error(&self) -> Option<Error> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the calls used: those on nobody's behalf first, where there are any, then by tenant. The first hundred tenants are
    /// told apart.
    #[must_use]
    pub fn usage(&self) -> Vec<Usage> {
        let nobody = Some(self.nobody.usage()).filter(|usage| *usage != Usage::default());
        nobody.into_iter().chain(self.tenants.all().iter().map(|(_, account)| account.usage())).collect()
    }

    /// Measures the calls against objectives from now on. The first that are given stay.
    pub fn measure(&self, slo: &Slo) {
        self.meter.get_or_init(|| Box::new(Meter::new(&self.service, slo)));
    }

    /// How the calls stand against their objectives, where there are any; the gauges of metrics are set to the same.
    #[must_use]
    pub fn objectives(&self, clock: &Clock) -> Option<SloReport> {
        self.meter.get().map(|meter| meter.report(clock.now().since_start()))
    }

    /// Runs `count` with the account of a tenant.
    pub(crate) fn account<R>(&self, tenant: Option<&Arc<str>>, count: impl FnOnce(&Account) -> R) -> R {
        match tenant {
            None => count(&self.nobody),
            Some(tenant) => count(&self.of_tenant(tenant)),
        }
    }

    /// The account of a tenant, to keep.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Arc<Account> {
        self.tenants.get(tenant, |tenant| Account::new(&self.service, tenant))
    }

    /// Counts a call in an account of this service.
    pub(super) fn count(&self, account: Option<&Account>, error: Option<&Error>, heard: bool) {
        let fault = error.filter(|error| error.kind().is_service_fault());
        account.unwrap_or(&self.nobody).call(fault.is_some(), heard);
        if let Some(error) = fault {
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }

    /// Whether calls are measured against objectives.
    #[inline]
    pub(super) fn is_measured(&self) -> bool {
        self.meter.get().is_some()
    }

    /// Measures a call that began at `started` and took so long. One that the caller ended early says nothing.
    pub(super) fn judge(&self, started: Duration, took: Duration, error: Option<ErrorKind>) {
        if let Some(meter) = self.meter.get()
            && error != Some(ErrorKind::Cancelled)
        {
            meter.record(started.saturating_add(took), took, error.is_some_and(ErrorKind::is_service_fault));
        }
    }
}
