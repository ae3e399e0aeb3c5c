//! The console as a notifier.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use circle_core_common::interfaces::notifier::{
    ClearRequest, DeliveryState, DeliveryStatus, Notification, NotifierCapabilities, NotifierProvider, NotifyRequest, Receipt,
    Recipient, StatusRequest,
};
use circle_core_common::{Bulk, CallContext, Error, ErrorKind, OperationId, Page, Result, Timestamp};

use crate::config::RecipientState;
use crate::provider::{Console, Shared, State};

impl State {
    /// Writes a notification to recipients who get it now.
    fn show(&mut self, notification: &Notification, recipients: &[&str]) -> Result<()> {
        let link = notification.link.as_deref().unwrap_or_default();
        let parts = [&*notification.title, &*notification.body, link];
        let lines = self.paint().notification(recipients, notification.severity, &parts);
        self.output.write(&lines)
    }
}

impl Shared {
    fn reach(&self, recipient: &Recipient) -> Result<()> {
        let failed = |kind, what: &str| Err(Error::new(kind, format!("the recipient `{recipient}` {what}")));
        match self.recipient(recipient.as_str()) {
            Some(RecipientState::Reachable) => Ok(()),
            Some(RecipientState::OptedOut) => failed(ErrorKind::PermissionDenied, "does not want to be notified"),
            Some(RecipientState::Expired) => failed(ErrorKind::Closed, "has a token that has expired: forget it"),
            None => failed(ErrorKind::NotFound, "does not exist"),
        }
    }

    /// Notifies one recipient; whether it is to be shown now.
    fn notify_one(
        self: &Arc<Self>,
        state: &mut State,
        notification: &Notification,
        recipient: &Recipient,
        write: (OperationId, usize),
    ) -> Result<(Receipt, bool)> {
        self.reach(recipient)?;
        if let Some(duplicate) = state.notices.duplicate(notification, recipient, &write) {
            return Ok((duplicate, false));
        }
        let (number, receipt) = state.notices.put(notification, recipient, write, self.now())?;
        if let Some(at) = notification.at {
            let waiting = tokio::spawn(deliver(Arc::downgrade(self), number, at));
            state.notices.wait(number, waiting.abort_handle());
        }
        Ok((receipt, notification.at.is_none()))
    }

    fn now(&self) -> Timestamp {
        self.environment.clock().timestamp()
    }
}

/// Waits for the time of a notification, and delivers it. It ends with the notification, and with the console.
async fn deliver(shared: Weak<Shared>, number: u64, at: Timestamp) {
    loop {
        let Some(clock) = shared.upgrade().map(|shared| shared.environment.clock().clone()) else { return };
        let left = at.since(clock.timestamp());
        if left.is_zero() {
            break;
        }
        // A wall clock that is set while one sleeps is looked at again.
        clock.sleep(left).await;
    }
    let Some(shared) = shared.upgrade() else { return };
    // A console that was closed has nobody to tell.
    let _closed = shared.open(|state| {
        let Some(due) = state.notices.due(number) else { return Ok(()) };
        let shown = state.show(&due.notification, &[due.recipient.as_str()]);
        let outcome = if shown.is_ok() { DeliveryState::Delivered } else { DeliveryState::Failed };
        state.notices.delivered(number, outcome, shared.now());
        Ok(())
    });
}

#[async_trait]
impl NotifierProvider for Console {
    fn capabilities(&self) -> &NotifierCapabilities {
        &self.shared.notifier
    }

    async fn notify(&self, _: &CallContext, request: NotifyRequest) -> Result<Bulk<Receipt>> {
        let NotifyRequest { notification, recipients, operation, .. } = request;
        self.shared.open(|state| {
            let mut shown: Vec<Receipt> = Vec::new();
            let mut results = Vec::with_capacity(recipients.len());
            for (at, recipient) in recipients.iter().enumerate() {
                let write = (operation.clone(), at);
                let result = self.shared.notify_one(state, &notification, recipient, write).map(|(receipt, is_now)| {
                    shown.extend(is_now.then(|| receipt.clone()));
                    receipt
                });
                results.push(result);
            }
            let names: Vec<&str> = shown.iter().map(|receipt| receipt.recipient.as_str()).collect();
            if let Err(error) = if names.is_empty() { Ok(()) } else { state.show(&notification, &names) } {
                shown.iter().for_each(|receipt| state.notices.take_back(&receipt.id));
                return Err(error);
            }
            Ok(Bulk::new(results))
        })
    }

    async fn clear(&self, _: &CallContext, request: ClearRequest) -> Result<()> {
        self.shared.open(|state| {
            if state.notices.clear(&request.dedup, self.shared.now()) {
                let lines = state.paint().event(request.dedup.as_str(), "cleared");
                state.output.write(&lines)?;
            }
            Ok(())
        })
    }

    async fn status(&self, _: &CallContext, request: StatusRequest) -> Result<Page<DeliveryStatus>> {
        self.shared.open(|state| state.notices.status(&request.options, &request.page))
    }
}
