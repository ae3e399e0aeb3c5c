//! What holds for each capability that is off.

use std::time::Duration;

use super::{Caps, Store};
use crate::capabilities::Flag;
use crate::error::Result;
use crate::identifier::{Fence, Version};
use crate::interfaces::key_value_store::{DeleteOptions, GetOptions, KeyValueStore, PutOptions, Write};
use crate::suite::Outcome;

/// The store without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Store, flag: Flag<Caps>) -> Result<KeyValueStore> {
    // A condition in a transaction without `transaction` is refused for that, before it is looked at.
    let declared = subject.handle.capabilities();
    if flag == Caps::TRANSACTION_CAS && !declared.transaction_cas && !declared.transaction {
        return subject.with_capabilities(|capabilities| capabilities.transaction = true);
    }
    subject.without(flag)
}

fn other() -> Version {
    Version::new("an-etag", "a-generation")
}

crate::suite::negatives! {
    KeyValueStore, Caps;
    /// Writing on a condition.
    without_cas: CAS, |store, key| [
        store.create(&key, "x").await,
        store.replace(&key, "x", other()).await,
        store.delete_with(&key, DeleteOptions::new().if_match(other())).await,
        store.put_many([Write::put(&key, "x").if_absent()]).await,
        store.update(&key, |_| Ok("x")).await,
    ];
    /// Writing several keys at once.
    without_transaction: TRANSACTION, |store, key| [store.transaction([Write::put(&key, "x")]).await];
    /// Conditions within a transaction.
    without_transaction_cas: TRANSACTION_CAS, |store, key| [
        store.transaction([Write::put(&key, "x").if_absent()]).await,
        store.transaction([Write::put("b", "x"), Write::delete(&key).if_match(other())]).await,
    ];
    /// Entries that expire.
    without_ttl: TTL, |store, key| [
        store.put_with(&key, "x", PutOptions::new().ttl(Duration::from_secs(3600))).await,
        store.put_many([Write::put(&key, "x").ttl(Duration::from_secs(3600))]).await,
    ];
    /// Changing the expiry alone.
    without_persist: PERSIST, |store, key| [
        store.persist(&key).await,
        store.touch(&key, Duration::from_secs(3600)).await,
    ];
    /// Adding, without the leave to emulate it.
    without_increment: INCREMENT, |store, key| [store.increment(&key, 1).await];
    /// Listing.
    without_list: LIST, |store, key| [
        store.list(&key).page().await,
        store.list(&key).all().await,
        store.delete_prefix(&key).await,
    ];
    /// Watching.
    without_watch: WATCH, |store, key| [store.watch(&key).await];
    /// Reading what was written last.
    without_strong_read: STRONG_READ, |store, key| [store.get_with(&key, GetOptions::new().strong()).await];
    /// Fences.
    without_fence: FENCE, |store, key| [
        store.put_with(&key, "x", PutOptions::new().fence(Fence::new(1))).await,
        store.delete_with(&key, DeleteOptions::new().fence(Fence::new(1))).await,
    ];
}
