//! How a request is authorised: the last step before the transport, anew for every attempt.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use http::header::AUTHORIZATION;
use secrecy::ExposeSecret;

use super::headers;
use super::transport::TransportRequest;
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::SecretRef;

/// Puts a credential on a request.
#[async_trait::async_trait]
pub trait Sign: Send + Sync + 'static {
    /// Signs `request`, which nothing changes afterwards. Headers that hold a credential are marked sensitive
    /// ([`headers::secret`]).
    ///
    /// # Errors
    /// Why there is no credential; the request is not sent then.
    async fn sign(&self, cx: &CallContext, request: &mut TransportRequest) -> Result<()>;

    /// Repairs what `error` complains of: drops a refused credential, corrects a clock skew. `true` repeats the request
    /// once, for free.
    async fn repair(&self, cx: &CallContext, error: &Error) -> bool {
        let _ = (cx, error);
        false
    }
}

/// How the requests of a client are authorised.
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
    /// RFC 7617.
    Basic {
        /// The user; no colon in it.
        user: String,
        /// The password.
        password: SecretRef,
    },
    /// RFC 6750: `Authorization: Bearer …`.
    Bearer(SecretRef),
    /// Somebody else's scheme.
    Custom(Arc<dyn Sign>),
}

impl Auth {
    /// A scheme of one's own.
    #[must_use]
    pub fn custom(sign: impl Sign) -> Self {
        Self::Custom(Arc::new(sign))
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) async fn sign(&self, cx: &CallContext, request: &mut TransportRequest) -> Result<()> {
        let (name, value) = match self {
            Self::None => return Ok(()),
            Self::Custom(sign) => return sign.sign(cx, request).await,
            Self::Header { name, secret } => (name.clone(), secret.resolve().await?),
            Self::Bearer(secret) => (AUTHORIZATION, format!("Bearer {}", secret.resolve().await?.expose_secret()).into()),
            Self::Basic { user, password } => {
                if user.contains(':') || user.contains(char::is_control) {
                    return Err(Error::new(
                        ErrorKind::ConfigInvalid,
                        "the user of basic authentication holds a colon or a control",
                    ));
                }
                let pair = format!("{user}:{}", password.resolve().await?.expose_secret());
                (AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)).into())
            }
        };
        let value = headers::secret(&name, value.expose_secret())?;
        request.headers.insert(name, value);
        Ok(())
    }

    pub(super) async fn repair(&self, cx: &CallContext, error: &Error) -> bool {
        match self {
            Self::Custom(sign) => sign.repair(cx, error).await,
            _ => false,
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("Auth(none)"),
            Self::Header { name, .. } => write!(f, "Auth(header {name})"),
            Self::Basic { user, .. } => write!(f, "Auth(basic {user})"),
            Self::Bearer(_) => f.write_str("Auth(bearer)"),
            Self::Custom(_) => f.write_str("Auth(custom)"),
        }
    }
}
