//! What holds for each capability that is off.

use super::{Caps, Store};
use crate::capabilities::Flag;
use crate::error::Result;
use crate::identifier::Version;
use crate::interfaces::secret_store::{GetOptions, Lease, LeaseId, Secret, SecretFields, SecretStore};
use crate::suite::Outcome;
use crate::units::Timestamp;

/// The store without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Store, flag: Flag<Caps>) -> Result<SecretStore> {
    // A condition of a put is refused for want of `put` before it is looked at.
    let declared = subject.handle.capabilities();
    if [Caps::PUT_IF_ABSENT, Caps::PUT_IF_MATCH].contains(&flag) && !flag.is_on(declared) && !declared.put {
        return subject.with_capabilities(|capabilities| capabilities.put = true);
    }
    subject.without(flag)
}

fn single() -> SecretFields {
    SecretFields::single("x")
}

fn other() -> Version {
    Version::new("an-etag", "a-generation")
}

fn lent(name: &str) -> Secret {
    let mut secret = Secret::new(name, other(), single());
    secret.lease = Some(Lease::new(LeaseId::new("a-lease"), Timestamp::from_unix(4_000_000_000, 0), true));
    secret
}

crate::suite::negatives! {
    SecretStore, Caps;
    /// Writing.
    without_put: PUT, |store, name| [store.put(&name, single()).await];
    /// Writing only what is absent.
    without_put_if_absent: PUT_IF_ABSENT, |store, name| [store.create(&name, single()).await];
    /// Writing only over a version.
    without_put_if_match: PUT_IF_MATCH, |store, name| [store.replace(&name, single(), other()).await];
    /// Deleting.
    without_delete: DELETE, |store, name| [store.delete(&name).await];
    /// Reading an older version.
    without_versions: VERSIONS, |store, name| [store.get_with(&name, GetOptions::new().version(other())).await];
    /// Listing.
    without_list: LIST, |store, name| [
        store.list(&name).page().await,
        store.list(&name).all().await,
    ];
    /// Watching.
    without_watch: WATCH, |store, name| [store.watch(&name).await];
    /// Leases.
    without_leases: LEASES, |store, name| [
        store.renew_lease(&lent(&name), None).await,
        store.revoke_lease(&lent(&name)).await,
    ];
}
