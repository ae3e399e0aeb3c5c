//! Events that a store knows.

use std::fmt;
use std::time::Duration;

use super::Known;
use crate::error::{ErrorKind, Result};
use crate::identifier::Version;
use crate::interfaces::key_value_store::{DeleteOptions, KeyValueStore, PutOptions};

const CLAIMED: &[u8] = b"claimed";
const SEEN: &[u8] = b"seen";

/// A store of events; the value of a key tells whether its event was handled.
#[derive(Clone)]
pub(super) struct Store {
    store: KeyValueStore,
    prefix: String,
}

/// An event that is being handled.
pub(super) struct Claim {
    key: String,
    version: Option<Version>,
}

impl Store {
    pub(super) fn new(store: KeyValueStore, prefix: String) -> Self {
        Self { store, prefix }
    }

    pub(super) async fn claim(&self, id: &str, lease: Duration) -> Result<Known<Claim>> {
        let key = format!("{}{id}", self.prefix);
        match self.store.put_with(&key, CLAIMED, PutOptions::new().if_absent().ttl(lease)).await {
            Ok(written) => Ok(Known::Claimed(Claim { key, version: written.version })),
            Err(error) if error.is(ErrorKind::AlreadyExists) => match self.store.get(&key).await? {
                Some(entry) if entry.value == SEEN => Ok(Known::Seen),
                // Gone between the two calls: the next delivery finds it free.
                Some(_) | None => Ok(Known::Busy),
            },
            Err(error) => Err(error),
        }
    }

    pub(super) async fn complete(&self, claim: &Claim, kept: Duration) -> Result<()> {
        // Without a condition: it was handled, whoever has claimed it since.
        self.store.put_with(&claim.key, SEEN, PutOptions::new().ttl(kept)).await.map(drop)
    }

    pub(super) async fn release(&self, claim: Claim) -> Result<()> {
        // With one: after the lease the claim may be another's.
        let Some(version) = claim.version else { return Ok(()) };
        self.store.delete_with(&claim.key, DeleteOptions::new().if_match(version)).await.map(drop)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {}", self.store, self.prefix)
    }
}
