//! Shared reads of entries.

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{
    Change, Consistency, Entry, GetRequest, IncrementRequest, KeyValueStore, KeyValueStoreCapabilities, KeyValueStoreProvider,
    ListRequest, TransactionRequest, WatchRequest, WriteRequest, Written,
};
use circle_core_common::{Bulk, CallContext, Page, Result, Watch};

use super::{Coalesced, is_particular};
use crate::orchestration::caller::{Identity, looks_up_a_write};
use crate::orchestration::forward::key_value_store_of_frame;
use crate::orchestration::stamps::Stamps;

impl Coalesced<KeyValueStore> {
    fn stamps(&self) -> &Stamps {
        &self.stamps
    }
}

#[async_trait]
impl KeyValueStoreProvider for Coalesced<KeyValueStore> {
    key_value_store_of_frame!();

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        let provider = self.frame.handle.provider()?;
        // What was written last may have been written since an equal call began.
        let strong = request.options.consistency == Consistency::Strong;
        if looks_up_a_write(cx) || strong || is_particular(cx) || !request.options.extensions.is_empty() {
            return provider.get(cx, request).await;
        }
        let key = |identity: Identity, key: &str| identity.part(self.stamps.of(key)).part(key);
        let identity = request.keys.iter().fold(Identity::of(cx, "get"), |identity, name| key(identity, name.as_str()));
        self.share(cx, identity.into_text(), || provider.get(cx, request)).await.0
    }
}
