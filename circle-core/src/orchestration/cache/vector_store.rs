//! Kept matches.

use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::vector_store::{
    CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListRequest, Match, PutRequest, QueryRequest, Record,
    VectorStore, VectorStoreCapabilities, VectorStoreProvider,
};
use circle_core_common::{Bulk, CallContext, Page, Result};

use super::{Cached, key};
use crate::orchestration::forward::vector_store_of_frame;
use crate::orchestration::stamps::Stamps;

impl Cached<VectorStore> {
    fn stamps(&self) -> &Stamps {
        &self.store.stamps
    }
}

fn size(matches: &[Match]) -> usize {
    let one = |found: &Match| {
        // What the fields are as text is about what they take.
        let fields = if found.fields.is_empty() { 0 } else { serde_json::to_vec(&found.fields).map_or(0, |text| text.len() * 2) };
        let text = found.text.as_ref().map_or(0, |text| text.len());
        let vector = found.vector.as_ref().map_or(0, |vector| vector.len() * size_of::<f32>());
        size_of::<Match>() + found.id.as_str().len() + fields + text + vector
    };
    matches.iter().map(one).sum()
}

#[async_trait]
impl VectorStoreProvider for Cached<VectorStore> {
    vector_store_of_frame!();

    async fn query(&self, cx: &CallContext, request: QueryRequest) -> Result<Vec<Match>> {
        self.frame.open()?;
        let provider = self.frame.handle.provider()?;
        let collection = request.location.collection.clone();
        let who = self.identity(cx, "query").into_text();
        let Some(place) = key::of_query(&who, &request.location, &request.query) else {
            return provider.query(cx, request).await;
        };
        if let Some((matches, age)) = self.store.get(cx, collection.as_str(), &place)
            && age < self.settings.ttl
        {
            cx.report(|report| report.cached += 1);
            return Ok(matches.to_vec());
        }
        let began = self.store.begin(cx, collection.as_str());
        let matches: Arc<[Match]> = provider.query(cx, request).await?.into();
        self.store.keep(&place, began, Arc::clone(&matches), size(&matches));
        Ok(matches.to_vec())
    }
}
