//! What a config file says about webhooks.

use std::time::Duration;

use circle_core_common::config::duration;
use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::webhook::{Scheme, Verification};
use circle_core_common::{ByteSize, Error, ErrorKind, Result, SecretRef, ServiceRef};
use schemars::JsonSchema;
use serde::Deserialize;

/// A service whose scheme is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Preset {
    /// GitHub.
    Github,
    /// Slack.
    Slack,
    /// Stripe.
    Stripe,
    /// Shopify.
    Shopify,
    /// Whoever follows Standard Webhooks, symmetric.
    StandardWebhooks,
}

impl Preset {
    /// The scheme of the service.
    #[must_use]
    pub fn scheme(self) -> Scheme {
        match self {
            Self::Github => Scheme::github(),
            Self::Slack => Scheme::slack(),
            Self::Stripe => Scheme::stripe(),
            Self::Shopify => Scheme::shopify(),
            Self::StandardWebhooks => Scheme::standard_webhooks(),
        }
    }
}

/// Whose webhooks, by which secrets, and where it is marked what was handled. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WebhooksConfig {
    /// The service: `github`, `slack`, `stripe`, `shopify` or `standard-webhooks`.
    pub preset: Option<Preset>,
    /// How requests are signed, in place of a preset.
    pub scheme: Option<Scheme>,
    /// The secrets that are live: one, and while it is changed the old one too.
    pub secrets: Vec<SecretRef>,
    /// How far the moment of signing may be from now, both ways: a second to an hour.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub tolerance: Duration,
    /// The largest body.
    pub body_max: ByteSize,
    /// The store that marks what was handled; the memory of the process by default. It needs `cas` and `ttl`.
    pub seen: Option<ServiceRef<KeyValueStore>>,
    /// How many events the memory of the process marks; the oldest are forgotten.
    pub seen_events: u32,
    /// How long an event is known. One that is delivered again later is handled again.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub seen_for: Duration,
    /// After how long an event is taken up again whose handler has died; of a store alone.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub lease: Duration,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self {
            preset: None,
            scheme: None,
            secrets: Vec::new(),
            tolerance: Duration::from_secs(300),
            body_max: ByteSize::mib(25),
            seen: None,
            seen_events: 100_000,
            seen_for: Duration::from_secs(4 * 24 * 3600),
            lease: Duration::from_secs(600),
        }
    }
}

impl WebhooksConfig {
    /// The webhooks of a service; a secret is to be added.
    #[must_use]
    pub fn new(preset: Preset) -> Self {
        Self { preset: Some(preset), ..Self::default() }
    }

    /// Webhooks that are signed so; a secret is to be added.
    #[must_use]
    pub fn of_scheme(scheme: Scheme) -> Self {
        Self { scheme: Some(scheme), ..Self::default() }
    }

    /// Adds a secret that is live.
    #[must_use]
    pub fn secret(mut self, secret: SecretRef) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Sets how far the moment of signing may be from now.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the largest body.
    #[must_use]
    pub fn body_max(mut self, max: ByteSize) -> Self {
        self.body_max = max;
        self
    }

    /// Sets the store that marks what was handled.
    #[must_use]
    pub fn seen(mut self, store: ServiceRef<KeyValueStore>) -> Self {
        self.seen = Some(store);
        self
    }

    /// Sets how many events the memory of the process marks.
    #[must_use]
    pub fn seen_events(mut self, events: u32) -> Self {
        self.seen_events = events;
        self
    }

    /// Sets how long an event is known.
    #[must_use]
    pub fn seen_for(mut self, time: Duration) -> Self {
        self.seen_for = time;
        self
    }

    /// Sets after how long an event is taken up again whose handler has died.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    pub(crate) fn verification(&self) -> Result<Verification> {
        let wrong = |text: &'static str| Err(Error::new(ErrorKind::ConfigInvalid, text));
        let scheme = match (self.preset, &self.scheme) {
            (Some(preset), None) => preset.scheme(),
            (None, Some(scheme)) => scheme.clone(),
            _ => return wrong("webhooks have a `preset` or a `scheme`"),
        };
        if self.secrets.is_empty() {
            return wrong("webhooks have one secret at least, in `secrets`: anyone could send them else");
        }
        if self.seen_events == 0 || self.seen_for.is_zero() || self.lease.is_zero() {
            return wrong("`seen_events`, `seen_for` and `lease` are more than nothing");
        }
        if self.seen_for < 2 * self.tolerance {
            return wrong(
                "`seen_for` is twice the `tolerance` at least: a request could be replayed else while it is young enough",
            );
        }
        Verification::new(scheme)?.tolerance(self.tolerance)
    }
}
