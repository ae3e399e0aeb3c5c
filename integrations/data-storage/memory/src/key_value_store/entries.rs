//! The entries of a store, and what writes make of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use bytes::Bytes;
use circle_core_common::interfaces::key_value_store::{Action, Change, Entry, Key, Precondition, Write, Written};
use circle_core_common::{Error, ErrorKind, Fence, OperationId, Reason, Result, Tick, Version};

use crate::provider::Store;
use crate::watchers::Watchers;

#[derive(Default)]
pub(crate) struct Entries {
    slots: BTreeMap<Key, Slot>,
    /// The soonest first; one for every slot that expires.
    expiries: BTreeSet<(Tick, Key)>,
    /// The newest fence of every key that was ever written with one: it outlives the entry, or a late holder of the
    /// lock could write after a delete.
    fences: BTreeMap<Key, Fence>,
    pub(super) watchers: Watchers<Change>,
}

/// An entry, and when it expires on the monotonic clock: setting the wall clock ends no life.
pub(super) struct Slot {
    entry: Entry,
    expires: Option<Tick>,
}

impl Slot {
    pub(super) fn new(store: &Store, key: Key, value: Bytes, ttl: Option<Duration>, operation: Option<&OperationId>) -> Self {
        let mut entry = Entry::new(key, value, store.next_version());
        entry.expires_at = ttl.map(|ttl| store.timestamp() + ttl);
        entry.operation = operation.cloned();
        Self { entry, expires: ttl.map(|ttl| store.now().after(ttl)) }
    }

    /// Another value with the same expiry.
    pub(super) fn with_value(&self, store: &Store, value: Bytes) -> Self {
        let mut entry = Entry::new(self.entry.key.clone(), value, store.next_version());
        entry.expires_at = self.entry.expires_at;
        Self { entry, expires: self.expires }
    }

    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    fn lives(&self, store: &Store) -> bool {
        self.expires.is_none_or(|expires| store.now() < expires)
    }

    fn cost(&self) -> u64 {
        (self.entry.key.as_str().len() + self.entry.value.len()) as u64
    }
}

/// What keys will be once the batch is committed.
#[derive(Default)]
pub(super) struct Batch {
    // A transaction has few writes: a search from the front beats a map.
    keys: Vec<(Key, State)>,
}

struct State {
    slot: Option<Slot>,
    fence: Option<Fence>,
}

impl Batch {
    pub(super) fn of(key: Key, slot: Slot) -> Self {
        Self { keys: vec![(key, State { slot: Some(slot), fence: None })] }
    }

    fn find(&self, key: &Key) -> Option<&State> {
        self.keys.iter().find(|(other, _)| other == key).map(|(_, state)| state)
    }

    fn put(&mut self, key: Key, slot: Option<Slot>, fence: Option<Fence>) {
        match self.keys.iter_mut().find(|(other, _)| *other == key) {
            Some((_, state)) => *state = State { slot, fence: fence.or(state.fence) },
            None => self.keys.push((key, State { slot, fence })),
        }
    }
}

impl Entries {
    pub(super) fn get(&self, store: &Store, key: &Key) -> Option<&Slot> {
        self.slots.get(key).filter(|slot| slot.lives(store))
    }

