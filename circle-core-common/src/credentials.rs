//! Credentials: where they come from, and one cache in front of every source.
//!
//! A [`CredentialSource`] loads a credential and says in a [`Lease`] how long it lives; a [`Chain`] asks several sources
//! in order; a [`CredentialCache`] stands in front, so that a thousand callers cause one load and a failing refresh is
//! seen by nobody while the old value still serves. Sources look at the machine through [`Os`], so that tests bring
//! their own variables and files.

mod cache;
mod chain;
mod flight;
mod lease;
mod os;
mod secret;

use async_trait::async_trait;

pub use self::cache::CredentialCache;
pub use self::chain::{Chain, ChainReport, Found, Link};
pub use self::lease::Lease;
pub use self::os::{FileStamp, Os, OsSource};
pub use self::secret::Fixed;

use crate::context::CallContext;
use crate::error::Result;

crate::operations! {
    "Credentials" => {
        /// Loads a credential from its source.
        LOAD = "credentials.load", Read;
    }
}

/// Where a credential comes from: a variable, a file, a token endpoint.
#[async_trait]
pub trait CredentialSource: Send + Sync + 'static {
    /// What is loaded. It shows no secret in `Debug`, and clears its secrets when it is dropped.
    type Credential: Send + Sync + 'static;

    /// Loads the credential. One attempt: the cache decides when to try again, and never runs two loads at once.
    ///
    /// The context is the load's own: it has the tenant and principal of the caller that caused it, but not that
    /// caller's deadline and cancellation, because others may be waiting for the same load.
    ///
    /// # Errors
    /// `ConfigInvalid` when nothing is configured or what is configured is broken; a retryable kind when the source
    /// cannot be asked now. The message names the source and no value.
    async fn load(&self, cx: &CallContext) -> Result<Lease<Self::Credential>>;
}
