//! Kept entries.

use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{
    Change, Consistency, Entry, GetRequest, IncrementRequest, Key, KeyValueStore, KeyValueStoreCapabilities,
    KeyValueStoreProvider, ListRequest, TransactionRequest, WatchRequest, WriteRequest, Written,
};
use circle_core_common::{Bulk, CallContext, Error, ErrorKind, Page, Result, Watch};

use super::Cached;
use crate::orchestration::caller::looks_up_a_write;
use crate::orchestration::forward::key_value_store_of_frame;
use crate::orchestration::stamps::Stamps;

impl Cached<KeyValueStore> {
    /// Sets how long it is believed that there is no such entry. By default a second; zero asks each time.
    #[must_use]
    pub fn missing_ttl(mut self, ttl: Duration) -> Self {
        self.settings.missing_ttl = ttl;
        self
    }

    fn stamps(&self) -> &Stamps {
        &self.store.stamps
    }

    /// What is kept of a key, where it is young enough and has not expired.
    fn kept(&self, cx: &CallContext, key: &Key) -> Option<Option<Entry>> {
        let (kept, age) = self.store.get(cx, key.as_str(), &self.place(cx, key))?;
        let (ttl, expires_at) = match &kept {
            Some(entry) => (self.settings.ttl, entry.expires_at),
            None => (self.settings.missing_ttl, None),
        };
        (age < ttl && expires_at.is_none_or(|at| at > cx.clock().timestamp())).then_some(kept)
    }

    fn place(&self, cx: &CallContext, key: &Key) -> String {
        self.identity(cx, "entry").part(key).into_text()
    }
}

fn size(entry: Option<&Entry>) -> usize {
    entry.map_or(0, |entry| size_of::<Entry>() + entry.key.as_str().len() + entry.value.len())
}

#[async_trait]
impl KeyValueStoreProvider for Cached<KeyValueStore> {
    key_value_store_of_frame!();

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        self.frame.open()?;
        let provider = self.frame.handle.provider()?;
        let options = &request.options;
        if looks_up_a_write(cx) || options.consistency == Consistency::Strong || !options.extensions.is_empty() {
            return provider.get(cx, request).await;
        }
        let mut results: Vec<Option<Result<Option<Entry>>>> = request.keys.iter().map(|key| self.kept(cx, key).map(Ok)).collect();
        let missing: Vec<usize> = (0..results.len()).filter(|at| results[*at].is_none()).collect();
        if missing.is_empty() {
            cx.report(|report| report.cached += 1);
        } else {
            let keys: Vec<Key> = missing.iter().map(|at| request.keys[*at].clone()).collect();
            let began: Vec<_> = keys.iter().map(|key| self.store.begin(cx, key.as_str())).collect();
            let answers = provider.get(cx, GetRequest::new(keys.clone(), request.options.clone())).await?;
            for (((at, key), began), answer) in missing.into_iter().zip(&keys).zip(began).zip(answers) {
                if let Ok(entry) = &answer {
                    self.store.keep(&self.place(cx, key), began, entry.clone(), size(entry.as_ref()));
                }
                results[at] = Some(answer);
            }
        }
        let untold = || Err(Error::new(ErrorKind::Internal, "the provider gave fewer results than it was asked for"));
        Ok(results.into_iter().map(|result| result.unwrap_or_else(untold)).collect())
    }
}
