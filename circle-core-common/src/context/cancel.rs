//! Cancellation of a scope of calls.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// Cancels every call that carries it. Dropping a call's future cancels that call alone; this is for scopes.
///
/// ```
/// # use circle_core_common::{CallOptions, Cancel};
/// let cancel = Cancel::new();
/// let options = CallOptions::new().cancel(&cancel);
/// cancel.cancel(); // every call with these options answers `Cancelled`
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Clone)]
pub struct Cancel {
    signal: Arc<watch::Sender<bool>>,
}

impl Cancel {
    /// Not cancelled yet.
    #[must_use]
    pub fn new() -> Self {
        Self { signal: Arc::new(watch::Sender::new(false)) }
    }

    /// Cancels, for good.
    pub fn cancel(&self) {
        self.signal.send_replace(true);
    }

    /// Whether it is cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.signal.borrow()
    }

    /// Completes once it is cancelled.
    pub async fn cancelled(&self) {
        let mut signal = self.signal.subscribe();
        // The sender is alive: it is `self`.
        let _ = signal.wait_for(|cancelled| *cancelled).await;
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&Cancel> for Cancel {
    fn from(cancel: &Cancel) -> Self {
        cancel.clone()
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cancel({})", self.is_cancelled())
    }
}
