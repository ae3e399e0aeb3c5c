//! What the calls of a service came to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::environment::Environment;
use crate::error::Error;

/// What the calls of one service came to since the start; all its handles count together.
#[derive(Debug, Default)]
pub struct ServiceStats {
    calls: AtomicU64,
    failures: AtomicU64,
    last_error: Mutex<Option<Error>>,
}

impl ServiceStats {
    /// The stats of the service of this name; handles without a name count each for itself.
    #[must_use]
    pub fn of(environment: &Environment, service: &str) -> Arc<Self> {
        if service.is_empty() { Arc::default() } else { environment.shared(service, Self::default) }
    }

    /// Calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Calls that failed on the service's side.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// The last call that failed on the service's side.
    #[must_use]
    pub fn last_error(&self) -> Option<Error> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count(&self, error: Option<&Error>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(error) = error.filter(|error| error.kind().is_service_fault()) {
            self.failures.fetch_add(1, Ordering::Relaxed);
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }
}