    pub(super) fn range<'a>(
        &'a self,
        store: &'a Store,
        start: Bound<&str>,
        prefix: &'a str,
    ) -> impl Iterator<Item = &'a Slot> + use<'a> {
        let slots = self.slots.range::<str, _>((start, Bound::Unbounded));
        let of_prefix = slots.take_while(move |(key, _)| key.as_str().starts_with(prefix));
        of_prefix.map(|(_, slot)| slot).filter(|slot| slot.lives(store))
    }

    /// What the write makes of its key, on top of what the batch has made of it already. Changes nothing yet.
    pub(super) fn stage(
        &self,
        store: &Store,
        batch: &mut Batch,
        write: Write,
        operation: Option<&OperationId>,
    ) -> Result<Written> {
        let Write { key, action, precondition, fence, .. } = write;
        let staged = batch.find(&key);
        let current = staged.map_or_else(|| self.get(store, &key), |state| state.slot.as_ref());
        let newest = staged.and_then(|state| state.fence).or_else(|| self.fences.get(&key).copied());
        if let (Some(fence), Some(newest)) = (fence, newest)
            && fence < newest
        {
            let text = format!("a newer holder of the lock has written `{key}`");
            return Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::Fenced));
        }
        check(&precondition, &key, current.map(Slot::entry))?;
        let existed = current.is_some();
        let slot = match (action, current) {
            (Action::Put { value, ttl }, _) => Some(Slot::new(store, key.clone(), value, ttl, operation)),
            (Action::Touch { ttl }, Some(current)) => {
                Some(Slot::new(store, key.clone(), current.entry.value.clone(), ttl, operation))
            }
            (Action::Touch { .. }, None) => {
                return Err(Error::new(ErrorKind::NotFound, format!("the key `{key}` is absent, so its expiry cannot change")));
            }
            (Action::Delete, _) => None,
            _ => return Err(Error::new(ErrorKind::Unsupported, "the memory store does not know this kind of write")),
        };
        let written = match &slot {
            Some(slot) => {
                let mut written = Written::version(slot.entry.version.clone());
                written.expires_at = slot.entry.expires_at;
                written.existed = Some(existed);
                written
            }
            None => Written::deleted(Some(existed)),
        };
        batch.put(key, slot, fence);
        Ok(written)
    }

    /// Makes all of the batch so, or nothing where it does not fit.
    pub(super) fn commit(&mut self, store: &Store, batch: Batch) -> Result<()> {
        let (mut given_up, mut wanted) = (0, 0);
        for (key, state) in &batch.keys {
            given_up += self.slots.get(key).map_or(0, Slot::cost);
            wanted += state.slot.as_ref().map_or(0, Slot::cost);
            if state.fence.is_some() && !self.fences.contains_key(key) {
                wanted += key.as_str().len() as u64;
            }
        }
        store.quota.exchange(given_up, wanted)?;
        for (key, state) in batch.keys {
            if let Some(fence) = state.fence {
                self.fences.insert(key.clone(), fence);
            }
            self.set(key, state.slot);
        }
        Ok(())
    }

    fn set(&mut self, key: Key, slot: Option<Slot>) {
        let before = self.slots.remove(&key);
        if let Some(expires) = before.as_ref().and_then(|before| before.expires) {
            self.expiries.remove(&(expires, key.clone()));
        }
        match slot {
            Some(slot) => {
                if let Some(expires) = slot.expires {
                    self.expiries.insert((expires, key.clone()));
                }
                self.watchers.tell(key.as_str(), || Change::Put(slot.entry.clone()));
                self.slots.insert(key, slot);
            }
            None if before.is_some() => self.watchers.tell(key.as_str(), || Change::Deleted(key.clone())),
            None => {}
        }
    }

    /// Removes what has expired.
    ///
    /// Every writer begins with this, so that the expired is absent to it, and memory grows no further than writes
    /// within one life can fill it.
    pub(crate) fn sweep(&mut self, store: &Store) {
        while let Some((expires, _)) = self.expiries.first() {
            if store.now() < *expires {
                return;
            }
            if let Some((_, key)) = self.expiries.pop_first() {
                store.quota.release(self.slots.get(&key).map_or(0, Slot::cost));
                self.set(key, None);
            }
        }
    }

    pub(super) fn next_expiry(&self) -> Option<Tick> {
        self.expiries.first().map(|(expires, _)| *expires)
    }

    /// Wakes every watch, so that it sees that the store is closed.
    pub(crate) fn close(&mut self) {
        std::mem::take(self).watchers.close();
    }
}

fn check(precondition: &Precondition, key: &Key, current: Option<&Entry>) -> Result<()> {
    match (precondition, current) {
        (Precondition::None, _) | (Precondition::IfAbsent, None) => Ok(()),
        (Precondition::IfAbsent, Some(_)) => Err(Error::new(ErrorKind::AlreadyExists, format!("the key `{key}` exists already"))),
        (Precondition::IfMatch(version), _) if !is_ours(version) => {
            let text = format!("the version given for `{key}` is none of this store");
            Err(Error::new(ErrorKind::InvalidInput, text))
        }
        (Precondition::IfMatch(version), Some(entry)) if *version == entry.version => Ok(()),
        _ => {
            let text = format!("the key `{key}` has another version than the one given, or none");
            Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::VersionMismatch))
        }
    }
}

/// Whether this store can have made the version.
fn is_ours(version: &Version) -> bool {
    version.as_etag().is_none() && version.as_generation().is_some_and(|generation| generation.parse::<u64>().is_ok())
}
