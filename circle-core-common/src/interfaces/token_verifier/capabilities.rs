//! What a verifier of tokens can do.

use crate::units::ByteSize;

crate::capabilities! {
    /// What a verifier of tokens can do. Telling a token of its authority from any other every verifier can.
    pub struct TokenVerifierCapabilities {
        flags {
            /// The authority is asked about tokens that say nothing themselves, or may have been revoked.
            introspect = INTROSPECT,
        }
        limits {
            /// The longest token.
            token_max: ByteSize = ByteSize::kib(64),
        }
    }
}
