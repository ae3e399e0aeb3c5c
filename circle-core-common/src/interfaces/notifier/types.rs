//! Notifications, requests and results.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::extension::Extensions;
use crate::identifier::OperationId;
use crate::listing::PageRequest;
use crate::units::Timestamp;

crate::name! {
    /// Who is notified, as the service names them: an address, a number, a user, a group, the token of a device.
    pub struct Recipient;
}

crate::name! {
    /// The identity of what a notification is about: `disk-db1`.
    pub struct DedupKey;
}

crate::token! {
    /// The id of a notification to one recipient.
    pub struct NotificationId;
}

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it when there is time.
    Warning,
    /// Something is broken.
    Error,
    /// Act now.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        })
    }
}

/// A notification: what it says, how grave it is, when and to whom it goes.
///
/// ```
/// # use circle_core_common::interfaces::notifier::{Notification, Severity};
/// let notification = Notification::new("Disk 95 %")
///     .body("/dev/sda1 on db1")
///     .severity(Severity::Critical)
///     .dedup("disk-db1")
///     .to(["ana", "ben"]);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Notification {
    /// What it is about, in one line.
    pub title: Arc<str>,
    /// The rest, as plain text.
    pub body: Arc<str>,
    /// How grave it is, where it is said.
    pub severity: Option<Severity>,
    /// What it is about: a second notification under the same key is the same one, until it is cleared.
    pub dedup: Option<DedupKey>,
    /// When; at once by default.
    pub at: Option<Timestamp>,
    /// Where there is more to see.
    pub link: Option<Arc<str>>,
    /// To whom.
    pub recipients: Vec<Recipient>,
    /// Providers' own content.
    pub extensions: Extensions,
}

impl Notification {
    /// A notification to nobody yet.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into().into(),
            body: "".into(),
            severity: None,
            dedup: None,
            at: None,
            link: None,
            recipients: Vec::new(),
            extensions: Extensions::default(),
        }
    }

    /// Sets the rest of what it says.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into().into();
        self
    }

    /// Sets how grave it is.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Sets what it is about.
    #[must_use]
    pub fn dedup(mut self, key: impl Into<DedupKey>) -> Self {
        self.dedup = Some(key.into());
        self
    }

    /// Notifies at this moment.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Says where there is more to see.
    #[must_use]
    pub fn link(mut self, url: impl Into<String>) -> Self {
        self.link = Some(url.into().into());
        self
    }

    /// Adds recipients.
    #[must_use]
    pub fn to<R: Into<Recipient>>(mut self, recipients: impl IntoIterator<Item = R>) -> Self {
        self.recipients.extend(recipients.into_iter().map(Into::into));
        self
    }

    extension_setter!();
}

impl From<&Notification> for Notification {
    fn from(notification: &Notification) -> Self {
        notification.clone()
    }
}

/// A notification that the service has taken for one recipient. Taken is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Its id.
    pub id: NotificationId,
    /// To whom it goes.
    pub recipient: Recipient,
    /// What has become of it by now.
    pub state: DeliveryState,
    /// Whether it is one that was taken before: under the same dedup key, or by the same write.
    pub is_duplicate: bool,
}

impl Receipt {
    /// One that was not taken before.
    #[must_use]
    pub const fn new(id: NotificationId, recipient: Recipient, state: DeliveryState) -> Self {
        Self { id, recipient, state, is_duplicate: false }
    }
}

/// What has become of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryState {
    /// It waits for its time.
    Scheduled,
    /// The service has it.
    Accepted,
    /// It reached the recipient's device, mailbox, screen.
    Delivered,
    /// It could not be delivered.
    Failed,
    /// It was taken back.
    Cleared,
    /// Something else, as the service calls it.
    Other(String),
}

/// What has become of a notification to one recipient.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeliveryStatus {
    /// Its id.
    pub id: NotificationId,
    /// To whom it goes.
    pub recipient: Recipient,
    /// What it is about.
    pub dedup: Option<DedupKey>,
    /// What has become of it.
    pub state: DeliveryState,
    /// Since when.
    pub at: Timestamp,
    /// Why it failed: `NotFound`, `PermissionDenied` or `Closed`, as [`notify`](super::Notifier::notify) says.
    pub error: Option<Error>,
}

impl DeliveryStatus {
    /// The status of a notification without a key, which has not failed.
    #[must_use]
    pub const fn new(id: NotificationId, recipient: Recipient, state: DeliveryState, at: Timestamp) -> Self {
        Self { id, recipient, dedup: None, state, at, error: None }
    }
}

/// Which notifications to tell of; of all that the service still knows by default.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StatusOptions {
    /// Only this one.
    pub id: Option<NotificationId>,
    /// Only those under this key.
    pub dedup: Option<DedupKey>,
    /// Only those to this recipient.
    pub recipient: Option<Recipient>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl StatusOptions {
    options! {
        /// Only this one.
        id: NotificationId,
        /// Only those under this key.
        dedup: DedupKey,
        /// Only those to this recipient.
        recipient: Recipient,
    }
}

request! {
    /// Notifies recipients.
    NotifyRequest {
        /// What, when and how; its own recipients are none.
        notification: Notification,
        /// To whom; at most `recipients_max`.
        recipients: Vec<Recipient>,
        /// The id of the write, and its idempotency key where the service has those.
        operation: OperationId,
    }
}

request! {
    /// Takes back what was said under a key.
    ClearRequest {
        /// The key.
        dedup: DedupKey,
    }
}

request! {
    /// Asks for a page of states.
    StatusRequest {
        /// What the caller chose.
        options: StatusOptions,
        /// Which page.
        page: PageRequest,
    }
}
