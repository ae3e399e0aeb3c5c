//! What signs as the service would: what a suite of verifiers needs besides the verifier.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::units::Timestamp;

/// What is to be signed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToSign {
    /// Which event it is: one text, one event.
    pub event: String,
    /// What its body says somewhere.
    pub text: String,
    /// The moment of signing, in whole seconds.
    pub at: Timestamp,
    /// The secrets to sign with, by their number in the verifier's config.
    pub secrets: Vec<usize>,
}

impl ToSign {
    /// An event that is signed at this moment with the first secret.
    #[must_use]
    pub fn new(event: impl Into<String>, at: Timestamp) -> Self {
        Self { event: event.into(), text: "a text".to_owned(), at: Timestamp::from_unix(at.unix_seconds(), 0), secrets: vec![0] }
    }

    /// Sets what the body says somewhere.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Sets the secrets.
    #[must_use]
    pub fn secrets(mut self, secrets: impl IntoIterator<Item = usize>) -> Self {
        self.secrets = secrets.into_iter().collect();
        self
    }
}

/// A request as the service sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl SignedRequest {
    /// The same request with another body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The same request with this header in place of its own.
    #[must_use]
    pub fn header(mut self, name: &HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// Signs webhooks as a service would.
pub trait SignsWebhooks: Send + Sync {
    /// How many secrets the verifier holds; one more is a secret that it does not know.
    fn secrets(&self) -> usize;

    /// A signed request; `None` where the service cannot sign so: with several secrets at once.
    fn sign(&self, request: &ToSign) -> Option<SignedRequest>;

    /// The header of the signature.
    fn signature_header(&self) -> HeaderName;

    /// The header of the moment of signing, where it is one of its own.
    fn timestamp_header(&self) -> Option<HeaderName>;

    /// The header of the id, where it is signed.
    fn id_header(&self) -> Option<HeaderName>;

    /// Headers that the service sends and does not sign.
    fn unsigned_headers(&self) -> Vec<HeaderName>;
}
