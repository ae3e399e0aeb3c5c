//! What writes will make of the keys, before any of it is in the log.

use std::collections::HashMap;

use bytes::Bytes;
use circle_core_common::interfaces::key_value_store::{Action, Key, Precondition, Write, Written};
use circle_core_common::{Error, ErrorKind, Fence, OperationId, Reason, Result, Timestamp};

use super::record::{Operation, Stamp};
use super::state::{Place, State, sequence, version};
use crate::disk::Disk;

/// Writes on top of a state, in order.
pub(super) struct Draft<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) state: &'a State,
    /// The store's number.
    pub(super) store: u64,
    pub(super) now: Timestamp,
    next: u64,
    changes: HashMap<Key, Change>,
    /// What the changes replaced, since the last mark.
    undo: Vec<(Key, Option<Change>)>,
    pub(super) operations: Vec<Operation<Bytes>>,
}

#[derive(Clone, Default)]
struct Change {
    /// `None` where only the fence has changed.
    slot: Option<Option<Slot>>,
    fence: Option<Fence>,
}

#[derive(Clone)]
struct Slot {
    stamp: Stamp,
    value: Value,
}

#[derive(Clone)]
enum Value {
    New(Bytes),
    Kept(Place),
}

impl<'a> Draft<'a> {
    pub(super) fn new(disk: &'a dyn Disk, state: &'a State, store: u64, now: Timestamp) -> Self {
        let (changes, undo, operations) = (HashMap::new(), Vec::new(), Vec::new());
        Self { disk, state, store, now, next: state.next.max(1), changes, undo, operations }
    }

    /// All of it, or nothing.
    pub(super) fn atomically<T>(&mut self, writes: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.undo.clear();
        let (next, operations) = (self.next, self.operations.len());
        let result = writes(self);
        if result.is_err() {
            self.next = next;
            self.operations.truncate(operations);
            while let Some((key, before)) = self.undo.pop() {
                match before {
                    Some(change) => self.changes.insert(key, change),
                    None => self.changes.remove(&key),
                };
            }
        }
        result
    }

    fn slot(&self, key: &Key) -> Option<Slot> {
        if let Some(slot) = self.changes.get(key).and_then(|change| change.slot.as_ref()) {
            return slot.clone();
        }
        let kept = self.state.get(key, self.now)?;
        Some(Slot { stamp: kept.stamp.clone(), value: Value::Kept(kept.place.clone()) })
    }

    fn fence(&self, key: &Key) -> Option<Fence> {
        let drafted = self.changes.get(key).and_then(|change| change.fence);
        drafted.or_else(|| self.state.fences.get(key).copied())
    }

    fn change(&mut self, key: &Key, change: impl FnOnce(&mut Change)) {
        self.undo.push((key.clone(), self.changes.get(key).cloned()));
        change(self.changes.entry(key.clone()).or_default());
    }

    fn stamp(&mut self, expires_at: Option<Timestamp>, operation: Option<OperationId>) -> Stamp {
        let sequence = self.next;
        self.next += 1;
        Stamp { sequence, expires_at, operation }
    }

    fn put(&mut self, key: Key, stamp: Stamp, value: Bytes) {
        let slot = Slot { stamp: stamp.clone(), value: Value::New(value.clone()) };
        self.change(&key, |change| change.slot = Some(Some(slot)));
        self.operations.push(Operation::Put(key, stamp, value));
    }

    /// One write, which is checked whole before it changes anything.
    pub(super) fn write(&mut self, write: Write, operation: Option<&OperationId>) -> Result<Written> {
        let Write { key, action, precondition, fence, .. } = write;
        let current = self.slot(&key);
        if let (Some(fence), Some(newest)) = (fence, self.fence(&key))
            && fence < newest
        {
            let text = format!("a newer holder of the lock has written `{key}`");
            return Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::Fenced));
        }
        self.check(&key, &precondition, current.as_ref())?;
        if matches!(action, Action::Touch { .. }) && current.is_none() {
            return Err(Error::new(ErrorKind::NotFound, format!("the key `{key}` is absent, so its expiry cannot change")));
        }
        if let Some(fence) = fence.filter(|fence| self.fence(&key) != Some(*fence)) {
            self.change(&key, |change| change.fence = Some(fence));
            self.operations.push(Operation::Fence(key.clone(), fence));
        }
        let existed = current.is_some();
        let stamp = match (action, current) {
            (Action::Put { value, ttl }, _) => {
                let stamp = self.stamp(ttl.map(|ttl| self.now + ttl), operation.cloned());
                self.put(key, stamp.clone(), value);
                stamp
            }
            (Action::Touch { ttl }, Some(current)) => {
                let stamp = self.stamp(ttl.map(|ttl| self.now + ttl), operation.cloned());
                let slot = Slot { stamp: stamp.clone(), value: current.value };
                self.change(&key, |change| change.slot = Some(Some(slot)));
                self.operations.push(Operation::Touch(key, stamp.clone()));
                stamp
            }
            (Action::Delete, current) => {
                if current.is_some() {
                    self.change(&key, |change| change.slot = Some(None));
                    self.operations.push(Operation::Delete(key));
                }
                return Ok(Written::deleted(Some(existed)));
            }
            _ => return Err(Error::new(ErrorKind::Unsupported, "the filesystem store does not know this kind of write")),
        };
        let mut written = Written::version(version(self.store, stamp.sequence));
        written.expires_at = stamp.expires_at;
        written.existed = Some(existed);
        Ok(written)
    }

    fn check(&self, key: &Key, precondition: &Precondition, current: Option<&Slot>) -> Result<()> {
        let expected = match precondition {
            Precondition::None => return Ok(()),
            Precondition::IfAbsent if current.is_none() => return Ok(()),
            Precondition::IfAbsent => {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("the key `{key}` exists already")));
            }
            Precondition::IfMatch(version) => sequence(version).ok_or_else(|| {
                Error::new(ErrorKind::InvalidInput, format!("the version given for `{key}` is none of this store"))
            })?,
            _ => return Err(Error::new(ErrorKind::Unsupported, "the filesystem store does not know this precondition")),
        };
        if current.is_some_and(|slot| (self.store, slot.stamp.sequence) == expected) {
            return Ok(());
        }
        let text = format!("the key `{key}` has another version than the one given, or none");
        Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::VersionMismatch))
    }

    /// Adds to a number; its expiry stays.
    pub(super) fn increment(&mut self, key: Key, by: i64) -> Result<i64> {
        let current = self.slot(&key);
        let number = match &current {
            None => 0,
            Some(Slot { value, .. }) => {
                let value = match value {
                    Value::New(value) => value.clone(),
                    Value::Kept(place) => place.read(self.disk)?,
                };
                let number = std::str::from_utf8(&value).ok().and_then(|text| text.parse::<i64>().ok());
                number.ok_or_else(|| Error::new(ErrorKind::InvalidInput, format!("the value of `{key}` is not a number")))?
            }
        };
        let sum = number.checked_add(by).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("{number} + {by} is no 64-bit number")).with_reason(Reason::Overflow)
        })?;
        let stamp = self.stamp(current.and_then(|slot| slot.stamp.expires_at), None);
        self.put(key, stamp, sum.to_string().into());
        Ok(sum)
    }
}
