//! The objects of a store: every key with its current version, and the older ones where they are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use circle_core_common::interfaces::object_store::{DeleteItem, DeleteMarker, Deleted, ObjectKey, ObjectMeta, Precondition};
use circle_core_common::{Error, ErrorKind, Result, Version};

use super::upload::Uploads;
use super::{absent, mismatch};
use crate::provider::Store;

#[derive(Default)]
pub(crate) struct Objects {
    pub(super) keys: BTreeMap<ObjectKey, History>,
    pub(super) uploads: Uploads,
}

/// The revisions of one key.
pub(super) struct History {
    current: Revision,
    /// The oldest first.
    older: Vec<Revision>,
}

pub(super) struct Revision {
    /// Larger than that of every revision before it.
    pub(super) generation: u64,
    pub(super) state: State,
}

pub(super) enum State {
    Object(Stored),
    Marker(DeleteMarker),
}

/// Cheap to clone: nothing of it is copied.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) meta: Arc<ObjectMeta>,
    pub(super) content: Bytes,
}

impl History {
    fn new(current: Revision) -> Self {
        // Empty, the vector costs no allocation: the case of a store without versions.
        Self { current, older: Vec::new() }
    }

    pub(super) fn current(&self) -> Option<&Stored> {
        self.current.object()
    }

    /// The newest first.
    pub(super) fn revisions(&self) -> impl Iterator<Item = &Revision> {
        std::iter::once(&self.current).chain(self.older.iter().rev())
    }

    fn push(&mut self, revision: Revision) {
        self.older.push(std::mem::replace(&mut self.current, revision));
    }

    /// The cost of the revision that went; the flag says whether others are left.
    fn remove(&mut self, version: &Version) -> Option<(u64, bool)> {
        if self.current.version() == Some(version) {
            let cost = self.current.cost();
            return Some(match self.older.pop() {
                Some(previous) => {
                    self.current = previous;
                    (cost, true)
                }
                None => (cost, false),
            });
        }
        let at = self.older.iter().position(|revision| revision.version() == Some(version))?;
        Some((self.older.remove(at).cost(), true))
    }
}

impl Revision {
    fn object(&self) -> Option<&Stored> {
        match &self.state {
            State::Object(stored) => Some(stored),
            State::Marker(_) => None,
        }
    }

    fn version(&self) -> Option<&Version> {
        match &self.state {
            State::Object(stored) => stored.meta.version.as_ref(),
            State::Marker(marker) => Some(&marker.version),
        }
    }

    fn cost(&self) -> u64 {
        match &self.state {
            State::Object(stored) => cost(&stored.meta.key, &stored.content),
            State::Marker(marker) => cost(&marker.key, &[]),
        }
    }
}

/// What an object or part counts against the capacity.
pub(super) fn cost(key: &ObjectKey, content: &[u8]) -> u64 {
    (key.as_str().len() + content.len()) as u64
}

impl Objects {
    /// The object, or this version of it.
    pub(super) fn get(&self, key: &ObjectKey, version: Option<&Version>) -> Result<Stored> {
        let history = self.keys.get(key);
        let found = match version {
            None => history.and_then(History::current),
            Some(_) => history
                .and_then(|history| history.revisions().find(|revision| revision.version() == version))
                .and_then(Revision::object),
        };
        found.cloned().ok_or_else(|| absent(key))
    }

    fn current_version(&self, key: &ObjectKey) -> Option<&Version> {
        self.keys.get(key)?.current()?.meta.version.as_ref()
    }

    /// Makes this the current object of its key; `given_up` is what the caller lets go in exchange.
    pub(super) fn write(
        &mut self,
        store: &Store,
        mut meta: ObjectMeta,
        content: Bytes,
        precondition: &Precondition,
        given_up: u64,
    ) -> Result<ObjectMeta> {
        match (precondition, self.current_version(&meta.key)) {
            (Precondition::None, _) | (Precondition::IfAbsent, None) => {}
            (Precondition::IfMatch(version), Some(current)) if version == current => {}
            (Precondition::IfAbsent, Some(_)) => {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("object `{}` exists already", meta.key)));
            }
            _ => return Err(mismatch(&meta.key)),
        }
        let history = self.keys.get_mut(&meta.key);
        let replaced = history.as_ref().filter(|_| !store.keeps_versions).map_or(0, |history| history.current.cost());
        store.quota.exchange(given_up + replaced, cost(&meta.key, &content))?;
        let generation = store.next_token();
        meta.version = Some(Version::generation(generation.to_string()));
        meta.size = content.len() as u64;
        meta.modified = store.timestamp();
        meta.is_latest = true;
        let written = meta.clone();
        let revision = Revision { generation, state: State::Object(Stored { meta: Arc::new(meta), content }) };
        match history {
            Some(history) if store.keeps_versions => history.push(revision),
            Some(history) => history.current = revision,
            None => drop(self.keys.insert(written.key.clone(), History::new(revision))),
        }
        Ok(written)
    }

    pub(super) fn delete(&mut self, store: &Store, item: &DeleteItem) -> Result<Deleted> {
        self.delete_inner(store, item).map_err(|error| error.with_resource(item.key.shared()))
    }

    fn delete_inner(&mut self, store: &Store, item: &DeleteItem) -> Result<Deleted> {
        let key = &item.key;
        if item.options.if_match.is_some() && item.options.if_match.as_ref() != self.current_version(key) {
            return Err(mismatch(key));
        }
        let Some(history) = self.keys.get_mut(key) else { return Ok(Deleted::Absent) };
        if let Some(version) = &item.options.version {
            let Some((cost, others)) = history.remove(version) else { return Ok(Deleted::Absent) };
            if !others {
                self.keys.remove(key);
            }
            store.quota.release(cost);
            return Ok(Deleted::Removed);
        }
        if history.current().is_none() {
            return Ok(Deleted::Absent);
        }
        if store.keeps_versions {
            // A delete is never refused for want of room; the marker's few bytes are counted from here on.
            store.quota.add(cost(key, &[]));
            let generation = store.next_token();
            let version = Version::generation(generation.to_string());
            let marker = DeleteMarker::new(key.clone(), version.clone(), store.timestamp(), true);
            history.push(Revision { generation, state: State::Marker(marker) });
            return Ok(Deleted::Marked(version));
        }
        store.quota.release(history.current.cost());
        self.keys.remove(key);
        Ok(Deleted::Removed)
    }
}
