//! Decorated vector stores.

use crate::bulk::Bulk;
use crate::interfaces::vector_store::{
    CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListRequest, Match, PutRequest, QueryRequest, Record,
    VectorStore, VectorStoreCapabilities, VectorStoreProvider,
};
use crate::listing::Page;

crate::suite::decorated! {
    VectorStore over VectorStoreProvider with VectorStoreCapabilities as vector_store {
        ensure(EnsureRequest) -> ();
        drop_collection(DropRequest) -> ();
        put(PutRequest) -> Bulk<()>;
        get(GetRequest) -> Bulk<Option<Record>>;
        delete(DeleteRequest) -> Option<u64>;
        query(QueryRequest) -> Vec<Match>;
        list(ListRequest) -> Page<Record>;
        count(CountRequest) -> u64;
    }
}
