//! Sources that are there from the start: a credential in hand, a reference from the config.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{CredentialSource, Lease};
use crate::context::CallContext;
use crate::error::Result;
use crate::secret::SecretRef;

/// A source of one credential that the application has already.
pub struct Fixed<C>(C);

impl<C: Clone> Fixed<C> {
    /// A source of this credential.
    #[must_use]
    pub const fn new(credential: C) -> Self {
        Self(credential)
    }
}

#[async_trait]
impl<C: Clone + Send + Sync + 'static> CredentialSource for Fixed<C> {
    type Credential = C;

    async fn load(&self, _: &CallContext) -> Result<Lease<C>> {
        Ok(Lease::new(self.0.clone()))
    }
}

impl<C> fmt::Debug for Fixed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fixed")
    }
}

/// The secret behind the reference, read at first use and again when it was refused.
#[async_trait]
impl CredentialSource for SecretRef {
    type Credential = SecretString;

    async fn load(&self, _: &CallContext) -> Result<Lease<SecretString>> {
        self.resolve().await.map(Lease::new)
    }
}
