//! The schemes of services.

use super::scheme::{Challenge, Encoding, Scheme, SecretEncoding};

impl Scheme {
    /// GitHub: the body is signed, and nothing else.
    ///
    /// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
    #[must_use]
    pub fn github() -> Self {
        Self::new("x-hub-signature-256")
            .signature_prefix("sha256=")
            .kind_header("x-github-event")
            .delivery_header("x-github-delivery")
    }

    /// Slack: events, commands and interactions.
    ///
    /// <https://docs.slack.dev/authentication/verifying-requests-from-slack>,
    /// <https://docs.slack.dev/reference/events/url_verification>
    #[must_use]
    pub fn slack() -> Self {
        Self::new("x-slack-signature")
            .signature_prefix("v0=")
            .signed("v0:{timestamp}:{body}".to_owned())
            .timestamp_header("x-slack-request-timestamp")
            .id_fields(["/event_id"])
            .kind_fields(["/event/type", "/type"])
            .challenge(Challenge::new("url_verification", "/challenge"))
    }

    /// Stripe: the whole secret is the key, `whsec_` and all.
    ///
    /// <https://docs.stripe.com/webhooks/signature>
    #[must_use]
    pub fn stripe() -> Self {
        Self::new("stripe-signature")
            .signature_prefix("v1=")
            .separator(',')
            .signed("{timestamp}.{body}".to_owned())
            .timestamp_header("stripe-signature")
            .timestamp_prefix("t=")
            .id_fields(["/id"])
            .kind_fields(["/type"])
    }

    /// Shopify: the body is signed with the app's client secret, and nothing else.
    ///
    /// <https://shopify.dev/docs/apps/build/webhooks/verify-deliveries>
    #[must_use]
    pub fn shopify() -> Self {
        Self::new("x-shopify-hmac-sha256")
            .encoding(Encoding::Base64)
            .kind_header("x-shopify-topic")
            .delivery_header("x-shopify-webhook-id")
    }

    /// Standard Webhooks, symmetric: signatures `v1`; those of other versions are passed over.
    ///
    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
    #[must_use]
    pub fn standard_webhooks() -> Self {
        Self::new("webhook-signature")
            .signature_prefix("v1,")
            .separator(' ')
            .encoding(Encoding::Base64)
            .signed("{id}.{timestamp}.{body}".to_owned())
            .timestamp_header("webhook-timestamp")
            .id_header("webhook-id")
            .kind_fields(["/type"])
            .secret_prefix("whsec_")
            .secret_encoding(SecretEncoding::Base64)
    }
}
