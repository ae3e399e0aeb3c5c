//! To whom the cases of messengers and notifiers may write.

/// Channels and recipients that exist at the service under test, and some that do not. Where a service takes any name, none
/// need be given.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Addresses {
    /// Channels that exist, two or more.
    pub channels: Vec<String>,
    /// A channel that does not.
    pub unknown_channel: Option<String>,
    /// Recipients that can be notified, two or more.
    pub recipients: Vec<String>,
    /// A recipient that does not exist.
    pub unknown_recipient: Option<String>,
    /// A recipient that has opted out.
    pub opted_out: Option<String>,
    /// A recipient whose token has expired.
    pub expired: Option<String>,
}

impl Addresses {
    /// Any name will do.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names channels that exist, and one that does not.
    #[must_use]
    pub fn channels<C: Into<String>>(mut self, exist: impl IntoIterator<Item = C>, unknown: impl Into<String>) -> Self {
        self.channels = exist.into_iter().map(Into::into).collect();
        self.unknown_channel = Some(unknown.into());
        self
    }

    /// Names recipients that can be notified, and one that does not exist.
    #[must_use]
    pub fn recipients<R: Into<String>>(mut self, exist: impl IntoIterator<Item = R>, unknown: impl Into<String>) -> Self {
        self.recipients = exist.into_iter().map(Into::into).collect();
        self.unknown_recipient = Some(unknown.into());
        self
    }

    /// Names a recipient that has opted out.
    #[must_use]
    pub fn opted_out(mut self, recipient: impl Into<String>) -> Self {
        self.opted_out = Some(recipient.into());
        self
    }

    /// Names a recipient whose token has expired.
    #[must_use]
    pub fn expired(mut self, recipient: impl Into<String>) -> Self {
        self.expired = Some(recipient.into());
        self
    }
}
