//! What happened during a call, for callers who want to know.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::identifier::OperationId;
use crate::interfaces::chat_model::Usage;

/// Filled by the calls that carry it.
///
/// ```
/// # use circle_core_common::{CallOptions, CallReport};
/// let report = CallReport::new();
/// let options = CallOptions::new().report(&report);
/// // … a call …
/// println!("{} attempts", report.get().attempts);
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallReport {
    report: Arc<Mutex<Report>>,
}

/// What a [`CallReport`] holds. Several calls add up.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Calls of the provider.
    pub calls: u32,
    /// Attempts of all of them; more than `calls` where some were repeated.
    pub attempts: u32,
    /// The waits before repetitions and in queues, in order.
    pub waits: Vec<Duration>,
    /// The services' request ids, in order.
    pub request_ids: Vec<String>,
    /// The capabilities that were emulated.
    pub emulated: Vec<&'static str>,
    /// Calls that were answered from a cache of the application's.
    pub cached: u32,
    /// Requests that were answered by what was kept of an earlier answer, fresh, confirmed or in place of a failure.
    pub from_cache: u32,
    /// Calls and requests that got the answer of an equal one at the same time, which was made once for both.
    pub coalesced: u32,
    /// The tokens of the calls of models; unknown where one of them did not say.
    pub usage: Option<Usage>,
    /// The id of the last write.
    pub operation_id: Option<OperationId>,
}

impl Report {
    /// Adds the tokens of one call.
    pub fn add_usage(&mut self, usage: &Usage) {
        self.usage = Some(self.usage.map_or(*usage, |sum| sum.plus(usage)));
    }
}

impl CallReport {
    /// An empty report.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is reported so far.
    #[must_use]
    pub fn get(&self) -> Report {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, note: impl FnOnce(&mut Report)) {
        note(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl From<&CallReport> for CallReport {
    fn from(report: &CallReport) -> Self {
        report.clone()
    }
}
