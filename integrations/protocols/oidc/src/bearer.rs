//! Access tokens on the requests of a client.

use std::fmt;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialCache, CredentialSource};
use circle_core_common::http::{Sign, TransportRequest};
use circle_core_common::interfaces::identity_provider::AccessToken;
use circle_core_common::secret::equal;
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use http::uri::Scheme;

/// Puts access tokens of a source on requests (RFC 6750): an [`Auth::Custom`](circle_core_common::http::Auth::Custom).
///
/// A token that the service refuses with 401 is replaced, and the request is repeated once if there is another.
#[derive(Clone)]
pub struct BearerTokens {
    cache: CredentialCache<AccessToken>,
}

impl BearerTokens {
    /// Tokens of this source, kept for as long as they live.
    #[must_use]
    pub fn new(source: impl CredentialSource<Credential = AccessToken>) -> Self {
        Self { cache: CredentialCache::new(source) }
    }

    /// Tokens of a cache that others use, too.
    #[must_use]
    pub const fn of(cache: CredentialCache<AccessToken>) -> Self {
        Self { cache }
    }
}

#[async_trait]
impl Sign for BearerTokens {
    async fn sign(&self, cx: &CallContext, request: &mut TransportRequest) -> Result<()> {
        let origin = &*request.target.origin;
        if *origin.scheme() != Scheme::HTTPS && !origin.is_loopback() {
            let text = format!("the access token is not sent to {origin}, which anybody on the way could read");
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let lease = self.cache.get(cx).await?;
        lease.put(&mut request.headers);
        request.credential = Some(lease.version());
        Ok(())
    }

    async fn repair(&self, cx: &CallContext, error: &Error) -> bool {
        match error.credential() {
            Some(version) if error.is(ErrorKind::Unauthenticated) => {
                self.cache.renew(cx, version, |old, new| !equal(old.secret(), new.secret())).await
            }
            _ => false,
        }
    }
}

impl fmt::Debug for BearerTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BearerTokens").field(&self.cache).finish()
    }
}
