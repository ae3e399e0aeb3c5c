//! What a provider of secrets implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    DeleteRequest, Deleted, GetRequest, Lease, ListRequest, PutRequest, RenewRequest, RevokeRequest, Secret, SecretChange,
    SecretMeta, SecretStoreCapabilities, WatchRequest,
};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::identifier::Version;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};
use crate::watch::Watch;

/// A secret store, as providers implement it: one attempt per remote call, owned requests, valid input.
///
/// The handle has validated names and sizes, and has checked every capability that a request needs. No error, span or log shows
/// what is secret. `NotFound` is said of what is not there, `PermissionDenied` of what the caller may not see, where the service
/// tells the two apart.
#[async_trait]
pub trait SecretStoreProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &SecretStoreCapabilities;

    /// The newest version of a secret, or the one that is asked for. `NotFound` for a secret or a version that is not there.
    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Secret>;

    /// Writes a version, and gives its name. `AlreadyExists` and `Conflict`, reason `VersionMismatch`, by the precondition.
    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Version>;

    /// Deletes a secret with all its versions; deleting what is absent is fine.
    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Deleted>;

    /// One page of names, in any order that is stable over the pages of one list.
    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<SecretMeta>>;

    /// Tells of changes from now on; memory is bounded and a gap is told.
    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<SecretChange>>;

    /// Has a lease go on, and gives it as it is then. `NotFound` for one that has ended.
    async fn renew_lease(&self, cx: &CallContext, request: RenewRequest) -> Result<Lease>;

    /// Ends a lease; ending one that has ended is fine.
    async fn revoke_lease(&self, cx: &CallContext, request: RevokeRequest) -> Result<()>;
}

shared_provider!(SecretStoreProvider);

#[async_trait]
impl SecretStoreProvider for Arc<dyn SecretStoreProvider> {
    fn capabilities(&self) -> &SecretStoreCapabilities {
        (**self).capabilities()
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Secret> {
        (**self).get(cx, request).await
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Version> {
        (**self).put(cx, request).await
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Deleted> {
        (**self).delete(cx, request).await
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<SecretMeta>> {
        (**self).list(cx, request).await
    }

    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<SecretChange>> {
        (**self).watch(cx, request).await
    }

    async fn renew_lease(&self, cx: &CallContext, request: RenewRequest) -> Result<Lease> {
        (**self).renew_lease(cx, request).await
    }

    async fn revoke_lease(&self, cx: &CallContext, request: RevokeRequest) -> Result<()> {
        (**self).revoke_lease(cx, request).await
    }
}
