//! What an identity provider can do.

use crate::units::ByteSize;

crate::capabilities! {
    /// What an identity provider can do. Logging a user in with a browser every one can.
    pub struct IdentityProviderCapabilities {
        flags {
            /// Logins on devices that have no browser.
            device = DEVICE,
            /// Sessions that go on without their user.
            refresh = REFRESH,
            /// Being asked about the user of a session.
            user_info = USER_INFO,
            /// Ending the provider's own session, in the browser.
            logout = LOGOUT,
            /// Ending the tokens of a session.
            revoke = REVOKE,
        }
        limits {
            /// The longest answer to a login.
            callback_max: ByteSize = ByteSize::kib(16),
        }
    }
}
