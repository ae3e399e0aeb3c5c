//! Decorated key-value stores.

use crate::bulk::Bulk;
use crate::interfaces::key_value_store::{
    Change, Entry, GetRequest, IncrementRequest, KeyValueStore, KeyValueStoreCapabilities, KeyValueStoreProvider, ListRequest,
    TransactionRequest, WatchRequest, WriteRequest, Written,
};
use crate::listing::Page;
use crate::watch::Watch;

crate::suite::decorated! {
    KeyValueStore over KeyValueStoreProvider with KeyValueStoreCapabilities as key_value_store {
        get(GetRequest) -> Bulk<Option<Entry>>;
        write(WriteRequest) -> Bulk<Written>;
        transaction(TransactionRequest) -> Vec<Written>;
        increment(IncrementRequest) -> i64;
        list(ListRequest) -> Page<Entry>;
        watch(WatchRequest) -> Watch<Change>;
    }
}
