//! What a config file says about Slack.

use std::collections::BTreeMap;
use std::time::Duration;

use circle_core_common::SecretRef;
use circle_core_common::config::duration;
use schemars::JsonSchema;
use serde::Deserialize;

/// A kind of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SlackConversationType {
    /// A channel that everybody sees; needs the scope `channels:read`.
    PublicChannel,
    /// A channel for those who were invited; needs `groups:read`.
    PrivateChannel,
    /// Between several, without a name; needs `mpim:read`.
    Mpim,
    /// Between two; needs `im:read`.
    Im,
}

impl SlackConversationType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::PublicChannel => "public_channel",
            Self::PrivateChannel => "private_channel",
            Self::Mpim => "mpim",
            Self::Im => "im",
        }
    }
}

/// The app that writes, and what it may see. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SlackConfig {
    /// The token of the app, `xoxb-…`.
    pub token: SecretRef,
    /// The app-level token, `xapp-…` with the scope `connections:write`, by which events come through Socket Mode.
    #[serde(default)]
    pub app_token: Option<SecretRef>,
    /// The app's signing secret, by which requests to the application's own web server are known to be Slack's.
    #[serde(default)]
    pub signing_secret: Option<SecretRef>,
    /// The address of the Web API, where it is not Slack's usual one.
    #[serde(default = "api_base")]
    pub api_base: String,
    /// The conversations that are listed, and among which names are looked up; each needs a scope of its own.
    #[serde(default = "conversation_types")]
    pub conversation_types: Vec<SlackConversationType>,
    /// Whether messages carry the id of their write as metadata, by which a message whose answer was lost is found.
    #[serde(default = "yes")]
    pub operation_metadata: bool,
    /// How long the ids of channels and users are remembered by their names.
    #[serde(default = "names_ttl", with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub names_ttl: Duration,
}

fn api_base() -> String {
    "https://slack.com/api".to_owned()
}

fn conversation_types() -> Vec<SlackConversationType> {
    vec![SlackConversationType::PublicChannel, SlackConversationType::PrivateChannel]
}

const fn yes() -> bool {
    true
}

const fn names_ttl() -> Duration {
    Duration::from_secs(600)
}

impl SlackConfig {
    /// An app with this token; everything else at its default.
    #[must_use]
    pub fn new(token: SecretRef) -> Self {
        Self {
            token,
            app_token: None,
            signing_secret: None,
            api_base: api_base(),
            conversation_types: conversation_types(),
            operation_metadata: true,
            names_ttl: names_ttl(),
        }
    }

    /// Sets the app-level token, for Socket Mode.
    #[must_use]
    pub fn app_token(mut self, token: SecretRef) -> Self {
        self.app_token = Some(token);
        self
    }

    /// Sets the signing secret, for events over HTTP.
    #[must_use]
    pub fn signing_secret(mut self, secret: SecretRef) -> Self {
        self.signing_secret = Some(secret);
        self
    }

    /// Sets the address of the Web API.
    #[must_use]
    pub fn api_base(mut self, address: impl Into<String>) -> Self {
        self.api_base = address.into();
        self
    }

    /// Sets the conversations that are listed, and among which names are looked up.
    #[must_use]
    pub fn conversation_types(mut self, types: impl IntoIterator<Item = SlackConversationType>) -> Self {
        self.conversation_types = types.into_iter().collect();
        self
    }

    /// Sets whether messages carry the id of their write.
    #[must_use]
    pub fn operation_metadata(mut self, carried: bool) -> Self {
        self.operation_metadata = carried;
        self
    }

    /// Sets how long the ids of channels and users are remembered.
    #[must_use]
    pub fn names_ttl(mut self, ttl: Duration) -> Self {
        self.names_ttl = ttl;
        self
    }
}

/// The channels that have an incoming webhook. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SlackWebhookConfig {
    /// The recipients, each with the address of its webhook, which is a secret: whoever has it can write.
    pub webhooks: BTreeMap<String, SecretRef>,
    /// Where the addresses must be, where it is not Slack's usual host.
    #[serde(default = "webhook_base")]
    pub api_base: String,
}

fn webhook_base() -> String {
    "https://hooks.slack.com".to_owned()
}

impl SlackWebhookConfig {
    /// No webhook yet.
    #[must_use]
    pub fn new() -> Self {
        Self { webhooks: BTreeMap::new(), api_base: webhook_base() }
    }

    /// Adds a recipient with the address of its webhook.
    #[must_use]
    pub fn webhook(mut self, recipient: impl Into<String>, url: SecretRef) -> Self {
        self.webhooks.insert(recipient.into(), url);
        self
    }

    /// Sets where the addresses must be.
    #[must_use]
    pub fn api_base(mut self, address: impl Into<String>) -> Self {
        self.api_base = address.into();
        self
    }
}

impl Default for SlackWebhookConfig {
    fn default() -> Self {
        Self::new()
    }
}
