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

mod bulk;
mod capabilities;
#[cfg(feature = "testkit")]
pub mod conformance;
#[cfg(feature = "mock")]
mod mock;
mod outcome;
mod provider;
mod typed;
mod types;
mod update;
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
use crate::context::OnUnsupported;
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::extension::Extensions;
use crate::identifier::Version;
use crate::listing::{Listing, Page};
use crate::operation::Operation;
use crate::scope::{Call, Resources};
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
        /// Looks up a write whose answer was lost: what an older read or another copy says is no answer to it.
        RESOLVE = "key_value_store.resolve", Read;
    }
}

crate::handle! {
    /// A store of keys and small values: what applications hold.
    KeyValueStore over KeyValueStoreProvider with KeyValueStoreCapabilities as "KeyValueStore"
}

type Caps = KeyValueStoreCapabilities;

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
        self.get_inner(&GET, key.into(), GetOptions::new()).await
    }

    /// The entry of a key, as fresh as chosen.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn get_with(&self, key: impl Into<Key>, options: GetOptions) -> Result<Option<Entry>> {
        self.get_inner(&GET, key.into(), options).await
    }

    async fn get_inner(&self, operation: &'static Operation, key: Key, options: GetOptions) -> Result<Option<Entry>> {
        self.at(operation, &key, self.check_key(&key).and_then(|()| self.check_read(&options)))?;
        let mut call = self.open(operation);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = call.guard(provider.get(call.cx(), GetRequest::new(vec![key], options))).await;
        call.finish(result.and_then(Bulk::only)).await
    }

    /// How what was written last is read, as well as this store can.
    fn freshest(&self) -> GetOptions {
        if self.capabilities().strong_read { GetOptions::new().strong() } else { GetOptions::new() }
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
        let mut call = self.open(operation);
        let provider = self.start(&mut call, Resources::One(write.key.shared())).await?;
        let result = self.write_within(&call, provider, write, extensions).await;
        call.finish(result).await
    }

    async fn write_within(
        &self,
        call: &Call<'_>,
        provider: &dyn KeyValueStoreProvider,
        write: Write,
        extensions: Extensions,
    ) -> Result<Written> {
        let id = if outcome::is_conditional(&write) { Some(call.cx().operation_id()?.clone()) } else { None };
        let request = WriteRequest::new(vec![write.clone()], extensions, id.clone());
        let result = call.guard(provider.write(call.cx(), request)).await.and_then(Bulk::only);
        match (result, id) {
            (Err(error), Some(id)) => outcome::settle(self, call, [&write], &id, error).await,
            (result, _) => result,
        }
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
        let mut call = self.open(&TRANSACTION);
        let provider = self.start(&mut call, Resources::Many(&names)).await?;
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
    /// Not idempotent, and no store keeps ids of additions: a lost answer is `OutcomeUnknown`, and reading the value is
    /// all that can be done about it. Emulated by compare-and-swap, where the caller allows it; a life that is shorter
    /// than the store's `ttl_min` by then becomes `ttl_min`, because it may not end early.
    ///
    /// # Errors
    /// `InvalidInput` for a value that is no number, and with reason `Overflow` when the sum is none; `Unsupported` with
    /// an idempotency key, which would promise what cannot be kept.
    pub async fn increment(&self, key: impl Into<Key>, by: i64) -> Result<i64> {
        let key = key.into();
        self.at(&INCREMENT, &key, self.check_key(&key).and_then(|()| self.check_no_idempotency_key()))?;
        let capabilities = self.capabilities();
        if !(capabilities.cas && self.emulates()) {
            self.at(&INCREMENT, &key, Caps::INCREMENT.check(capabilities))?;
        }
        let mut call = self.open(&INCREMENT);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = if capabilities.increment {
            call.guard(provider.increment(call.cx(), IncrementRequest::new(key, by))).await
        } else {
            call.cx().report(|report| report.emulated.push(Caps::INCREMENT.name()));
            // Boxed: emulation is rare, and inline it would grow every caller's future.
            Box::pin(update::increment(self, &call, provider, key, by)).await
        };
        let result = match result {
            // A part of an emulation that only read has changed nothing.
            Err(error) if error.sent() == Sent::Maybe && (capabilities.increment || error.is(ErrorKind::OutcomeUnknown)) => {
                outcome::unknown_sum(&call, error)
            }
            result => result,
        };
        call.finish(result).await
    }

    fn emulates(&self) -> bool {
        self.core.options().is_some_and(|options| options.on_unsupported == Some(OnUnsupported::Emulate))
    }

    /// Changes a value by a function of it; `None` where it is absent. Gives the new entry. Other writers make it run
    /// again. Its expiry is cleared, as by every put. A timeout bounds all of it.
    ///
    /// Repeated with its id, it gives the entry that it made before, as long as nobody has written the key since.
    ///
    /// # Errors
    /// The function's; `Unsupported` without `cas`; `Conflict` after 100 lost races; as [`put_with`](Self::put_with).
    pub async fn update<V: Into<Bytes>>(
        &self,
        key: impl Into<Key>,
        change: impl Fn(Option<Bytes>) -> Result<V> + Send + Sync,
    ) -> Result<Entry> {
        let key = key.into();
        self.at(&PUT, &key, self.check_key(&key).and_then(|()| Caps::CAS.check(self.capabilities())))?;
        let store = self.bounded();
        update::entry(&store, update::Steps::Calls, key, |old, ttl| {
            *ttl = None;
            Ok(change(old)?.into())
        })
        .await
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
                let mut call = store.open(&LIST);
                let provider = store.start(&mut call, Resources::One(&prefix)).await?;
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
        let store = self.bounded();
        let mut deleted = 0;
        let mut cursor = None;
        loop {
            let Page { items, next } = store.list(prefix.clone()).starting_at(cursor).page().await?;
            deleted += items.len() as u64;
            if !items.is_empty() {
                store.delete_many(items.into_iter().map(|entry| entry.key)).await?.all()?;
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
        let mut call = self.open(&WATCH);
        let provider = self.start(&mut call, Resources::One(&prefix)).await?;
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
