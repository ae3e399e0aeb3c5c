//! What a cache holds under one key.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use crate::clock::Tick;
use crate::context::CallContext;
use crate::credentials::flight::{Flight, Loaded};
use crate::credentials::{CredentialRequest, CredentialSource, LOAD, Lease};
use crate::error::{Error, ErrorKind, Result, Sent};
use crate::units::Timestamp;

/// How long one load may take; a source that hangs must not hold its callers for ever.
pub(super) const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A credential counts as expired so long before its end: clocks differ, and a request takes time to arrive.
const SKEW: Duration = Duration::from_secs(30);
/// A refresh starts at least so long before the end, or with a fifth of the life left.
const REFRESH_MARGIN: Duration = Duration::from_secs(60);
/// The longest time for which a failure that will not pass by itself is answered from memory.
pub(super) const REFUSAL_MAX: Duration = Duration::from_secs(30);
/// How often a source is asked at most that wants to be asked again at once.
const REFRESH_PAUSE: Duration = Duration::from_secs(1);
/// The longest wait between refreshes that fail while the old value still serves.
const REFRESH_BACKOFF_MAX: Duration = Duration::from_secs(60);

/// How often a caller loads again who came so late that what he waited for had ended.
const LATE_MAX: u32 = 8;

/// Counts loads in the whole process, so that a version names one lease of one key of one cache.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

/// Whom a slot loads for.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) tenant: Option<Arc<str>>,
    pub(super) request: CredentialRequest,
}

/// One credential and its loads. No lock is held across an await.
pub(super) struct Slot<C> {
    key: Key,
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

/// What a look at a slot found.
pub(super) enum Look<C> {
    Fresh(Arc<Lease<C>>),
    /// It serves, and a refresh is due.
    Stale(Arc<Lease<C>>),
    Nothing,
}

impl<C: Send + Sync + 'static> Slot<C> {
    pub(super) fn new(source: Arc<dyn CredentialSource<Credential = C>>, key: Key) -> Self {
        let loads = Loads { flight: Weak::new(), failures: 0, refusal: None, next_refresh: None, refused: None };
        Self { key, source, held: RwLock::new(None), loads: Mutex::new(loads) }
    }

    #[inline]
    pub(super) fn look(&self, cx: &CallContext) -> Look<C> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = &*held else { return Look::Nothing };
        // One that never ends needs no clock.
        if held.stale == Timestamp::MAX {
            return Look::Fresh(Arc::clone(&held.lease));
        }
        let now = cx.clock().timestamp();
        if now < held.stale {
            Look::Fresh(Arc::clone(&held.lease))
        } else if now < held.expired {
            Look::Stale(Arc::clone(&held.lease))
        } else {
            Look::Nothing
        }
    }

    /// The credential that serves at this time, due for a refresh or not.
    pub(super) fn serving(&self, now: Timestamp) -> Option<Arc<Lease<C>>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|held| now < held.expired).map(|held| Arc::clone(&held.lease))
    }

    /// What is held, whatever the time.
    pub(super) fn lease(&self) -> Option<Arc<Lease<C>>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|held| Arc::clone(&held.lease))
    }

    /// Drops the credential if it is this version.
    pub(super) fn invalidate(&self, version: u64) -> bool {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let found = held.as_ref().is_some_and(|held| held.lease.version() == version);
        if found {
            *held = None;
        }
        found
    }

    /// The lease of the version that a service refused, while it is known.
    pub(super) fn refused(&self, version: u64, held: Option<Arc<Lease<C>>>) -> Option<Arc<Lease<C>>> {
        let mut loads = self.loads();
        if held.as_ref().is_some_and(|held| held.version() == version) {
            loads.refused = held;
        }
        loads.refused.clone().filter(|refused| refused.version() == version)
    }

    /// What the load gives that is on its way, or one that is started.
    pub(super) async fn load(self: &Arc<Self>, cx: &CallContext) -> Loaded<C> {
        for _ in 0..LATE_MAX {
            let lease = self.join(cx).await?;
            if lease.expires_at().is_none_or(|end| cx.clock().timestamp() < end) {
                return Ok(lease);
            }
            // Whoever slept while the load landed, as a whole machine does, finds that it has ended since.
        }
        Err(Error::new(ErrorKind::Unauthenticated, "what is loaded ends before it can be used").with_sent(Sent::No))
    }

    /// Joins the load that is on its way, or starts one.
    async fn join(self: &Arc<Self>, cx: &CallContext) -> Loaded<C> {
        let flight = {
            let mut loads = self.loads();
            // A flight may have landed since the caller looked.
            if let Some(lease) = self.serving(cx.clock().timestamp()) {
                return Ok(lease);
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
    pub(super) async fn refresh(self: &Arc<Self>, cx: &CallContext) {
        let flight = {
            let mut loads = self.loads();
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

    fn depart(self: &Arc<Self>, cx: &CallContext, loads: &mut Loads<C>) -> Arc<Flight<C>> {
        let slot = Arc::clone(self);
        // Of the key, and not of the caller who came first: others get what it loads.
        let cx = cx.detached_for(self.key.tenant.clone(), &LOAD, LOAD_TIMEOUT);
        let flight = Arc::new(Flight::new(async move {
            let loaded = cx.guard(slot.source.load_for(&cx, &slot.key.request)).await;
            slot.land(&cx, loaded)
        }));
        loads.flight = Arc::downgrade(&flight);
        flight
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
                if self.serving(now).is_some() {
                    tracing::warn!(kind = error.kind().code(), failures = loads.failures, "a credential could not be refreshed");
                    let wait = step.min(REFRESH_BACKOFF_MAX).mul_f64(cx.random().unit().unwrap_or(1.0));
                    // What the issuer asks for is kept to, as far as the old value lasts.
                    let asked = error.retry_after().unwrap_or_default().min(REFRESH_BACKOFF_MAX);
                    loads.next_refresh = Some(cx.clock().now().after(wait.max(asked)));
                } else if !error.is_retryable() {
                    loads.refusal = Some((error.clone(), cx.clock().now().after(step.min(REFUSAL_MAX))));
                }
                Err(error)
            }
        }
    }

    fn loads(&self) -> MutexGuard<'_, Loads<C>> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
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
pub(super) fn plan<C>(lease: &Lease<C>, now: Timestamp, jitter: f64) -> (Timestamp, Timestamp) {
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
