//! Requests, options and results.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::extension::Extensions;
use crate::identifier::{Fence, OperationId, Version};
use crate::listing::PageRequest;
use crate::units::Timestamp;

crate::name! {
    /// A key, byte for byte as it was written.
    pub struct Key;
}

/// What must hold for a write to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// The key is absent; else `AlreadyExists`.
    IfAbsent,
    /// The entry has this version; else `Conflict`, reason `VersionMismatch`, also when it is absent.
    IfMatch(Version),
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// As the store reads by default.
    #[default]
    Default,
    /// What was written last, from anywhere.
    Strong,
}

/// An entry. Its value may be empty, which is not absent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Bytes,
    /// Its version; it changes with every successful write, even of equal bytes.
    pub version: Version,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// The id of the conditional write that made this version, where it is kept.
    pub operation: Option<OperationId>,
}

impl Entry {
    /// An entry without expiry.
    #[must_use]
    pub fn new(key: Key, value: Bytes, version: Version) -> Self {
        Self { key, value, version, expires_at: None, operation: None }
    }
}

/// One write: what it does to a key, and on which conditions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Write {
    /// The key.
    pub key: Key,
    /// What it does.
    pub action: Action,
    /// What must hold.
    pub precondition: Precondition,
    /// The lock holder's fence: an older one than the key has seen is refused, `Conflict` with reason `Fenced`.
    pub fence: Option<Fence>,
}

/// What a write does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Sets the value; without `ttl` the entry does not expire, whatever it did before.
    Put {
        /// The value.
        value: Bytes,
        /// How long the entry lives.
        ttl: Option<Duration>,
    },
    /// Deletes; deleting the absent is fine.
    Delete,
    /// Changes the expiry only; `None` takes it away. `NotFound` when the key is absent.
    Touch {
        /// How long the entry lives from now.
        ttl: Option<Duration>,
    },
}

impl Write {
    fn new(key: Key, action: Action) -> Self {
        Self { key, action, precondition: Precondition::None, fence: None }
    }

    /// Sets a value.
    #[must_use]
    pub fn put(key: impl Into<Key>, value: impl Into<Bytes>) -> Self {
        Self::new(key.into(), Action::Put { value: value.into(), ttl: None })
    }

    /// Deletes.
    #[must_use]
    pub fn delete(key: impl Into<Key>) -> Self {
        Self::new(key.into(), Action::Delete)
    }

    /// Lets the entry live so long from now; `None` lets it live for ever.
    #[must_use]
    pub fn touch(key: impl Into<Key>, ttl: impl Into<Option<Duration>>) -> Self {
        Self::new(key.into(), Action::Touch { ttl: ttl.into() })
    }

    /// Lets the entry expire; of a delete it changes nothing.
    #[must_use]
    pub fn ttl(mut self, life: Duration) -> Self {
        if let Action::Put { ttl, .. } | Action::Touch { ttl } = &mut self.action {
            *ttl = Some(life);
        }
        self
    }

    /// Only if the key is absent.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.precondition = Precondition::IfAbsent;
        self
    }

    /// Only if the entry has this version.
    #[must_use]
    pub fn if_match(mut self, version: impl Into<Version>) -> Self {
        self.precondition = Precondition::IfMatch(version.into());
        self
    }

    /// Only if no newer holder of the lock has written the key.
    #[must_use]
    pub fn fence(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }

    /// The life that it gives the entry.
    #[must_use]
    pub fn life(&self) -> Option<Duration> {
        match self.action {
            Action::Put { ttl, .. } | Action::Touch { ttl } => ttl,
            Action::Delete => None,
        }
    }
}

impl<K: Into<Key>, V: Into<Bytes>> From<(K, V)> for Write {
    fn from((key, value): (K, V)) -> Self {
        Self::put(key, value)
    }
}

/// What a write did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The version that it made; `None` of a delete.
    pub version: Option<Version>,
    /// When the entry expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// Whether the key was there before, where the store tells.
    pub existed: Option<bool>,
}

