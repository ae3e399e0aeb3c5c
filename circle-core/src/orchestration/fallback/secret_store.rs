//! Secret stores behind one another.

use std::ops::Range;

use async_trait::async_trait;
use circle_core_common::interfaces::secret_store::{
    DeleteRequest, Deleted, GetRequest, Lease, LeaseId, ListRequest, Precondition, PutRequest, RenewRequest, RevokeRequest,
    Secret, SecretChange, SecretMeta, SecretStore, SecretStoreCapabilities, SecretStoreProvider, WatchRequest,
};
use circle_core_common::{CallContext, Page, Result, Version, Watch};

use super::Fallback;
use crate::orchestration::forward::leg_calls;
use crate::orchestration::leg::Leg;
use crate::orchestration::legs::LegCall;
use crate::orchestration::tokens::{Marked, Owner};

leg_calls! {
    SecretStore:
    Get(GetRequest) -> Secret = get;
    Put(PutRequest) -> Version = put;
    Delete(DeleteRequest) -> Deleted = delete;
    List(ListRequest) -> Page<SecretMeta> = list;
    Changes(WatchRequest) -> Watch<SecretChange> = watch;
    Renew(RenewRequest) -> Lease = renew_lease;
    Revoke(RevokeRequest) -> () = revoke_lease;
}

#[async_trait]
impl SecretStoreProvider for Fallback<SecretStore> {
    fn capabilities(&self) -> &SecretStoreCapabilities {
        self.common()
    }

    async fn get(&self, cx: &CallContext, mut request: GetRequest) -> Result<Secret> {
        let mut owner = Owner::default();
        if let Some(version) = &mut request.options.version {
            owner.of(&self.legs, version)?;
        }
        self.ask(cx, self.reads(cx, &owner), &Get(&request)).await
    }

    async fn put(&self, cx: &CallContext, mut request: PutRequest) -> Result<Version> {
        let mut owner = Owner::default();
        let plain = request.options.precondition == Precondition::None;
        if let Precondition::IfMatch(version) = &mut request.options.precondition {
            owner.of(&self.legs, version)?;
        }
        self.ask(cx, self.owned_writes(&owner, plain)?, &Put(&request)).await
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Deleted> {
        self.ask(cx, self.writes(true), &Delete(&request)).await
    }

    async fn list(&self, cx: &CallContext, mut request: ListRequest) -> Result<Page<SecretMeta>> {
        let mut owner = Owner::default();
        if let Some(cursor) = &mut request.page.cursor {
            owner.of(&self.legs, cursor)?;
        }
        self.ask(cx, self.reads(cx, &owner), &List(&request)).await
    }

    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<SecretChange>> {
        self.ask(cx, self.order(), &Changes(&request)).await
    }

    async fn renew_lease(&self, cx: &CallContext, mut request: RenewRequest) -> Result<Lease> {
        let at = self.lender(&mut request.lease)?;
        self.ask(cx, at, &Renew(&request)).await
    }

    async fn revoke_lease(&self, cx: &CallContext, mut request: RevokeRequest) -> Result<()> {
        let at = self.lender(&mut request.lease)?;
        self.ask(cx, at, &Revoke(&request)).await
    }
}

impl Fallback<SecretStore> {
    /// The leg that lent what a lease is for, and the lease as that one calls it.
    fn lender(&self, lease: &mut LeaseId) -> Result<Range<usize>> {
        let mut owner = Owner::default();
        owner.of(&self.legs, lease)?;
        Ok(owner.leg().map_or(self.first(), |at| at..at + 1))
    }
}
