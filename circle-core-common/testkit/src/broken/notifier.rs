//! Broken notifiers.

use async_trait::async_trait;
use circle_core_common::interfaces::notifier::{
    ClearRequest, DeliveryState, DeliveryStatus, NotificationId, NotifierCapabilities, NotifierProvider, NotifyRequest, Receipt,
    StatusRequest,
};
use circle_core_common::{Bulk, CallContext, Page, Result};

use super::{Broken, Defect};

#[async_trait]
impl<P: NotifierProvider> NotifierProvider for Broken<P> {
    fn capabilities(&self) -> &NotifierCapabilities {
        self.provider.capabilities()
    }

    async fn notify(&self, cx: &CallContext, mut request: NotifyRequest) -> Result<Bulk<Receipt>> {
        let recipients = request.recipients.clone();
        if self.is(Defect::IgnoresIds) {
            request.operation = self.another_id();
        }
        if self.is(Defect::IgnoresDedup) {
            request.notification.dedup = None;
        }
        if self.is(Defect::IgnoresSchedules) {
            request.notification.at = None;
        }
        let mut results: Vec<Result<Receipt>> = self.provider.notify(cx, request).await?.into_iter().collect();
        if self.is(Defect::HidesFailures) {
            for (result, recipient) in results.iter_mut().zip(&recipients) {
                if result.is_err() {
                    let id = NotificationId::new(self.another_id().to_string());
                    *result = Ok(Receipt::new(id, recipient.clone(), DeliveryState::Accepted));
                }
            }
        }
        if self.is(Defect::ReordersBulks) {
            results.reverse();
        }
        Ok(Bulk::new(results))
    }

    async fn clear(&self, cx: &CallContext, mut request: ClearRequest) -> Result<()> {
        if self.is(Defect::IgnoresClears) {
            request.dedup = "another".into();
        }
        self.provider.clear(cx, request).await
    }

    async fn status(&self, cx: &CallContext, request: StatusRequest) -> Result<Page<DeliveryStatus>> {
        self.provider.status(cx, request).await
    }
}
