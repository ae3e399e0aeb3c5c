//! Key-value storage: small values, compare-and-swap, transactions, expiry.
//!
//! ```
//! # use std::time::Duration;
//! # use circle_core_common::Result;
//! # use circle_core_common::interfaces::key_value_store::{KeyValueStore, PutOptions, Write};
//! # #[derive(Default, serde::Serialize, serde::Deserialize)]
//! # struct Cart { items: Vec<String> }
//! # async fn example(kv: KeyValueStore, item: String) -> Result<()> {
//! kv.put_with("otp:9", "184223", PutOptions::new().ttl(Duration::from_secs(300))).await?;
//! let carts = kv.of::<Cart>(); // the JSON view of the same store
//! let cart = carts
//!     .update("cart:7", |old| {
//!         let mut cart = old.unwrap_or_default();
//!         cart.items.push(item.clone());
//!         Ok(cart)
//!     })
//!     .await?;
//! kv.transaction([Write::put("a", "1").if_absent(), Write::delete("c")]).await?;
//! let hits = kv.increment("hits", 1).await?;
//! # Ok(())
//! # }
//! ```
//!
//! *Absent* is `None`, and an empty value is not absent. *Versions* change with every successful write. *Expiry* is
//! cleared by a write that gives none, kept by `increment`, never rounded, and never early.

mod capabilities;
#[cfg(feature = "testkit")]
pub mod conformance;
#[cfg(feature = "mock")]
mod mock;
mod outcome;
mod provider;
mod typed;
mod types;
mod validate;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use capabilities::{KeyValueStoreCapabilities, ListOrder};
#[cfg(feature = "mock")]
pub use mock::MockKeyValueStoreProvider;
pub use provider::KeyValueStoreProvider;
use serde::Serialize;
use serde::de::DeserializeOwned;
pub use typed::{Typed, TypedEntry};
pub use types::*;

use crate::bulk::Bulk;
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::extension::Extensions;
use crate::identifier::Version;
use crate::listing::{Listing, Page};
use crate::operation::Operation;
use crate::resilience::backoff::Backoff;
use crate::scope::Resources;
use crate::watch::Watch;

crate::operations! {
    "KeyValueStore" => {
        /// Reads.
        GET = "key_value_store.get", Read;
        /// Puts, creates, replaces, touches.
        PUT = "key_value_store.put", Write;
        /// Deletes.
        DELETE = "key_value_store.delete", Delete;
        /// Writes all or none.
        TRANSACTION = "key_value_store.transaction", Write;
        /// Adds to a number.
        INCREMENT = "key_value_store.increment", Write;
        /// A page of a list.
        LIST = "key_value_store.list", Read;
        /// Tells of changes.
        WATCH = "key_value_store.watch", Read;
    }
}

crate::handle! {
    /// A store of keys and small values: what applications hold.
    KeyValueStore over KeyValueStoreProvider with KeyValueStoreCapabilities as "KeyValueStore"
}

type Caps = KeyValueStoreCapabilities;

/// How often `update`, and an emulated increment, try against other writers.
const UPDATE_ATTEMPTS: u32 = 100;

