//! What an object store can do.

use crate::units::ByteSize;

/// When a list shows what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListConsistency {
    /// At once.
    Strong,
    /// At the latest after this time.
    Within(std::time::Duration),
}

crate::capabilities! {
    /// What an object store can do. Getting, putting, listing and deleting whole objects every store can.
    pub struct ObjectStoreCapabilities {
        flags {
            /// Puts only where there is nothing.
            put_if_absent = PUT_IF_ABSENT,
            /// Puts only over a given version.
            put_if_match = PUT_IF_MATCH,
            /// Keeps the application's metadata and the content headers.
            put_metadata = PUT_METADATA,
            /// Verifies a checksum before it keeps the object.
            put_checksum = PUT_CHECKSUM,
            /// Gets a part from an offset.
            get_range = GET_RANGE,
            /// Gets the last bytes. Emulated by asking for the size first.
            get_suffix = GET_SUFFIX,
            /// Gets only a given version.
            get_if_match = GET_IF_MATCH,
            /// Gets only another version than a given one.
            get_if_none_match = GET_IF_NONE_MATCH,
            /// Gets older versions.
            get_version = GET_VERSION,
            /// Deletes only a given version of the object.
            delete_if_match = DELETE_IF_MATCH,
            /// Lists one level, folding deeper keys into prefixes.
            list_delimiter = LIST_DELIMITER,
            /// Lists from behind a key.
            list_start_after = LIST_START_AFTER,
            /// Lists and deletes single versions.
            list_versions = LIST_VERSIONS,
            /// Copies without the content passing through here.
            copy = COPY,
            /// Copies only where there is nothing.
            copy_if_absent = COPY_IF_ABSENT,
            /// Uploads in parts.
            multipart = MULTIPART,
            /// Makes requests that get without credentials.
            presign_get = PRESIGN_GET,
            /// Makes requests that put without credentials.
            presign_put = PRESIGN_PUT,
        }
        limits {
            /// The longest key, in bytes.
            key_max: ByteSize = ByteSize::bytes(1024),
            /// The largest object in one put.
            put_max: ByteSize = ByteSize::MAX,
            /// What is larger is sent in parts by the handle, where `multipart` is on.
            put_split: ByteSize = ByteSize::MAX,
            /// Whether a put in one piece must know its length; a stream of unknown length is then sent in parts.
            put_needs_length: bool = false,
            /// The smallest part but the last.
            part_min: ByteSize = ByteSize::bytes(0),
            /// The largest part.
            part_max: ByteSize = ByteSize::MAX,
            /// The most parts.
            parts_max: u32 = 10_000,
            /// The most keys in one delete; the handle splits.
            delete_max: u32 = 1000,
            /// The longest life of a presigned request.
            presign_max: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600),
            /// When a list shows what was written.
            list_consistency: ListConsistency = ListConsistency::Strong,
        }
    }
}
