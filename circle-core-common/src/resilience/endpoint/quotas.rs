//! The quotas that a service tells of: how many of which requests it takes yet, and until when.
//!
//! *Remaining N until the reset* means at most N more requests until then, whoever makes them: each is counted when it
//! starts, and what the service says next corrects the count. An answer does not say which of the others that are on their
//! way it has counted, so all of them are taken as not counted.

mod window;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::window::Window;
use crate::resilience::{LimitScope, LimitUnit, RateLimit, RemoteOperation, Resolved};

/// The most quotas that are remembered of one endpoint: one for each model, channel, bucket.
const WINDOWS: usize = 256;
/// The most kinds of requests whose quotas are remembered.
const LANES: usize = 1024;
/// The most quotas that one request counts against.
const AT_ONCE: usize = 8;

/// Which quotas a request counts against is known by its operation, and by the part of the service that it is limited as.
#[derive(Clone, Copy)]
pub(crate) struct Counted<'a> {
    pub(crate) operation: &'static RemoteOperation,
    pub(crate) part: Option<&'a str>,
}

/// What a service has told of its quotas.
#[derive(Debug)]
pub(in crate::resilience) struct Quotas {
    /// Nearly no service tells: then no call takes the lock.
    told: AtomicBool,
    table: Mutex<Table>,
    /// Hashes of names stand for them: keyed, so that nobody can make two of them meet.
    hasher: RandomState,
    /// The longest that nothing is tried for, whatever the service says.
    longest: Duration,
    /// The share of a quota below which what is left is spread over the rest of its window.
    pace: f64,
}

#[derive(Debug, Default)]
struct Table {
    /// How many starts were counted; each is known by how many there were with it.
    starts: u64,
    windows: HashMap<u64, Window>,
    lanes: HashMap<u64, Keys>,
    /// The requests on their way. Every attempt carries its key, so that is small.
    flights: HashMap<u16, Flight>,
    last_flight: u16,
}

/// The quotas of one request.
#[derive(Clone, Copy, Debug, Default)]
struct Keys {
    keys: [u64; AT_ONCE],
    count: usize,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    start: u64,
    keys: Keys,
    /// Whether its answer has told anything.
    heard: bool,
}

impl Keys {
    fn all(&self) -> &[u64] {
        &self.keys[..self.count]
    }

    fn add(&mut self, key: u64) {
        if self.count < AT_ONCE && !self.all().contains(&key) {
            self.keys[self.count] = key;
            self.count += 1;
        }
    }
}

impl Quotas {
    pub(super) fn new(settings: &Resolved) -> Self {
        Self {
            told: AtomicBool::new(false),
            table: Mutex::default(),
            hasher: RandomState::new(),
            longest: settings.retry_after_max,
            pace: settings.pace,
        }
    }

    /// Whether the service has ever told of a quota.
    #[inline]
    pub(in crate::resilience) fn are_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// Counts a start: its number, and how long it should wait so that what is left is spread over the rest of the window.
    /// Where nothing is left, nothing is counted, and the error is how long nothing will be.
    ///
    /// Who has not the patience to wait for his turn goes at once, as long as any are left: a pace refuses nobody.
    pub(in crate::resilience) fn take(
        &self,
        now: Duration,
        patience: Duration,
        counted: Counted<'_>,
    ) -> Result<(u16, Duration), Duration> {
        let keys = self.applying(counted);
        let lane = self.lane(counted);
        let mut table = self.lock();
        let table = &mut *table;
        let mut all = table.lanes.get(&lane).copied().unwrap_or_default();
        keys.all().iter().for_each(|&key| all.add(key));
        let mut closed = Duration::ZERO;
        for key in all.all() {
            if let Some(window) = table.windows.get_mut(key) {
                window.turn_over(now, table.starts + 1);
                closed = closed.max(window.closed_for(now, self.longest));
            }
        }
        if !closed.is_zero() {
            return Err(closed);
        }
        let Some(flight) = table.free_flight() else { return Ok((0, Duration::ZERO)) };
        table.starts += 1;
        let mut pace = Duration::ZERO;
        for key in all.all() {
            if let Some(window) = table.windows.get_mut(key) {
                pace = pace.max(window.start(now, patience, self.longest, self.pace));
            }
        }
        table.flights.insert(flight, Flight { start: table.starts, keys: all, heard: false });
        Ok((flight, pace))
    }

