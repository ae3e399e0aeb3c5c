//! Events, requests and results.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::extension::Extensions;
use crate::units::Timestamp;

crate::token! {
    /// What tells an event from all others of its service: the same over all deliveries of one event, where the service signs an
    /// id, and else of one request alone.
    pub struct WebhookId;
}

/// How a request is verified.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// How long ago the request may have been signed at most: less than the verifier tolerates.
    pub max_age: Option<Duration>,
    /// Whether a request without a signed id of its own is refused; else a hash of what is signed is its id.
    pub require_id: bool,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl VerifyOptions {
    options! {
        /// Sets how long ago the request may have been signed at most; more than the verifier tolerates is refused.
        max_age: Duration,
    }

    /// Refuses a request without a signed id of its own.
    #[must_use]
    pub fn require_id(mut self) -> Self {
        self.require_id = true;
        self
    }
}

/// A request to verify: as it was received, before anything has parsed it.
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifyRequest {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, byte by byte.
    pub body: Bytes,
    /// The moment against which that of signing is held.
    pub now: Timestamp,
    /// What was chosen.
    pub options: VerifyOptions,
}

impl VerifyRequest {
    /// A request of these parts.
    #[must_use]
    pub fn new(headers: HeaderMap, body: Bytes, now: Timestamp, options: VerifyOptions) -> Self {
        Self { headers, body, now, options }
    }
}

// Headers hold signatures, cookies and tokens.
impl fmt::Debug for VerifyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyRequest({} headers, {} bytes, {})", self.headers.len(), self.body.len(), self.now)
    }
}

/// What holds for a request whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The id of the event.
    pub id: WebhookId,
    /// Whether the id is a hash of what is signed, because the request has no signed id of its own.
    pub id_is_hash: bool,
    /// What has happened, as the service calls it. Some services sign it and some do not: the provider's page tells.
    pub kind: Option<String>,
    /// When the request was signed, where that is signed.
    pub at: Option<Timestamp>,
    /// Which of the live secrets it was signed with, in the order of the config: once the old one is not seen any more, it can
    /// go.
    pub secret: usize,
}

impl Verified {
    /// A request that was signed with the first secret and has this id.
    #[must_use]
    pub fn new(id: WebhookId) -> Self {
        Self { id, id_is_hash: false, kind: None, at: None, secret: 0 }
    }
}

/// A request that was verified, to be read.
#[derive(Clone)]
#[non_exhaustive]
pub struct ParseRequest {
    /// What holds for it.
    pub verified: Verified,
    /// Its headers; most are not signed.
    pub headers: HeaderMap,
    /// Its body, byte by byte.
    pub body: Bytes,
}

impl ParseRequest {
    /// A request of these parts.
    #[must_use]
    pub fn new(verified: Verified, headers: HeaderMap, body: Bytes) -> Self {
        Self { verified, headers, body }
    }
}

impl fmt::Debug for ParseRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParseRequest({:?}, {} headers, {} bytes)", self.verified, self.headers.len(), self.body.len())
    }
}

/// What a service wants to be answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookAnswer {
    /// The type of the answer's body.
    pub content_type: &'static str,
    /// The answer's body.
    pub body: Bytes,
}

impl WebhookAnswer {
    /// An answer of plain text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { content_type: "text/plain; charset=utf-8", body: Bytes::from(text.into()) }
    }

    /// An answer that is JSON.
    #[must_use]
    pub fn json(value: &serde_json::Value) -> Self {
        Self { content_type: "application/json", body: Bytes::from(value.to_string()) }
    }
}

/// An event of which a service tells, out of a request whose signature is right.
#[derive(Clone)]
#[non_exhaustive]
pub struct WebhookEvent {
    /// Its id: what [`once`](super::WebhookVerifier::once) knows it by.
    pub id: WebhookId,
    /// What has happened, as the service calls it: `push`, `invoice.paid`.
    pub kind: Option<String>,
    /// When the request was signed, where that is signed.
    pub at: Option<Timestamp>,
    /// Which of the live secrets it was signed with, in the order of the config.
    pub secret: usize,
    /// The service's name for this delivery, for its support. It is not signed: nothing may hang on it.
    pub delivery: Option<String>,
    /// The type of the body, which is not signed either.
    pub content_type: Option<String>,
    /// The body as it was received.
    pub body: Bytes,
    /// What the service wants to be answered with, where it asks whether this address listens: nothing has happened then.
    pub answer: Option<WebhookAnswer>,
    /// What a provider tells besides.
    pub extensions: Extensions,
}

impl WebhookEvent {
    /// An event out of a verified request.
    #[must_use]
    pub fn new(verified: Verified, body: Bytes) -> Self {
        Self {
            id: verified.id,
            kind: verified.kind,
            at: verified.at,
            secret: verified.secret,
            delivery: None,
            content_type: None,
            body,
            answer: None,
            extensions: Extensions::default(),
        }
    }

    /// Whether this is what has happened.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    /// The body, which is JSON, as a value. Of a signed event the service alone is to blame when it is not.
    ///
    /// # Errors
    /// `Decode` when the body is no JSON, or not of this shape; the message has nothing of the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let (what, line, column) = (error.classify(), error.line(), error.column());
            let text =
                format!("the body of the event is not the JSON that was expected ({what:?} at line {line}, column {column})");
            Error::new(ErrorKind::Decode, text)
        })
    }
}

// Bodies hold what happened to people.
impl fmt::Debug for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.as_deref().unwrap_or("of no kind");
        write!(f, "WebhookEvent({}, {kind}, {} bytes)", self.id.as_str(), self.body.len())
    }
}
