//! Decorated verifiers.

use crate::interfaces::webhook_verifier::{
    ParseRequest, Seen, Verified, VerifyRequest, WebhookEvent, WebhookVerifier, WebhookVerifierCapabilities,
    WebhookVerifierProvider,
};

crate::suite::decorated! {
    WebhookVerifier over WebhookVerifierProvider with WebhookVerifierCapabilities as webhook_verifier {
        verify(VerifyRequest) -> Verified;
        parse(ParseRequest) -> WebhookEvent;
    }

    fn seen(&self) -> &Seen {
        self.provider.seen()
    }
}
