//! A vector store whose index lies in an object store.

mod files;
mod index;
mod keywords;
mod manifest;
mod search;
mod segment;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreCapabilities};
use circle_core_common::interfaces::vector_store::{
    CollectionName, CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListRequest, Location, Match, Namespace,
    PutRequest, QueryRequest, Record, Selector, VectorQuery, VectorStore, VectorStoreCapabilities, VectorStoreProvider,
};
use circle_core_common::{
    BuildContext, Bulk, CallContext, Cursor, Environment, Error, ErrorKind, Health, Integration, Page, Provider, ProviderInfo,
    Result, Service,
};

use crate::config::EmbeddedVectorsConfig;
use crate::local::Local;
use crate::volatile::Volatile;
use files::Files;
use index::Index;
use manifest::Spec;
use segment::Draft;
use snapshot::Snapshot;

/// The most records of a page.
const PAGE_MAX: u32 = 1000;
/// Queries that look at more numbers than this run on a thread for blocking work.
const INLINE_WORK: usize = 1 << 20;

/// A vector store without a server: an index of immutable segments in any object store with conditional puts, searched
/// exactly, in memory. Processes can share it. Clones share one client.
#[derive(Clone)]
pub struct EmbeddedVectors {
    shared: Arc<Shared>,
}

struct Shared {
    local: Local,
    capabilities: VectorStoreCapabilities,
    store: ObjectStore,
    prefix: String,
    indexes: Mutex<HashMap<CollectionName, Arc<Index>>>,
}

impl EmbeddedVectors {
    /// An empty store that ends with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        let environment = Environment::default();
        let store = ObjectStore::new(Volatile::new(environment.clone()));
        Self::made(store, "", "in memory".to_owned(), environment)
    }

    /// The store whose index lies in `store`, under keys that begin with `vectors/`.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn over(store: ObjectStore) -> Result<Self> {
        let environment = store.provider()?.environment().clone();
        Self::checked(store, &EmbeddedVectorsConfig::new().prefix, environment)
    }

    /// The store of this config.
    ///
    /// # Errors
    /// `ConfigInvalid` for a service that does not exist, that is no object store, or that cannot put on conditions.
    pub fn with(config: &EmbeddedVectorsConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        let cx = cx.into();
        let environment = cx.environment().clone();
        match &config.store {
            Some(store) => Self::checked(cx.service(store)?, &config.prefix, environment),
            None => {
                let store = ObjectStore::new(Volatile::new(environment.clone()));
                Ok(Self::made(store, &config.prefix, "in memory".to_owned(), environment))
            }
        }
    }

    fn checked(store: ObjectStore, prefix: &str, environment: Environment) -> Result<Self> {
        for flag in [ObjectStoreCapabilities::PUT_IF_ABSENT, ObjectStoreCapabilities::PUT_IF_MATCH] {
            if !flag.is_on(store.capabilities()) {
                let text = format!("the index needs an object store with `{}`; {store:?} has it not", flag.name());
                return Err(Error::new(ErrorKind::ConfigInvalid, text));
            }
        }
        let target = match store.provider() {
            Ok(provider) => format!("{prefix} in {}", provider.info()),
            Err(_) => format!("{prefix} in a store that has not started"),
        };
        Ok(Self::made(store, prefix, target, environment))
    }

    fn made(store: ObjectStore, prefix: &str, target: String, environment: Environment) -> Self {
        let mut capabilities = VectorStoreCapabilities::all();
        capabilities.dimensions_max = 16_384;
        capabilities.batch_max = 1_000;
        let local = Local::new("vector store", Self::NAME, target, environment);
        let (prefix, indexes) = (prefix.to_owned(), Mutex::default());
        Self { shared: Arc::new(Shared { local, capabilities, store, prefix, indexes }) }
    }

    fn index(&self, collection: &CollectionName, cx: &CallContext) -> Result<(Arc<Index>, Files)> {
        self.shared.local.check_open()?;
        let mut indexes = self.shared.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let index = Arc::clone(indexes.entry(collection.clone()).or_default());
        Ok((index, Files::new(&self.shared.store, &self.shared.prefix, collection, cx)))
    }

    async fn current(&self, collection: &CollectionName, cx: &CallContext) -> Result<Arc<Snapshot>> {
        let (index, files) = self.index(collection, cx)?;
        let current = index.current(&files).await;
        // Who asks for many collections that do not exist leaves nothing behind.
        if current.as_ref().is_err_and(|error| error.is(ErrorKind::NotFound)) {
            self.forget(collection);
        }
        current
    }

    fn forget(&self, collection: &CollectionName) {
        self.shared.indexes.lock().unwrap_or_else(PoisonError::into_inner).remove(collection);
    }
}

impl fmt::Debug for EmbeddedVectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmbeddedVectors({})", self.shared.local.info)
    }
}

fn namespace(location: &Location) -> Option<&str> {
    location.namespace.as_ref().map(Namespace::as_str)
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}

/// Whether a record has the vectors of its collection.
fn check_record(spec: &Spec, record: &Record) -> Result<()> {
    let named = record.vectors.iter().map(|(name, vector)| (Some(&**name), vector));
    for (name, vector) in record.vector.iter().map(|vector| (None, vector)).chain(named) {
        check_width(spec, name, vector.dimensions()).map_err(|error| error.context(format_args!("record `{}`", record.id)))?;
    }
    Ok(())
}

fn check_width(spec: &Spec, name: Option<&str>, dimensions: u32) -> Result<()> {
    match (spec.width(name), name) {
        (Some(width), _) if width == dimensions => Ok(()),
        (Some(width), _) => Err(invalid(format!("the vector has {dimensions} numbers, and the collection {width}"))),
        (None, name) => Err(invalid(format!("the collection has no vector `{}`", name.unwrap_or_default()))),
    }
}

