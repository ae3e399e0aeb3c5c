//! The cache in front of every credential source.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use super::flight::{Flight, Loaded};
use super::{CredentialSource, LOAD, Lease};
use crate::clock::Tick;
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result, Sent};
use crate::units::Timestamp;

/// How long one load may take; a source that hangs must not hold its callers for ever.
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A credential counts as expired so long before its end: clocks differ, and a request takes time to arrive.
const SKEW: Duration = Duration::from_secs(30);
/// A refresh starts at least so long before the end, or with a fifth of the life left.
const REFRESH_MARGIN: Duration = Duration::from_secs(60);
/// The longest time for which a failure that will not pass by itself is answered from memory.
const REFUSAL_MAX: Duration = Duration::from_secs(30);
/// How often a source is asked at most that wants to be asked again at once.
const REFRESH_PAUSE: Duration = Duration::from_secs(1);
/// The longest wait between refreshes that fail while the old value still serves.
const REFRESH_BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Counts loads in the whole process, so that a version names one lease of one cache.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

/// A credential, loaded once for all who ask and refreshed while the old one still serves.
///
/// - A thousand concurrent callers cause one load. It belongs to the cache: when the caller that started it is
///   cancelled, the next goes on with it.
/// - Before the end of its life (with a fifth of it left, at least a minute, earlier by up to a fifth at random) the
///   credential is refreshed in the background; callers keep getting the old one, and see no error of the refresh until
///   the old one has really expired. Failing refreshes wait 1 s to 60 s, with full jitter.
/// - A failure that will not pass by itself is answered from memory for 1 s, doubling to 30 s, and then tried again;
///   a failure that may pass is tried again by the next caller.
/// - [`invalidate`](Self::invalidate) drops the version that a service refused, and no newer one.
///
/// Clones are the same cache.
pub struct CredentialCache<C> {
    shared: Arc<Shared<C>>,
}

impl<C> Clone for CredentialCache<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<C> {
    source: Arc<dyn CredentialSource<Credential = C>>,
    /// Read by every call, written by loads only.
    held: RwLock<Option<Held<C>>>,
    loads: Mutex<Loads<C>>,
}

struct Held<C> {
    lease: Arc<Lease<C>>,
    /// From here on a refresh is due.
    stale: Timestamp,
    /// From here on it may not be used.
    expired: Timestamp,
}

impl<C> Clone for Held<C> {
    fn clone(&self) -> Self {
        Self { lease: Arc::clone(&self.lease), ..*self }
    }
}

struct Loads<C> {
    /// Weak: a load that nobody waits for ends, and its connection with it.
    flight: Weak<Flight<C>>,
    failures: u32,
    /// The last failure that will not pass by itself, and until when it is the answer.
    refusal: Option<(Error, Tick)>,
    /// When the next refresh may start, after one that failed.
    next_refresh: Option<Tick>,
    /// What a service refused last, for all who sent it: whether there is another can only be told beside it.
    refused: Option<Arc<Lease<C>>>,
}

impl<C: Send + Sync + 'static> CredentialCache<C> {
    /// A cache in front of a source.
    #[must_use]
    pub fn new(source: impl CredentialSource<Credential = C>) -> Self {
        Self::from_arc(Arc::new(source))
    }

    /// As [`new`](Self::new), for a source that is shared already.
    #[must_use]
    pub fn from_arc(source: Arc<dyn CredentialSource<Credential = C>>) -> Self {
        let loads = Loads { flight: Weak::new(), failures: 0, refusal: None, next_refresh: None, refused: None };
        Self { shared: Arc::new(Shared { source, held: RwLock::new(None), loads: Mutex::new(loads) }) }
    }

    /// The credential.
    ///
    /// # Errors
    /// The source's, with [`Sent::No`]; `Timeout` and `Cancelled` of the caller's own context.
    ///
    /// # Cancellation
    /// Dropping the future leaves the load to the others that wait for it.
    pub async fn get(&self, cx: &CallContext) -> Result<Arc<Lease<C>>> {
        // One that never ends needs no clock.
        if let Some(lease) = self.shared.unending() {
            return Ok(lease);
        }
        let held = self.shared.held();
        let now = cx.clock().timestamp();
        match held {
            Some(held) if now < held.stale => Ok(held.lease),
            Some(held) if now < held.expired => {
                // Boxed, as loads are: both are rare, and inline they would grow every caller's future.
                Box::pin(self.refresh(cx)).await;
                Ok(held.lease)
            }
            _ => Box::pin(self.load(cx)).await,
        }
    }

    /// Drops the credential if it is still this version, so that the next caller loads another; a newer one stays.
    pub fn invalidate(&self, version: u64) {
        let mut held = self.shared.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| held.lease.version() == version) {
            *held = None;
        }
    }

    /// Replaces the version that a service refused, and answers whether there is another credential now: a reason to
    /// repeat the request. The same credential from the same source is none.
    pub async fn renew(&self, cx: &CallContext, refused: u64, differs: impl Fn(&C, &C) -> bool) -> bool {
        let old = self.shared.refused(refused, self.peek(cx));
        // Somebody else may have replaced it already: what they got is judged the same.
        self.invalidate(refused);
        match (self.get(cx).await, old) {
            (Ok(new), Some(old)) => differs(&old, &new),
            (Ok(_), None) => true,
            (Err(_), _) => false,
        }
    }

    /// The credential that is held and has not expired, whatever its refresh does; nothing is loaded.
    #[must_use]
    pub fn peek(&self, cx: &CallContext) -> Option<Arc<Lease<C>>> {
        let now = cx.clock().timestamp();
        self.shared.held().filter(|held| now < held.expired).map(|held| held.lease)
    }

    async fn load(&self, cx: &CallContext) -> Result<Arc<Lease<C>>> {
        let flight = {
            let mut loads = self.shared.loads();
            // A flight may have landed since the caller looked.
            let now = cx.clock().timestamp();
            if let Some(held) = self.shared.held().filter(|held| now < held.expired) {
                return Ok(held.lease);
            }
            match loads.flight.upgrade() {
                Some(flight) => flight,
                None => match &loads.refusal {
                    Some((error, until)) if cx.clock().now() < *until => return Err(error.clone()),
                    _ => self.depart(cx, &mut loads),
                },
            }
        };
        // Whatever happened, the caller's own request has not left.
        cx.guard(flight.join()).await.map_err(|error| error.with_sent(Sent::No))
    }

    /// Starts a refresh, unless one is on its way or the last one failed just now.
    async fn refresh(&self, cx: &CallContext) {
        let flight = {
            let mut loads = self.shared.loads();
            let waits = loads.next_refresh.is_some_and(|at| cx.clock().now() < at);
            if waits || loads.flight.upgrade().is_some() {
                return;
            }
            self.depart(cx, &mut loads)
        };
        match tokio::runtime::Handle::try_current() {
            // The task ends with the load, which ends within its timeout.
            Ok(runtime) => drop(runtime.spawn(async move { flight.join().await })),
            // Nobody else would drive it: the caller that found it does, within its own deadline.
            Err(_) => drop(cx.guard(flight.join()).await),
        }
    }

    fn depart(&self, cx: &CallContext, loads: &mut Loads<C>) -> Arc<Flight<C>> {
        let (shared, cx) = (Arc::clone(&self.shared), cx.detached(&LOAD, LOAD_TIMEOUT));
        let flight = Arc::new(Flight::new(async move {
            let loaded = cx.guard(shared.source.load(&cx)).await;
            shared.land(&cx, loaded)
        }));
        loads.flight = Arc::downgrade(&flight);
        flight
    }
}

