//! Key-value storage: one log in `.circle/kv`, shared by processes.
//!
//! The log is our own, since the embedded engines lock a database for one process, and a root can be shared by several.
//! Keys and the places of values are in memory; values are read from the log.

mod draft;
mod engine;
mod log;
mod record;
mod state;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{
    Action, Change, Entry, GetRequest, IncrementRequest, KeyValueStoreCapabilities, KeyValueStoreProvider, ListRequest,
    TransactionRequest, WatchRequest, Write, WriteRequest, Written,
};
use circle_core_common::{Bulk, CallContext, Cursor, Page, Result, Watch};

pub(crate) use self::engine::Engine;
use crate::blocking::blocking;
use crate::provider::Filesystem;

/// The most entries of a page.
const PAGE_MAX: u32 = 1000;

pub(crate) fn capabilities() -> KeyValueStoreCapabilities {
    let mut capabilities = KeyValueStoreCapabilities::all();
    // Every read looks at the expiry.
    capabilities.ttl_slack = std::time::Duration::ZERO;
    // With `value_max`, what is written at once stays below the 4 GiB of a record.
    capabilities.write_max = 100;
    capabilities
}

/// How many bytes a write takes in the log, about.
fn size(write: &Write) -> usize {
    let value = if let Action::Put { value, .. } = &write.action { value.len() } else { 0 };
    write.key.as_str().len() + value + 64
}

#[async_trait]
impl KeyValueStoreProvider for Filesystem {
    fn capabilities(&self) -> &KeyValueStoreCapabilities {
        &self.shared.key_value_store
    }

    async fn get(&self, _: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        let engine = self.engine()?;
        blocking(move |_| engine.get(&request.keys)).await.map(Bulk::new)
    }

    async fn write(&self, _: &CallContext, request: WriteRequest) -> Result<Bulk<Written>> {
        let engine = self.engine()?;
        let WriteRequest { writes, operation, .. } = request;
        blocking(move |alive| {
            engine.commit(alive, writes.iter().map(size).sum(), move |draft| {
                let write = |write: Write| {
                    let key = write.key.clone();
                    draft.write(write, operation.as_ref()).map_err(|error| error.with_resource(key.shared()))
                };
                Ok(writes.into_iter().map(write).collect())
            })
        })
        .await
    }

    async fn transaction(&self, _: &CallContext, request: TransactionRequest) -> Result<Vec<Written>> {
        let engine = self.engine()?;
        let TransactionRequest { writes, operation, .. } = request;
        blocking(move |alive| {
            engine.commit(alive, writes.iter().map(size).sum(), move |draft| {
                draft.atomically(|draft| {
                    let write = |write: Write| {
                        let key = write.key.clone();
                        draft.write(write, operation.as_ref()).map_err(|error| error.with_resource(key.shared()))
                    };
                    writes.into_iter().map(write).collect()
                })
            })
        })
        .await
    }

    async fn increment(&self, _: &CallContext, request: IncrementRequest) -> Result<i64> {
        let engine = self.engine()?;
        let IncrementRequest { key, by, .. } = request;
        blocking(move |alive| engine.commit(alive, key.as_str().len() + 64, move |draft| draft.increment(key, by))).await
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        let engine = self.engine()?;
        let size = request.page.size.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX) as usize;
        blocking(move |_| {
            let behind = request.page.cursor.as_ref().map(Cursor::token);
            let (entries, more) = engine.list(&request.prefix, behind, size)?;
            let next = entries.last().filter(|_| more).map(|last| Cursor::new(Arc::clone(last.key.shared())));
            Ok(Page::new(entries, next))
        })
        .await
    }

    async fn watch(&self, _: &CallContext, request: WatchRequest) -> Result<Watch<Change>> {
        let engine = self.engine()?;
        let events = blocking({
            let engine = Arc::clone(&engine);
            move |_| engine.watch()
        })
        .await?;
        Ok(watch::watch(engine, events, request.prefix))
    }
}
