//! Where answers are kept.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use circle_core_common::interfaces::key_value_store::{KeyValueStore, KeyValueStoreCapabilities, PutOptions};
use circle_core_common::{ByteSize, CallContext, ErrorKind, Result};

use super::lru::Lru;

/// How long a store is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// In this process, or in a store that several share.
pub enum Answers {
    Memory(Mutex<Lru<Bytes>>),
    Remote(KeyValueStore),
}

impl Answers {
    pub(super) fn memory(entries: usize, bytes: ByteSize) -> Self {
        Self::Memory(Mutex::new(Lru::new(entries, bytes.as_usize())))
    }

    pub(super) fn remote(store: KeyValueStore) -> Self {
        Self::Remote(store)
    }

    /// The values of these keys; what cannot be had is missing.
    pub(super) async fn get(&self, cx: &CallContext, keys: &[String]) -> Vec<Option<Bytes>> {
        let store = match self {
            Self::Memory(lru) => {
                let mut lru = lock(lru);
                return keys.iter().map(|key| lru.get(key)).collect();
            }
            Self::Remote(store) => store,
        };
        let values = async {
            match keys {
                [key] => Ok(vec![store.get(key.as_str()).await?.map(|entry| entry.value)]),
                keys => {
                    let entries = store.get_many(keys.iter().map(String::as_str)).await?;
                    Ok(entries.into_iter().map(|entry| entry.ok().flatten().map(|entry| entry.value)).collect())
                }
            }
        };
        patiently(cx, "read", values).await.unwrap_or_else(|| vec![None; keys.len()])
    }

    /// Keeps these values, as far as it can.
    pub(super) async fn put(&self, cx: &CallContext, entries: Vec<(String, Bytes)>, ttl: Duration) {
        let store = match self {
            Self::Memory(lru) => {
                let mut lru = lock(lru);
                for (key, value) in entries {
                    let bytes = value.len();
                    lru.put(&key, value, bytes);
                }
                return;
            }
            Self::Remote(store) => store,
        };
        let expires = KeyValueStoreCapabilities::TTL.is_on(store.capabilities());
        let written = async {
            for (key, value) in entries {
                let options = if expires { PutOptions::new().ttl(ttl) } else { PutOptions::new() };
                store.put_with(key, value, options).await?;
            }
            Ok(())
        };
        patiently(cx, "written", written).await;
    }
}

/// Waits for a store as long as it is worth it; whatever it says, a call goes on without.
async fn patiently<T>(cx: &CallContext, what: &str, work: impl Future<Output = Result<T>>) -> Option<T> {
    let waits = cx.part(Some(cx.clock().now().after(PATIENCE)));
    match waits.guard(work).await {
        Ok(done) => Some(done),
        Err(error) => {
            if !error.is(ErrorKind::Cancelled) {
                tracing::warn!(target: "circle", error_type = error.kind().code(), "the cache could not be {what}");
            }
            None
        }
    }
}

pub(super) fn lock<V>(lru: &Mutex<Lru<V>>) -> MutexGuard<'_, Lru<V>> {
    lru.lock().unwrap_or_else(PoisonError::into_inner)
}
