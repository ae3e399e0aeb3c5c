//! The session of an upload, and what the protocols have in common.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use http::header::LOCATION;

use crate::error::{Error, ErrorKind, Result, Sent};
use crate::http::client::HttpClient;
use crate::http::follow::resolve;
use crate::http::headers;
use crate::http::request::Request;
use crate::http::target::Target;
use crate::resilience::{Lasting, RemoteOperation};

/// How long a part may take; one that does not flow is given up much earlier.
const PART_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// The remote operations of an upload, as a provider describes them.
#[derive(Clone, Copy, Debug)]
pub struct UploadOperations {
    /// Begins a session: not idempotent, or keyed.
    pub begin: &'static RemoteOperation,
    /// Sends a part: not idempotent.
    pub part: &'static RemoteOperation,
    /// Asks where the session stands: safe.
    pub state: &'static RemoteOperation,
    /// Ends the session: idempotent.
    pub abandon: &'static RemoteOperation,
}

/// A session that has begun. Who knows its address may write to it: `Debug` does not show it.
#[derive(Clone)]
pub struct UploadSession {
    target: Target,
    /// Whether the service was not told the length yet.
    deferred: Arc<AtomicBool>,
}

impl UploadSession {
    /// The session that the answer to its begin names in `Location`, seen from the request's target.
    pub(super) fn of(begun: &Target, headers: &HeaderMap) -> Result<Self> {
        let location = headers::text(headers, LOCATION.as_str());
        let location = location.ok_or_else(|| broken("the service names no address for the upload"))?;
        let target =
            resolve(begun, location).map_err(|why| why.context("the address of the upload is refused").with_sent(Sent::Yes))?;
        Ok(Self { target, deferred: Arc::default() })
    }

    /// The session of an [`address`](Self::address), which may have been another process's. The address is held to the rules of
    /// redirects, seen from the client's own origin.
    ///
    /// # Errors
    /// `ConfigInvalid` for an address that these refuse.
    pub fn at(client: &HttpClient, address: &str) -> Result<Self> {
        Ok(Self { target: resolve(&client.target("/"), address)?, deferred: Arc::default() })
    }

    /// Its address: a secret.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}{}", self.target.origin, self.target.path_and_query)
    }

    /// Where it is.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Notes whether the service was not told the length yet.
    pub(super) fn defer(&self, deferred: bool) {
        self.deferred.store(deferred, Ordering::Relaxed);
    }

    pub(super) fn is_deferred(&self) -> bool {
        self.deferred.load(Ordering::Relaxed)
    }

    /// A request to it; the credential goes along to the client's own origin only.
    pub(super) fn request(&self, client: &HttpClient, method: http::Method) -> Request {
        let request = Request::new(method, self.target.clone());
        match client.inner.trusts(&self.target.origin) {
            true => request,
            false => request.anonymous(),
        }
    }
}

/// With the timeouts of a part.
pub(super) fn lasting(request: Request) -> Request {
    request.lasting(Lasting { attempt_timeout: Some(PART_TIMEOUT), total_timeout: Some(PART_TIMEOUT) })
}

/// What an answer lacks that its protocol demands.
pub(super) fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Decode, what.to_owned()).with_sent(Sent::Yes)
}

impl fmt::Debug for UploadSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadSession(at {})", self.target.origin)
    }
}
