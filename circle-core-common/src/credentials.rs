//! Credentials: where they come from, and one cache in front of every source.
//!
//! A [`CredentialSource`] loads a credential and says in a [`Lease`] how long it lives; a [`Chain`] asks several sources
//! in order; a [`CredentialCache`] stands in front, so that a thousand callers cause one load, a failing refresh is
//! seen by nobody while the old value still serves, and no tenant gets another's. Sources look at the machine through [`Os`], so that tests bring
//! their own variables and files.

mod cache;
mod chain;
mod flight;
mod lease;
mod lifetime;
pub mod links;
mod os;
#[cfg(test)]
mod paused;
mod request;
mod rotation;
mod secret;
mod token_store;

use async_trait::async_trait;

pub use self::cache::CredentialCache;
pub use self::chain::{Chain, ChainReport, Found, Link};
pub use self::lease::Lease;
pub use self::lifetime::{DEFAULT_LIFE, ExpiresIn, IssuerClock};
pub use self::os::{FileStamp, Os, OsSource};
pub use self::request::CredentialRequest;
pub use self::rotation::{RefreshGrant, RefreshTokens, Refreshed};
pub use self::secret::{Fixed, SecretReader, SecretResolver, SecretResolvers, SecretSource};
pub use self::token_store::{FileTokens, KeyValueTokens, MemoryTokens, StoredAccess, TokenRecord, TokenStore};

use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result};

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

    /// Loads the credential. One attempt: the cache decides when to try again, and never runs two loads for one key at once.
    ///
    /// The context is the load's own: it has the tenant that the credential is for, and nothing else of the caller that
    /// caused it, because others may be waiting for the same load. It has no tenant where all tenants get the same.
    ///
    /// # Errors
    /// `ConfigInvalid` when nothing is configured or what is configured is broken; a retryable kind when the source
    /// cannot be asked now. The message names the source and no value.
    async fn load(&self, cx: &CallContext) -> Result<Lease<Self::Credential>>;

    /// As [`load`](Self::load), for a credential that is good for something in particular.
    ///
    /// # Errors
    /// As [`load`](Self::load); `Unsupported` from a source that cannot choose, for a request that is not
    /// [plain](CredentialRequest::is_plain).
    async fn load_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Lease<Self::Credential>> {
        if request.is_plain() {
            return self.load(cx).await;
        }
        Err(cannot_choose())
    }

    /// Whether each tenant gets a credential of its own, which is what a cache takes for granted. A source that never looks
    /// at the tenant says `false`, and is asked once for all.
    fn by_tenant(&self) -> bool {
        true
    }
}

fn cannot_choose() -> Error {
    Error::new(ErrorKind::Unsupported, "the source of this credential cannot choose scopes, audience, claims or subject")
}
