//! A credential that somebody has named.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::context::CallContext;
use crate::credentials::{CredentialRequest, CredentialSource, Found, Lease, Link, SecretSource};
use crate::environment::Environment;
use crate::error::Result;
use crate::secret::SecretRef;

/// What the application gave or the config refers to, where it does: the first link of a chain.
pub struct Stated<C> {
    name: Cow<'static, str>,
    source: Option<Arc<dyn CredentialSource<Credential = C>>>,
}

impl<C: Send + Sync + 'static> Stated<C> {
    /// This source, under this name in reports. `None` is not configured.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, source: Option<Arc<dyn CredentialSource<Credential = C>>>) -> Self {
        Self { name: name.into(), source }
    }
}

impl Stated<SecretString> {
    /// The secret behind a reference of the config, where there is one.
    #[must_use]
    pub fn reference(reference: Option<SecretRef>, environment: &Environment) -> Self {
        let source = reference.map(|reference| Arc::new(SecretSource::new(reference, environment)) as _);
        Self::new("config", source)
    }
}

#[async_trait]
impl<C: Send + Sync + 'static> Link for Stated<C> {
    type Credential = C;

    fn name(&self) -> Cow<'static, str> {
        self.name.clone()
    }

    async fn find(&self, cx: &CallContext) -> Result<Found<C>> {
        self.find_for(cx, &CredentialRequest::new()).await
    }

    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<C>> {
        match &self.source {
            Some(source) => source.load_for(cx, request).await.map(Found::Credential),
            None => Ok(Found::NotConfigured("none is stated".into())),
        }
    }

    fn by_tenant(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.by_tenant())
    }
}

impl<C> std::fmt::Debug for Stated<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stated({}, {})", self.name, if self.source.is_some() { "configured" } else { "not configured" })
    }
}

/// What is found without a tenant, and lives until it is refused.
pub(super) fn found(secret: impl Into<SecretString>) -> Found<SecretString> {
    Found::Credential(Lease::new(secret.into()))
}