    /// Whether every quota that a start was counted in still runs; another has begun when it waited for too long.
    pub(in crate::resilience) fn is_current(&self, flight: u16, now: Duration) -> bool {
        let table = self.lock();
        let Some(flight) = table.flights.get(&flight) else { return true };
        let mut windows = flight.keys.all().iter().filter_map(|key| table.windows.get(key));
        windows.all(|window| window.has_counted(flight.start, now))
    }

    /// Hears what an answer tells. `flight` is what [`take`](Self::take) gave, or 0 for a request that nobody counted; without
    /// one it is news, of now. `refused` is how long the service wants to wait because there were too many of them.
    ///
    /// The answer is whether only quotas that do not hold for everything are used up, so that other requests may go on.
    pub(in crate::resilience) fn hear(
        &self,
        now: Duration,
        flight: Option<u16>,
        counted: Counted<'_>,
        limits: &[RateLimit],
        refused: Option<Duration>,
    ) -> bool {
        // Whoever says what a request is limited as means that its refusals are that part's.
        let unexplained = counted.part.is_some() && !limits.iter().any(|limit| limit.remaining == Some(0));
        let own = refused.filter(|_| unexplained).map(|wait| RateLimit {
            remaining: Some(0),
            reset_after: Some(wait),
            ..RateLimit::default()
        });
        if limits.is_empty() && own.is_none() && !self.are_told() {
            return false;
        }
        let lane = self.lane(counted);
        let (mut told, mut apart, mut everything) = (Keys::default(), false, false);
        let mut table = self.lock();
        let table = &mut *table;
        let known = flight.and_then(|flight| table.flights.get_mut(&flight));
        let unknown = || (if flight.is_none() { u64::MAX } else { 0 }, Keys::default());
        let (start, keys) = known.map_or_else(unknown, |flight| {
            let keys = if std::mem::replace(&mut flight.heard, true) { Keys::default() } else { flight.keys };
            (flight.start, keys)
        });
        for limit in limits.iter().chain(&own).filter(|limit| limit.unit != LimitUnit::Concurrent) {
            let used_up = limit.remaining == Some(0);
            let until = if used_up { limit.reset_after.max(refused) } else { limit.reset_after };
            let key = self.key(counted, &limit.scope);
            let everywhere = match limit.scope {
                LimitScope::Everything => true,
                LimitScope::Endpoint => counted.part.is_none(),
                LimitScope::Named(_) | LimitScope::Kind(_) => false,
            };
            if !table.windows.contains_key(&key) {
                table.make_room(now);
            }
            let starts = table.starts;
            let window = table.windows.entry(key).or_insert_with(|| Window::unknown(starts + 1));
            window.turn_over(now, starts + 1);
            if keys.all().contains(&key) {
                window.answered(start);
            }
            if !window.hear(now, start, starts, limit, until) {
                // Nobody knows when it begins anew: nothing can be done about it before the service refuses something.
                if window.is_unknown() {
                    table.windows.remove(&key);
                }
                continue;
            }
            self.told.store(true, Ordering::Relaxed);
            told.add(key);
            if used_up {
                (apart, everything) = (apart || !everywhere, everything || everywhere);
            }
        }
        // What it counts in and did not tell of has one less, as far as anybody knows.
        for key in keys.all().iter().filter(|key| !told.all().contains(key)) {
            if let Some(window) = table.windows.get_mut(key) {
                window.answered(start);
                window.silent(start, table.starts);
            }
        }
        if told.count > 0 {
            if table.lanes.len() >= LANES && !table.lanes.contains_key(&lane) {
                // The next answer of each tells it again.
                table.lanes.clear();
            }
            let known = table.lanes.entry(lane).or_default();
            // A bucket may have changed its name; what holds for everything is found without.
            *known = told;
        }
        apart && !everything
    }

