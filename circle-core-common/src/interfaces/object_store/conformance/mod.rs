//! The suite of object storage: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike.

pub mod basic;
mod decorated;

use bytes::Bytes;

use super::{ObjectStore, ObjectStoreCapabilities};
use crate::Flag;
use crate::suite::{Case, Failed, Negative, Outcome, Subject, needs};

type Caps = ObjectStoreCapabilities;
type Store = Subject<ObjectStore>;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<ObjectStore>] = crate::cases![ObjectStore:
    basic {
        get_missing_is_not_found,
    }
];

/// What holds for each capability that is off.
pub const NEGATIVES: &[Negative<ObjectStore, Caps>] = &[];

impl Subject<ObjectStore> {
    /// Skips the case where a capability is off.
    fn needs(&self, flag: Flag<Caps>) -> Outcome {
        needs(flag, self.handle.capabilities())
    }

    /// The content of an object.
    async fn content(&self, key: &str) -> Result<Bytes, Failed> {
        Ok(self.handle.get(key).await?.bytes().await?)
    }
}

/// So many bytes that tell one place, and one content, from another.
fn bytes(length: usize, seed: u8) -> Bytes {
    (0..length).map(|at| (at % 251) as u8 ^ (at / 251) as u8 ^ seed).collect()
}
