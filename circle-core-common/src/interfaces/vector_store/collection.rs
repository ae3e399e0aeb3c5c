//! A collection: what applications put into, and ask.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::{
    COUNT, Caps, CollectionSpec, CountRequest, DELETE, DeleteRequest, ENSURE, EnsureRequest, GET, GetRequest, LIST, ListOptions,
    ListRequest, Location, Match, Namespace, PUT, PutRequest, QUERY, QueryRequest, Record, RecordId, Selector, VectorQuery,
    VectorStore, emulate,
};
use crate::bulk::Bulk;
use crate::context::CallOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filter;
use crate::listing::Listing;
use crate::operation::Operation;
use crate::scope::Resources;

/// A collection of a vector store, or a namespace of one. Cheap to clone.
#[derive(Clone)]
pub struct Collection {
    store: VectorStore,
    location: Location,
    /// What access rules and errors call it: `notes`, or `notes/tenant`.
    resource: Arc<str>,
}

impl Collection {
    pub(super) fn new(store: VectorStore, location: Location) -> Self {
        let resource = match &location.namespace {
            None => Arc::clone(location.collection.shared()),
            Some(namespace) => format!("{}/{namespace}", location.collection).into(),
        };
        Self { store, location, resource }
    }

    /// A namespace of the same collection: its records are seen there and nowhere else. The collection is made, and
    /// dropped, as a whole.
    #[must_use]
    pub fn namespace(&self, namespace: impl Into<Namespace>) -> Self {
        Self::new(self.store.clone(), Location::new(&self.location.collection).namespace(namespace))
    }

    /// The same collection with these options merged over its own, for the calls made through it.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self { store: self.store.with(options), location: self.location.clone(), resource: Arc::clone(&self.resource) }
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &VectorStore {
        &self.store
    }

    fn bounded(&self) -> Self {
        Self { store: self.store.bounded(), location: self.location.clone(), resource: Arc::clone(&self.resource) }
    }

    fn check<T>(&self, operation: &'static Operation, checked: Result<T>) -> Result<T> {
        let located = self.store.check_location(&self.location);
        self.store.at(operation, &self.resource, located.and(checked))
    }

