//! Broken vector stores.

use async_trait::async_trait;
use circle_core_common::interfaces::vector_store::{
    CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListOptions, ListRequest, Match, PutRequest,
    QueryRequest, Record, VectorStoreCapabilities, VectorStoreProvider,
};
use circle_core_common::{Bulk, CallContext, ErrorKind, Filter, Page, Result};

use super::{Broken, Defect};

impl<P> Broken<P> {
    /// Takes `ne` for "not equal", missing or not, as some services do.
    fn filter(&self, filter: Option<Filter>) -> Option<Filter> {
        match filter? {
            Filter::Ne { field, value, .. } if self.is(Defect::MatchesTheMissing) => Some(!Filter::eq(field, value)),
            filter => Some(filter),
        }
    }
}

#[async_trait]
impl<P: VectorStoreProvider> VectorStoreProvider for Broken<P> {
    fn capabilities(&self) -> &VectorStoreCapabilities {
        self.provider.capabilities()
    }

    async fn ensure(&self, cx: &CallContext, request: EnsureRequest) -> Result<()> {
        match self.provider.ensure(cx, request).await {
            Err(error) if self.is(Defect::EnsuresAnything) && error.is(ErrorKind::Conflict) => Ok(()),
            result => result,
        }
    }

    async fn drop_collection(&self, cx: &CallContext, request: DropRequest) -> Result<()> {
        self.provider.drop_collection(cx, request).await
    }

    async fn put(&self, cx: &CallContext, mut request: PutRequest) -> Result<Bulk<()>> {
        if self.is(Defect::MergesRecords) {
            let ids = request.records.iter().map(|record| record.id.clone()).collect();
            let old = self.provider.get(cx, GetRequest::new(request.location.clone(), ids)).await?;
            for (record, old) in request.records.iter_mut().zip(old) {
                let old = old?.map(|old| old.fields).unwrap_or_default();
                record.fields = old.into_iter().chain(std::mem::take(&mut record.fields)).collect();
            }
        }
        if self.is(Defect::IgnoresNamespaces) {
            request.location.namespace = None;
        }
        self.provider.put(cx, request).await
    }

    async fn get(&self, cx: &CallContext, mut request: GetRequest) -> Result<Bulk<Option<Record>>> {
        if self.is(Defect::IgnoresNamespaces) {
            request.location.namespace = None;
        }
        let found = self.provider.get(cx, request).await?;
        if self.is(Defect::ReordersBulks) {
            let mut found: Vec<_> = found.into_iter().collect();
            found.reverse();
            return Ok(Bulk::new(found));
        }
        Ok(found)
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Option<u64>> {
        self.provider.delete(cx, request).await
    }

    async fn query(&self, cx: &CallContext, mut request: QueryRequest) -> Result<Vec<Match>> {
        if self.is(Defect::IgnoresNamespaces) {
            request.location.namespace = None;
        }
        request.query.filter = self.filter(request.query.filter);
        if self.is(Defect::IgnoresGroups) {
            request.query.group_by = None;
        }
        if self.is(Defect::IgnoresMinScore) {
            request.query.min_score = None;
        }
        let late = if self.is(Defect::FiltersLate) { request.query.filter.take() } else { None };
        let mut found = self.provider.query(cx, request).await?;
        if let Some(late) = late {
            found.retain(|found| late.holds(&found.fields));
        }
        if self.is(Defect::ScoresDistances) {
            found.iter_mut().for_each(|found| found.score = 1.0 - found.score);
        }
        Ok(found)
    }

    async fn list(&self, cx: &CallContext, mut request: ListRequest) -> Result<Page<Record>> {
        let mut options = ListOptions::new();
        options.filter = self.filter(request.options.filter.take());
        options.with_vectors = request.options.with_vectors;
        request.options = options;
        let mut page = self.provider.list(cx, request).await?;
        if self.is(Defect::ListsOnePage) {
            page.next = None;
        }
        Ok(page)
    }

    async fn count(&self, cx: &CallContext, mut request: CountRequest) -> Result<u64> {
        request.filter = self.filter(request.filter);
        self.provider.count(cx, request).await
    }
}
