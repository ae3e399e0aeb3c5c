//! How who waits is woken, in one place: `circle-core-loom` builds the same files with one that it can run in every order.

pub(super) use tokio::sync::Notify;
