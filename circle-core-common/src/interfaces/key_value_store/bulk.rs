//! Calls on many keys, in as many calls as the provider needs.

use std::sync::Arc;

use super::{
    DELETE, Deleted, Entry, GET, GetOptions, GetRequest, Key, KeyValueStore, PUT, Write, WriteRequest, Written, outcome,
};
use crate::bulk::Bulk;
use crate::error::{Result, Sent};
use crate::extension::Extensions;
use crate::operation::Operation;
use crate::scope::Resources;

impl KeyValueStore {
    /// The entries of many keys, in order, in as many calls as the provider needs.
    ///
    /// # Errors
    /// `InvalidInput` when a key is not valid. A failed call marks its own keys only.
    pub async fn get_many<K: Into<Key>>(&self, keys: impl IntoIterator<Item = K>) -> Result<Bulk<Option<Entry>>> {
        let keys: Vec<Key> = keys.into_iter().map(Into::into).collect();
        for key in &keys {
            self.at(&GET, key, self.check_key(key))?;
        }
        let store = self.bounded();
        let mut results = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(self.capabilities().get_max.max(1) as usize) {
            let names: Vec<Arc<str>> = chunk.iter().map(|key| Arc::clone(key.shared())).collect();
            let chunk_result = async {
                let mut call = store.open(&GET);
                let provider = store.start(&mut call, Resources::Many(&names)).await?;
                let result = call.guard(provider.get(call.cx(), GetRequest::new(chunk.to_vec(), GetOptions::new()))).await;
                call.finish(result.and_then(|bulk| bulk.complete(chunk.len()))).await
            };
            self.collect(&GET, &mut results, chunk_result.await, &names);
        }
        Ok(Bulk::new(results))
    }

    /// Makes many writes, each for itself, in as many calls as the provider needs; pairs of key and value will do.
    ///
    /// ```
    /// # use circle_core_common::{Result, interfaces::key_value_store::KeyValueStore};
    /// # async fn example(kv: KeyValueStore) -> Result<()> {
    /// kv.put_many([("a", "1"), ("b", "2")]).await?.all()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` or `Unsupported` when a write is not valid: nothing is written then. A failed call marks its own
    /// writes only.
    pub async fn put_many<W: Into<Write>>(&self, writes: impl IntoIterator<Item = W>) -> Result<Bulk<Written>> {
        self.write_many(&PUT, writes.into_iter().map(Into::into).collect()).await
    }

    /// Deletes many keys; one result per key.
    ///
    /// # Errors
    /// As [`put_many`](Self::put_many).
    pub async fn delete_many<K: Into<Key>>(&self, keys: impl IntoIterator<Item = K>) -> Result<Bulk<Deleted>> {
        let bulk = self.write_many(&DELETE, keys.into_iter().map(Write::delete).collect()).await?;
        Ok(bulk.into_iter().map(|result| result.map(Deleted::from)).collect())
    }

    async fn write_many(&self, operation: &'static Operation, writes: Vec<Write>) -> Result<Bulk<Written>> {
        for write in &writes {
            self.at(operation, &write.key, self.check_write(write))?;
        }
        let store = self.bounded();
        let mut results = Vec::with_capacity(writes.len());
        for chunk in writes.chunks(self.capabilities().write_max.max(1) as usize) {
            let names: Vec<Arc<str>> = chunk.iter().map(|write| Arc::clone(write.key.shared())).collect();
            let chunk_result = store.write_chunk(operation, chunk, &names, &writes).await;
            self.collect(operation, &mut results, chunk_result, &names);
        }
        Ok(Bulk::new(results))
    }

    /// Makes one call's share of `all` writes.
    async fn write_chunk(
        &self,
        operation: &'static Operation,
        chunk: &[Write],
        names: &[Arc<str>],
        all: &[Write],
    ) -> Result<Bulk<Written>> {
        let mut call = self.open(operation);
        let provider = self.start(&mut call, Resources::Many(names)).await?;
        let result = async {
            let conditional = chunk.iter().any(outcome::is_conditional);
            let id = if conditional { Some(call.cx().operation_id()?.clone()) } else { None };
            let request = WriteRequest::new(chunk.to_vec(), Extensions::default(), id.clone());
            let result = call.guard(provider.write(call.cx(), request)).await;
            match (result.and_then(|bulk| bulk.complete(chunk.len())), id) {
                (Err(error), Some(id)) if error.sent() == Sent::Maybe => {
                    let lost = chunk.iter().map(|_| Err(error.clone())).collect();
                    Ok((outcome::settle_each(self, &call, chunk, all, &id, lost).await, Some(error)))
                }
                (Ok(bulk), Some(id)) => Ok((outcome::settle_each(self, &call, chunk, all, &id, bulk).await, None)),
                (result, _) => result.map(|bulk| (bulk, None)),
            }
        }
        .await;
        match result {
            // The call failed; what became of its writes is in their own results.
            Ok((bulk, Some(error))) if bulk.failures().next().is_some() => {
                drop(call.finish::<()>(Err(error)).await);
                Ok(bulk)
            }
            result => call.finish(result.map(|(bulk, _)| bulk)).await,
        }
    }

    /// Adds the results of one call to those of a bulk; every error names its own key and where it happened.
    fn collect<T>(
        &self,
        operation: &'static Operation,
        results: &mut Vec<Result<T>>,
        chunk: Result<Bulk<T>>,
        names: &[Arc<str>],
    ) {
        match chunk {
            Ok(bulk) => results.extend(
                bulk.into_iter()
                    .zip(names)
                    .map(|(result, name)| result.map_err(|error| self.core.place(error, operation).with_resource(name))),
            ),
            Err(error) => results.extend(names.iter().map(|name| Err(error.clone().with_own_resource(name)))),
        }
    }
}
