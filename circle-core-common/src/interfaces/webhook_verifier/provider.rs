//! What a verifier's provider implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ParseRequest, Seen, Verified, VerifyRequest, WebhookEvent, WebhookVerifierCapabilities};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::provider::{Health, Provider, ProviderInfo};

/// A verifier of webhooks, as providers implement it.
///
/// The handle has checked the size of the body and every capability that an option needs.
#[async_trait]
pub trait WebhookVerifierProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &WebhookVerifierCapabilities;

    /// What it has seen; constant over the provider's life.
    fn seen(&self) -> &Seen;

    /// Decides whether a request was signed by one who knows a live secret, over its raw bytes and in constant time.
    ///
    /// The signature comes first: what is wrong with the moment is told of requests alone that were signed.
    /// `Unauthenticated`, with the reason `SignatureMissing`, `SignatureMalformed`, `SignatureInvalid`, `SignatureExpired` or
    /// `SignatureInFuture`; the message has nothing of the request, no secret, and no signature. A header of the signature
    /// that is there twice is malformed.
    ///
    /// The id is one that is signed, else a hash of what is signed: never a header that is not.
    async fn verify(&self, cx: &CallContext, request: VerifyRequest) -> Result<Verified>;

    /// Reads what a verified request tells.
    async fn parse(&self, cx: &CallContext, request: ParseRequest) -> Result<WebhookEvent>;
}

shared_provider!(WebhookVerifierProvider);

#[async_trait]
impl WebhookVerifierProvider for Arc<dyn WebhookVerifierProvider> {
    fn capabilities(&self) -> &WebhookVerifierCapabilities {
        (**self).capabilities()
    }

    fn seen(&self) -> &Seen {
        (**self).seen()
    }

    async fn verify(&self, cx: &CallContext, request: VerifyRequest) -> Result<Verified> {
        (**self).verify(cx, request).await
    }

    async fn parse(&self, cx: &CallContext, request: ParseRequest) -> Result<WebhookEvent> {
        (**self).parse(cx, request).await
    }
}
