//! Slack as a verifier of its requests: <https://docs.slack.dev/authentication/verifying-requests-from-slack>.

use async_trait::async_trait;
use circle_core_common::credentials::SecretReader;
use circle_core_common::interfaces::webhook_verifier::{
    ParseRequest, Seen, Verified, VerifyRequest, WebhookEvent, WebhookVerifierCapabilities, WebhookVerifierProvider,
};
use circle_core_common::webhook::{Scheme, Verification};
use circle_core_common::{BuildContext, ByteSize, CallContext, Error, ErrorKind, Result, SecretRef};
use secrecy::ExposeSecret;

use crate::provider::Slack;

/// The largest body that is looked at. Slack names no limit; forms and the messages below buttons are what is large.
pub(crate) const BODY_MAX: ByteSize = ByteSize::mib(1);

/// By what Slack's requests are verified.
pub(crate) struct Signing {
    verification: Verification,
    secret: Option<SecretReader>,
    capabilities: WebhookVerifierCapabilities,
    seen: Seen,
}

impl Signing {
    pub(crate) fn new(secret: Option<&SecretRef>, cx: &BuildContext) -> Result<Self> {
        let verification = Verification::new(Scheme::slack())?;
        let mut capabilities = verification.capabilities();
        capabilities.body_max = BODY_MAX;
        let secret = secret.map(|secret| cx.secret_reader(secret));
        Ok(Self { verification, secret, capabilities, seen: Seen::in_process() })
    }

    pub(crate) fn secret(&self) -> Result<&SecretReader> {
        self.secret.as_ref().ok_or_else(|| {
            let text = "Slack's requests are verified by the app's signing secret: set `signing_secret`";
            Error::new(ErrorKind::ConfigInvalid, text)
        })
    }
}

#[async_trait]
impl WebhookVerifierProvider for Slack {
    fn capabilities(&self) -> &WebhookVerifierCapabilities {
        &self.shared.signing.capabilities
    }

    fn seen(&self) -> &Seen {
        &self.shared.signing.seen
    }

    async fn verify(&self, cx: &CallContext, request: VerifyRequest) -> Result<Verified> {
        self.client.check_open()?;
        let signing = &self.shared.signing;
        let secret = signing.secret()?.read(cx).await?;
        let key = signing.verification.key(secret.expose_secret())?;
        signing.verification.verify(&[key], &request.headers, &request.body, request.now)
    }

    async fn parse(&self, _: &CallContext, request: ParseRequest) -> Result<WebhookEvent> {
        Ok(self.shared.signing.verification.parse(request))
    }
}
