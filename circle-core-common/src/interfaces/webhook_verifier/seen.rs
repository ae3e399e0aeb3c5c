//! What was handled: marked after success, and claimed meanwhile.

mod process;
mod store;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::interfaces::key_value_store::KeyValueStore;
use process::Process;
use store::Store;

/// How long events are known: longer than services deliver again. Standard Webhooks does for 75 hours and 35 minutes
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>), Stripe for up to three days
/// (<https://docs.stripe.com/webhooks#automatic-retries>).
const KEPT: Duration = Duration::from_secs(4 * 24 * 3600);

/// How long a handler may take before its event is taken up again.
const LEASE: Duration = Duration::from_secs(600);

/// How many events a process knows.
const CAPACITY: usize = 100_000;

/// Which events were handled. Clones share what they know.
///
/// A verified event alone takes a place, so that nobody without a secret can crowd out what is known.
#[derive(Clone)]
pub struct Seen {
    place: Place,
    kept: Duration,
    lease: Duration,
}

#[derive(Clone)]
enum Place {
    Process(Arc<Process>),
    Store(Store),
}

/// What is known of an event.
enum Known<C> {
    /// Nothing: it is claimed now.
    Claimed(C),
    /// It is being handled.
    Busy,
    /// It was handled.
    Seen,
}

impl Seen {
    /// In this process, and gone with it: the last 100,000 events.
    #[must_use]
    pub fn in_process() -> Self {
        Self { place: Place::Process(Arc::new(Process::new(CAPACITY))), kept: KEPT, lease: LEASE }
    }

    /// In this process: so many events, of which the oldest are forgotten; one at least.
    #[must_use]
    pub fn at_most(events: usize) -> Self {
        Self { place: Place::Process(Arc::new(Process::new(events.max(1)))), kept: KEPT, lease: LEASE }
    }

    /// In a store, which several processes share; every key begins with `prefix`.
    #[must_use]
    pub fn in_store(store: KeyValueStore, prefix: impl Into<String>) -> Self {
        Self { place: Place::Store(Store::new(store, prefix.into())), kept: KEPT, lease: LEASE }
    }

    /// Sets how long an event is known; four days by default. One that is delivered again later is handled again.
    #[must_use]
    pub fn kept(mut self, kept: Duration) -> Self {
        self.kept = kept;
        self
    }

    /// Sets after how long an event whose handler has said nothing is taken up again; ten minutes by default. In one process
    /// the end of a handler is never missed, and nothing waits.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    pub(super) async fn once<T, F, Fut>(&self, id: &Arc<str>, clock: &Clock, handler: F) -> Result<Option<T>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        match &self.place {
            Place::Process(process) => {
                let claim = match process.claim(id, clock.now()) {
                    Known::Claimed(claim) => claim,
                    Known::Busy => return Err(busy()),
                    Known::Seen => return Ok(None),
                };
                let value = handler().await?;
                claim.complete(clock.now().after(self.kept));
                Ok(Some(value))
            }
            Place::Store(store) => {
                let claim = match store.claim(id, self.lease).await? {
                    Known::Claimed(claim) => claim,
                    Known::Busy => return Err(busy()),
                    Known::Seen => return Ok(None),
                };
                match handler().await {
                    Ok(value) => store.complete(&claim, self.kept).await.map(|()| Some(value)).map_err(unmarked),
                    Err(error) => {
                        // The handler's error says more; what stays claimed is free again after the lease.
                        let _ = store.release(claim).await;
                        Err(error)
                    }
                }
            }
        }
    }
}

fn busy() -> Error {
    let text = "another delivery of the event is being handled: answer with an error, so that it comes again";
    Error::new(ErrorKind::Conflict, text).with_reason(Reason::ConflictingRequest).with_retryable(true)
}

fn unmarked(error: Error) -> Error {
    let text = "the event was handled, but could not be marked as seen";
    Error::new(ErrorKind::Unavailable, text).with_sent(Sent::Yes).with_retryable(false).with_source(error)
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Process(process) => write!(f, "Seen(in process, {} events)", process.len()),
            Place::Store(store) => write!(f, "Seen({store:?})"),
        }
    }
}

#[cfg(test)]
mod tests;
