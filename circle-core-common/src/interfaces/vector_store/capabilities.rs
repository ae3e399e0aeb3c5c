//! What a vector store can do.

use super::Metric;
use crate::filter::FilterOperators;
use crate::units::ByteSize;

/// When a write is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Consistency {
    /// By every call that starts after it was acknowledged, from anywhere.
    Strong,
    /// Some time after it was acknowledged.
    Eventual,
}

crate::capabilities! {
    /// What a vector store can do. Putting, getting, deleting by id, querying, listing and counting every store can.
    pub struct VectorStoreCapabilities {
        flags {
            /// Searches words, too, and joins several searches into one ranking.
            hybrid = HYBRID,
            /// Gives at most so many matches for each value of a field.
            group_by = GROUP_BY,
            /// Leaves out matches below a score.
            min_score = MIN_SCORE,
            /// Deletes what a filter matches.
            delete_where = DELETE_WHERE,
            /// Lists what a filter matches.
            list_filter = LIST_FILTER,
            /// Counts what a filter matches.
            count_filter = COUNT_FILTER,
            /// Keeps several dense vectors for a record, each under a name.
            multi_vector = MULTI_VECTOR,
            /// Keeps and searches sparse vectors.
            sparse = SPARSE,
            /// Keeps the records of namespaces apart within a collection.
            namespaces = NAMESPACES,
        }
        limits {
            /// The most matches of a query.
            top_k_max: u32 = 10_000,
            /// The most numbers of a vector.
            dimensions_max: u32 = 4096,
            /// The most records of one put, or ids of one get or delete; the handle splits.
            batch_max: u32 = 500,
            /// The longest id of a record, in bytes.
            id_max: ByteSize = ByteSize::bytes(512),
            /// The longest name of a collection or namespace, in bytes.
            name_max: ByteSize = ByteSize::bytes(128),
            /// The operators of a filter that go to the store. Others are emulated in queries where the caller allows it,
            /// by fetching more than was asked for, and refused in everything else.
            filter_operators: FilterOperators = FilterOperators::portable(),
            /// How nearness can be measured.
            metrics: &'static [Metric] = &[Metric::Cosine, Metric::Dot, Metric::Euclidean],
            /// When a write is seen.
            consistency: Consistency = Consistency::Strong,
        }
    }
}
