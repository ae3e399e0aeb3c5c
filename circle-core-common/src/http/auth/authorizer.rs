//! The auth of one client, with the cache of its secret.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use http::uri;

use super::scheme::{Kind, Place, Ready, Scheme};
use super::{Auth, Sign};
use crate::context::CallContext;
use crate::credentials::{CredentialCache, Lease, SecretSource};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::http::transport::TransportRequest;
use crate::secret::SecretRef;

/// Signs the requests of one client.
pub(in crate::http) struct Authorizer {
    auth: Auth,
    means: Means,
}

enum Means {
    None,
    Secret(CredentialCache<Ready>),
    Custom(Arc<dyn Sign>),
}

impl Authorizer {
    /// Signs with nothing.
    pub(in crate::http) const fn none() -> Self {
        Self { auth: Auth::None, means: Means::None }
    }

    /// Signs in this way; references into secret stores are read as the environment says.
    pub(in crate::http) fn new(auth: Auth, environment: &Environment) -> Self {
        let with = |kind, source| Means::Secret(CredentialCache::new(Scheme::new(kind, source)));
        let read = |reference: SecretRef| Arc::new(SecretSource::new(reference, environment)) as _;
        let means = match auth.clone() {
            Auth::None => Means::None,
            Auth::Custom(sign) => Means::Custom(sign),
            Auth::Header { name, secret } => with(Kind::Header(name), read(secret)),
            Auth::Query { name, secret } => with(Kind::Query(name), read(secret)),
            Auth::Basic { user, password } => with(Kind::Basic(user), read(password)),
            Auth::Bearer(secret) => with(Kind::Bearer, read(secret)),
            Auth::Token(source) => with(Kind::Bearer, source),
        };
        Self { auth, means }
    }

    /// Whether there is nothing to sign with.
    pub(in crate::http) const fn is_none(&self) -> bool {
        matches!(self.means, Means::None)
    }

    /// Loads the credential where none is at hand. Why there is none, the request will find out.
    pub(in crate::http) async fn load(&self, cx: &CallContext) {
        if let Means::Secret(cache) = &self.means
            && cache.peek(cx).is_none()
        {
            let _ = cache.get(cx).await;
        }
    }

    /// The version of the credential that is at hand; `None` where there is none yet, or a scheme of somebody else's.
    pub(in crate::http) fn version(&self, cx: &CallContext) -> Option<u64> {
        match &self.means {
            Means::Secret(cache) => cache.peek(cx).map(|lease| lease.version()),
            Means::None | Means::Custom(_) => None,
        }
    }

    /// Signs a request whose origin the client trusts. What a scheme of this client's put on it is given back; somebody
    /// else's leaves it on the request.
    pub(in crate::http) async fn sign(
        &self,
        cx: &CallContext,
        request: &mut TransportRequest,
    ) -> Result<Option<Arc<Lease<Ready>>>> {
        let cache = match &self.means {
            Means::None => return Ok(None),
            Means::Custom(sign) => {
                let panicked = || Err(Error::new(ErrorKind::Internal, "what signs the requests panicked"));
                return caught(sign.sign(cx, request)).await.unwrap_or_else(panicked).map(|()| None);
            }
            Means::Secret(cache) => cache,
        };
        let origin = &*request.target.origin;
        if *origin.scheme() != uri::Scheme::HTTPS && !origin.is_loopback() {
            let text = format!("the credential is not sent to {origin}, which anybody on the way could read");
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let lease = cache.get(cx).await?;
        match &lease.place {
            Place::Header(name, value) => {
                request.headers.insert(name.clone(), value.clone());
            }
            Place::Query(pair) => {
                let path = &mut request.target.path_and_query;
                path.push(if path.contains('?') { '&' } else { '?' });
                path.push_str(secrecy::ExposeSecret::expose_secret(pair));
            }
        }
        request.credential = Some(lease.version());
        Ok(Some(lease))
    }

    /// Whether the request may be repeated: there is another credential now, or the scheme says so.
    pub(in crate::http) async fn repair(&self, cx: &CallContext, error: &Error) -> bool {
        match (&self.means, error.credential()) {
            (Means::Custom(sign), _) => caught(sign.repair(cx, error)).await.unwrap_or(false),
            (Means::Secret(cache), Some(version)) if error.is(ErrorKind::Unauthenticated) => {
                cache.renew(cx, version, Ready::differs).await
            }
            _ => false,
        }
    }
}

/// Somebody else's code: `None` if it panics.
async fn caught<T>(mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> Option<T> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.auth.fmt(f)
    }
}
