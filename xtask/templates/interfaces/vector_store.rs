//! {{Provider}} as a vector store.

use std::ops::Bound;

use async_trait::async_trait;
use circle_core_common::interfaces::vector_store::{
    CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListRequest, Match, PutRequest, QueryRequest, Record,
    Selector, VectorStoreCapabilities, VectorStoreProvider,
};
use circle_core_common::{Bulk, CallContext, Cursor, Error, Filter, Page, Result};

use crate::{client::collections::Collection, provider::{{Provider}}};

const PAGE_SIZE: usize = 1000;

/// What it can do. Turn on what {{Provider}} has, and leave out the operators of filters that it does not know; the handle
/// refuses the rest before it gets here.
pub(crate) fn capabilities() -> VectorStoreCapabilities {
    VectorStoreCapabilities::none()
        .with(VectorStoreCapabilities::DELETE_WHERE)
        .with(VectorStoreCapabilities::LIST_FILTER)
        .with(VectorStoreCapabilities::COUNT_FILTER)
}

fn matches(record: &Record, filter: Option<&Filter>) -> Result<bool> {
    filter.map_or(Ok(true), |filter| filter.matches(&record.fields))
}

fn delete(collection: &mut Collection, selector: Selector) -> Result<u64> {
    let mut ids = Vec::new();
    match selector {
        Selector::Ids(chosen) => ids.extend(chosen.iter().map(|id| id.as_str().to_owned())),
        Selector::Filter(filter) => {
            for (id, record) in &collection.records {
                if matches(record, Some(&filter))? {
                    ids.push(id.clone());
                }
            }
        }
        _ => return Err(Error::unsupported(VectorStoreCapabilities::DELETE_WHERE.name())),
    }
    Ok(ids.iter().filter(|id| collection.delete(id)).count() as u64)
}

#[async_trait]
impl VectorStoreProvider for {{Provider}} {
    fn capabilities(&self) -> &VectorStoreCapabilities {
        &self.vector_store
    }

    async fn ensure(&self, _: &CallContext, request: EnsureRequest) -> Result<()> {
        Ok(self.client()?.collections.ensure(request.collection.as_str(), request.spec)?)
    }

    async fn drop_collection(&self, _: &CallContext, request: DropRequest) -> Result<()> {
        self.client()?.collections.remove(request.collection.as_str());
        Ok(())
    }

    async fn put(&self, _: &CallContext, request: PutRequest) -> Result<Bulk<()>> {
        let (collections, name) = (&self.client()?.collections, request.location.collection.as_str());
        collections.with(name, |_| Ok(()))?;
        Ok(request.records.into_iter().map(|record| Ok(collections.put(name, record)?)).collect())
    }

    async fn get(&self, _: &CallContext, request: GetRequest) -> Result<Bulk<Option<Record>>> {
        self.client()?.collections.with(request.location.collection.as_str(), |collection| {
            Ok(request.ids.iter().map(|id| Ok(collection.records.get(id.as_str()).cloned())).collect())
        })
    }

    async fn delete(&self, _: &CallContext, request: DeleteRequest) -> Result<Option<u64>> {
        let name = request.location.collection.as_str();
        self.client()?.collections.with(name, |collection| delete(collection, request.selector).map(Some))
    }

    async fn query(&self, _: &CallContext, request: QueryRequest) -> Result<Vec<Match>> {
        let query = request.query;
        let vector = query.vector.ok_or_else(|| Error::unsupported(VectorStoreCapabilities::HYBRID.name()))?;
        self.client()?.collections.with(request.location.collection.as_str(), |collection| {
            collection.check_width(vector.dimensions())?;
            let (metric, mut found) = (collection.spec.metric, Vec::new());
            for record in collection.records.values() {
                let (true, Some(own)) = (matches(record, query.filter.as_ref())?, &record.vector) else { continue };
                let mut one = Match::new(&record.id, metric.score(&vector, own), metric);
                (one.fields, one.text) = (record.fields.clone(), record.text.clone());
                one.vector = query.with_vectors.then(|| own.clone());
                found.push(one);
            }
            // Of equal scores the first id comes first.
            found.sort_by(|one, other| other.score.total_cmp(&one.score));
            found.truncate(query.top_k as usize);
            Ok(found)
        })
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<Record>> {
        let (options, page) = (request.options, request.page);
        let size = page.size.map_or(PAGE_SIZE, |size| size as usize).min(PAGE_SIZE);
        let after = page.cursor.as_ref().map_or(Bound::Unbounded, |cursor| Bound::Excluded(cursor.token()));
        self.client()?.collections.with(request.location.collection.as_str(), |collection| {
            let mut records: Vec<Record> = Vec::new();
            for (_, record) in collection.records.range::<str, _>((after, Bound::Unbounded)) {
                if !matches(record, options.filter.as_ref())? {
                    continue;
                }
                if records.len() == size {
                    let next = records.last().map(|last| Cursor::new(last.id.as_str()));
                    return Ok(Page::new(records, next));
                }
                let vector = record.vector.clone().filter(|_| options.with_vectors);
                let mut listed = record.clone();
                listed.vector = vector;
                records.push(listed);
            }
            Ok(Page::new(records, None))
        })
    }

    async fn count(&self, _: &CallContext, request: CountRequest) -> Result<u64> {
        self.client()?.collections.with(request.location.collection.as_str(), |collection| {
            let mut count = 0;
            for record in collection.records.values() {
                count += u64::from(matches(record, request.filter.as_ref())?);
            }
            Ok(count)
        })
    }
}
