//! What a provider asks for: a description, rendered afresh for every attempt.

use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Extensions, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;

use super::headers::Fields;
use super::multipart::Multipart;
use super::target::Target;
use super::{form, headers, json, redact};
use crate::body::Body;
use crate::error::Result;
use crate::resilience::{Lasting, Stall};
use crate::units::ByteSize;

/// A request: method, target, headers and body, and how its answer is treated.
///
/// It holds no credential: that is added to each attempt, last. `Debug` shows no query, and of the headers only values
/// that are known to be harmless.
#[derive(Clone)]
#[must_use = "a request is sent by a client"]
pub struct Request {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) headers: Fields,
    pub(super) body: Body,
    pub(super) extensions: Extensions,
    pub(super) keep: Vec<StatusCode>,
    pub(super) body_limit: Option<ByteSize>,
    pub(super) stall: Option<Stall>,
    pub(super) lasting: Lasting,
    pub(super) part: Option<Arc<str>>,
    pub(super) compressed: bool,
    pub(super) anonymous: bool,
    pub(super) hops: u8,
    /// Whether a redirect has led it to another origin, where the client's own headers do not belong.
    pub(super) abroad: bool,
}

impl Request {
    /// A request without a body.
    #[inline]
    pub fn new(method: Method, target: Target) -> Self {
        Self {
            method,
            target,
            headers: Fields::new(),
            body: Body::empty(),
            extensions: Extensions::new(),
            keep: Vec::new(),
            body_limit: None,
            stall: None,
            lasting: Lasting::default(),
            part: None,
            compressed: false,
            anonymous: false,
            hops: 0,
            abroad: false,
        }
    }

    /// `GET`.
    #[inline]
    pub fn get(target: Target) -> Self {
        Self::new(Method::GET, target)
    }

    /// `HEAD`.
    pub fn head(target: Target) -> Self {
        Self::new(Method::HEAD, target)
    }

    /// `PUT`.
    pub fn put(target: Target) -> Self {
        Self::new(Method::PUT, target)
    }

    /// `POST`.
    pub fn post(target: Target) -> Self {
        Self::new(Method::POST, target)
    }

    /// `PATCH`.
    pub fn patch(target: Target) -> Self {
        Self::new(Method::PATCH, target)
    }

    /// `DELETE`.
    pub fn delete(target: Target) -> Self {
        Self::new(Method::DELETE, target)
    }

    /// Sets a header.
    ///
    /// # Errors
    /// `InvalidInput` naming the header: a line break, a NUL or a letter beyond ASCII in it; a header that the transport
    /// alone may set, such as `Host` and `Content-Length`.
    #[inline]
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let (name, value) = headers::field(name, value)?;
        self.headers.set(name, value);
        Ok(self)
    }

    /// Sets a header where there is a value.
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn header_opt(self, name: &str, value: Option<&str>) -> Result<Self> {
        match value {
            Some(value) => self.header(name, value),
            None => Ok(self),
        }
    }

    /// Sets a header whose value nothing prints, and which is taken out of what an answer repeats.
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn secret_header(mut self, name: &str, text: &str) -> Result<Self> {
        let (name, mut value) = headers::field(name, text)?;
        value.set_sensitive(true);
        let kept = self.extensions.remove::<redact::Secrets>().unwrap_or_default();
        self.extensions.insert(kept.and_bare(text.into()));
        self.headers.set(name, value);
        Ok(self)
    }

    /// The body. Bytes and files are sent again when an attempt is repeated; a stream is sent once.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// A JSON body, and its content type.
    ///
    /// # Errors
    /// `InvalidInput` when the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self> {
        self.body = json::encode(value)?.into();
        self.headers.set(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.headers.get(&ACCEPT).is_none() {
            self.headers.set(ACCEPT, HeaderValue::from_static("application/json"));
        }
        Ok(self)
    }

    /// A body of `application/x-www-form-urlencoded`: a struct or map of plain values, or a list of pairs. `None` is left
    /// out, a list is its name once for each entry.
    ///
    /// # Errors
    /// `InvalidInput` when the value is of another shape.
    pub fn form<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self> {
        self.body = form::encode(value)?.into();
        self.headers.set(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        Ok(self)
    }

    /// A body of `multipart/form-data`.
    pub fn multipart(mut self, multipart: Multipart) -> Self {
        let (content_type, body) = multipart.finish();
        self.headers.set(CONTENT_TYPE, content_type);
        self.body = body;
        self
    }

    /// Tells the provider's own signer or transport something that is not sent: the region to sign for, say. One value of
    /// each type; the last wins.
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.extensions.insert(value);
        self
    }

    /// Lets an answer with this status through as a success: 304, or a 404 that says something.
    pub fn keep_status(mut self, status: StatusCode) -> Self {
        self.keep.push(status);
        self
    }

    /// The largest body that is read into memory, counted after decompression; 16 MiB where nobody says otherwise. The
    /// caller's own `body_limit` wins.
    pub fn body_limit(mut self, limit: ByteSize) -> Self {
        self.body_limit = Some(limit);
        self
    }

    /// Asks for a compressed answer, and decompresses it. Without this an answer is given as it comes: content that is
    /// stored compressed stays so.
    pub fn accept_compressed(mut self) -> Self {
        self.compressed = true;
        self
    }

    /// When its body, or that of the answer, is given up because it hardly flows, in place of what the service's settings say;
    /// the caller's own choice wins.
    pub fn stall(mut self, stall: Stall) -> Self {
        self.stall = Some(stall);
        self
    }

    /// Says which part of the service it is limited as, where the service counts the requests of each part by themselves: a model,
    /// a channel, a shop. What an answer tells of limits holds for that part then, and a refusal stops no other part.
    pub fn limited_as(mut self, part: impl Into<Arc<str>>) -> Self {
        self.part = Some(part.into());
        self
    }

    /// How long one attempt and all of them together may take, in place of the policy's timeouts: for a request that lasts
    /// by its nature. `None` leaves the policy's; what the caller of the call chose wins.
    pub fn lasting(mut self, lasting: Lasting) -> Self {
        self.lasting = lasting;
        self
    }

    /// Sends it without a credential.
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The target.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The headers, without those that each attempt adds.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.headers.iter()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("headers", &redact::Headers(&self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect()))
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
