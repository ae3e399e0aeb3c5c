//! What a notifier's provider implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ClearRequest, DeliveryStatus, NotifierCapabilities, NotifyRequest, Receipt, StatusRequest};
use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};

/// A notifier, as providers implement it: one attempt per remote call, owned requests, valid input.
///
/// The handle has checked names, lengths, times and every capability that a request needs, and has split what are too many
/// recipients for one call. Text is plain, and control characters other than the line break and the tab never reach a
/// reader.
#[async_trait]
pub trait NotifierProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &NotifierCapabilities;

    /// Notifies recipients, each for itself; one result per recipient, in order.
    ///
    /// `NotFound` for one that the service does not know, `PermissionDenied` for one that has opted out, `Closed` for one
    /// whose token has expired. An error is `Sent::Maybe` where the recipient may have been notified.
    async fn notify(&self, cx: &CallContext, request: NotifyRequest) -> Result<Bulk<Receipt>>;

    /// Ends what was said under a key: what is scheduled is not sent, what was sent is taken back where that can be, and the
    /// key is free. A key that is not in use is clear already.
    async fn clear(&self, cx: &CallContext, request: ClearRequest) -> Result<()>;

    /// One page of what became of notifications, the newest first.
    async fn status(&self, cx: &CallContext, request: StatusRequest) -> Result<Page<DeliveryStatus>>;
}

shared_provider!(NotifierProvider);

#[async_trait]
impl NotifierProvider for Arc<dyn NotifierProvider> {
    fn capabilities(&self) -> &NotifierCapabilities {
        (**self).capabilities()
    }

    async fn notify(&self, cx: &CallContext, request: NotifyRequest) -> Result<Bulk<Receipt>> {
        (**self).notify(cx, request).await
    }

    async fn clear(&self, cx: &CallContext, request: ClearRequest) -> Result<()> {
        (**self).clear(cx, request).await
    }

    async fn status(&self, cx: &CallContext, request: StatusRequest) -> Result<Page<DeliveryStatus>> {
        (**self).status(cx, request).await
    }
}
