//! The boundary to the network: one trait, behind which the HTTP implementation stays.
//!
//! hyper, reqwest and rustls are named below this module and nowhere else.

mod answer;
mod connect;
mod connections;
mod counted;
mod failure;
mod identity;
mod pooled;
mod pools;
#[cfg(feature = "reqwest")]
mod reqwest;
mod resolve;
mod tls;
mod upgrade;
mod upload;

use std::fmt;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, StatusCode, Version};

#[cfg(feature = "tower")]
pub(super) use failure::foreign;
pub(super) use identity::Identity;
pub use identity::TlsIdentity;
pub use pooled::{HttpTransport, HttpTransportBuilder};
#[cfg(feature = "reqwest")]
pub use reqwest::{ReqwestTransport, ReqwestTransportBuilder};
pub use resolve::Resolve;
pub use upgrade::{RawConnection, TransportUpgrade};

use super::redact;
use super::target::Target;
use crate::body::ByteStream;
use crate::error::{Error, ErrorKind, Result};

/// Sends one request and gives its answer: no retry, no redirect, no credential of its own, no body kept back.
///
/// An application brings its own with `Environment::builder().transport(…)`.
///
/// # Errors
/// `Connection` with [`Sent::No`](crate::Sent::No) when the request was certainly not sent, and with
/// [`Sent::Maybe`](crate::Sent::Maybe) in every other case. A message names host and port at most: no path, query or header.
#[async_trait::async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` and returns at the answer's headers. Dropping the future or the body ends the exchange.
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse>;

    /// Sends a request that asks to leave HTTP (`Connection: Upgrade`), over HTTP/1.1, and gives the connection away if the
    /// service agrees. Dropping the future ends the exchange.
    ///
    /// A transport that cannot do this need not have it: it is `Unsupported` then, and nothing is sent.
    async fn upgrade(&self, request: TransportRequest) -> Result<TransportUpgrade> {
        let _ = request;
        Err(Error::new(ErrorKind::Unsupported, "this transport has no connections that leave HTTP, such as WebSockets"))
    }
}

/// A request as it goes out: complete, signed.
#[non_exhaustive]
pub struct TransportRequest {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub target: Target,
    /// All headers but `Host` and those of the connection.
    pub headers: HeaderMap,
    /// The body.
    pub body: TransportBody,
    /// What a provider tells its own signer or transport about the request: the region to sign for, say. Not sent.
    pub extensions: Extensions,
    /// Which version of a cached credential it was signed with ([`Lease::version`](crate::credentials::Lease::version)).
    pub credential: Option<u64>,
}

impl TransportRequest {
    /// A request that nothing has signed yet.
    #[must_use]
    pub fn new(method: Method, target: Target, headers: HeaderMap, body: TransportBody) -> Self {
        Self { method, target, headers, body, extensions: Extensions::new(), credential: None }
    }
}

/// The body of a [`TransportRequest`].
pub enum TransportBody {
    /// None.
    Empty,
    /// In memory.
    Bytes(Bytes),
    /// As it comes.
    Stream {
        /// The content.
        stream: ByteStream,
        /// How many bytes it has; unknown is sent in chunks.
        length: Option<u64>,
    },
}

impl TransportBody {
    /// How many bytes it has, where that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Stream { length, .. } => *length,
        }
    }

    /// The content, where it is in memory.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Empty => Some(&[]),
            Self::Bytes(bytes) => Some(bytes),
            Self::Stream { .. } => None,
        }
    }
}

/// An answer as it comes in.
pub struct TransportResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; one that ends early ends in an error.
    pub body: ByteStream,
    /// The version of HTTP that it came in, where that is known.
    pub version: Option<Version>,
}

impl TransportResponse {
    /// An answer of these parts, in a version that is not known.
    #[must_use]
    pub fn new(status: StatusCode, headers: HeaderMap, body: impl Into<ByteStream>) -> Self {
        Self { status, headers, body: body.into(), version: None }
    }
}

impl fmt::Debug for TransportRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportRequest")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("headers", &redact::Headers(&self.headers))
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TransportBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length() {
            Some(length) => write!(f, "TransportBody({length} bytes)"),
            None => f.write_str("TransportBody(stream)"),
        }
    }
}

impl fmt::Debug for TransportResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportResponse")
            .field("status", &self.status)
            .field("headers", &redact::Headers(&self.headers))
            .finish_non_exhaustive()
    }
}