impl Written {
    /// A put or touch that made this version.
    #[must_use]
    pub const fn version(version: Version) -> Self {
        Self { version: Some(version), expires_at: None, existed: None }
    }

    /// A delete.
    #[must_use]
    pub const fn deleted(existed: Option<bool>) -> Self {
        Self { version: None, expires_at: None, existed }
    }
}

/// What a delete did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deleted {
    /// The entry is gone.
    Removed,
    /// There was none.
    Absent,
    /// It is gone; whether it was there the store does not say.
    Unknown,
}

impl From<Written> for Deleted {
    fn from(written: Written) -> Self {
        match written.existed {
            Some(true) => Self::Removed,
            Some(false) => Self::Absent,
            None => Self::Unknown,
        }
    }
}

/// A change that a watch tells of; changes of one key come in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A key has a new value or expiry.
    Put(Entry),
    /// A key was deleted, or has expired.
    Deleted(Key),
    /// Changes were missed: read anew what matters. The watch goes on.
    Lagged,
}

/// How to get.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GetOptions {
    /// How fresh.
    pub consistency: Consistency,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl GetOptions {
    options!();

    /// Reads what was written last, from anywhere.
    #[must_use]
    pub fn strong(mut self) -> Self {
        self.consistency = Consistency::Strong;
        self
    }
}

/// How to put.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// What must hold.
    pub precondition: Precondition,
    /// How long the entry lives; for ever by default, whatever it did before.
    pub ttl: Option<Duration>,
    /// The lock holder's fence.
    pub fence: Option<Fence>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl PutOptions {
    options!();

    /// Puts only if the key is absent.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.precondition = Precondition::IfAbsent;
        self
    }

    /// Puts only if the entry has this version.
    #[must_use]
    pub fn if_match(mut self, version: impl Into<Version>) -> Self {
        self.precondition = Precondition::IfMatch(version.into());
        self
    }

    /// Lets the entry expire.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Puts only if no newer holder of the lock has written the key.
    #[must_use]
    pub fn fence(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }
}

/// How to delete.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeleteOptions {
    /// Only if the entry has this version; else `Conflict`.
    pub if_match: Option<Version>,
    /// The lock holder's fence.
    pub fence: Option<Fence>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl DeleteOptions {
    options! {
        /// Deletes only this version.
        if_match: Version,
    }

    /// Deletes only if no newer holder of the lock has written the key.
    #[must_use]
    pub fn fence(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }
}

request! {
    /// Asks for entries.
    GetRequest {
        /// Which; at most `get_max`.
        keys: Vec<Key>,
        /// What the caller chose.
        options: GetOptions,
    }
}

request! {
    /// Writes entries, each for itself.
    WriteRequest {
        /// The writes; at most `write_max`.
        writes: Vec<Write>,
        /// What the caller chose for all of them.
        extensions: Extensions,
        /// The id of a conditional write: kept beside the entry where the store can, so that a lost answer is told
        /// from somebody else's write.
        operation: Option<OperationId>,
    }
}

request! {
    /// Writes entries, all or none, in order.
    TransactionRequest {
        /// The writes; at most `transaction_max`; the same key may come several times.
        writes: Vec<Write>,
        /// The id of the transaction, kept beside every entry that it puts.
        operation: Option<OperationId>,
    }
}

request! {
    /// Adds to the number under a key, which starts at 0; its expiry stays.
    IncrementRequest {
        /// The key.
        key: Key,
        /// What to add.
        by: i64,
    }
}

request! {
    /// Asks for a page of a list.
    ListRequest {
        /// What the keys begin with, byte for byte: `%` and `*` mean themselves.
        prefix: Arc<str>,
        /// What the caller chose.
        options: GetOptions,
        /// Which page.
        page: PageRequest,
    }
}

request! {
    /// Asks to be told of changes.
    WatchRequest {
        /// What the keys begin with.
        prefix: Arc<str>,
    }
}
