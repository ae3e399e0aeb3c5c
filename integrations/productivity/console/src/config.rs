//! What a config file says about a console.

use std::collections::BTreeMap;

use circle_core_common::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConsoleOutput {
    /// To standard output.
    #[default]
    Stdout,
    /// To standard error.
    Stderr,
    /// Nowhere: they are captured in memory.
    Memory,
}

/// When text has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConsoleColor {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether a recipient can be notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RecipientState {
    /// It can.
    Reachable,
    /// It does not want to: `PermissionDenied`.
    OptedOut,
    /// Its token has expired: `Closed`.
    Expired,
}

/// Where messages and notifications go. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ConsoleConfig {
    /// Where they are written: `stdout`, `stderr`, or `memory`, which captures them.
    pub output: ConsoleOutput,
    /// When text has colours: `always`, `never`, or `auto`, on a terminal unless `NO_COLOR` is set.
    pub color: ConsoleColor,
    /// Who writes, as histories tell it.
    pub author: String,
    /// How many messages, and how many notifications, are kept; the oldest are forgotten.
    pub kept: u32,
    /// The channels that exist; every channel by default.
    pub channels: Option<Vec<String>>,
    /// The recipients that exist, each `reachable`, `opted-out` or `expired`; every recipient is reachable by default.
    pub recipients: Option<BTreeMap<String, RecipientState>>,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self {
            output: ConsoleOutput::Stdout,
            color: ConsoleColor::Auto,
            author: "console".to_owned(),
            kept: 10_000,
            channels: None,
            recipients: None,
        }
    }
}

impl ConsoleConfig {
    /// Everything at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets where messages are written.
    #[must_use]
    pub fn output(mut self, output: ConsoleOutput) -> Self {
        self.output = output;
        self
    }

    /// Sets when text has colours.
    #[must_use]
    pub fn color(mut self, color: ConsoleColor) -> Self {
        self.color = color;
        self
    }

    /// Sets who writes.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = author.into();
        self
    }

    /// Sets how many messages, and how many notifications, are kept.
    #[must_use]
    pub fn kept(mut self, kept: u32) -> Self {
        self.kept = kept;
        self
    }

    /// Names the channels that exist; any other is `NotFound`.
    #[must_use]
    pub fn channels<C: Into<String>>(mut self, channels: impl IntoIterator<Item = C>) -> Self {
        self.channels = Some(channels.into_iter().map(Into::into).collect());
        self
    }

    /// Names the recipients that exist; any other is `NotFound`.
    #[must_use]
    pub fn recipients<R: Into<String>>(mut self, recipients: impl IntoIterator<Item = (R, RecipientState)>) -> Self {
        self.recipients = Some(recipients.into_iter().map(|(name, state)| (name.into(), state)).collect());
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |text: &'static str| Err(Error::new(ErrorKind::ConfigInvalid, text));
        if self.kept == 0 {
            return wrong("`kept` is 0: keep one message at least");
        }
        if self.author.trim().is_empty() || self.author.contains(char::is_control) {
            return wrong("`author` is a name without control characters");
        }
        Ok(())
    }
}
