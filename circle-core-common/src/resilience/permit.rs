//! The right to have one attempt running, given back by dropping it.

use std::fmt;
use std::sync::Arc;

use super::Endpoint;

/// One attempt's place at an endpoint.
#[must_use = "dropping it gives the place back"]
pub struct Permit<'a> {
    endpoint: &'a Arc<Endpoint>,
}

impl<'a> Permit<'a> {
    pub(super) fn new(endpoint: &'a Arc<Endpoint>) -> Self {
        Self { endpoint }
    }

    /// The same place without a borrow: it rides inside a streamed body.
    pub fn into_owned(self) -> OwnedPermit {
        OwnedPermit { endpoint: Arc::clone(self.endpoint) }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({})", self.endpoint.key())
    }
}

/// A [`Permit`] that owns its endpoint.
#[must_use = "dropping it gives the place back"]
pub struct OwnedPermit {
    endpoint: Arc<Endpoint>,
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedPermit({})", self.endpoint.key())
    }
}