    /// Ends a request; `sent` is whether the service can have counted it.
    pub(super) fn land(&self, flight: u16, sent: bool) {
        let mut table = self.lock();
        let starts = table.starts;
        let Some(flight) = table.flights.remove(&flight).filter(|flight| !flight.heard) else { return };
        for key in flight.keys.all() {
            if let Some(window) = table.windows.get_mut(key) {
                window.answered(flight.start);
                if sent {
                    window.silent(flight.start, starts);
                }
            }
        }
    }

    /// How long the quota of everything is used up yet.
    pub(super) fn closed_for(&self, now: Duration) -> Duration {
        self.told_of(|table| {
            let windows = self.everything().into_iter().filter_map(|key| table.windows.get(&key));
            windows.map(|window| window.closed_for(now, self.longest)).max().unwrap_or_default()
        })
    }

    /// The least that any quota has left.
    pub(super) fn least(&self, now: Duration) -> Option<u64> {
        self.told_of(|table| table.windows.values().filter(|window| !window.is_over(now)).map(|window| window.left(now)).min())
    }

    /// Whether any quota is used up.
    pub(super) fn is_any_closed(&self, now: Duration) -> bool {
        self.told_of(|table| table.windows.values().any(|window| !window.closed_for(now, self.longest).is_zero()))
    }

    fn told_of<T: Default>(&self, ask: impl FnOnce(&Table) -> T) -> T {
        if self.are_told() { ask(&self.lock()) } else { T::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self, counted: Counted<'_>) -> u64 {
        self.hasher.hash_one((counted.operation.name(), counted.part))
    }

    /// What holds for a request although no answer to its kind has told it.
    fn applying(&self, counted: Counted<'_>) -> Keys {
        let mut keys = Keys::default();
        self.everything().into_iter().for_each(|key| keys.add(key));
        if counted.part.is_some() {
            keys.add(self.key(counted, &LimitScope::Endpoint));
        }
        keys
    }

    fn everything(&self) -> [u64; 2] {
        [LimitScope::Endpoint, LimitScope::Everything].map(|scope| self.hasher.hash_one(("", &scope)))
    }

    fn key(&self, counted: Counted<'_>, scope: &LimitScope) -> u64 {
        let part = match (counted.part, scope) {
            (None, LimitScope::Kind(_)) => counted.operation.name(),
            (_, LimitScope::Everything) => "",
            (part, _) => part.unwrap_or_default(),
        };
        self.hasher.hash_one((part, scope))
    }
}

impl Table {
    /// A key that no request on its way has; 0 is for those that nobody counts, as when 65,535 are on their way.
    fn free_flight(&mut self) -> Option<u16> {
        for _ in 0..=u16::MAX {
            self.last_flight = self.last_flight.wrapping_add(1);
            if self.last_flight != 0 && !self.flights.contains_key(&self.last_flight) {
                return Some(self.last_flight);
            }
        }
        None
    }

    /// Makes room for a quota: what is over is forgotten, else what was heard of longest ago.
    fn make_room(&mut self, now: Duration) {
        if self.windows.len() >= WINDOWS {
            self.windows.retain(|_, window| !window.is_over(now));
        }
        if self.windows.len() >= WINDOWS {
            let oldest = self.windows.iter().min_by_key(|(_, window)| window.heard).map(|(key, _)| *key);
            oldest.and_then(|key| self.windows.remove(&key));
        }
    }
}

#[cfg(test)]
mod tests;
