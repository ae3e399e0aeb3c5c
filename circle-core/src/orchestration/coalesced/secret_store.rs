//! Shared reads of secrets.

use async_trait::async_trait;
use circle_core_common::interfaces::secret_store::{
    DeleteRequest, Deleted, GetRequest, Lease, ListRequest, PutRequest, RenewRequest, RevokeRequest, Secret, SecretChange,
    SecretMeta, SecretStore, SecretStoreCapabilities, SecretStoreProvider, WatchRequest,
};
use circle_core_common::{CallContext, Page, Result, Version, Watch};

use super::{Coalesced, is_particular};
use crate::orchestration::caller::{Identity, looks_up_a_write};
use crate::orchestration::forward::secret_store_of_frame;
use crate::orchestration::stamps::Stamps;

impl Coalesced<SecretStore> {
    fn stamps(&self) -> &Stamps {
        &self.stamps
    }
}

#[async_trait]
impl SecretStoreProvider for Coalesced<SecretStore> {
    secret_store_of_frame!();

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Secret> {
        let provider = self.frame.handle.provider()?;
        // Each caller is lent what is its own: two who shared a lease would end it for one another.
        let lends = provider.capabilities().leases;
        if lends || looks_up_a_write(cx) || is_particular(cx) || !request.options.extensions.is_empty() {
            return provider.get(cx, request).await;
        }
        let name = request.name.as_str();
        let version = request.options.version.as_ref();
        let identity = Identity::of(cx, "get").part(self.stamps.of(name)).part(name);
        let identity = identity
            .part(version.and_then(Version::as_etag).unwrap_or_default())
            .part(version.and_then(Version::as_generation).unwrap_or_default());
        self.share(cx, identity.into_text(), || provider.get(cx, request)).await.0
    }
}
