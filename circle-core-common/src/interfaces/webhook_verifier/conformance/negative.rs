//! What holds for each capability that is off.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::{Caps, Gate};
use crate::capabilities::Flag;
use crate::error::Result;
use crate::interfaces::webhook_verifier::{VerifyOptions, WebhookVerifier};
use crate::suite::Outcome;

/// The verifier without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Gate, flag: Flag<Caps>) -> Result<WebhookVerifier> {
    subject.without(flag)
}

crate::suite::negatives! {
    WebhookVerifier, Caps;
    /// The moment of signing.
    without_timestamp: TIMESTAMP, |gate, name| [
        gate.verify_with(&HeaderMap::new(), &Bytes::from(name), VerifyOptions::new().max_age(Duration::from_secs(1))).await,
    ];
    /// Ids that are signed.
    without_id: ID, |gate, name| [
        gate.verify_with(&HeaderMap::new(), &Bytes::from(name), VerifyOptions::new().require_id()).await,
    ];
}