impl KeyValueStore {
    /// The same store, with values that are JSON of one type.
    #[must_use]
    pub fn of<T: Serialize + DeserializeOwned + Send + 'static>(&self) -> Typed<T> {
        Typed::new(self.clone())
    }

    /// The entry of a key; `None` when it is absent.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn get(&self, key: impl Into<Key>) -> Result<Option<Entry>> {
        self.get_inner(key.into(), GetOptions::new()).await
    }

    /// The entry of a key, as fresh as chosen.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn get_with(&self, key: impl Into<Key>, options: GetOptions) -> Result<Option<Entry>> {
        self.get_inner(key.into(), options).await
    }

    async fn get_inner(&self, key: Key, options: GetOptions) -> Result<Option<Entry>> {
        self.at(&GET, &key, self.check_key(&key).and_then(|()| self.check_read(&options)))?;
        let (call, provider) = self.start(&GET, Resources::One(key.shared())).await?;
        let result = call.guard(provider.get(call.cx(), GetRequest::new(vec![key], options))).await;
        call.finish(result.and_then(only)).await
    }

    /// The entries of many keys, in order, in as many calls as the provider needs.
    ///
    /// # Errors
    /// `InvalidInput` when a key is not valid. A failed call marks its own keys only.
    pub async fn get_many<K: Into<Key>>(&self, keys: impl IntoIterator<Item = K>) -> Result<Bulk<Option<Entry>>> {
        let keys: Vec<Key> = keys.into_iter().map(Into::into).collect();
        for key in &keys {
            self.at(&GET, key, self.check_key(key))?;
        }
        let mut results = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(self.capabilities().get_max.max(1) as usize) {
            let names: Vec<Arc<str>> = chunk.iter().map(|key| Arc::clone(key.shared())).collect();
            let chunk_result = async {
                let (call, provider) = self.start(&GET, Resources::Many(&names)).await?;
                let result = call.guard(provider.get(call.cx(), GetRequest::new(chunk.to_vec(), GetOptions::new()))).await;
                call.finish(result.and_then(|bulk| complete(bulk, chunk.len()))).await
            };
            collect(&mut results, chunk_result.await, &names);
        }
        Ok(Bulk::new(results))
    }

    /// Sets the value of a key. The entry does not expire, whatever it did before.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// `InvalidInput` outside the limits; what the provider says.
    pub async fn put(&self, key: impl Into<Key>, value: impl Into<Bytes>) -> Result<Written> {
        self.put_with(key, value, PutOptions::new()).await
    }

    /// Sets the value of a key, with conditions, expiry or fence.
    ///
    /// # Errors
    /// As [`put`](Self::put); `AlreadyExists` or `Conflict` by the conditions; `OutcomeUnknown` when the answer to a
    /// conditional put is lost for good.
    pub async fn put_with(&self, key: impl Into<Key>, value: impl Into<Bytes>, options: PutOptions) -> Result<Written> {
        let action = Action::Put { value: value.into(), ttl: options.ttl };
        let write = Write { key: key.into(), action, precondition: options.precondition, fence: options.fence };
        self.write_one(&PUT, write, options.extensions).await
    }

    /// Sets the value of a key that is absent.
    ///
    /// # Errors
    /// `AlreadyExists` if it is there — never because of a lost answer to this very call; else as
    /// [`put_with`](Self::put_with).
    pub async fn create(&self, key: impl Into<Key>, value: impl Into<Bytes>) -> Result<Written> {
        self.put_with(key, value, PutOptions::new().if_absent()).await
    }

    /// Sets the value of a key that has this version.
    ///
    /// # Errors
    /// `Conflict`, reason `VersionMismatch`, if it has another one or is absent; else as [`put_with`](Self::put_with).
    pub async fn replace(&self, key: impl Into<Key>, value: impl Into<Bytes>, version: impl Into<Version>) -> Result<Written> {
        self.put_with(key, value, PutOptions::new().if_match(version)).await
    }

    /// Lets an entry live so long from now.
    ///
    /// # Errors
    /// `NotFound` when the key is absent.
    pub async fn touch(&self, key: impl Into<Key>, ttl: Duration) -> Result<Written> {
        self.write_one(&PUT, Write::touch(key, ttl), Extensions::default()).await
    }

    /// Takes an entry's expiry away.
    ///
    /// # Errors
    /// `NotFound` when the key is absent.
    pub async fn persist(&self, key: impl Into<Key>) -> Result<Written> {
        self.write_one(&PUT, Write::touch(key, None), Extensions::default()).await
    }

    /// Deletes a key. Deleting what is absent succeeds and says so, where the store tells.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn delete(&self, key: impl Into<Key>) -> Result<Deleted> {
        self.delete_with(key, DeleteOptions::new()).await
    }

    /// Deletes a key on a condition.
    ///
    /// # Errors
    /// `Conflict` by the conditions.
    pub async fn delete_with(&self, key: impl Into<Key>, options: DeleteOptions) -> Result<Deleted> {
        let precondition = options.if_match.map_or(Precondition::None, Precondition::IfMatch);
        let write = Write { key: key.into(), action: Action::Delete, precondition, fence: options.fence };
        self.write_one(&DELETE, write, options.extensions).await.map(Deleted::from)
    }

    async fn write_one(&self, operation: &'static Operation, write: Write, extensions: Extensions) -> Result<Written> {
        let checked = self.check_write(&write).and_then(|()| extensions.check(self.core.provider()));
        self.at(operation, &write.key, checked)?;
        let (call, provider) = self.start(operation, Resources::One(write.key.shared())).await?;
        let result = async {
            let id = if outcome::is_conditional(&write) { Some(call.cx().operation_id()?.clone()) } else { None };
            let request = WriteRequest::new(vec![write.clone()], extensions, id.clone());
            let result = call.guard(provider.write(call.cx(), request)).await.and_then(only);
            match (result, id) {
                (Err(error), Some(id)) => outcome::settle(self, &call, [&write], &id, error).await,
                (result, _) => result,
            }
        }
        .await;
        call.finish(result).await
    }

    /// Makes many writes, each for itself, in as many calls as the provider needs; pairs of key and value will do.
    ///
    /// ```
    /// # use circle_core_common::{Result, interfaces::key_value_store::KeyValueStore};
    /// # async fn example(kv: KeyValueStore) -> Result<()> {
    /// kv.put_many([("a", "1"), ("b", "2")]).await?.all()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` or `Unsupported` when a write is not valid: nothing is written then. A failed call marks its own
    /// writes only.
    pub async fn put_many<W: Into<Write>>(&self, writes: impl IntoIterator<Item = W>) -> Result<Bulk<Written>> {
        self.write_many(&PUT, writes.into_iter().map(Into::into).collect()).await
    }

    /// Deletes many keys; one result per key.
    ///
    /// # Errors
    /// As [`put_many`](Self::put_many).
    pub async fn delete_many<K: Into<Key>>(&self, keys: impl IntoIterator<Item = K>) -> Result<Bulk<Deleted>> {
        let bulk = self.write_many(&DELETE, keys.into_iter().map(Write::delete).collect()).await?;
        Ok(bulk.into_iter().map(|result| result.map(Deleted::from)).collect())
    }

    async fn write_many(&self, operation: &'static Operation, writes: Vec<Write>) -> Result<Bulk<Written>> {
        for write in &writes {
            self.at(operation, &write.key, self.check_write(write))?;
        }
        let mut results = Vec::with_capacity(writes.len());
        for chunk in writes.chunks(self.capabilities().write_max.max(1) as usize) {
            let names: Vec<Arc<str>> = chunk.iter().map(|write| Arc::clone(write.key.shared())).collect();
            let chunk_result = async {
                let (call, provider) = self.start(operation, Resources::Many(&names)).await?;
                let result = async {
                    let conditional = chunk.iter().any(outcome::is_conditional);
                    let id = if conditional { Some(call.cx().operation_id()?.clone()) } else { None };
                    let request = WriteRequest::new(chunk.to_vec(), Extensions::default(), id.clone());
                    let result = call.guard(provider.write(call.cx(), request)).await;
                    match (result.and_then(|bulk| complete(bulk, chunk.len())), id) {
                        (Err(error), Some(id)) if error.sent() == Sent::Maybe => Err(outcome::unknown(error, &id)),
                        (result, _) => result,
                    }
                };
                let result = result.await;
                call.finish(result).await
            };
            collect(&mut results, chunk_result.await, &names);
        }
        Ok(Bulk::new(results))
    }

    /// Makes all writes or none, in order; nobody sees a part of them.
    ///
    /// # Errors
    /// `AlreadyExists` or `Conflict` by the first condition that does not hold, `InvalidInput` beyond
    /// `transaction_max`: nothing is written then. `OutcomeUnknown` when the answer is lost for good.
    pub async fn transaction(&self, writes: impl IntoIterator<Item = Write>) -> Result<Vec<Written>> {
        self.transaction_inner(writes.into_iter().collect()).await
    }

    async fn transaction_inner(&self, writes: Vec<Write>) -> Result<Vec<Written>> {
        self.check_transaction(&writes).map_err(|error| self.core.place(error, &TRANSACTION))?;
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<Arc<str>> = writes.iter().map(|write| Arc::clone(write.key.shared())).collect();
        let (call, provider) = self.start(&TRANSACTION, Resources::Many(&names)).await?;
        let result = async {
            let id = call.cx().operation_id()?.clone();
            let request = TransactionRequest::new(writes.clone(), Some(id.clone()));
            match call.guard(provider.transaction(call.cx(), request)).await {
                Ok(written) => Ok(written),
                // A key that is put and deleted later in the same transaction proves nothing.
                Err(error) => {
                    let last = |write: &&Write| {
                        !writes.iter().rev().take_while(|other| !std::ptr::eq(*other, *write)).any(|other| other.key == write.key)
                    };
                    outcome::settle(self, &call, writes.iter().filter(last), &id, error).await?;
                    Ok(writes.iter().map(|_| Written { version: None, expires_at: None, existed: None }).collect())
                }
            }
        }
        .await;
        call.finish(result).await
    }

    /// Adds to the number under a key, which starts at 0, and gives the sum. Its expiry stays.
    ///
    /// Not idempotent: a lost answer is `OutcomeUnknown`. Emulated by compare-and-swap, where the caller allows it.
    ///
    /// # Errors
    /// `InvalidInput` for a value that is no number, and with reason `Overflow` when the sum is none.
    pub async fn increment(&self, key: impl Into<Key>, by: i64) -> Result<i64> {
        let key = key.into();
        self.at(&INCREMENT, &key, self.check_key(&key))?;
        if !self.capabilities().increment && self.capabilities().cas {
            return self.increment_by_cas(key, by).await;
        }
        self.at(&INCREMENT, &key, Caps::INCREMENT.check(self.capabilities()))?;
        let (call, provider) = self.start(&INCREMENT, Resources::One(key.shared())).await?;
        let result = async {
            let result = call.guard(provider.increment(call.cx(), IncrementRequest::new(key.clone(), by))).await;
            match result {
                Err(error) if error.sent() == Sent::Maybe => Err(outcome::unknown(error, call.cx().operation_id()?)),
                result => result,
            }
        }
        .await;
        call.finish(result).await
    }

    /// The documented emulation of `increment`; refused unless the caller allows it.
    async fn increment_by_cas(&self, key: Key, by: i64) -> Result<i64> {
        let (call, ()) = self.core.start(&INCREMENT, Resources::One(key.shared()), || Ok(&())).await?;
        let allowed = call.cx().emulates();
        if allowed {
            call.cx().report(|report| report.emulated.push(Caps::INCREMENT.name()));
        }
        call.finish(if allowed { Ok(()) } else { Err(Error::unsupported(Caps::INCREMENT.name())) }).await?;
        let entry = self.update_entry(key, |old, _| Ok(add(old.as_deref(), by)?.to_string().into())).await?;
        add(Some(&entry.value), 0)
    }

    /// Changes a value by a function of it; `None` where it is absent. Gives the new entry. Other writers make it run
    /// again. Its expiry is cleared, as by every put.
    ///
    /// # Errors
    /// The function's; `Conflict` after 100 lost races; as [`put_with`](Self::put_with).
    pub async fn update<V: Into<Bytes>>(
        &self,
        key: impl Into<Key>,
        change: impl Fn(Option<Bytes>) -> Result<V> + Send + Sync,
    ) -> Result<Entry> {
        self.update_entry(key.into(), |old, ttl| {
            *ttl = None;
            Ok(change(old)?.into())
        })
        .await
    }

    /// The compare-and-swap loop; `change` gets the remaining life of the entry and may clear it.
    async fn update_entry(
        &self,
        key: Key,
        change: impl Fn(Option<Bytes>, &mut Option<Duration>) -> Result<Bytes> + Send + Sync,
    ) -> Result<Entry> {
        let clock = self.core.environment().clock().clone();
        let backoff = Backoff::new().initial_interval(Duration::from_millis(2)).max_interval(Duration::from_millis(250));
        let mut waits = backoff.waits(self.core.environment().random());
        let mut attempt = 1;
        loop {
            let current = self.get_inner(key.clone(), GetOptions::new()).await?;
            let mut ttl = current.as_ref().and_then(|entry| entry.expires_at).map(|at| at.since(clock.timestamp()));
            let (old, options) = match current {
                None => (None, PutOptions::new().if_absent()),
                Some(entry) => (Some(entry.value), PutOptions::new().if_match(entry.version)),
            };
            let value = change(old, &mut ttl)?;
            match self.put_with(key.clone(), value.clone(), PutOptions { ttl, ..options }).await {
                Err(error)
                    if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists) && attempt < UPDATE_ATTEMPTS =>
                {
                    attempt += 1;
                    if let Some(wait) = waits.next_wait()? {
                        clock.sleep(wait).await;
                    }
                }
                Err(error) => return Err(error),
                Ok(written) => {
                    let missing = || Error::new(ErrorKind::Internal, "the provider gave no version for the write");
                    let mut entry = Entry::new(key, value, written.version.ok_or_else(missing)?);
                    entry.expires_at = written.expires_at;
                    return Ok(entry);
                }
            }
        }
    }

    /// The entries whose keys begin with `prefix`, byte for byte.
    pub fn list(&self, prefix: impl Into<String>) -> Listing<Entry> {
        self.list_map(prefix.into(), |entry| entry)
    }

    fn list_map<T: Send + 'static>(
        &self,
        prefix: String,
        map: impl Fn(Entry) -> T + Clone + Send + Sync + 'static,
    ) -> Listing<T> {
        let store = self.clone();
        let prefix: Arc<str> = prefix.into();
        Listing::new(&prefix.clone(), move |page| {
            let (store, prefix, map) = (store.clone(), Arc::clone(&prefix), map.clone());
            async move {
                Caps::LIST.check(store.capabilities()).map_err(|error| store.core.place(error, &LIST).with_resource(&prefix))?;
                let (call, provider) = store.start(&LIST, Resources::One(&prefix)).await?;
                let request = ListRequest::new(Arc::clone(&prefix), GetOptions::new(), page);
                let result = call.guard(provider.list(call.cx(), request)).await;
                Ok(call.finish(result).await?.map(map))
            }
        })
    }

    /// Deletes every key that begins with `prefix`, page by page; gives their number. Not atomic: keys that are
    /// written meanwhile may stay.
    ///
    /// # Errors
    /// `InvalidInput` for an empty prefix, which would delete everything; `Unsupported` without `list`.
    pub async fn delete_prefix(&self, prefix: impl Into<String>) -> Result<u64> {
        let prefix = prefix.into();
        if prefix.is_empty() {
            let error =
                Error::new(ErrorKind::InvalidInput, "an empty prefix would delete everything").with_reason(Reason::NameInvalid);
            return Err(self.core.place(error, &DELETE));
        }
        let mut deleted = 0;
        let mut cursor = None;
        loop {
            let Page { items, next } = self.list(prefix.clone()).starting_at(cursor).page().await?;
            deleted += items.len() as u64;
            if !items.is_empty() {
                self.delete_many(items.into_iter().map(|entry| entry.key)).await?.all()?;
            }
            match next {
                None => return Ok(deleted),
                next => cursor = next,
            }
        }
    }

    /// The changes of the keys that begin with `prefix`, from now on, in order per key; `Change::Lagged` after a gap.
    ///
    /// # Errors
    /// `Unsupported` without `watch`.
    pub async fn watch(&self, prefix: impl Into<String>) -> Result<Watch<Change>> {
        let prefix: Arc<str> = prefix.into().into();
        Caps::WATCH.check(self.capabilities()).map_err(|error| self.core.place(error, &WATCH).with_resource(&prefix))?;
        let (call, provider) = self.start(&WATCH, Resources::One(&prefix)).await?;
        let result = call.guard(provider.watch(call.cx(), WatchRequest::new(Arc::clone(&prefix)))).await;
        call.finish(result).await
    }

    /// Whether the write behind an `OutcomeUnknown` has happened.
    ///
    /// # Errors
    /// `InvalidInput` for an error that names no write of this interface; what the provider says.
    pub async fn resolve(&self, error: &Error) -> Result<crate::Resolution> {
        outcome::resolve(self, error).await
    }

    fn at<T>(&self, operation: &'static Operation, key: &Key, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.core.place(error, operation).with_resource(key.shared()))
    }
}

/// The sum of the number in a value and `by`.
fn add(value: Option<&[u8]>, by: i64) -> Result<i64> {
    let number = match value {
        None => 0,
        Some(value) => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the value is not a number"))?,
    };
    number.checked_add(by).ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("{number} + {by} is no 64-bit number")).with_reason(Reason::Overflow)
    })
}

fn complete<T>(bulk: Bulk<T>, expected: usize) -> Result<Bulk<T>> {
    if bulk.len() == expected {
        return Ok(bulk);
    }
    Err(Error::new(ErrorKind::Internal, format!("the provider gave {} results for {expected} keys", bulk.len())))
}

fn only<T>(bulk: Bulk<T>) -> Result<T> {
    complete(bulk, 1)?.into_iter().next().ok_or_else(|| Error::new(ErrorKind::Internal, "the provider gave no result"))?
}

fn collect<T>(results: &mut Vec<Result<T>>, chunk: Result<Bulk<T>>, names: &[Arc<str>]) {
    match chunk {
        Ok(bulk) => results.extend(bulk),
        Err(error) => results.extend(names.iter().map(|name| Err(error.clone().with_own_resource(name)))),
    }
}
