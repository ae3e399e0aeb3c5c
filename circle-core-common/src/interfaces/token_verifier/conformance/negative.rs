//! What holds for each capability that is off.

use super::{Caps, Gate};
use crate::capabilities::Flag;
use crate::error::Result;
use crate::interfaces::token_verifier::TokenVerifier;
use crate::suite::Outcome;

/// The verifier without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Gate, flag: Flag<Caps>) -> Result<TokenVerifier> {
    subject.without(flag)
}

crate::suite::negatives! {
    TokenVerifier, Caps;
    /// Asking the authority.
    without_introspect: INTROSPECT, |gate, name| [gate.introspect(&name.into(), None).await];
}
