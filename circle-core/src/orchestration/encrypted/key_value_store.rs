//! Encrypted values.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::encryption::{DataKeys, Sealed};
use circle_core_common::interfaces::key_service::{Context, KeyServiceProvider};
use circle_core_common::interfaces::key_value_store::{
    Action, Change, Entry, GetRequest, IncrementRequest, KeyValueStore, KeyValueStoreCapabilities, KeyValueStoreProvider,
    ListRequest, TransactionRequest, WATCH, WatchRequest, Write, WriteRequest, Written,
};
use circle_core_common::secret::ExposeSecret as _;
use circle_core_common::{Bulk, CallContext, Error, ErrorKind, Page, Provider, Result, Watch};
use futures_core::Stream;

use super::{Encrypted, PLACE, TENANT};

impl Encrypted<KeyValueStore> {
    async fn sealed(&self, cx: &CallContext, mut write: Write) -> Result<Write> {
        if let Action::Put { value, .. } = &mut write.action {
            let context = self.bound(cx, write.key.as_str());
            let sealed = self.data_keys.seal(cx, self.key_service()?, self.key.clone(), &context, value).await?;
            *value = sealed.into();
        }
        Ok(write)
    }

    async fn opened(&self, cx: &CallContext, mut entry: Entry) -> Result<Entry> {
        let (context, sealed) = (self.bound(cx, entry.key.as_str()), Sealed::from(entry.value));
        let opened = self.data_keys.open(cx, self.key_service()?, &sealed, &context).await;
        let plain = opened.map_err(|error| error.with_resource(entry.key.shared()))?;
        entry.value = Bytes::copy_from_slice(plain.expose_secret());
        Ok(entry)
    }

    async fn all_sealed(&self, cx: &CallContext, writes: Vec<Write>) -> Result<Vec<Write>> {
        let mut sealed = Vec::with_capacity(writes.len());
        for write in writes {
            sealed.push(self.sealed(cx, write).await?);
        }
        Ok(sealed)
    }
}

#[async_trait]
impl KeyValueStoreProvider for Encrypted<KeyValueStore> {
    fn capabilities(&self) -> &KeyValueStoreCapabilities {
        &self.capabilities
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        self.frame.open()?;
        let found = self.frame.handle.provider()?.get(cx, request).await?;
        let mut entries = Vec::new();
        for entry in found {
            entries.push(match entry {
                Ok(Some(entry)) => self.opened(cx, entry).await.map(Some),
                other => other,
            });
        }
        Ok(Bulk::new(entries))
    }

    async fn write(&self, cx: &CallContext, mut request: WriteRequest) -> Result<Bulk<Written>> {
        self.frame.open()?;
        request.writes = self.all_sealed(cx, request.writes).await?;
        self.frame.handle.provider()?.write(cx, request).await
    }

    async fn transaction(&self, cx: &CallContext, mut request: TransactionRequest) -> Result<Vec<Written>> {
        self.frame.open()?;
        request.writes = self.all_sealed(cx, request.writes).await?;
        self.frame.handle.provider()?.transaction(cx, request).await
    }

    async fn increment(&self, _: &CallContext, _: IncrementRequest) -> Result<i64> {
        Err(Error::unsupported(KeyValueStoreCapabilities::INCREMENT.name()))
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        self.frame.open()?;
        let page = self.frame.handle.provider()?.list(cx, request).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for entry in page.items {
            items.push(self.opened(cx, entry).await?);
        }
        Ok(Page::new(items, page.next))
    }

    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<Change>> {
        self.frame.open()?;
        let changes = self.frame.handle.provider()?.watch(cx, request).await?;
        let reader = Reader {
            keys: self.keys.provider()?.clone(),
            data_keys: DataKeys::default(),
            context: self.context.clone(),
            tenant: self.by_tenant.then(|| cx.tenant().map_or_else(String::new, |tenant| tenant.to_string())),
            // A watch outlives the call that began it, and its deadline.
            cx: CallContext::new(Provider::environment(self), &WATCH, None),
        };
        Ok(Watch::new(Changes::new(changes, Arc::new(reader))))
    }
}

/// What decrypts changes after the call that began the watch.
struct Reader {
    keys: Arc<dyn KeyServiceProvider>,
    data_keys: DataKeys,
    context: Context,
    tenant: Option<String>,
    cx: CallContext,
}

impl Reader {
    async fn opened(self: Arc<Self>, change: Change) -> Result<Change> {
        let Change::Put(mut entry) = change else { return Ok(change) };
        let mut context = self.context.clone().with(PLACE, entry.key.as_str());
        if let Some(tenant) = &self.tenant {
            context = context.with(TENANT, tenant);
        }
        let sealed = Sealed::from(entry.value);
        let plain = self.data_keys.open(&self.cx, &*self.keys, &sealed, &context).await;
        let plain = plain.map_err(|error| Error::new(ErrorKind::Corrupt, error.message().to_owned()).with_source(error))?;
        entry.value = Bytes::copy_from_slice(plain.expose_secret());
        Ok(Change::Put(entry))
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<Change>> + Send>>;

/// Changes, decrypted one after the other.
struct Changes {
    changes: Watch<Change>,
    reader: Arc<Reader>,
    opening: Option<Opening>,
}

impl Changes {
    fn new(changes: Watch<Change>, reader: Arc<Reader>) -> Self {
        Self { changes, reader, opening: None }
    }
}

impl Stream for Changes {
    type Item = Result<Change>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(opening) = &mut self.opening {
                let opened = ready!(opening.as_mut().poll(cx));
                self.opening = None;
                return Poll::Ready(Some(opened));
            }
            match ready!(Pin::new(&mut self.changes).poll_next(cx)) {
                Some(Ok(change)) => self.opening = Some(Box::pin(Arc::clone(&self.reader).opened(change))),
                other => return Poll::Ready(other),
            }
        }
    }
}
