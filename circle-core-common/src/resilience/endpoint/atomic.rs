//! The atomics of what is shared without a lock, in one place: `circle-core-loom` builds the same files with those of loom, and
//! runs them in every order.

pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
