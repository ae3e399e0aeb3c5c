//! The JSON view of a store.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Deleted, Key, KeyValueStore, PutOptions, Written};
use crate::error::{Error, ErrorKind, Result, decode_json_error};
use crate::identifier::Version;
use crate::listing::Listing;
use crate::units::Timestamp;

/// A [`KeyValueStore`] whose values are JSON of one type; see [`KeyValueStore::of`].
pub struct Typed<T> {
    store: KeyValueStore,
    value: PhantomData<fn() -> T>,
}

/// An entry whose value is read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TypedEntry<T> {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: T,
    /// Its version.
    pub version: Version,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
}

fn read<T: DeserializeOwned>(entry: super::Entry) -> Result<TypedEntry<T>> {
    let value = decode(&entry.key, &entry.value)?;
    Ok(TypedEntry { key: entry.key, value, version: entry.version, expires_at: entry.expires_at })
}

fn decode<T: DeserializeOwned>(key: &Key, value: &[u8]) -> Result<T> {
    serde_json::from_slice(value).map_err(|error| decode_json_error(format_args!("the value of `{key}`"), &error))
}

fn write<T: Serialize>(value: &T) -> Result<Bytes> {
    let json = serde_json::to_vec(value);
    json.map(Bytes::from)
        .map_err(|error| Error::new(ErrorKind::InvalidInput, format!("the value is not JSON: {error}")).with_source(error))
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Typed<T> {
    pub(super) fn new(store: KeyValueStore) -> Self {
        Self { store, value: PhantomData }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// `Decode` when it is not JSON of this type.
    pub async fn get(&self, key: impl Into<Key>) -> Result<Option<T>> {
        Ok(self.entry(key).await?.map(|entry| entry.value))
    }

    /// The value of a key, with its version and expiry.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn entry(&self, key: impl Into<Key>) -> Result<Option<TypedEntry<T>>> {
        self.store.get(key).await?.map(read).transpose()
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// As [`KeyValueStore::put`].
    pub async fn put(&self, key: impl Into<Key>, value: &T) -> Result<Written> {
        self.put_with(key, value, PutOptions::new()).await
    }

    /// Sets the value of a key, with conditions or expiry.
    ///
    /// # Errors
    /// As [`KeyValueStore::put_with`].
    pub async fn put_with(&self, key: impl Into<Key>, value: &T, options: PutOptions) -> Result<Written> {
        let value = write(value)?;
        self.store.put_with(key, value, options).await
    }

    /// Sets the value of a key that is absent.
    ///
    /// # Errors
    /// As [`KeyValueStore::create`].
    pub async fn create(&self, key: impl Into<Key>, value: &T) -> Result<Written> {
        self.put_with(key, value, PutOptions::new().if_absent()).await
    }

    /// Sets the value of a key that has this version.
    ///
    /// # Errors
    /// As [`KeyValueStore::replace`].
    pub async fn replace(&self, key: impl Into<Key>, value: &T, version: impl Into<Version>) -> Result<Written> {
        self.put_with(key, value, PutOptions::new().if_match(version)).await
    }

    /// Changes a value by a function of it; gives the new one. Other writers make it run again.
    ///
    /// # Errors
    /// As [`KeyValueStore::update`].
    pub async fn update(&self, key: impl Into<Key>, change: impl Fn(Option<T>) -> Result<T> + Send + Sync) -> Result<T> {
        let key = key.into();
        let name = key.clone();
        let old = |bytes: Option<Bytes>| bytes.map(|bytes| decode(&name, &bytes)).transpose();
        let entry = self.store.update(key, |bytes| write(&change(old(bytes)?)?)).await?;
        Ok(read(entry)?.value)
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// As [`KeyValueStore::delete`].
    pub async fn delete(&self, key: impl Into<Key>) -> Result<Deleted> {
        self.store.delete(key).await
    }

    /// The entries whose keys begin with `prefix`.
    pub fn list(&self, prefix: impl Into<String>) -> Listing<Result<TypedEntry<T>>> {
        self.store.list_map(prefix.into(), read)
    }
}

impl<T> Clone for Typed<T> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), value: PhantomData }
    }
}

impl<T> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.store, std::any::type_name::<T>())
    }
}
