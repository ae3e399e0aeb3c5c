//! A caller's own judgement of failures.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// What a caller makes of a failed attempt: whether it may pass (`Some`), or what the service's classification says (`None`).
///
/// It can make a call give up earlier or try longer, but not repeat what would have its effect twice: a request that may have
/// arrived is repeated only where that does no harm.
///
/// ```
/// # use circle_core_common::{CallOptions, ErrorKind, RetryOn};
/// // A message that is not there yet: the service needs a moment to see its own write.
/// let soon = RetryOn::new(|error| error.is(ErrorKind::NotFound).then_some(true));
/// let options = CallOptions::new().retry_on(soon);
/// ```
#[derive(Clone)]
pub struct RetryOn(Arc<Judge>);

type Judge = dyn Fn(&Error) -> Option<bool> + Send + Sync;

impl RetryOn {
    /// Judges by `judge`. If that panics, the call ends with `Internal`.
    #[must_use]
    pub fn new(judge: impl Fn(&Error) -> Option<bool> + Send + Sync + 'static) -> Self {
        Self(Arc::new(judge))
    }

    pub(crate) fn judge(&self, error: &Error) -> Result<Option<bool>> {
        catch_unwind(AssertUnwindSafe(|| (self.0)(error)))
            .map_err(|_| Error::new(ErrorKind::Internal, "the call's `retry_on` panicked"))
    }
}

impl fmt::Debug for RetryOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RetryOn(_)")
    }
}
