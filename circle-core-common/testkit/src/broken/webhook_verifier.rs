//! Broken verifiers of webhooks.

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::webhook_verifier::{
    ParseRequest, Seen, Verified, VerifyRequest, WebhookEvent, WebhookId, WebhookVerifierCapabilities, WebhookVerifierProvider,
};
use circle_core_common::{CallContext, Error, ErrorKind, Reason, Result};

use super::{Broken, Defect};

impl<P> Broken<P> {
    /// What a verifier says that overlooks what is wrong.
    fn overlook(&self, error: Error) -> Result<Verified> {
        let is_overlooked = match error.reason() {
            Some(Reason::SignatureInvalid) => self.is(Defect::IgnoresSignatures),
            Some(Reason::SignatureExpired | Reason::SignatureInFuture) => self.is(Defect::IgnoresMoments),
            _ => false,
        };
        if is_overlooked { Ok(Verified::new(WebhookId::new("overlooked"))) } else { Err(error) }
    }
}

#[async_trait]
impl<P: WebhookVerifierProvider> WebhookVerifierProvider for Broken<P> {
    fn capabilities(&self) -> &WebhookVerifierCapabilities {
        self.provider.capabilities()
    }

    fn seen(&self) -> &Seen {
        self.provider.seen()
    }

    async fn verify(&self, cx: &CallContext, mut request: VerifyRequest) -> Result<Verified> {
        let headers = request.headers.clone();
        if self.is(Defect::TrimsBodies) {
            request.body = Bytes::copy_from_slice(request.body.trim_ascii());
        }
        if self.is(Defect::TakesTheFirstHeader) {
            for name in headers.keys() {
                if let Some(first) = headers.get(name) {
                    request.headers.insert(name, first.clone());
                }
            }
        }
        let verified = self.provider.verify(cx, request).await;
        let mut verified = verified.or_else(|error| self.overlook(error)).map_err(|error| {
            if !self.is(Defect::TellsTheSignature) {
                return error;
            }
            let text = format!("the signature was not one of {headers:?}");
            Error::new(error.kind(), text).with_reason(error.reason().unwrap_or(Reason::SignatureInvalid))
        })?;
        if self.is(Defect::KnowsOneSecret) && verified.secret > 0 {
            let error = Error::new(ErrorKind::Unauthenticated, "the secret is not known");
            return Err(error.with_reason(Reason::SignatureInvalid));
        }
        let unsigned = headers.get("x-github-delivery").and_then(|id| id.to_str().ok());
        if let Some(id) = unsigned.filter(|_| self.is(Defect::TrustsUnsignedIds)) {
            verified.id = WebhookId::new(id);
        }
        Ok(verified)
    }

    async fn parse(&self, cx: &CallContext, request: ParseRequest) -> Result<WebhookEvent> {
        self.provider.parse(cx, request).await
    }
}