fn check_query(spec: &Spec, query: &VectorQuery) -> Result<()> {
    match &query.vector {
        Some(vector) => check_width(spec, query.using.as_deref(), vector.dimensions()),
        None => Ok(()),
    }
}

/// Runs what takes a while on a thread for that.
async fn run<T: Send + 'static>(work: usize, task: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    if work <= INLINE_WORK {
        return task();
    }
    let done = tokio::task::spawn_blocking(task).await;
    done.map_err(|error| Error::new(ErrorKind::Internal, "the search broke off").with_source(error))?
}

#[async_trait]
impl Provider for EmbeddedVectors {
    fn info(&self) -> &ProviderInfo {
        &self.shared.local.info
    }

    fn environment(&self) -> &Environment {
        &self.shared.local.environment
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        self.shared.local.check_open()?;
        self.shared.store.provider()?.health(cx).await
    }

    /// The object store is another service, and stays open.
    async fn close(&self, _: &CallContext) -> Result<()> {
        self.shared.local.close();
        self.shared.indexes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}

#[async_trait]
impl VectorStoreProvider for EmbeddedVectors {
    fn capabilities(&self) -> &VectorStoreCapabilities {
        &self.shared.capabilities
    }

    async fn ensure(&self, cx: &CallContext, request: EnsureRequest) -> Result<()> {
        let (index, files) = self.index(&request.collection, cx)?;
        index.ensure(&files, cx, request.spec.into()).await
    }

    async fn drop_collection(&self, cx: &CallContext, request: DropRequest) -> Result<()> {
        let (index, files) = self.index(&request.collection, cx)?;
        files.drop_all().await?;
        index.forget();
        self.forget(&request.collection);
        Ok(())
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Bulk<()>> {
        let snapshot = self.current(&request.location.collection, cx).await?;
        let (index, files) = self.index(&request.location.collection, cx)?;
        let (mut drafts, mut results) = (Vec::with_capacity(request.records.len()), Vec::new());
        for record in request.records {
            let checked = check_record(&snapshot.manifest.spec, &record);
            if checked.is_ok() {
                drafts.push(Draft::of(request.location.namespace.clone(), record));
            }
            results.push(checked);
        }
        if !drafts.is_empty() {
            index.write(&files, cx, &snapshot.manifest.incarnation, drafts).await?;
        }
        Ok(Bulk::new(results))
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Record>>> {
        let snapshot = self.current(&request.location.collection, cx).await?;
        let namespace = namespace(&request.location);
        Ok(request.ids.iter().map(|id| Ok(snapshot.get(namespace, id))).collect())
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Option<u64>> {
        let (location, collection) = (&request.location, &request.location.collection);
        let ids = match request.selector {
            Selector::Ids(ids) => ids,
            Selector::Filter(filter) => {
                let (index, files) = self.index(collection, cx)?;
                return index.delete_matching(&files, cx, location.namespace.as_ref(), &filter).await.map(Some);
            }
            _ => return Err(Error::new(ErrorKind::Unsupported, "the store does not know this selector")),
        };
        let snapshot = self.current(collection, cx).await?;
        let (index, files) = self.index(collection, cx)?;
        let mut ids: Vec<_> = ids.into_iter().filter(|id| snapshot.find(namespace(location), id.as_str()).is_some()).collect();
        ids.sort_unstable();
        ids.dedup();
        let count = ids.len() as u64;
        if count > 0 {
            let drafts = ids.into_iter().map(|id| Draft::deletion(location.namespace.clone(), id)).collect();
            index.write(&files, cx, &snapshot.manifest.incarnation, drafts).await?;
        }
        Ok(Some(count))
    }

    async fn query(&self, cx: &CallContext, request: QueryRequest) -> Result<Vec<Match>> {
        let QueryRequest { location, query, .. } = request;
        let snapshot = self.current(&location.collection, cx).await?;
        check_query(&snapshot.manifest.spec, &query)?;
        run(search::work(&snapshot, &query), move || search::run(&snapshot, namespace(&location), &query)).await
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Record>> {
        let ListRequest { location, options, page, .. } = request;
        let snapshot = self.current(&location.collection, cx).await?;
        let size = page.size.unwrap_or(PAGE_MAX).min(PAGE_MAX) as usize;
        let work = if options.filter.is_some() { 64 * snapshot.entries().0 } else { 0 };
        run(work, move || {
            let after = page.cursor.as_ref().map(Cursor::token);
            let found = snapshot.page(namespace(&location), after, size, options.filter.as_ref(), options.with_vectors)?;
            let (records, more) = found;
            let next = records.last().filter(|_| more).map(|last| Cursor::new(Arc::clone(last.id.shared())));
            Ok(Page::new(records, next))
        })
        .await
    }

    async fn count(&self, cx: &CallContext, request: CountRequest) -> Result<u64> {
        let snapshot = self.current(&request.location.collection, cx).await?;
        let work = if request.filter.is_some() { 64 * snapshot.entries().0 } else { 0 };
        run(work, move || snapshot.count(namespace(&request.location), request.filter.as_ref())).await
    }
}

impl Integration for EmbeddedVectors {
    type Config = EmbeddedVectorsConfig;

    const NAME: &'static str = "embedded-vectors";
    const INTERFACES: &'static [&'static str] = &["VectorStore"];

    async fn build(config: EmbeddedVectorsConfig, cx: BuildContext) -> Result<Service> {
        let provider = Arc::new(Self::with(&config, cx)?);
        let store: Arc<dyn VectorStoreProvider> = provider.clone();
        Ok(Service::new(provider).offer::<VectorStore>(store))
    }
}
