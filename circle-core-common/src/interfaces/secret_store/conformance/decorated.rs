//! Decorated secret stores.

use crate::identifier::Version;
use crate::interfaces::secret_store::{
    DeleteRequest, Deleted, GetRequest, Lease, ListRequest, PutRequest, RenewRequest, RevokeRequest, Secret, SecretChange,
    SecretMeta, SecretStore, SecretStoreCapabilities, SecretStoreProvider, WatchRequest,
};
use crate::listing::Page;
use crate::watch::Watch;

crate::suite::decorated! {
    SecretStore over SecretStoreProvider with SecretStoreCapabilities as secret_store {
        get(GetRequest) -> Secret;
        put(PutRequest) -> Version;
        delete(DeleteRequest) -> Deleted;
        list(ListRequest) -> Page<SecretMeta>;
        watch(WatchRequest) -> Watch<SecretChange>;
        renew_lease(RenewRequest) -> Lease;
        revoke_lease(RevokeRequest) -> ();
    }
}
