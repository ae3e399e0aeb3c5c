//! Sources that are there from the start: a credential in hand, a reference from the config.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{CredentialCache, CredentialSource, Lease};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::SecretRef;

/// How often a secret in a file is looked at.
const FILE_LOOK: Duration = Duration::from_secs(60);
/// How often a secret store is asked that does not say when it wants to be.
const STORE_LOOK: Duration = Duration::from_secs(300);

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

    fn by_tenant(&self) -> bool {
        false
    }
}

impl<C> fmt::Debug for Fixed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fixed")
    }
}

/// Reads the secrets behind references of one scheme: `vault:mount/path#field`.
#[async_trait]
pub trait SecretResolver: Send + Sync + 'static {
    /// The secret at `path`, which is what stands behind `scheme:` in the reference. One attempt, as a
    /// [`CredentialSource`] makes; the lease says when the secret ends or when to look again, which is after 5 minutes
    /// where it says neither.
    ///
    /// # Errors
    /// `NotFound` when there is none there; why the store cannot be asked. The message names the place and no value.
    async fn resolve(&self, cx: &CallContext, path: &str) -> Result<Lease<SecretString>>;
}

/// Who reads the references of a hub into secret stores, by scheme. Clones are the same table, so that a store that starts
/// late is found by those who are there already.
#[derive(Clone, Default)]
pub struct SecretResolvers {
    table: Arc<RwLock<BTreeMap<String, Arc<dyn SecretResolver>>>>,
}

impl SecretResolvers {
    /// Reads references of this scheme, such as `vault`, with `resolver` from now on.
    pub fn insert(&self, scheme: impl Into<String>, resolver: Arc<dyn SecretResolver>) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).insert(scheme.into(), resolver);
    }

    /// Who reads references of this scheme.
    #[must_use]
    pub fn get(&self, scheme: &str) -> Option<Arc<dyn SecretResolver>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).get(scheme).cloned()
    }
}

impl fmt::Debug for SecretResolvers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.table.read().unwrap_or_else(PoisonError::into_inner).keys()).finish()
    }
}

/// The secret behind a reference, wherever it is, as a source: a file is looked at again every minute, a secret store when
/// it says so, and both when the secret was refused; so a secret that rotates reaches clients that live.
#[derive(Clone)]
pub struct SecretSource {
    reference: SecretRef,
    resolvers: SecretResolvers,
}

impl SecretSource {
    /// The secret behind this reference; one into a secret store is read by the resolver of the environment.
    #[must_use]
    pub fn new(reference: SecretRef, environment: &Environment) -> Self {
        Self { reference, resolvers: environment.secret_resolvers().clone() }
    }
}

#[async_trait]
impl CredentialSource for SecretSource {
    type Credential = SecretString;

    async fn load(&self, cx: &CallContext) -> Result<Lease<SecretString>> {
        let Some((scheme, path)) = self.reference.stored() else { return self.reference.load(cx).await };
        let Some(resolver) = self.resolvers.get(scheme) else {
            // Says what is missing.
            return self.reference.resolve().await.map(Lease::new);
        };
        let lease = resolver.resolve(cx, path).await.map_err(|error| {
            // A reference that leads nowhere is a mistake of the config: the call itself may not pass it off as an absent key.
            let error = if error.is(ErrorKind::NotFound) { missing(scheme, path, error) } else { error };
            error.context(format_args!("the secret `{scheme}:{path}`"))
        })?;
        if lease.expires_at().is_some() || lease.refresh_at().is_some() {
            return Ok(lease);
        }
        Ok(lease.refresh_from(cx.clock().timestamp() + STORE_LOOK))
    }

    fn by_tenant(&self) -> bool {
        false
    }
}

fn missing(scheme: &str, path: &str, error: Error) -> Error {
    let text = format!("the store that reads `{scheme}:` has nothing at `{path}`");
    Error::new(ErrorKind::ConfigInvalid, text).with_source(error)
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}

/// The secret behind a reference for whoever cannot tell that it was replaced, such as the verifier of a webhook, to whom a
/// request of the new secret looks like a forged one: what this machine has is read anew at every use, so that a change is live at
/// once; a secret store is asked as a [`SecretSource`] asks it, so that requests of strangers do not become requests to it.
#[derive(Clone)]
pub struct SecretReader {
    reference: SecretRef,
    stored: CredentialCache<SecretString>,
}

impl SecretReader {
    /// The secret behind this reference.
    #[must_use]
    pub fn new(reference: SecretRef, environment: &Environment) -> Self {
        let stored = CredentialCache::new(SecretSource::new(reference.clone(), environment));
        Self { reference, stored }
    }

    /// The secret as it is now.
    ///
    /// # Errors
    /// Why it cannot be read; the message names the place and no value.
    pub async fn read(&self, cx: &CallContext) -> Result<SecretString> {
        match self.reference.stored() {
            Some(_) => Ok(self.stored.get(cx).await?.value().clone()),
            None => self.reference.resolve().await,
        }
    }
}

impl fmt::Debug for SecretReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}

/// The secret behind the reference, read at first use and again when it was refused; one in a file is looked at again every
/// minute. A reference into a secret store needs a [`SecretSource`].
#[async_trait]
impl CredentialSource for SecretRef {
    type Credential = SecretString;

    async fn load(&self, cx: &CallContext) -> Result<Lease<SecretString>> {
        let lease = Lease::new(self.resolve().await?);
        Ok(if self.is_file() { lease.refresh_from(cx.clock().timestamp() + FILE_LOOK) } else { lease })
    }

    fn by_tenant(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
