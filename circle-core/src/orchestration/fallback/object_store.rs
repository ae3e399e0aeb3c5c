//! Object stores behind one another.

use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::object_store::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object, ObjectMeta,
    ObjectStore, ObjectStoreCapabilities, ObjectStoreProvider, PartTag, Precondition, PresignMethod, PresignRequest,
    PresignedRequest, PutRequest, StartUploadRequest, UploadEnd, UploadId, UploadPartRequest,
};
use circle_core_common::{Bulk, CallContext, Page, Result, Version};

use super::Fallback;
use crate::orchestration::forward::leg_calls;
use crate::orchestration::leg::Leg;
use crate::orchestration::legs::LegCall;
use crate::orchestration::tokens::{Marked, Owner};

leg_calls! {
    ObjectStore:
    Head(HeadRequest) -> ObjectMeta = head;
    Put(PutRequest) -> ObjectMeta = put;
    List(ListRequest) -> Page<Entry> = list;
    Delete(DeleteRequest) -> Bulk<Deleted> = delete;
    CopyObject(CopyRequest) -> ObjectMeta = copy;
    Presign(PresignRequest) -> PresignedRequest = presign;
    StartUpload(StartUploadRequest) -> UploadId = start_upload;
    UploadPart(UploadPartRequest) -> PartTag = upload_part;
    EndUpload(EndUploadRequest) -> Option<ObjectMeta> = end_upload;
}

struct Get<'a> {
    request: &'a GetRequest,
    /// The version that is not wanted, and the leg that knows it.
    unwanted: Option<(&'a str, Version)>,
}

#[async_trait]
impl LegCall<ObjectStore> for Get<'_> {
    type Answer = Object;

    const STREAMS: bool = true;

    async fn make(&self, leg: &Leg<ObjectStore>, cx: &CallContext) -> Result<Object> {
        let mut request = self.request.clone();
        // What another leg has is another version.
        let unwanted = self.unwanted.as_ref().filter(|(tag, _)| **tag == *leg.tag);
        request.options.if_none_match = unwanted.map(|(_, version)| version.clone());
        let object = leg.handle.provider()?.get(cx, request).await?;
        let (meta, range) = (Arc::clone(&object.meta), object.range.clone());
        let begun = object.into_stream().begin().await?;
        Ok(Object::new(meta, range, begun).marked(&leg.tag))
    }
}

impl Owner {
    fn of_version(&mut self, of: &Fallback<ObjectStore>, version: &mut Option<Version>) -> Result<()> {
        version.as_mut().map_or(Ok(()), |version| self.of(&of.legs, version))
    }

    fn of_precondition(&mut self, of: &Fallback<ObjectStore>, precondition: &mut Precondition) -> Result<()> {
        match precondition {
            Precondition::IfMatch(version) => self.of(&of.legs, version),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl ObjectStoreProvider for Fallback<ObjectStore> {
    fn capabilities(&self) -> &ObjectStoreCapabilities {
        self.common()
    }

    async fn head(&self, cx: &CallContext, mut request: HeadRequest) -> Result<ObjectMeta> {
        let mut owner = Owner::default();
        owner.of_version(self, &mut request.options.version)?;
        self.ask(cx, self.reads(cx, &owner), &Head(&request)).await
    }

    async fn get(&self, cx: &CallContext, mut request: GetRequest) -> Result<Object> {
        let mut owner = Owner::default();
        owner.of_version(self, &mut request.options.version)?;
        owner.of_version(self, &mut request.options.if_match)?;
        let unwanted = request.options.if_none_match.take().map(|version| self.legs.owner(&version));
        let unwanted = unwanted.and_then(|(at, version)| Some((&*self.legs.legs.get(at)?.tag, version)));
        self.ask(cx, self.reads(cx, &owner), &Get { request: &request, unwanted }).await
    }

    async fn put(&self, cx: &CallContext, mut request: PutRequest) -> Result<ObjectMeta> {
        let mut owner = Owner::default();
        owner.of_precondition(self, &mut request.options.precondition)?;
        let plain = request.options.precondition.is_none() && request.body.is_replayable();
        self.ask(cx, self.owned_writes(&owner, plain)?, &Put(&request)).await
    }

    async fn list(&self, cx: &CallContext, mut request: ListRequest) -> Result<Page<Entry>> {
        let mut owner = Owner::default();
        if let Some(cursor) = &mut request.page.cursor {
            owner.of(&self.legs, cursor)?;
        }
        self.ask(cx, self.reads(cx, &owner), &List(&request)).await
    }

    async fn delete(&self, cx: &CallContext, mut request: DeleteRequest) -> Result<Bulk<Deleted>> {
        let mut owner = Owner::default();
        for item in &mut request.items {
            owner.of_version(self, &mut item.options.if_match)?;
            owner.of_version(self, &mut item.options.version)?;
        }
        let order = self.owned_writes(&owner, owner.leg().is_none())?;
        let some = |places: &[usize]| DeleteRequest::new(places.iter().map(|at| request.items[*at].clone()).collect());
        self.legs.ask_each(cx, order, request.items.len(), |places| DeleteSome(some(places))).await
    }

    async fn copy(&self, cx: &CallContext, mut request: CopyRequest) -> Result<ObjectMeta> {
        let mut owner = Owner::default();
        owner.of_version(self, &mut request.options.source_version)?;
        let plain = !request.options.if_absent;
        self.ask(cx, self.owned_writes(&owner, plain)?, &CopyObject(&request)).await
    }

    async fn presign(&self, cx: &CallContext, request: PresignRequest) -> Result<PresignedRequest> {
        let order = if request.method == PresignMethod::Get { self.order() } else { self.writes(true) };
        self.ask(cx, order, &Presign(&request)).await
    }

    async fn start_upload(&self, cx: &CallContext, mut request: StartUploadRequest) -> Result<UploadId> {
        let mut owner = Owner::default();
        owner.of_precondition(self, &mut request.options.precondition)?;
        let plain = request.options.precondition.is_none();
        self.ask(cx, self.owned_writes(&owner, plain)?, &StartUpload(&request)).await
    }

    async fn upload_part(&self, cx: &CallContext, mut request: UploadPartRequest) -> Result<PartTag> {
        let at = self.leg_of(&mut request.upload);
        self.ask(cx, at..at + 1, &UploadPart(&request)).await
    }

    async fn end_upload(&self, cx: &CallContext, mut request: EndUploadRequest) -> Result<Option<ObjectMeta>> {
        let at = self.leg_of(&mut request.upload);
        let mut owner = Owner::default();
        owner.of_precondition(self, &mut request.upload.precondition)?;
        if let UploadEnd::Complete { precondition, .. } = &mut request.end {
            owner.of_precondition(self, precondition)?;
            self.owned_writes(&owner, false)?;
        }
        self.ask(cx, at..at + 1, &EndUpload(&request)).await
    }
}

struct DeleteSome(DeleteRequest);

#[async_trait]
impl LegCall<ObjectStore> for DeleteSome {
    type Answer = Bulk<Deleted>;

    async fn make(&self, leg: &Leg<ObjectStore>, cx: &CallContext) -> Result<Bulk<Deleted>> {
        Delete(&self.0).make(leg, cx).await
    }
}

impl Fallback<ObjectStore> {
    /// The leg that an upload was started at. An id of another store is one that the first leg does not know, either.
    fn leg_of(&self, upload: &mut UploadId) -> usize {
        let (at, own) = self.legs.owner(&upload.token);
        upload.token = own;
        at
    }
}
