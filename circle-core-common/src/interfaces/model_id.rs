//! Which model of which service.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A model and the service that sells it: what a price list is read by. The same model has another price elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelId {
    /// The service: `openai`, `groq`.
    pub vendor: Arc<str>,
    /// The model, as the service writes it.
    pub model: Arc<str>,
}

impl ModelId {
    /// A model of this vendor.
    #[must_use]
    pub fn new(vendor: impl Into<Arc<str>>, model: impl Into<Arc<str>>) -> Self {
        Self { vendor: vendor.into(), model: model.into() }
    }
}

/// `openai/gpt-5-mini`.
impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.vendor, self.model)
    }
}
