//! Key-value storage in memory.

mod entries;
#[cfg(test)]
mod tests;
mod watch;

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{
    Change, Entry, GetRequest, IncrementRequest, KeyValueStoreCapabilities, KeyValueStoreProvider, ListRequest,
    TransactionRequest, WatchRequest, Write, WriteRequest, Written,
};
use circle_core_common::{Bulk, CallContext, Cursor, Error, ErrorKind, Page, Reason, Result, Watch};

use crate::provider::Memory;

pub(crate) use entries::Entries;
use entries::{Batch, Slot};

/// The most entries of a page.
const PAGE_MAX: u32 = 1000;

pub(crate) fn capabilities() -> KeyValueStoreCapabilities {
    let mut capabilities = KeyValueStoreCapabilities::all();
    // Expiry is looked at by every read, so nothing is seen a moment too long.
    capabilities.ttl_slack = Duration::ZERO;
    capabilities
}

#[async_trait]
impl KeyValueStoreProvider for Memory {
    fn capabilities(&self) -> &KeyValueStoreCapabilities {
        &self.key_value_store
    }

    async fn get(&self, _: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        let entries = self.store.entries()?;
        let entry = |key| entries.get(&self.store, key).map(Slot::entry).cloned();
        Ok(request.keys.iter().map(|key| Ok(entry(key))).collect())
    }

    async fn write(&self, _: &CallContext, request: WriteRequest) -> Result<Bulk<Written>> {
        let mut entries = self.store.entries_mut()?;
        let operation = request.operation.as_ref();
        let write = |write: Write| {
            let key = Arc::clone(write.key.shared());
            let mut batch = Batch::default();
            let written = entries.stage(&self.store, &mut batch, write, operation);
            let written = written.and_then(|written| entries.commit(&self.store, batch).map(|()| written));
            written.map_err(|error| error.with_resource(&key))
        };
        Ok(request.writes.into_iter().map(write).collect())
    }

    async fn transaction(&self, _: &CallContext, request: TransactionRequest) -> Result<Vec<Written>> {
        let mut entries = self.store.entries_mut()?;
        let mut batch = Batch::default();
        let stage = |write: Write| {
            let key = Arc::clone(write.key.shared());
            let written = entries.stage(&self.store, &mut batch, write, request.operation.as_ref());
            written.map_err(|error| error.with_resource(&key))
        };
        let written = request.writes.into_iter().map(stage).collect::<Result<_>>()?;
        entries.commit(&self.store, batch)?;
        Ok(written)
    }

    async fn increment(&self, _: &CallContext, request: IncrementRequest) -> Result<i64> {
        let mut entries = self.store.entries_mut()?;
        let (slot, sum) = match entries.get(&self.store, &request.key) {
            None => {
                let sum = request.by;
                (Slot::new(&self.store, request.key.clone(), sum.to_string().into(), None, None), sum)
            }
            Some(slot) => {
                let sum = add(&slot.entry().value, request.by)?;
                (slot.with_value(&self.store, sum.to_string().into()), sum)
            }
        };
        entries.commit(&self.store, Batch::of(request.key, slot))?;
        Ok(sum)
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        let entries = self.store.entries()?;
        let size = request.page.size.unwrap_or(PAGE_MAX).min(PAGE_MAX) as usize;
        let start = match &request.page.cursor {
            Some(cursor) => Bound::Excluded(cursor.token()),
            None => Bound::Included(&*request.prefix),
        };
        let mut found = entries.range(&self.store, start, &request.prefix);
        let items: Vec<Entry> = found.by_ref().take(size).map(Slot::entry).cloned().collect();
        let next = items.last().filter(|_| found.next().is_some()).map(|last| Cursor::new(Arc::clone(last.key.shared())));
        Ok(Page::new(items, next))
    }

    async fn watch(&self, _: &CallContext, request: WatchRequest) -> Result<Watch<Change>> {
        let queue = self.store.entries_mut()?.watchers.add(request.prefix);
        Ok(Watch::new(watch::Changes::new(Arc::clone(&self.store), queue)))
    }
}

/// The sum of the number in a value and `by`.
fn add(value: &[u8], by: i64) -> Result<i64> {
    let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
    let number = number.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the value is not a number"))?;
    number.checked_add(by).ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("{number} + {by} is no 64-bit number")).with_reason(Reason::Overflow)
    })
}
