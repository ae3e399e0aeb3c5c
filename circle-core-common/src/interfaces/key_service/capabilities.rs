//! What a key service can do.

use super::Algorithm;
use crate::units::ByteSize;

crate::capabilities! {
    /// What a key service can do. No key ever leaves it but public ones.
    pub struct KeyServiceCapabilities {
        flags {
            /// Encrypts and decrypts.
            encrypt = ENCRYPT,
            /// Makes data keys: fresh keys that it gives both in the open and encrypted.
            data_key = DATA_KEY,
            /// Signs, verifies, and gives public keys.
            sign = SIGN,
            /// Gives a key new material; what the old one has encrypted can still be decrypted.
            rotate = ROTATE,
            /// Binds what it encrypts to a context, without which it cannot be decrypted.
            context = CONTEXT,
            /// Lists keys.
            list = LIST,
        }
        limits {
            /// The longest name of a key, in bytes.
            name_max: ByteSize = ByteSize::bytes(2048),
            /// The most that one call encrypts; more than that is for `seal`.
            plaintext_max: ByteSize = ByteSize::kib(4),
            /// The most that one call signs.
            message_max: ByteSize = ByteSize::mib(16),
            /// How it signs, over all its keys.
            algorithms: Vec<Algorithm> = Vec::new(),
        }
    }
}
