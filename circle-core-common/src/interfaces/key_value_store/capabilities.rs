//! What a key-value store can do.

use std::time::Duration;

use crate::units::ByteSize;

/// In which order a list comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListOrder {
    /// In the byte order of the keys.
    Key,
    /// In any; stable over the pages of one list.
    Unordered,
}

crate::capabilities! {
    /// What a key-value store can do. Getting, putting and deleting every store can.
    pub struct KeyValueStoreCapabilities {
        flags {
            /// Writes on the condition that a key is absent or has a version.
            cas = CAS,
            /// Writes several keys at once or none.
            transaction = TRANSACTION,
            /// Conditions within a transaction.
            transaction_cas = TRANSACTION_CAS,
            /// Lets entries expire.
            ttl = TTL,
            /// Takes an entry's expiry away, or gives it another, without writing its value.
            persist = PERSIST,
            /// Adds to a number. Emulated by compare-and-swap.
            increment = INCREMENT,
            /// Lists keys.
            list = LIST,
            /// Tells of changes.
            watch = WATCH,
            /// Reads what was written last, from anywhere.
            strong_read = STRONG_READ,
            /// Refuses writes that carry an older fence than an earlier one.
            fence = FENCE,
        }
        limits {
            /// The longest key, in bytes.
            key_max: ByteSize = ByteSize::bytes(1024),
            /// The largest value.
            value_max: ByteSize = ByteSize::mib(16),
            /// The most writes in a transaction.
            transaction_max: u32 = 100,
            /// The most keys in one get; the handle splits.
            get_max: u32 = 1000,
            /// The most keys in one write; the handle splits.
            write_max: u32 = 1000,
            /// The shortest life of an entry.
            ttl_min: Duration = Duration::from_millis(1),
            /// How exactly an expiry is kept and reported; it is never early.
            ttl_precision: Duration = Duration::from_millis(1),
            /// How long after its expiry an entry may still be seen.
            ttl_slack: Duration = Duration::from_secs(1),
            /// In which order a list comes.
            list_order: ListOrder = ListOrder::Key,
        }
    }
}
