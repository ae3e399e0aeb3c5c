//! Slack as a notifier: a notification is a message to each recipient, a channel or a person.

use async_trait::async_trait;
use circle_core_common::interfaces::messenger::{Block, Content, Inline};
use circle_core_common::interfaces::notifier::{
    ClearRequest, DeliveryState, DeliveryStatus, Notification, NotificationId, NotifierCapabilities, NotifierProvider,
    NotifyRequest, Receipt, Recipient, Severity, StatusRequest,
};
use circle_core_common::{Bulk, CallContext, Error, ErrorKind, Page, Result};

use crate::blocks::Mentioned;
use crate::error::code;
use crate::extension::SlackBlocks;
use crate::messenger::unsent;
use crate::outgoing::{Post, Saying};
use crate::provider::Slack;

pub(crate) fn capabilities() -> NotifierCapabilities {
    let mut capabilities = NotifierCapabilities::none().with(NotifierCapabilities::SEVERITY);
    // The whole, five times as long where all of it is escaped, is below what Slack takes.
    (capabilities.title_max, capabilities.body_max) = (200, 4000);
    capabilities.recipients_max = 20;
    capabilities
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical => "critical",
    }
}

/// What a notification says.
pub(crate) fn saying(notification: &Notification) -> Result<Saying> {
    let title = match notification.severity {
        Some(grave) => format!("[{}] {}", severity(grave), notification.title),
        None => notification.title.to_string(),
    };
    let mut blocks = vec![Block::Paragraph(vec![Inline::strong(title)])];
    if !notification.body.trim().is_empty() {
        blocks.push(Block::paragraph([&*notification.body]));
    }
    if let Some(url) = &notification.link {
        blocks.push(Block::Paragraph(vec![Inline::Link { url: url.to_string(), text: Vec::new() }]));
    }
    let own = notification.extensions.get::<SlackBlocks>();
    Saying::new(&Content::Rich(blocks.into()), &Mentioned::new(), &[], own)
}

impl Slack {
    async fn notify_one(&self, cx: &CallContext, notification: &Notification, recipient: &Recipient) -> Result<Receipt> {
        let id = self.conversation(cx, recipient.as_str()).await.map_err(unsent)?;
        let post = Post::new(&id, saying(notification)?);
        let written = self.known(recipient.as_str(), self.client.post_message(cx, &post).await)?;
        let id = NotificationId::new(format!("{}:{}", written.channel, written.ts));
        Ok(Receipt::new(id, recipient.clone(), DeliveryState::Accepted))
    }
}

#[async_trait]
impl NotifierProvider for Slack {
    fn capabilities(&self) -> &NotifierCapabilities {
        &self.shared.notifier
    }

    async fn notify(&self, cx: &CallContext, request: NotifyRequest) -> Result<Bulk<Receipt>> {
        self.client.check_open()?;
        let mut results = Vec::with_capacity(request.recipients.len());
        for recipient in &request.recipients {
            let result = self.notify_one(cx, &request.notification, recipient).await;
            // A user who is deactivated will not be back: the recipient is one to forget.
            results.push(result.map_err(|error| match code(&error) {
                Some("user_disabled") => Error::new(ErrorKind::Closed, "the user is deactivated").with_source(error),
                _ => error,
            }));
        }
        Ok(Bulk::new(results))
    }

    async fn clear(&self, _: &CallContext, _: ClearRequest) -> Result<()> {
        Err(Error::unsupported(NotifierCapabilities::CLEAR.name()))
    }

    async fn status(&self, _: &CallContext, _: StatusRequest) -> Result<Page<DeliveryStatus>> {
        Err(Error::unsupported(NotifierCapabilities::STATUS.name()))
    }
}
