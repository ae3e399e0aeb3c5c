//! {{Provider}} as a key-value store.

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{
    Action, Change, Entry, GetRequest, IncrementRequest, Key, KeyValueStoreCapabilities, KeyValueStoreProvider, ListRequest,
    TransactionRequest, WatchRequest, Write, WriteRequest, Written,
};
use circle_core_common::{Bulk, CallContext, Cursor, Error, Page, Provider, Result, Watch};

use crate::{client::tables::Stored, provider::{{Provider}}};

const TABLE: &str = "key_value_store";
const PAGE_SIZE: usize = 1000;

/// What it can do. Turn on what {{Provider}} has; the handle refuses the rest before it gets here.
pub(crate) fn capabilities() -> KeyValueStoreCapabilities {
    KeyValueStoreCapabilities::none().with(KeyValueStoreCapabilities::LIST)
}

fn entry(key: Key, stored: Stored) -> Entry {
    let version = stored.version();
    Entry::new(key, stored.value, version)
}

impl {{Provider}} {
    fn write_one(&self, write: Write) -> Result<Written> {
        match write.action {
            Action::Put { value, .. } => {
                let now = self.environment().clock().timestamp();
                let stored = self.client()?.tables.put(TABLE, write.key.as_str(), value, now)?;
                Ok(Written::version(stored.version()))
            }
            Action::Delete => Ok(Written::deleted(Some(self.client()?.tables.delete(TABLE, write.key.as_str())))),
            _ => Err(Error::unsupported(KeyValueStoreCapabilities::PERSIST.name())),
        }
    }
}

#[async_trait]
impl KeyValueStoreProvider for {{Provider}} {
    fn capabilities(&self) -> &KeyValueStoreCapabilities {
        &self.key_value_store
    }

    async fn get(&self, _: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        let tables = &self.client()?.tables;
        let get = |key: Key| tables.get(TABLE, key.as_str()).map(|stored| entry(key, stored));
        Ok(Bulk::new(request.keys.into_iter().map(|key| Ok(get(key))).collect()))
    }

    async fn write(&self, _: &CallContext, request: WriteRequest) -> Result<Bulk<Written>> {
        self.client()?;
        Ok(Bulk::new(request.writes.into_iter().map(|write| self.write_one(write)).collect()))
    }

    async fn transaction(&self, _: &CallContext, _: TransactionRequest) -> Result<Vec<Written>> {
        Err(Error::unsupported(KeyValueStoreCapabilities::TRANSACTION.name()))
    }

    async fn increment(&self, _: &CallContext, _: IncrementRequest) -> Result<i64> {
        Err(Error::unsupported(KeyValueStoreCapabilities::INCREMENT.name()))
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        let after = request.page.cursor.as_ref().map(Cursor::token);
        let size = request.page.size.map_or(PAGE_SIZE, |size| size as usize).min(PAGE_SIZE);
        let (found, more) = self.client()?.tables.list(TABLE, &request.prefix, after, size);
        let next = found.last().filter(|_| more).map(|(key, _)| Cursor::new(key.as_str()));
        Ok(Page::new(found.into_iter().map(|(key, stored)| entry(key.into(), stored)).collect(), next))
    }

    async fn watch(&self, _: &CallContext, _: WatchRequest) -> Result<Watch<Change>> {
        Err(Error::unsupported(KeyValueStoreCapabilities::WATCH.name()))
    }
}
