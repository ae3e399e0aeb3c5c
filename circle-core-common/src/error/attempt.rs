//! The attempts of a call that failed.

use std::time::Duration;

use super::Error;

/// One attempt that failed, of a call that made several: [`Error::failed_attempts`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedAttempt {
    /// Which it was; the first is 1.
    pub number: u32,
    /// Whether it was started beside one that was still running.
    pub hedged: bool,
    /// How long after the beginning of the request it went out: waits and attempts before it.
    pub after: Duration,
    /// How long it took.
    pub took: Duration,
    /// Why it failed.
    pub cause: Error,
}
