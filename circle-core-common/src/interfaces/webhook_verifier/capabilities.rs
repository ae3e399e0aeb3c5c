//! What a verifier of webhooks can do.

use std::time::Duration;

use crate::units::ByteSize;

crate::capabilities! {
    /// What a verifier of webhooks can do. Telling a request that was signed from one that was not every verifier can.
    pub struct WebhookVerifierCapabilities {
        flags {
            /// The moment of signing is signed with the request, so that an old request is refused.
            timestamp = TIMESTAMP,
            /// Requests have an id that is signed with them.
            id = ID,
        }
        limits {
            /// How far the moment of signing may be from now, both ways.
            tolerance: Duration = Duration::from_secs(300),
            /// The largest body.
            body_max: ByteSize = ByteSize::mib(25),
        }
    }
}
