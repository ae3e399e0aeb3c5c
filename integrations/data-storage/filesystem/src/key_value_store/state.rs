//! What the log has made of every key. Values stay in the log; this knows where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use circle_core_common::interfaces::key_value_store::{Entry, Key};
use circle_core_common::{Error, Fence, Result, Timestamp, Version};

use super::record::{Operation, Stamp};
use crate::disk::Disk;
use crate::error::failed;

/// Where a value is. A log is only ever appended to, and stays readable when another takes its place.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) log: Arc<File>,
    pub(super) offset: u64,
    pub(super) length: usize,
}

impl Place {
    pub(super) fn read(&self, disk: &dyn Disk) -> Result<Bytes> {
        let mut value = vec![0; self.length];
        let error = |error| failed("reading a value in", "the log of the key-value store", error);
        let read = disk.read_full_at(&self.log, self.offset, &mut value).map_err(error)?;
        if read < self.length {
            return Err(error(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(value.into())
    }
}

/// An entry without its value.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) stamp: Stamp,
    pub(super) place: Place,
    /// Whether its expiry was told. It stays until it is replaced: a touch that came in time can be read later.
    expired: bool,
}

impl Slot {
    pub(super) fn lives(&self, now: Timestamp) -> bool {
        self.stamp.expires_at.is_none_or(|at| now < at)
    }

    pub(super) fn entry(&self, key: Key, store: u64, disk: &dyn Disk) -> Result<Entry> {
        let mut entry = Entry::new(key, self.place.read(disk)?, version(store, self.stamp.sequence));
        entry.expires_at = self.stamp.expires_at;
        entry.operation = self.stamp.operation.clone();
        Ok(entry)
    }
}

/// The version of a sequence. The store's own number is in it, so that the versions of a store that was deleted and
/// made anew are not those of the old one.
pub(super) fn version(store: u64, sequence: u64) -> Version {
    Version::generation(format!("{store:016x}-{sequence:x}"))
}

/// The store and sequence of a version; an error for one that no store of this kind can have made.
pub(super) fn sequence(version: &Version) -> Option<(u64, u64)> {
    let (store, sequence) = version.as_generation().filter(|_| version.as_etag().is_none())?.split_once('-')?;
    Some((u64::from_str_radix(store, 16).ok()?, u64::from_str_radix(sequence, 16).ok()?))
}

/// A change of a key, without its value.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Put(Key, Slot),
    Deleted(Key),
    Lagged,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) slots: BTreeMap<Key, Slot>,
    /// The soonest first; one for every slot that expires.
    expiries: BTreeSet<(Timestamp, Key)>,
    /// Outlive their entries: a late holder of a lock must not write after a delete.
    pub(super) fences: BTreeMap<Key, Fence>,
    pub(super) next: u64,
    /// How many bytes a log of the present entries alone would have, about.
    pub(super) live: u64,
}

/// What an entry takes in the log besides key and value, about.
const OVERHEAD: usize = 64;

impl State {
    pub(super) fn get(&self, key: &Key, now: Timestamp) -> Option<&Slot> {
        self.slots.get(key).filter(|slot| slot.lives(now))
    }

    /// Replays an operation, and tells what it changed.
    pub(super) fn apply(&mut self, operation: Operation<Place>) -> Option<Event> {
        match operation {
            Operation::Put(key, stamp, place) => Some(self.put(key, Slot { stamp, place, expired: false })),
            Operation::Touch(key, stamp) => {
                let place = self.slots.get(&key)?.place.clone();
                Some(self.put(key, Slot { stamp, place, expired: false }))
            }
            Operation::Delete(key) => self.remove(&key).map(|_| Event::Deleted(key)),
            Operation::Fence(key, fence) => {
                if self.fences.insert(key.clone(), fence).is_none() {
                    self.live += (key.as_str().len() + OVERHEAD) as u64;
                }
                None
            }
            Operation::Next(sequence) => {
                self.next = self.next.max(sequence);
                None
            }
        }
    }

    fn put(&mut self, key: Key, slot: Slot) -> Event {
        self.remove(&key);
        self.next = self.next.max(slot.stamp.sequence + 1);
        self.live += cost(&key, &slot);
        if let Some(at) = slot.stamp.expires_at {
            self.expiries.insert((at, key.clone()));
        }
        self.slots.insert(key.clone(), slot.clone());
        Event::Put(key, slot)
    }

    fn remove(&mut self, key: &Key) -> Option<Slot> {
        let slot = self.slots.remove(key)?;
        if !slot.expired {
            self.live = self.live.saturating_sub(cost(key, &slot));
        }
        if let Some(at) = slot.stamp.expires_at {
            self.expiries.remove(&(at, key.clone()));
        }
        Some(slot)
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// Tells of one entry that has expired.
    pub(super) fn expire(&mut self, now: Timestamp) -> Option<Event> {
        let (at, key) = self.expiries.pop_first()?;
        if at > now {
            self.expiries.insert((at, key));
            return None;
        }
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.expired = true;
            self.live = self.live.saturating_sub(cost(&key, slot));
        }
        Some(Event::Deleted(key))
    }
}

fn cost(key: &Key, slot: &Slot) -> u64 {
    (key.as_str().len() + slot.place.length + OVERHEAD) as u64
}

pub(super) fn corrupt(what: &str) -> Error {
    Error::new(circle_core_common::ErrorKind::Corrupt, format!("the log of the key-value store {what}"))
}
