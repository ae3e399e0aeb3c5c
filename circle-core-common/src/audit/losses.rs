//! The count of lost records, and a warning that does not flood.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;

/// Counts lost records and warns of them, at most once in ten seconds.
#[derive(Debug)]
pub(crate) struct Losses {
    count: AtomicU64,
    warned: Mutex<Option<Instant>>,
}

impl Losses {
    const QUIET: Duration = Duration::from_secs(10);

    pub(crate) const fn new() -> Self {
        Self { count: AtomicU64::new(0), warned: Mutex::new(None) }
    }

    /// How many so far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts so many more, lost for this reason.
    pub(crate) fn note(&self, records: u64, error: &Error) {
        let lost = self.count.fetch_add(records, Ordering::Relaxed) + records;
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() >= Self::QUIET) {
            *warned = Some(Instant::now());
            drop(warned);
            tracing::warn!(target: "circle::audit", %error, lost, "audit records were lost");
        }
    }
}
