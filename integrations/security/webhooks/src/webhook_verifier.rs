//! Webhooks as a verifier of them.

use async_trait::async_trait;
use circle_core_common::interfaces::webhook_verifier::{
    ParseRequest, Seen, Verified, VerifyRequest, WebhookEvent, WebhookVerifierCapabilities, WebhookVerifierProvider,
};
use circle_core_common::{CallContext, Result};

use crate::provider::Webhooks;

#[async_trait]
impl WebhookVerifierProvider for Webhooks {
    fn capabilities(&self) -> &WebhookVerifierCapabilities {
        &self.shared.capabilities
    }

    fn seen(&self) -> &Seen {
        &self.shared.seen
    }

    async fn verify(&self, cx: &CallContext, request: VerifyRequest) -> Result<Verified> {
        self.shared.open()?;
        let keys = self.shared.keys(cx).await?;
        self.shared.verification.verify(&keys, &request.headers, &request.body, request.now)
    }

    async fn parse(&self, _: &CallContext, request: ParseRequest) -> Result<WebhookEvent> {
        Ok(self.shared.verification.parse(request))
    }
}
