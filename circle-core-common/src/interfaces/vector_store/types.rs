//! Requests, options and results.

mod collection;
mod query;
mod record;
mod request;

pub use collection::{CollectionName, CollectionSpec, Location, Metric, Namespace};
pub use query::{GroupBy, ListOptions, Match, VectorQuery};
pub use record::{Record, RecordId, SparseVector};
pub use request::{
    CountRequest, DeleteRequest, DropRequest, EnsureRequest, GetRequest, ListRequest, PutRequest, QueryRequest, Selector,
};
