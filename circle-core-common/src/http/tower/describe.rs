//! What a borrowed client's requests do.

use http::{Method, header, request};

use super::IDEMPOTENCY_KEY;
use crate::resilience::{Idempotency, RemoteOperation};

/// The requests of an HTTP API, described by their methods (RFC 9110).
#[derive(Debug)]
pub struct HttpOperations {
    safe: RemoteOperation,
    idempotent: RemoteOperation,
    keyed: RemoteOperation,
    other: RemoteOperation,
}

impl HttpOperations {
    /// Requests that are known by this name in spans and metrics.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            safe: RemoteOperation::new(name, Idempotency::Safe, ""),
            idempotent: RemoteOperation::new(name, Idempotency::Idempotent, ""),
            keyed: RemoteOperation::new(name, Idempotency::Keyed, ""),
            other: RemoteOperation::new(name, Idempotency::NonIdempotent, ""),
        }
    }
}

/// How the requests of a [`PolicyLayer`](super::PolicyLayer) are described: by one operation for all, or by [`HttpOperations`].
#[derive(Clone, Copy, Debug)]
pub struct Described(By);

#[derive(Clone, Copy, Debug)]
enum By {
    One(&'static RemoteOperation),
    Method(&'static HttpOperations),
}

impl From<&'static RemoteOperation> for Described {
    fn from(operation: &'static RemoteOperation) -> Self {
        Self(By::One(operation))
    }
}

impl From<&'static HttpOperations> for Described {
    fn from(operations: &'static HttpOperations) -> Self {
        Self(By::Method(operations))
    }
}

impl Described {
    pub(super) fn operation(self, request: &request::Parts) -> &'static RemoteOperation {
        match self.0 {
            By::One(operation) => operation,
            By::Method(operations) => match request.method {
                Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => &operations.safe,
                Method::PUT | Method::DELETE => &operations.idempotent,
                _ if request.headers.contains_key(IDEMPOTENCY_KEY) => &operations.keyed,
                _ => &operations.other,
            },
        }
    }
}

/// The endpoint of a request: its origin. A request that names none is its client's business, which has one.
pub(super) fn endpoint(request: &request::Parts) -> String {
    let host = || request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (request.uri.scheme_str(), request.uri.host()) {
        (Some(scheme), Some(host)) => {
            let port = request.uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}://{}{port}", host.to_ascii_lowercase())
        }
        _ => host().unwrap_or_default().to_ascii_lowercase(),
    }
}
