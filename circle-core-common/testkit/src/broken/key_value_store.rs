//! Broken key-value stores.

use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{
    Action, Change, Entry, GetOptions, GetRequest, IncrementRequest, KeyValueStoreCapabilities, KeyValueStoreProvider,
    ListRequest, Precondition, TransactionRequest, WatchRequest, Write, WriteRequest, Written,
};
use circle_core_common::{Bulk, CallContext, Extensions, Page, Result, Watch};
use futures_core::Stream;

use super::{Broken, Defect};

impl<P: KeyValueStoreProvider> Broken<P> {
    fn entry(&self, mut entry: Entry) -> Option<Entry> {
        if self.is(Defect::TakesEmptyForAbsent) && entry.value.is_empty() {
            return None;
        }
        if self.is(Defect::VersionsByContent) {
            let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
            let version = versions.entry((entry.key.clone(), entry.value.clone())).or_insert(entry.version);
            entry.version = version.clone();
        }
        Some(entry)
    }

    fn change(&self, mut write: Write) -> Write {
        if self.is(Defect::IgnoresConditions) {
            write.precondition = Precondition::None;
        }
        if self.is(Defect::IgnoresFences) {
            write.fence = None;
        }
        if let Action::Put { ttl, .. } | Action::Touch { ttl } = &mut write.action {
            if self.is(Defect::ExpiresEarly) {
                *ttl = ttl.map(|ttl| ttl / 4);
            }
            if self.is(Defect::NeverExpires) {
                *ttl = None;
            }
        }
        write
    }
}

#[async_trait]
impl<P: KeyValueStoreProvider> KeyValueStoreProvider for Broken<P> {
    fn capabilities(&self) -> &KeyValueStoreCapabilities {
        self.provider.capabilities()
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        let found = self.provider.get(cx, request).await?;
        let entry = |found: Result<Option<Entry>>| found.map(|entry| entry.and_then(|entry| self.entry(entry)));
        let mut entries: Vec<_> = found.into_iter().map(entry).collect();
        if self.is(Defect::ReordersBulks) {
            entries.reverse();
        }
        Ok(Bulk::new(entries))
    }

    async fn write(&self, cx: &CallContext, mut request: WriteRequest) -> Result<Bulk<Written>> {
        request.writes = request.writes.into_iter().map(|write| self.change(write)).collect();
        if self.is(Defect::IgnoresConditions) {
            // A network would let others in between here.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        self.provider.write(cx, request).await
    }

    async fn transaction(&self, cx: &CallContext, mut request: TransactionRequest) -> Result<Vec<Written>> {
        request.writes = request.writes.into_iter().map(|write| self.change(write)).collect();
        if !self.is(Defect::TearsTransactions) {
            return self.provider.transaction(cx, request).await;
        }
        let mut written = Vec::new();
        for write in request.writes {
            let request = WriteRequest::new(vec![write], Extensions::default(), request.operation.clone());
            written.extend(self.provider.write(cx, request).await?.all()?);
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        Ok(written)
    }

    async fn increment(&self, cx: &CallContext, request: IncrementRequest) -> Result<i64> {
        if !self.is(Defect::IncrementsByReadAndWrite) {
            return self.provider.increment(cx, request).await;
        }
        let get = GetRequest::new(vec![request.key.clone()], GetOptions::new());
        let entry = self.provider.get(cx, get).await?.all()?.pop().flatten();
        let text = entry.and_then(|entry| String::from_utf8(entry.value.into()).ok());
        let sum = text.and_then(|text| text.parse().ok()).unwrap_or(0_i64).wrapping_add(request.by);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let write = Write::put(request.key, sum.to_string());
        self.provider.write(cx, WriteRequest::new(vec![write], Extensions::default(), None)).await?.all()?;
        Ok(sum)
    }

    async fn list(&self, cx: &CallContext, mut request: ListRequest) -> Result<Page<Entry>> {
        let prefix = request.prefix.clone();
        // Namespaces of subjects are in lower case; the store would have to be asked for all keys else.
        if self.is(Defect::IgnoresCase)
            && let Some((namespace, _)) = prefix.rsplit_once('/')
        {
            request.prefix = format!("{namespace}/").into();
        }
        let mut page = self.provider.list(cx, request).await?;
        page.items.retain(|entry| entry.key.as_str().to_lowercase().starts_with(&prefix.to_lowercase()));
        page.items = page.items.into_iter().filter_map(|entry| self.entry(entry)).collect();
        Ok(page)
    }

    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<Change>> {
        let watch = self.provider.watch(cx, request).await?;
        Ok(if self.is(Defect::WatchesPutsOnly) { Watch::new(PutsOnly(watch)) } else { watch })
    }
}

struct PutsOnly(Watch<Change>);

impl Stream for PutsOnly {
    type Item = Result<Change>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_next(cx)) {
                Some(Ok(Change::Deleted(_))) => {}
                change => return Poll::Ready(change),
            }
        }
    }
}