impl<C> Shared<C> {
    #[inline]
    fn unending(&self) -> Option<Arc<Lease<C>>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|held| held.stale == Timestamp::MAX).map(|held| Arc::clone(&held.lease))
    }

    fn held(&self) -> Option<Held<C>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn loads(&self) -> std::sync::MutexGuard<'_, Loads<C>> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease of the version that a service refused, while it is known.
    fn refused(&self, version: u64, held: Option<Arc<Lease<C>>>) -> Option<Arc<Lease<C>>> {
        let mut loads = self.loads();
        if held.as_ref().is_some_and(|held| held.version() == version) {
            loads.refused = held;
        }
        loads.refused.clone().filter(|refused| refused.version() == version)
    }

    fn land(&self, cx: &CallContext, loaded: Result<Lease<C>>) -> Loaded<C> {
        let now = cx.clock().timestamp();
        let mut loads = self.loads();
        loads.flight = Weak::new();
        match loaded.and_then(|lease| alive(lease, now)) {
            Ok(lease) => {
                (loads.failures, loads.refusal) = (0, None);
                let lease = Arc::new(lease.numbered(VERSIONS.fetch_add(1, Ordering::Relaxed)));
                // Without randomness the refresh comes at its latest moment, which is early enough.
                let (stale, expired) = plan(&lease, now, cx.random().unit().unwrap_or_default());
                // Else every call would start a refresh for as long as the source has nothing newer.
                loads.next_refresh = (stale <= now).then(|| cx.clock().now().after(REFRESH_PAUSE));
                let held = Held { lease: Arc::clone(&lease), stale, expired };
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
                Ok(lease)
            }
            Err(error) => {
                let error = error.with_sent(Sent::No);
                let step = Duration::from_secs(1 << loads.failures.min(6));
                loads.failures = loads.failures.saturating_add(1);
                if self.held().is_some_and(|held| now < held.expired) {
                    tracing::warn!(kind = error.kind().code(), failures = loads.failures, "a credential could not be refreshed");
                    let wait = step.min(REFRESH_BACKOFF_MAX).mul_f64(cx.random().unit().unwrap_or(1.0));
                    loads.next_refresh = Some(cx.clock().now().after(wait));
                } else if !error.is_retryable() {
                    loads.refusal = Some((error.clone(), cx.clock().now().after(step.min(REFUSAL_MAX))));
                }
                Err(error)
            }
        }
    }
}

fn alive<C>(lease: Lease<C>, now: Timestamp) -> Result<Lease<C>> {
    match lease.expires_at() {
        Some(end) if end <= now => {
            let text = format!("the credential that was loaded had ended at {end}; it is {now} by this machine's clock");
            Err(Error::new(ErrorKind::Unauthenticated, text))
        }
        _ => Ok(lease),
    }
}

/// When a lease loaded now wants its refresh, and when it ends.
fn plan<C>(lease: &Lease<C>, now: Timestamp, jitter: f64) -> (Timestamp, Timestamp) {
    let life = lease.expires_at().map(|end| end.since(now));
    let expired = match (lease.expires_at(), life) {
        // A tenth at most: a lease of half a minute is used, too.
        (Some(end), Some(life)) => end - SKEW.min(life / 10),
        _ => Timestamp::MAX,
    };
    let planned = life.map(|life| now + (life - REFRESH_MARGIN.max(life / 5).min(life / 2)));
    let due = planned.into_iter().chain(lease.refresh_at()).min();
    let stale = due.map_or(Timestamp::MAX, |due| due - due.since(now).mul_f64(jitter / 5.0));
    (stale, expired)
}

impl<C> fmt::Debug for CredentialCache<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.shared.held();
        f.debug_struct("CredentialCache").field("lease", &held.map(|held| held.lease)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
