//! Vector stores behind one another.

use async_trait::async_trait;
use circle_core_common::interfaces::vector_store::{
    CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListRequest, Match, PutRequest, QueryRequest, Record,
    VectorStore, VectorStoreCapabilities, VectorStoreProvider,
};
use circle_core_common::{Bulk, CallContext, Page, Result};

use super::Fallback;
use crate::orchestration::forward::leg_calls;
use crate::orchestration::leg::Leg;
use crate::orchestration::legs::LegCall;
use crate::orchestration::tokens::{Marked, Owner};

leg_calls! {
    VectorStore:
    Ensure(EnsureRequest) -> () = ensure;
    DropCollection(DropRequest) -> () = drop_collection;
    Put(PutRequest) -> Bulk<()> = put;
    Get(GetRequest) -> Bulk<Option<Record>> = get;
    Delete(DeleteRequest) -> Option<u64> = delete;
    Query(QueryRequest) -> Vec<Match> = query;
    List(ListRequest) -> Page<Record> = list;
    Count(CountRequest) -> u64 = count;
}

struct GetSome(GetRequest);

#[async_trait]
impl LegCall<VectorStore> for GetSome {
    type Answer = Bulk<Option<Record>>;

    async fn make(&self, leg: &Leg<VectorStore>, cx: &CallContext) -> Result<Self::Answer> {
        Get(&self.0).make(leg, cx).await
    }
}

struct PutSome(PutRequest);

#[async_trait]
impl LegCall<VectorStore> for PutSome {
    type Answer = Bulk<()>;

    async fn make(&self, leg: &Leg<VectorStore>, cx: &CallContext) -> Result<Self::Answer> {
        Put(&self.0).make(leg, cx).await
    }
}

#[async_trait]
impl VectorStoreProvider for Fallback<VectorStore> {
    fn capabilities(&self) -> &VectorStoreCapabilities {
        self.common()
    }

    async fn ensure(&self, cx: &CallContext, request: EnsureRequest) -> Result<()> {
        self.ask(cx, self.writes(true), &Ensure(&request)).await
    }

    async fn drop_collection(&self, cx: &CallContext, request: DropRequest) -> Result<()> {
        self.ask(cx, self.writes(true), &DropCollection(&request)).await
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Bulk<()>> {
        let record = |at: &usize| request.records[*at].clone();
        let some = |places: &[usize]| PutRequest::new(request.location.clone(), places.iter().map(record).collect());
        self.legs.ask_each(cx, self.writes(true), request.records.len(), |places| PutSome(some(places))).await
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Record>>> {
        let id = |at: &usize| request.ids[*at].clone();
        let some = |places: &[usize]| GetRequest::new(request.location.clone(), places.iter().map(id).collect());
        self.legs.ask_each(cx, self.order(), request.ids.len(), |places| GetSome(some(places))).await
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Option<u64>> {
        self.ask(cx, self.writes(true), &Delete(&request)).await
    }

    async fn query(&self, cx: &CallContext, request: QueryRequest) -> Result<Vec<Match>> {
        self.ask(cx, self.order(), &Query(&request)).await
    }

    async fn list(&self, cx: &CallContext, mut request: ListRequest) -> Result<Page<Record>> {
        let mut owner = Owner::default();
        if let Some(cursor) = &mut request.page.cursor {
            owner.of(&self.legs, cursor)?;
        }
        self.ask(cx, self.reads(cx, &owner), &List(&request)).await
    }

    async fn count(&self, cx: &CallContext, request: CountRequest) -> Result<u64> {
        self.ask(cx, self.order(), &Count(&request)).await
    }
}
