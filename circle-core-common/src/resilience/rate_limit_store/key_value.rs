//! Rates in a key-value store, for many processes.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::{RateLimitStore, TakeRequest, Taken};
use crate::error::{Error, ErrorKind, Result};
use crate::interfaces::key_value_store::{Entry, GetOptions, KeyValueStore, KeyValueStoreCapabilities, PutOptions};

/// How often a write is tried again that another process was faster than.
const RACES: u32 = 8;
/// How long to wait after losing that many.
const LOST: Duration = Duration::from_millis(5);
/// How long an entry outlives the moment when it means nothing any more: longer than clocks differ.
const KEPT: Duration = Duration::from_secs(60);

/// Rates in a key-value store: one small entry for each key, changed by compare-and-swap.
///
/// Every process that shares them must tell the same time to within a burst. An entry is the time when the next request is
/// due, in nanoseconds since 1970, as decimal text.
#[derive(Clone)]
pub struct KeyValueRates {
    store: KeyValueStore,
    prefix: String,
}

impl KeyValueRates {
    /// Rates in this store, under keys that begin with `circle/rate/`.
    ///
    /// # Errors
    /// `Unsupported` for a store without compare-and-swap.
    pub fn new(store: KeyValueStore) -> Result<Self> {
        KeyValueStoreCapabilities::CAS.check(store.capabilities())?;
        Ok(Self { store, prefix: "circle/rate/".to_owned() })
    }

    /// Sets what the keys begin with.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Names are hashed: they may hold anything and be of any length.
    fn key(&self, name: &str) -> String {
        let hash = Sha256::digest(name.as_bytes());
        hash.iter().take(16).fold(self.prefix.clone(), |key, byte| key + &format!("{byte:02x}"))
    }
}

#[async_trait]
impl RateLimitStore for KeyValueRates {
    async fn take(&self, request: TakeRequest<'_>) -> Result<Taken> {
        let key = self.key(request.key);
        let capabilities = self.store.capabilities();
        let fresh = if capabilities.strong_read { GetOptions::new().strong() } else { GetOptions::new() };
        for _ in 0..RACES {
            let entry = self.store.get_with(key.as_str(), fresh.clone()).await?;
            let (wait, next) = request.against(entry.as_ref().map_or(Ok(0), arrival)?);
            if !wait.is_zero() {
                return Ok(Taken::Wait(wait));
            }
            let options = match entry {
                None => PutOptions::new().if_absent(),
                Some(entry) => PutOptions::new().if_match(entry.version),
            };
            let owed = Duration::from_nanos(next.saturating_sub(request.nanos()));
            let options = if capabilities.ttl { options.ttl((owed + KEPT).max(capabilities.ttl_min)) } else { options };
            match self.store.put_with(key.as_str(), next.to_string(), options).await {
                Ok(_) => return Ok(Taken::Granted),
                // Another process was faster.
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Taken::Wait(LOST))
    }
}

fn arrival(entry: &Entry) -> Result<u64> {
    let number = std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("{:?} holds something else than a rate", entry.key)))
}

impl fmt::Debug for KeyValueRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValueRates").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