    fn resources(&self) -> Resources<'_> {
        Resources::One(&self.resource)
    }

    /// Makes the collection where it is missing. One that is there with the same spec is left as it is.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// `Conflict` when it is there and has another width, metric, model or other vectors; `Unsupported` for a metric
    /// that the store does not know.
    pub async fn ensure(&self, spec: CollectionSpec) -> Result<()> {
        self.check(&ENSURE, self.store.check_spec(&spec))?;
        let mut call = self.store.open(&ENSURE);
        let provider = self.store.start(&mut call, self.resources()).await?;
        let request = EnsureRequest::new(self.location.collection.clone(), spec);
        let result = call.guard(provider.ensure(call.cx(), request)).await;
        call.finish(result).await
    }

    /// Puts a record, whole, in place of the one of the same id.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// `NotFound` without the collection; `InvalidInput` for a vector of another width.
    pub async fn put(&self, record: Record) -> Result<()> {
        self.put_many([record]).await?.only()
    }

    /// Puts many records, each for itself, in as many calls as the store needs. Of several records of one id the last
    /// one stays.
    ///
    /// # Errors
    /// `InvalidInput` or `Unsupported` when a record is not valid: nothing is put then. A failed call marks its own
    /// records only; putting them again is safe.
    pub async fn put_many(&self, records: impl IntoIterator<Item = Record>) -> Result<Bulk<()>> {
        self.put_inner(records.into_iter().collect()).await
    }

    async fn put_inner(&self, records: Vec<Record>) -> Result<Bulk<()>> {
        let valid = records.iter().try_for_each(|record| self.store.check_record(record));
        self.check(&PUT, valid)?;
        let total = records.len();
        // The place of every record's result: that of the last one of its id.
        let mut places = HashMap::with_capacity(total);
        for (at, record) in records.iter().enumerate() {
            places.insert(record.id.clone(), at);
        }
        let order: Vec<usize> = records.iter().map(|record| places.get(&record.id).copied().unwrap_or_default()).collect();
        let (kept, records): (Vec<usize>, Vec<Record>) =
            records.into_iter().enumerate().filter(|(at, record)| places.get(&record.id) == Some(at)).unzip();
        let bounded = self.bounded();
        let mut results: Vec<Option<Result<()>>> = vec![None; total];
        let (mut records, mut kept) = (records.into_iter(), kept.into_iter());
        loop {
            let chunk: Vec<Record> = records.by_ref().take(self.batch_max()).collect();
            if chunk.is_empty() {
                break;
            }
            let count = chunk.len();
            let answer = bounded.put_chunk(chunk).await;
            for (at, result) in kept.by_ref().take(count).zip(self.each(&PUT, answer, count)) {
                results[at] = Some(result);
            }
        }
        let missing = || Err(Error::new(ErrorKind::Internal, "a record was left out"));
        Ok(order.into_iter().map(|at| results[at].clone().unwrap_or_else(missing)).collect())
    }

    async fn put_chunk(&self, records: Vec<Record>) -> Result<Bulk<()>> {
        let count = records.len();
        let mut call = self.store.open(&PUT);
        let provider = self.store.start(&mut call, self.resources()).await?;
        let result = call.guard(provider.put(call.cx(), PutRequest::new(self.location.clone(), records))).await;
        call.finish(result.and_then(|bulk| bulk.complete(count))).await
    }

    fn batch_max(&self) -> usize {
        self.store.capabilities().batch_max.max(1) as usize
    }

    /// One result per entry of a call, each with its place.
    fn each<T: Clone>(&self, operation: &'static Operation, answer: Result<Bulk<T>>, count: usize) -> Vec<Result<T>> {
        match answer {
            Ok(bulk) => bulk.into_iter().map(|result| self.store.at(operation, &self.resource, result)).collect(),
            Err(error) => vec![Err(error); count],
        }
    }

    /// The record of an id, with its vectors; `None` when it is absent.
    ///
    /// # Errors
    /// `NotFound` without the collection.
    pub async fn get(&self, id: impl Into<RecordId>) -> Result<Option<Record>> {
        self.get_many([id]).await?.only()
    }

    /// The records of many ids, in order, in as many calls as the store needs.
    ///
    /// # Errors
    /// `InvalidInput` when an id is not valid. A failed call marks its own ids only.
    pub async fn get_many<I: Into<RecordId>>(&self, ids: impl IntoIterator<Item = I>) -> Result<Bulk<Option<Record>>> {
        let ids = self.ids(&GET, ids)?;
        let bounded = self.bounded();
        let mut results = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(self.batch_max()) {
            let answer = async {
                let mut call = bounded.store.open(&GET);
                let provider = bounded.store.start(&mut call, self.resources()).await?;
                let result = call.guard(provider.get(call.cx(), GetRequest::new(self.location.clone(), chunk.to_vec()))).await;
                call.finish(result.and_then(|bulk| bulk.complete(chunk.len()))).await
            };
            let answer = answer.await;
            results.extend(self.each(&GET, answer, chunk.len()));
        }
        Ok(Bulk::new(results))
    }

    fn ids<I: Into<RecordId>>(&self, operation: &'static Operation, ids: impl IntoIterator<Item = I>) -> Result<Vec<RecordId>> {
        let ids: Vec<RecordId> = ids.into_iter().map(Into::into).collect();
        self.check(operation, ids.iter().try_for_each(|id| self.store.check_id(id)))?;
        Ok(ids)
    }

    /// Deletes a record. Deleting what is absent succeeds.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// `NotFound` without the collection.
    pub async fn delete(&self, id: impl Into<RecordId>) -> Result<()> {
        self.delete_many([id]).await.map(drop)
    }

    /// Deletes many records, in as many calls as the store needs; how many there were, where the store tells.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// As [`delete`](Self::delete); the first failed call ends it.
    pub async fn delete_many<I: Into<RecordId>>(&self, ids: impl IntoIterator<Item = I>) -> Result<Option<u64>> {
        let ids = self.ids(&DELETE, ids)?;
        let bounded = self.bounded();
        let mut deleted = Some(0);
        for chunk in ids.chunks(self.batch_max()) {
            let some = bounded.delete_call(Selector::Ids(chunk.to_vec())).await?;
            deleted = deleted.zip(some).map(|(all, some)| all + some);
        }
        Ok(deleted)
    }

    /// Deletes every record that a filter matches; how many there were, where the store tells.
    ///
    /// # Errors
    /// `InvalidInput` for a filter without a condition, which would delete everything; `Unsupported` for an operator
    /// that the store does not know.
    pub async fn delete_where(&self, filter: Filter) -> Result<Option<u64>> {
        let checked = Caps::DELETE_WHERE.check(self.store.capabilities()).and_then(|()| self.store.check_filter(&filter));
        let checked = checked.and_then(|()| match filter.is_unconditional() {
            true => Err(Error::new(ErrorKind::InvalidInput, "a filter without a condition would delete everything")),
            false => Ok(()),
        });
        self.check(&DELETE, checked)?;
        self.delete_call(Selector::Filter(filter)).await
    }

    async fn delete_call(&self, selector: Selector) -> Result<Option<u64>> {
        let mut call = self.store.open(&DELETE);
        let provider = self.store.start(&mut call, self.resources()).await?;
        let result = call.guard(provider.delete(call.cx(), DeleteRequest::new(self.location.clone(), selector))).await;
        call.finish(result).await
    }

    /// The records that fit best, best first.
    ///
    /// A filter with operators that the store does not know is emulated where the caller allows it: more is fetched
    /// than was asked for, in at most four rounds, and filtered here. Groups are not made of what is emulated.
    ///
    /// # Errors
    /// `NotFound` without the collection; `InvalidInput` for a vector of another width; `Unsupported` for what the
    /// store cannot do, and when the rounds of an emulation do not find enough: too few matches are never given as if
    /// they were all.
    pub async fn query(&self, query: VectorQuery) -> Result<Vec<Match>> {
        self.check(&QUERY, self.store.check_query(&query))?;
        let capabilities = self.store.capabilities();
        let (pushed, top_k_max) = (capabilities.filter_operators, capabilities.top_k_max);
        let whole = query.filter.as_ref().is_none_or(|filter| filter.operators().beyond(pushed).is_none());
        let mut call = self.store.open(&QUERY);
        let provider = self.store.start(&mut call, self.resources()).await?;
        let result = if whole {
            call.guard(provider.query(call.cx(), QueryRequest::new(self.location.clone(), query))).await
        } else {
            call.cx().report(|report| report.emulated.push("filter_operators"));
            // Boxed: emulation is rare, and inline it would grow every caller's future.
            Box::pin(emulate::query(&call, provider, self.location.clone(), query, pushed, top_k_max)).await
        };
        call.finish(result).await
    }

    /// All records, in an order of the store's own that does not change.
    pub fn list(&self) -> Listing<Record> {
        self.list_with(ListOptions::new())
    }

    /// All records that a filter matches, or with their vectors.
    pub fn list_with(&self, options: ListOptions) -> Listing<Record> {
        let collection = self.clone();
        let written = options.filter.as_ref().and_then(|filter| serde_json::to_string(filter).ok()).unwrap_or_default();
        Listing::new(&format!("{}\n{written}", self.resource), move |page| {
            let (collection, options) = (collection.clone(), options.clone());
            async move {
                let store = &collection.store;
                let checked = options.extensions.check(store.core.provider()).and_then(|()| match &options.filter {
                    None => Ok(()),
                    Some(filter) => Caps::LIST_FILTER.check(store.capabilities()).and_then(|()| store.check_filter(filter)),
                });
                collection.check(&LIST, checked)?;
                let mut call = store.open(&LIST);
                let provider = store.start(&mut call, collection.resources()).await?;
                let request = ListRequest::new(collection.location.clone(), options, page);
                let result = call.guard(provider.list(call.cx(), request)).await;
                call.finish(result).await
            }
        })
    }

    /// How many records there are.
    ///
    /// # Errors
    /// `NotFound` without the collection.
    pub async fn count(&self) -> Result<u64> {
        self.count_inner(None).await
    }

    /// How many records a filter matches.
    ///
    /// # Errors
    /// As [`count`](Self::count); `Unsupported` for an operator that the store does not know.
    pub async fn count_where(&self, filter: Filter) -> Result<u64> {
        self.count_inner(Some(filter)).await
    }

    async fn count_inner(&self, filter: Option<Filter>) -> Result<u64> {
        let checked = match &filter {
            None => Ok(()),
            Some(filter) => Caps::COUNT_FILTER.check(self.store.capabilities()).and_then(|()| self.store.check_filter(filter)),
        };
        self.check(&COUNT, checked)?;
        let mut call = self.store.open(&COUNT);
        let provider = self.store.start(&mut call, self.resources()).await?;
        let result = call.guard(provider.count(call.cx(), CountRequest::new(self.location.clone(), filter))).await;
        call.finish(result).await
    }
}

/// `VectorStore(notes: embedded-vectors) notes/tenant`.
impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.store, self.resource)
    }
}
