//! {{Provider}} as a verifier of its webhooks.

use async_trait::async_trait;
use circle_core_common::interfaces::webhook_verifier::{
    ParseRequest, Seen, Verified, VerifyRequest, WebhookEvent, WebhookVerifierCapabilities, WebhookVerifierProvider,
};
use circle_core_common::{CallContext, Result};

use crate::provider::{{Provider}};

/// What it can do, as the scheme has it: whether moment and id are signed.
pub(crate) fn capabilities() -> WebhookVerifierCapabilities {
    WebhookVerifierCapabilities::none().with(WebhookVerifierCapabilities::TIMESTAMP).with(WebhookVerifierCapabilities::ID)
}

#[async_trait]
impl WebhookVerifierProvider for {{Provider}} {
    fn capabilities(&self) -> &WebhookVerifierCapabilities {
        &self.webhook_verifier
    }

    fn seen(&self) -> &Seen {
        &self.seen
    }

    async fn verify(&self, _: &CallContext, request: VerifyRequest) -> Result<Verified> {
        let signing = &self.client()?.signing;
        signing.verification.verify(&signing.keys().await?, &request.headers, &request.body, request.now)
    }

    async fn parse(&self, _: &CallContext, request: ParseRequest) -> Result<WebhookEvent> {
        Ok(self.client()?.signing.verification.parse(request))
    }
}
