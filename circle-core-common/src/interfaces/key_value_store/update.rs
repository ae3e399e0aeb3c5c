//! Compare-and-swap against other writers: `update`, and the emulation of `increment`.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Action, Entry, GetOptions, GetRequest, Key, KeyValueStore, KeyValueStoreProvider, PUT, Precondition, Write, Written,
};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::extension::Extensions;
use crate::identifier::OperationId;
use crate::resilience::backoff::Backoff;
use crate::scope::Call;

/// How often it is tried against other writers.
const ATTEMPTS: u32 = 100;

/// What the reads and writes of a loop are.
#[derive(Clone, Copy)]
pub(super) enum Steps<'a> {
    /// Calls of their own.
    Calls,
    /// Parts of this open call.
    Parts(&'a Call<'a>, &'a dyn KeyValueStoreProvider),
}

impl Steps<'_> {
    async fn read(self, store: &KeyValueStore, key: &Key) -> Result<Option<Entry>> {
        match self {
            Self::Calls => store.get_inner(&super::GET, key.clone(), GetOptions::new()).await,
            Self::Parts(call, provider) => {
                let request = GetRequest::new(vec![key.clone()], GetOptions::new());
                call.guard(provider.get(call.cx(), request)).await.and_then(crate::Bulk::only)
            }
        }
    }

    async fn write(self, store: &KeyValueStore, write: Write) -> Result<Written> {
        match self {
            Self::Calls => store.write_one(&PUT, write, Extensions::default()).await,
            Self::Parts(call, provider) => {
                store.check_write(&write)?;
                store.write_within(call, provider, write, Extensions::default()).await
            }
        }
    }

    async fn pause(self, store: &KeyValueStore, wait: Duration) -> Result<()> {
        match self {
            Self::Calls => store.core.pause(&PUT, wait).await,
            Self::Parts(call, _) => {
                let sleep = async {
                    call.cx().clock().sleep(wait).await;
                    Ok(())
                };
                // What was tried so far was refused.
                call.guard(sleep).await.map_err(|error| error.with_sent(crate::Sent::No))
            }
        }
    }

    /// The id that all writes of the loop have, where it is one.
    fn id<'a>(&'a self, store: &'a KeyValueStore) -> Option<&'a OperationId> {
        match self {
            Self::Calls => store.core.options().and_then(|options| options.idempotency_key.as_ref()),
            Self::Parts(call, _) => call.cx().known_operation_id(),
        }
    }
}

/// Changes an entry; `change` gets the remaining life of the entry and may clear it.
pub(super) async fn entry(
    store: &KeyValueStore,
    steps: Steps<'_>,
    key: Key,
    change: impl Fn(Option<Bytes>, &mut Option<Duration>) -> Result<Bytes> + Send + Sync,
) -> Result<Entry> {
    let clock = store.core.environment().clock().clone();
    let backoff = Backoff::new().initial_interval(Duration::from_millis(2)).max_interval(Duration::from_millis(250));
    let mut waits = backoff.waits(store.core.environment().random());
    let mut attempt = 1;
    loop {
        let mut current = steps.read(store, &key).await?;
        let id = steps.id(store);
        if let Some(ours) = current.take_if(|entry| id.is_some() && entry.operation.as_ref() == id) {
            // Made by an earlier call with this id: changing it again would apply the change twice.
            return Ok(ours);
        }
        let life = current.as_ref().and_then(|entry| entry.expires_at).map(|at| at.since(clock.timestamp()));
        // Read before its expiry and looked at after it, it is absent.
        let current = current.filter(|_| life != Some(Duration::ZERO));
        // Rounded up, because an expiry is never early.
        let mut ttl = life.filter(|_| current.is_some()).map(|life| life.max(store.capabilities().ttl_min));
        let (old, precondition) = match current {
            None => (None, Precondition::IfAbsent),
            Some(entry) => (Some(entry.value), Precondition::IfMatch(entry.version)),
        };
        let value = change(old, &mut ttl)?;
        let action = Action::Put { value: value.clone(), ttl };
        match steps.write(store, Write { key: key.clone(), action, precondition, fence: None }).await {
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists) && attempt < ATTEMPTS => {
                attempt += 1;
                if let Some(wait) = waits.next_wait()? {
                    steps.pause(store, wait).await?;
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

/// The documented emulation of `increment`, within its call.
pub(super) async fn increment(
    store: &KeyValueStore,
    call: &Call<'_>,
    provider: &dyn KeyValueStoreProvider,
    key: Key,
    by: i64,
) -> Result<i64> {
    let entry = entry(store, Steps::Parts(call, provider), key, |old, _| Ok(add(old.as_deref(), by)?.to_string().into())).await?;
    add(Some(&entry.value), 0)
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
