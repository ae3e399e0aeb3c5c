//! Messages and notifications on Slack, by its Web API and by incoming webhooks; and what happens there, through Socket Mode or over HTTP.
//!
//! ```no_run
//! use circle_core_common::interfaces::messenger::Messenger;
//! use circle_core_common::{Environment, SecretRef};
//! use circle_core_slack::{Slack, SlackConfig};
//!
//! # async fn example() -> circle_core_common::Result<()> {
//! let slack = Slack::new(SlackConfig::new(SecretRef::environment("SLACK_BOT_TOKEN")), &Environment::default())?;
//! let team = Messenger::new(slack);
//! let sent = team.send("#finance", "Q3 is out").await?;
//! team.reply(&sent, "Details follow").await?;
//! # Ok(())
//! # }
//! ```

mod blocks;
mod client;
mod config;
mod directory;
mod endpoint;
mod error;
mod events;
mod extension;
mod files;
mod history;
mod lost;
mod messenger;
mod notifier;
mod outgoing;
mod provider;
mod socket_mode;
mod text;
mod time;
mod webhook;
mod webhook_verifier;
mod wire;

pub use client::SlackClient;
pub use config::{SlackConfig, SlackConversationType, SlackWebhookConfig};
pub use endpoint::SlackEndpoint;
pub use error::SlackError;
pub use events::{SlackDelivery, SlackEvent, SlackEvents, SlackRedelivery};
pub use extension::{SlackBlocks, SlackButton, SlackText};
pub use provider::Slack;
pub use webhook::SlackWebhook;
pub use wire::{SlackConversation, SlackIdentity, SlackProfile, SlackTopic, SlackUser};
