//! Shared queries.

use async_trait::async_trait;
use circle_core_common::interfaces::vector_store::{
    CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListRequest, Match, PutRequest, QueryRequest, Record,
    VectorStore, VectorStoreCapabilities, VectorStoreProvider,
};
use circle_core_common::{Bulk, CallContext, Page, Result};

use super::{Coalesced, is_particular};
use crate::orchestration::cache::key;
use crate::orchestration::caller::Identity;
use crate::orchestration::forward::vector_store_of_frame;
use crate::orchestration::stamps::Stamps;

impl Coalesced<VectorStore> {
    fn stamps(&self) -> &Stamps {
        &self.stamps
    }
}

#[async_trait]
impl VectorStoreProvider for Coalesced<VectorStore> {
    vector_store_of_frame!();

    async fn query(&self, cx: &CallContext, request: QueryRequest) -> Result<Vec<Match>> {
        let provider = self.frame.handle.provider()?;
        let who = Identity::of(cx, "query").part(self.stamps.of(request.location.collection.as_str())).into_text();
        let key = key::of_query(&who, &request.location, &request.query).filter(|_| !is_particular(cx));
        let Some(key) = key else { return provider.query(cx, request).await };
        let call = || async { provider.query(cx, request).await.map(Into::into) };
        self.share(cx, key, call).await.0.map(|matches| matches.to_vec())
    }
}
