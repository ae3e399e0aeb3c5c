//! The suite of key-value storage: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike.

pub mod basic;
mod decorated;

use super::{KeyValueStore, KeyValueStoreCapabilities};
use crate::suite::{Case, Negative, Subject};

type Caps = KeyValueStoreCapabilities;
type Store = Subject<KeyValueStore>;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<KeyValueStore>] = crate::cases![KeyValueStore:
    basic {
        get_absent_is_none,
    }
];

/// What holds for each capability that is off.
pub const NEGATIVES: &[Negative<KeyValueStore, Caps>] = &[];
