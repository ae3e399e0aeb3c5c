//! What came back.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::rate_limit::RateLimit;
use super::redact::Secrets;
use super::{headers, json, redact, said};
use crate::body::ByteStream;
use crate::error::{Detail, Result, Sent};
use crate::units::Timestamp;

/// An answer whose body is in memory.
#[derive(Clone)]
#[non_exhaustive]
pub struct Response {
    /// The status: a success, or one that the request keeps.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed where the request asked for compression.
    pub body: Bytes,
}

impl Response {
    /// An answer of these parts.
    #[must_use]
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body }
    }

    /// The text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        headers::text(&self.headers, name)
    }

    /// The service's id of the request, from whichever of the usual headers has it.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        said::request_id(&self.headers)
    }

    /// What the service says about its rate limit; `now` is the time of this machine, used when the answer has no date.
    #[must_use]
    pub fn rate_limit(&self, now: Timestamp) -> Option<RateLimit> {
        RateLimit::from_headers(&self.headers, now)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// `Decode`: which value does not fit, by its path; `detail()` has status, request id and up to 200 bytes around the
    /// place, without what looks like a secret.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        json::decode("the answer", &self.body, || {
            let mut detail = Detail::new();
            detail.status = Some(self.status.as_u16());
            detail.request_id = self.request_id().map(str::to_owned);
            detail
        })
        .map_err(|error| error.with_sent(Sent::Yes))
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &redact::Headers(&self.headers))
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// An answer whose body is still on its way. The body holds the call's place at the endpoint: drop it, or read it to its end.
#[non_exhaustive]
pub struct Opened {
    /// The status: a success, or one that the request keeps.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; cut content ends in an error, `Connection` with reason `Truncated`.
    pub body: ByteStream,
    /// What the request carried: what the body says is wrong goes through [`Secrets::redact`] before it is in an error.
    pub secrets: Secrets,
}

impl Opened {
    /// The text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        headers::text(&self.headers, name)
    }

    /// The service's id of the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        said::request_id(&self.headers)
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("status", &self.status)
            .field("headers", &redact::Headers(&self.headers))
            .finish_non_exhaustive()
    }
}
