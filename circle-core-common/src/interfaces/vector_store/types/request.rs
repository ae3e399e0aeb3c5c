//! What a provider gets.

use super::{CollectionName, CollectionSpec, ListOptions, Location, Record, RecordId, VectorQuery};
use crate::filter::Filter;
use crate::listing::PageRequest;

request! {
    /// Asks that a collection be there.
    EnsureRequest {
        /// Its name.
        collection: CollectionName,
        /// What it is.
        spec: CollectionSpec,
    }
}

request! {
    /// Asks that a collection be gone.
    DropRequest {
        /// Its name.
        collection: CollectionName,
    }
}

request! {
    /// Puts records, each for itself, in place of those of the same ids.
    PutRequest {
        /// Where.
        location: Location,
        /// The records; at most `batch_max`, every id once.
        records: Vec<Record>,
    }
}

request! {
    /// Asks for records, with their vectors.
    GetRequest {
        /// Where.
        location: Location,
        /// Which; at most `batch_max`.
        ids: Vec<RecordId>,
    }
}

/// Which records.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Selector {
    /// Those of these ids; at most `batch_max`.
    Ids(Vec<RecordId>),
    /// Those that this matches.
    Filter(Filter),
}

request! {
    /// Deletes records.
    DeleteRequest {
        /// Where.
        location: Location,
        /// Which.
        selector: Selector,
    }
}

request! {
    /// Asks for what is near.
    QueryRequest {
        /// Where.
        location: Location,
        /// What for.
        query: VectorQuery,
    }
}

request! {
    /// Asks for a page of all records.
    ListRequest {
        /// Where.
        location: Location,
        /// What the caller chose.
        options: ListOptions,
        /// Which page.
        page: PageRequest,
    }
}

request! {
    /// Asks how many records there are.
    CountRequest {
        /// Where.
        location: Location,
        /// That this matches.
        filter: Option<Filter>,
    }
}
