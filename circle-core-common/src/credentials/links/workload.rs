//! Credentials in exchange for the identity that a platform gives to what runs on it.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::text_file::TextFile;
use crate::context::CallContext;
use crate::credentials::{CredentialRequest, Found, Lease, Link};
use crate::error::{Error, ErrorKind, Result};

/// Exchanges the token of a workload for a credential: one request to a token endpoint.
#[async_trait]
pub trait TokenExchange: Send + Sync + 'static {
    /// What the token is exchanged for.
    type Credential: Send + Sync + 'static;

    /// Exchanges a token that was read just now. One attempt.
    ///
    /// # Errors
    /// What the token endpoint says; `Unsupported` for a request that it cannot fulfil. No message shows a token.
    async fn exchange(
        &self,
        cx: &CallContext,
        token: &SecretString,
        request: &CredentialRequest,
    ) -> Result<Lease<Self::Credential>>;

    /// Whether each tenant gets a credential of its own; see [`CredentialSource::by_tenant`](super::super::CredentialSource).
    fn by_tenant(&self) -> bool {
        true
    }
}

/// A token that the platform writes into a file and replaces while the process lives (a projected service account of
/// Kubernetes, a job of a CI), exchanged for a credential. The file is read anew for every exchange.
pub struct WorkloadIdentity<C> {
    file: TextFile,
    exchange: Arc<dyn TokenExchange<Credential = C>>,
}

impl<C: Send + Sync + 'static> WorkloadIdentity<C> {
    /// The token in this file, exchanged in this way.
    #[must_use]
    pub fn new(file: TextFile, exchange: impl TokenExchange<Credential = C>) -> Self {
        Self { file, exchange: Arc::new(exchange) }
    }
}

#[async_trait]
impl<C: Send + Sync + 'static> Link for WorkloadIdentity<C> {
    type Credential = C;

    fn name(&self) -> Cow<'static, str> {
        "workload identity".into()
    }

    /// # Errors
    /// `ConfigInvalid` for a file that is named and not there, cannot be read or is empty; those of the exchange.
    async fn find(&self, cx: &CallContext) -> Result<Found<C>> {
        self.find_for(cx, &CredentialRequest::new()).await
    }

    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<C>> {
        let (text, path) = match self.file.text().await? {
            Ok(read) => read,
            Err(why) => return Ok(Found::NotConfigured(why.into())),
        };
        let token = text.expose_secret().trim();
        if token.is_empty() {
            return Err(Error::new(ErrorKind::ConfigInvalid, format!("the file `{}` is empty", path.display())));
        }
        self.exchange.exchange(cx, &token.into(), request).await.map(Found::Credential)
    }

    fn by_tenant(&self) -> bool {
        self.exchange.by_tenant()
    }
}

impl<C> std::fmt::Debug for WorkloadIdentity<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkloadIdentity").field("file", &self.file).finish_non_exhaustive()
    }
}
