//! The signer of a client.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sigv4::http_request::SignableBody;
use circle_core_common::credentials::{CredentialCache, Lease};
use circle_core_common::http::{ClockSkew, Sign, TransportBody, TransportRequest};
use circle_core_common::{ByteStream, CallContext, Error, ErrorKind, Result, Timestamp};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::chunked::{ChunkSigner, encode, encoded_length};
use super::payload::{PayloadHash, Trailer};
use super::scope::SigningScope;
use super::signature::{Signing, SigningStyle};
use super::skew;
use crate::credentials::AwsCredentials;

const DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");
const TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");

/// What a service says of a key that it does not, or no longer, know.
const REFUSED: [&str; 7] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

/// Signs requests with Signature Version 4: an [`Auth::Custom`](circle_core_common::http::Auth::Custom).
///
/// A request may carry extensions: a [`PayloadHash`] says what the signature tells of the payload, a [`SigningScope`]
/// signs for another region or service. A refusal for the date is answered with the service's own clock, once per call
/// and kept for later ones; one for the key with another key, where the source has one.
#[derive(Clone)]
pub struct SigV4 {
    pub(super) credentials: CredentialCache<AwsCredentials>,
    pub(super) scope: SigningScope,
    pub(super) style: SigningStyle,
    pub(super) skew: Arc<ClockSkew>,
}

impl SigV4 {
    /// A signer for S3 and what speaks its dialect.
    #[must_use]
    pub fn s3(credentials: CredentialCache<AwsCredentials>, region: impl Into<Arc<str>>) -> Self {
        Self::new(credentials, SigningScope::new(region, "s3"), SigningStyle::S3)
    }

    /// A signer for a region of a service.
    #[must_use]
    pub fn new(credentials: CredentialCache<AwsCredentials>, scope: SigningScope, style: SigningStyle) -> Self {
        Self { credentials, scope, style, skew: Arc::default() }
    }

    /// The region and service that it signs for where a request does not say otherwise.
    #[must_use]
    pub const fn scope(&self) -> &SigningScope {
        &self.scope
    }

    fn sign_at(&self, time: Timestamp, lease: &Lease<AwsCredentials>, request: &mut TransportRequest) -> Result<()> {
        let scope = request.extensions.get::<SigningScope>().unwrap_or(&self.scope).clone();
        let signing = Signing { credentials: lease.value(), scope: &scope, style: self.style, time };
        let uri = format!("{}{}", request.target.origin, request.target.path_and_query);
        let payload = request.extensions.get::<PayloadHash>().cloned();
        let tls = *request.target.origin.scheme() == Scheme::HTTPS;
        match plan(payload, &request.body, tls) {
            Plan::Hash(hash) => {
                let body = match (&hash, request.body.as_bytes()) {
                    (Hash::OfBytes, Some(bytes)) => SignableBody::Bytes(bytes),
                    (Hash::OfBytes, None) => return Err(streams("cannot be hashed before it is sent")),
                    (Hash::Known(hash), _) => SignableBody::Precomputed((**hash).to_owned()),
                    (Hash::Unsigned, _) => SignableBody::UnsignedPayload,
                };
                signing.headers(&request.method, &uri, &mut request.headers, body)?;
            }
            Plan::Chunks { signed, trailer } => {
                if self.style != SigningStyle::S3 {
                    return Err(streams("can be signed for S3 only; give bytes"));
                }
                let length = request.body.length().ok_or_else(|| streams("needs its length to be signed"))?;
                announce(&mut request.headers, length, signed, trailer.as_ref())?;
                let name = match (signed, trailer.is_some()) {
                    (true, true) => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                    (true, false) => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                    (false, _) => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                };
                let body = SignableBody::Precomputed(name.to_owned());
                let seed = signing.headers(&request.method, &uri, &mut request.headers, body)?;
                let signer = signed.then(|| ChunkSigner::new(lease.value(), &scope, time, seed));
                let stream = encode(take(&mut request.body), length, signer, trailer.as_ref());
                request.body = TransportBody::Stream { stream, length: Some(encoded_length(length, signed, trailer.as_ref())) };
            }
        }
        Ok(())
    }
}

/// What is done about a payload.
enum Plan {
    Hash(Hash),
    Chunks { signed: bool, trailer: Option<Trailer> },
}

enum Hash {
    OfBytes,
    Known(Arc<str>),
    Unsigned,
}

fn plan(payload: Option<PayloadHash>, body: &TransportBody, tls: bool) -> Plan {
    let in_memory = body.as_bytes().is_some();
    match payload {
        Some(PayloadHash::Known(hash)) => Plan::Hash(Hash::Known(hash)),
        Some(PayloadHash::Signed) => Plan::Hash(Hash::OfBytes),
        Some(PayloadHash::Unsigned) if tls => Plan::Hash(Hash::Unsigned),
        Some(PayloadHash::Streamed(Some(trailer))) => Plan::Chunks { signed: !tls, trailer: Some(trailer) },
        _ if in_memory => Plan::Hash(Hash::OfBytes),
        _ if tls => Plan::Hash(Hash::Unsigned),
        _ => Plan::Chunks { signed: true, trailer: None },
    }
}

/// The headers of a payload in chunks.
fn announce(headers: &mut HeaderMap, length: u64, signed: bool, trailer: Option<&Trailer>) -> Result<()> {
    // The content's own encodings stay, behind ours.
    let encodings = match headers.get(CONTENT_ENCODING) {
        Some(own) => [b"aws-chunked,", own.as_bytes()].concat(),
        None => b"aws-chunked".to_vec(),
    };
    let encodings = HeaderValue::from_bytes(&encodings)
        .map_err(|_| Error::new(ErrorKind::InvalidInput, "the header `content-encoding` is not one"))?;
    headers.insert(CONTENT_ENCODING, encodings);
    headers.insert(DECODED_LENGTH, length.into());
    if headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, encoded_length(length, signed, trailer).into());
    }
    if let Some(trailer) = trailer {
        headers.insert(TRAILER, trailer.header().clone().into());
    }
    Ok(())
}

fn take(body: &mut TransportBody) -> ByteStream {
    match std::mem::replace(body, TransportBody::Empty) {
        TransportBody::Stream { stream, .. } => stream,
        TransportBody::Bytes(bytes) => bytes.into(),
        TransportBody::Empty => bytes::Bytes::new().into(),
    }
}

fn streams(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("the body is a stream, which {what}"))
}

#[async_trait]
impl Sign for SigV4 {
    async fn sign(&self, cx: &CallContext, request: &mut TransportRequest) -> Result<()> {
        let lease = self.credentials.get(cx).await?;
        self.sign_at(self.skew.now(cx.clock()), &lease, request)?;
        request.credential = Some(lease.version());
        Ok(())
    }

    async fn repair(&self, cx: &CallContext, error: &Error) -> bool {
        let Some(detail) = error.detail() else { return false };
        if skew::learn(&self.skew, detail, cx.clock()) {
            return true;
        }
        let refused = error.is(ErrorKind::Unauthenticated) || detail.code.as_deref().is_some_and(|code| REFUSED.contains(&code));
        match error.credential() {
            Some(version) if refused => self.credentials.renew(cx, version, AwsCredentials::differs).await,
            _ => false,
        }
    }
}

impl fmt::Debug for SigV4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigV4").field("scope", &self.scope).field("style", &self.style).finish_non_exhaustive()
    }
}
