//! {{Provider}} as a notifier.

use async_trait::async_trait;
use circle_core_common::interfaces::notifier::{
    ClearRequest, DeliveryState, DeliveryStatus, Notification, NotificationId, NotifierCapabilities, NotifierProvider, NotifyRequest,
    Receipt, Recipient, StatusRequest,
};
use circle_core_common::{Bulk, CallContext, Error, Page, Provider, Result};

use crate::{client::outbox::{Post, visible}, provider::{{Provider}}};

const INTERFACE: &str = "notifier";

/// What it can do. Turn on what {{Provider}} has; the handle refuses the rest before it gets here.
pub(crate) fn capabilities() -> NotifierCapabilities {
    NotifierCapabilities::none().with(NotifierCapabilities::STATUS)
}

fn id(number: usize) -> NotificationId {
    NotificationId::new(number.to_string())
}

fn status(post: Post) -> DeliveryStatus {
    DeliveryStatus::new(id(post.number), post.to.into(), DeliveryState::Accepted, post.at)
}

fn text(notification: &Notification) -> String {
    let parts = [&*notification.title, &*notification.body, notification.link.as_deref().unwrap_or_default()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

#[async_trait]
impl NotifierProvider for {{Provider}} {
    fn capabilities(&self) -> &NotifierCapabilities {
        &self.notifier
    }

    async fn notify(&self, _: &CallContext, request: NotifyRequest) -> Result<Bulk<Receipt>> {
        let (outbox, now) = (&self.client()?.outbox, self.environment().clock().timestamp());
        let text = visible(&text(&request.notification));
        let notify = |to: Recipient| {
            let number = outbox.put(INTERFACE, to.as_str(), &text, now)?;
            Ok(Receipt::new(id(number), to, DeliveryState::Accepted))
        };
        Ok(Bulk::new(request.recipients.into_iter().map(notify).collect()))
    }

    async fn clear(&self, _: &CallContext, _: ClearRequest) -> Result<()> {
        Err(Error::unsupported(NotifierCapabilities::CLEAR.name()))
    }

    async fn status(&self, _: &CallContext, request: StatusRequest) -> Result<Page<DeliveryStatus>> {
        let options = request.options;
        let is_wanted = |post: &Post| {
            options.id.as_ref().is_none_or(|wanted| *wanted == id(post.number))
                && options.recipient.as_ref().is_none_or(|wanted| wanted.as_str() == post.to)
                // No notification has a key before `dedup` is turned on.
                && options.dedup.is_none()
        };
        Ok(self.client()?.outbox.list(INTERFACE, &request.page, is_wanted)?.map(status))
    }
}
