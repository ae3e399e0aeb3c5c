//! A rate of its own for each key: a tenant, a principal. However many there are, the memory stays the same.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::gcra::Rate;

/// Locks, so that callers with different keys seldom meet.
const SHARDS: usize = 16;
/// The most keys of a shard that are remembered at once: 16,384 in all, 400 KB.
const KEYS: usize = 1024;
/// How many are looked at for one to forget, when all of them are busy.
const SAMPLE: usize = 8;

/// Keys are known by a keyed hash: nobody can choose two that meet.
///
/// A key whose next request is due already is the same as one that never was. So what is idle is forgotten without loss, and
/// a key is forgotten that owes something only when more than 16,384 do at one time: the one that owes least of a few.
#[derive(Debug)]
pub(super) struct Keyed {
    rate: Rate,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

/// When the next request of each key is due.
#[derive(Debug, Default)]
struct Shard {
    arrivals: HashMap<u64, u64>,
    /// Before this moment no key is idle, so that looking for one is in vain.
    idle_from: u64,
}

impl Keyed {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }

    pub(super) fn key(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    pub(super) fn reserve(&self, key: u64, now: u64, opens: u64, patience: Duration, cost: u32) -> Result<Duration, Duration> {
        self.with(key, |shard| {
            if shard.arrivals.len() >= KEYS && !shard.arrivals.contains_key(&key) {
                shard.make_room(now);
            }
            let entry = shard.arrivals.entry(key);
            let arrival = if let Entry::Occupied(entry) = &entry { *entry.get() } else { 0 };
            let (wait, next) = self.rate.take(arrival, now, opens, cost);
            if wait > patience {
                return Err(wait);
            }
            entry.insert_entry(next);
            Ok(wait)
        })
    }

    pub(super) fn release(&self, key: u64, cost: u32) {
        self.with(key, |shard| {
            if let Some(arrival) = shard.arrivals.get_mut(&key) {
                *arrival = self.rate.give_back(*arrival, cost);
            }
        });
    }

    fn with<T>(&self, key: u64, work: impl FnOnce(&mut Shard) -> T) -> T {
        // The lowest bits are not of the key.
        let shard = &self.shards[(key >> 32) as usize % SHARDS];
        work(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().arrivals.len()).sum()
    }
}

impl Shard {
    fn make_room(&mut self, now: u64) {
        if now >= self.idle_from {
            self.arrivals.retain(|_, arrival| *arrival > now);
            self.idle_from = self.arrivals.values().copied().min().unwrap_or(now);
        }
        if self.arrivals.len() >= KEYS {
            let least = self.arrivals.iter().take(SAMPLE).min_by_key(|(_, arrival)| **arrival).map(|(key, _)| *key);
            least.and_then(|key| self.arrivals.remove(&key));
        }
    }
}
