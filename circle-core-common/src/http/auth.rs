//! How a request is authorised: the last step before the transport, anew for every attempt.

mod authorizer;
mod scheme;

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use secrecy::SecretString;

pub(super) use self::authorizer::Authorizer;
pub(super) use self::scheme::Ready;

use super::transport::TransportRequest;
use crate::context::CallContext;
use crate::credentials::CredentialSource;
use crate::error::{Error, Result};
use crate::secret::SecretRef;

/// Puts a credential on a request.
#[async_trait::async_trait]
pub trait Sign: Send + Sync + 'static {
    /// Signs `request`, which nothing changes afterwards. Headers that hold a credential are marked sensitive
    /// ([`headers::secret`](super::headers::secret)), and [`TransportRequest::credential`] names the version of a credential
    /// from a cache. The client has made sure that the credential may go to the request's origin.
    ///
    /// # Errors
    /// Why there is no credential; the request is not sent then.
    async fn sign(&self, cx: &CallContext, request: &mut TransportRequest) -> Result<()>;

    /// Repairs what `error` complains of: replaces a refused credential ([`Error::credential`] says which), corrects a clock
    /// skew ([`ClockSkew`](super::ClockSkew)). `true` repeats the request once, for free.
    async fn repair(&self, cx: &CallContext, error: &Error) -> bool {
        let _ = (cx, error);
        false
    }
}

/// How the requests of a client are authorised. The credential is bound to the client's origin, and to those that
/// [`also_at`](super::HttpClientBuilder::also_at) and [`also_within`](super::HttpClientBuilder::also_within) add: a request
/// to another one is refused before anything is sent.
///
/// A secret is read at first use and kept; one in a file or a secret store is followed when it rotates. When the service
/// refuses it with 401 it is read again, and the request is repeated once if it has changed.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// A secret in a header of its own: `x-api-key`.
    Header {
        /// The header.
        name: HeaderName,
        /// The secret.
        secret: SecretRef,
    },
    /// A secret in the query, for services that have no header for it: addresses end up in the logs of servers and proxies.
    Query {
        /// The parameter.
        name: String,
        /// The secret.
        secret: SecretRef,
    },
    /// RFC 7617.
    Basic {
        /// The user; no colon in it.
        user: String,
        /// The password.
        password: SecretRef,
    },
    /// RFC 6750: `Authorization: Bearer …`.
    Bearer(SecretRef),
    /// As [`Bearer`](Self::Bearer), with tokens from a source: each tenant's own, refreshed before they end.
    Token(Arc<dyn CredentialSource<Credential = SecretString>>),
    /// Somebody else's scheme.
    Custom(Arc<dyn Sign>),
}

impl Auth {
    /// Bearer tokens from a source.
    #[must_use]
    pub fn token(source: impl CredentialSource<Credential = SecretString>) -> Self {
        Self::Token(Arc::new(source))
    }

    /// A scheme of one's own.
    #[must_use]
    pub fn custom(sign: impl Sign) -> Self {
        Self::Custom(Arc::new(sign))
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("Auth(none)"),
            Self::Header { name, .. } => write!(f, "Auth(header {name})"),
            Self::Query { name, .. } => write!(f, "Auth(query {name})"),
            Self::Basic { user, .. } => write!(f, "Auth(basic {user})"),
            Self::Bearer(_) => f.write_str("Auth(bearer)"),
            Self::Token(_) => f.write_str("Auth(token)"),
            Self::Custom(_) => f.write_str("Auth(custom)"),
        }
    }
}

#[cfg(test)]
mod tests;
