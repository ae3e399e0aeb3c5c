//! The right to have one attempt running, given back by dropping it.

use std::fmt;
use std::sync::Arc;

use super::Endpoint;
use super::endpoint::Held;

/// One attempt's place at an endpoint.
#[must_use = "dropping it gives the place back"]
pub struct Permit<'a> {
    pub(super) endpoint: &'a Arc<Endpoint>,
    pub(super) held: Held,
}

impl<'a> Permit<'a> {
    /// A permit that holds nothing yet; each policy adds its part.
    pub(super) fn new(endpoint: &'a Arc<Endpoint>) -> Self {
        Self { endpoint, held: Held::default() }
    }

    /// The same place without a borrow: it rides inside a streamed body.
    pub fn into_owned(mut self) -> OwnedPermit {
        OwnedPermit { endpoint: Arc::clone(self.endpoint), held: std::mem::take(&mut self.held) }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.endpoint.take_back(&mut self.held);
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
    held: Held,
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        self.endpoint.take_back(&mut self.held);
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedPermit({})", self.endpoint.key())
    }
}
