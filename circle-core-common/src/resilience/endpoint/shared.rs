//! A rate that several processes share: a slice of it is taken ahead, so that not every call asks the store.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use super::limiter::{Limiter, Rate, nanos};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::resilience::{RateLimitStore, Resolved, SharedRate, StoreFailure, TakeRequest, Taken};

/// How long the store may take to answer.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a store that failed is not asked.
const REST: Duration = Duration::from_secs(1);
/// How much of the rate is taken ahead: as much as comes in this time, and what is not used within it is lost.
const AHEAD: Duration = Duration::from_millis(100);
/// The most callers of whom a slice is kept.
const SLICES: usize = 4096;
/// Callers whose turn to ask the store is the same.
const TURNS: usize = 16;

/// A rate that is kept in a store.
///
/// A slice that is taken ahead may be used a little later than it was granted, so the store is asked for a burst that is
/// smaller by a slice: together the processes stay within the burst and the rate over any time.
pub(in crate::resilience) struct Shared {
    store: Arc<dyn RateLimitStore>,
    /// The service and the endpoint.
    name: Box<str>,
    rate: SharedRate,
    slice: u32,
    /// The share of the rate that this process has while the store fails.
    alone: Option<Limiter>,
    hasher: RandomState,
    slices: Mutex<HashMap<u64, Slice>>,
    turns: [tokio::sync::Mutex<()>; TURNS],
    /// Until when the store is not asked.
    rests_until: AtomicU64,
}

/// What is at hand for one caller.
#[derive(Clone, Copy)]
struct Slice {
    left: u32,
    until: Duration,
    /// When the store will have more.
    more_at: Duration,
}

impl Shared {
    pub(super) fn new(store: Arc<dyn RateLimitStore>, service: &str, endpoint: &str, settings: &Resolved) -> Option<Self> {
        let per_second = settings.per_second.filter(|rate| *rate > 0.0)?;
        let burst = settings.burst.unwrap_or(per_second.floor() as u32).max(1);
        // Half of the burst at most, so that there is one left for the others.
        let slice = ((per_second * AHEAD.as_secs_f64()) as u32).clamp(1, (burst / 2).max(1));
        let reserve = if slice > 1 { slice } else { 0 };
        let alone = (settings.on_store_failure == StoreFailure::Share).then(|| {
            let share = settings.local_share.clamp(0.0, 1.0);
            Limiter::of_rate(Rate::new(per_second * share, Some(((f64::from(burst) * share) as u32).max(1))), settings.by)
        });
        Some(Self {
            store,
            name: format!("{service} {endpoint}").into(),
            rate: SharedRate { per_second, burst: burst - reserve },
            slice,
            alone,
            hasher: RandomState::new(),
            slices: Mutex::default(),
            turns: std::array::from_fn(|_| tokio::sync::Mutex::new(())),
            rests_until: AtomicU64::new(0),
        })
    }

    /// Takes `cost` requests of this caller; a wait where there are none yet.
    ///
    /// # Errors
    /// What the store says, and that it is not asked for a while after it failed.
    pub(in crate::resilience) async fn take(&self, clock: &Clock, caller: Option<&str>, cost: u32) -> Result<Option<Duration>> {
        let key = self.hasher.hash_one(caller);
        if let Some(taken) = self.at_hand(key, clock.now().since_start(), cost) {
            return Ok(taken);
        }
        // One asks for all who have nothing.
        let _turn = self.turns[key as usize % TURNS].lock().await;
        let now = clock.now().since_start();
        if let Some(taken) = self.at_hand(key, now, cost) {
            return Ok(taken);
        }
        if nanos(now) < self.rests_until.load(Ordering::Relaxed) {
            let text = "the store of the rate has failed a moment ago, and is not asked again yet";
            return Err(Error::new(ErrorKind::Unavailable, text));
        }
        let name: &str = &self.name;
        let joined;
        let name = match caller {
            None => name,
            Some(caller) => {
                joined = format!("{name} {caller}");
                &joined
            }
        };
        let ask = self.slice.max(cost);
        let request = TakeRequest { key: name, cost: ask, rate: self.rate, now: clock.timestamp() };
        let taken = self.ask(clock, request).await.map_err(|error| self.failed(clock, error))?;
        let now = clock.now().since_start();
        let (slice, wait) = match taken {
            Taken::Granted => {
                let until = now.saturating_add(AHEAD);
                (Slice { left: ask - cost, until, more_at: now }, None)
            }
            Taken::Wait(wait) => (Slice { left: 0, until: now, more_at: now.saturating_add(wait) }, Some(wait)),
        };
        self.keep(key, slice, now);
        Ok(wait)
    }

    /// Asks the store, which has so much time for its answer alone: who waits in line says nothing of it.
    async fn ask(&self, clock: &Clock, request: TakeRequest<'_>) -> Result<Taken> {
        let (mut answer, mut late) = (self.store.take(request), clock.sleep(STORE_TIMEOUT));
        poll_fn(|context| match answer.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => Pin::new(&mut late)
                .poll(context)
                .map(|()| Err(Error::new(ErrorKind::Timeout, "the store of the rate did not answer"))),
        })
        .await
    }

    /// What can be said without the store: that there are some, or that there are none for so long.
    fn at_hand(&self, key: u64, now: Duration, cost: u32) -> Option<Option<Duration>> {
        let mut slices = self.slices();
        let slice = slices.get_mut(&key)?;
        if slice.left >= cost && now < slice.until {
            slice.left -= cost;
            return Some(None);
        }
        (now < slice.more_at).then(|| Some(slice.more_at - now))
    }

    fn keep(&self, key: u64, slice: Slice, now: Duration) {
        let mut slices = self.slices();
        if slices.len() >= SLICES && !slices.contains_key(&key) {
            slices.retain(|_, slice| now < slice.until.max(slice.more_at));
            if slices.len() >= SLICES {
                // What is lost was taken and is not used: too few requests, not too many.
                let any = slices.keys().next().copied();
                any.and_then(|key| slices.remove(&key));
            }
        }
        slices.insert(key, slice);
    }

    fn slices(&self) -> MutexGuard<'_, HashMap<u64, Slice>> {
        self.slices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the store rest after it failed.
    fn failed(&self, clock: &Clock, error: Error) -> Error {
        let now = clock.now().since_start();
        let before = self.rests_until.swap(nanos(now.saturating_add(REST)), Ordering::Relaxed);
        // Once for each outage: while one lasts, the store is asked again as soon as it has rested.
        if before == 0 || nanos(now) > before.saturating_add(nanos(REST * 60)) {
            tracing::warn!(target: "circle", rate = &*self.name, %error, "the store of a shared rate limit has failed");
        }
        error
    }

    /// Reserves requests of this process's own share, for while the store fails; `None` where there is none.
    pub(in crate::resilience) fn alone(
        &self,
        now: Duration,
        patience: Duration,
        caller: Option<&str>,
        cost: u32,
    ) -> Option<Result<Duration, Duration>> {
        let alone = self.alone.as_ref()?;
        Some(alone.reserve(now, patience, caller, cost).map(|(wait, _)| wait))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({}: {:?})", self.name, self.rate)
    }
}
