//! What a secret store can do.

use crate::units::ByteSize;

crate::capabilities! {
    /// What a secret store can do. Getting a secret by its name every store can.
    pub struct SecretStoreCapabilities {
        flags {
            /// Writes secrets.
            put = PUT,
            /// Writes only if there is none of the name.
            put_if_absent = PUT_IF_ABSENT,
            /// Writes only over a version.
            put_if_match = PUT_IF_MATCH,
            /// Deletes secrets.
            delete = DELETE,
            /// Keeps older versions, each under its own name.
            versions = VERSIONS,
            /// Lists the names of secrets.
            list = LIST,
            /// Tells of changes.
            watch = WATCH,
            /// Lends secrets that end unless they are renewed.
            leases = LEASES,
        }
        limits {
            /// The longest name, in bytes.
            name_max: ByteSize = ByteSize::bytes(512),
            /// The most that a secret may hold, its names of fields included.
            value_max: ByteSize = ByteSize::kib(64),
        }
    }
}
