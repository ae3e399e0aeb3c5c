//! Notifiers: something happened, and somebody should know.
//!
//! ```
//! # use circle_core_common::Result;
//! # use circle_core_common::interfaces::notifier::{Notification, Notifier, Severity};
//! # async fn example(notifier: Notifier, on_call: Vec<String>) -> Result<()> {
//! let disk = Notification::new("Disk 95 %").severity(Severity::Critical).dedup("disk-db1").to(on_call);
//! for (at, error) in notifier.notify(&disk).await?.failures() {
//!     println!("{} was not notified: {error}", disk.recipients[at]);
//! }
//! notifier.clear("disk-db1").await?; // it is over
//! # Ok(())
//! # }
//! ```
//!
//! *Recipients* succeed and fail each for itself: `NotFound` is unknown, `PermissionDenied` has opted out, `Closed` has a token
//! that has expired. *Taken* is not read. *A time* that cannot be kept is refused, never "now". *A lost answer* is
//! `OutcomeUnknown`: nobody is notified twice by guess.

mod capabilities;
#[cfg(feature = "testkit")]
pub mod conformance;
#[cfg(feature = "mock")]
mod mock;
mod outcome;
mod provider;
mod types;
mod validate;

use std::sync::Arc;

pub use capabilities::NotifierCapabilities;
#[cfg(feature = "mock")]
pub use mock::MockNotifierProvider;
pub use provider::NotifierProvider;
pub use types::*;

use crate::bulk::Bulk;
use crate::context::CallOptions;
use crate::error::Result;
use crate::identifier::OperationId;
use crate::listing::Listing;
use crate::scope::{Call, Resources};

crate::operations! {
    "Notifier" => {
        /// Notifies.
        NOTIFY = "notifier.notify", Write;
        /// Takes back.
        CLEAR = "notifier.clear", Delete;
        /// A page of states.
        STATUS = "notifier.status", Read;
    }
}

crate::handle! {
    /// A notifier: what applications hold.
    Notifier over NotifierProvider with NotifierCapabilities as "Notifier"
}

type Caps = NotifierCapabilities;

impl Notifier {
    /// Notifies every recipient, in as many calls as the service needs; one result each, in order.
    ///
    /// Not idempotent, unless the notifier has `idempotency`, or the notification a key and the notifier `dedup`.
    ///
    /// # Errors
    /// `InvalidInput` or `Unsupported` when the notification is not valid: nobody is notified then. Of single recipients:
    /// `NotFound` when the service does not know it, `PermissionDenied` when it has opted out, `Closed` when its token has
    /// expired, `OutcomeUnknown` when the answer is lost. A failed call marks its own recipients only.
    pub async fn notify(&self, notification: impl Into<Notification>) -> Result<Bulk<Receipt>> {
        self.notify_inner(notification.into()).await
    }

    async fn notify_inner(&self, mut notification: Notification) -> Result<Bulk<Receipt>> {
        self.check(&notification).map_err(|error| self.core.place(error, &NOTIFY))?;
        let recipients = std::mem::take(&mut notification.recipients);
        let notifier = self.bounded();
        let chunks = recipients.chunks(self.capabilities().recipients_max.max(1) as usize);
        let count = chunks.len();
        let mut results = Vec::with_capacity(recipients.len());
        for (number, chunk) in chunks.enumerate() {
            results.extend(notifier.keyed(number, count).notify_chunk(&notification, chunk).await);
        }
        Ok(Bulk::new(results))
    }

    /// The handle for one of several calls: under a key that the caller gave, each has one of its own.
    fn keyed(&self, number: usize, of: usize) -> Self {
        match self.core.options().and_then(|options| options.idempotency_key.as_ref()) {
            Some(key) if of > 1 => self.with(CallOptions::new().idempotency_key(OperationId::from(format!("{key}-{number}")))),
            _ => self.clone(),
        }
    }

    async fn notify_chunk(&self, notification: &Notification, recipients: &[Recipient]) -> Vec<Result<Receipt>> {
        let names: Vec<Arc<str>> = recipients.iter().map(|recipient| Arc::clone(recipient.shared())).collect();
        let mut call = self.open(&NOTIFY);
        let result = self.call(&mut call, notification, recipients, &names).await;
        let each: Vec<Result<Receipt>> = match call.finish(result).await {
            Ok(bulk) => bulk.into_iter().collect(),
            Err(error) => names.iter().map(|_| Err(error.clone())).collect(),
        };
        let placed = |(result, name): (Result<Receipt>, &Arc<str>)| {
            result.map_err(|error| self.core.place(error, &NOTIFY).with_own_resource(name))
        };
        each.into_iter().zip(&names).map(placed).collect()
    }

    async fn call(
        &self,
        call: &mut Call<'_>,
        notification: &Notification,
        recipients: &[Recipient],
        names: &[Arc<str>],
    ) -> Result<Bulk<Receipt>> {
        let provider = self.start(call, Resources::Many(names)).await?;
        let operation = call.cx().operation_id()?.clone();
        let request = NotifyRequest::new(notification.clone(), recipients.to_vec(), operation.clone());
        let judge = |error| outcome::judge(error, &operation, self.capabilities().idempotency);
        let bulk = call.guard(provider.notify(call.cx(), request)).await.map_err(judge)?;
        Ok(bulk.complete(recipients.len())?.into_iter().map(|result| result.map_err(judge)).collect())
    }

    /// Ends what was said under a key: what is scheduled is not sent, what was sent is taken back where that can be, and the
    /// next notification under the key is a new one. A key that is not in use is clear already.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// `Unsupported` without `clear`.
    pub async fn clear(&self, dedup: impl Into<DedupKey>) -> Result<()> {
        let dedup = dedup.into();
        let checked = validate::check_name("a dedup key", dedup.as_str()).and_then(|()| Caps::CLEAR.check(self.capabilities()));
        checked.map_err(|error| self.core.place(error, &CLEAR).with_resource(dedup.shared()))?;
        let mut call = self.open(&CLEAR);
        let provider = self.start(&mut call, Resources::One(dedup.shared())).await?;
        let result = call.guard(provider.clear(call.cx(), ClearRequest::new(dedup.clone()))).await;
        call.finish(result).await
    }

    /// What became of the notifications that the service still knows, the newest first.
    pub fn status(&self) -> Listing<DeliveryStatus> {
        self.status_with(StatusOptions::new())
    }

    /// What became of some of them: of one, of those under a key, of those to a recipient.
    pub fn status_with(&self, options: StatusOptions) -> Listing<DeliveryStatus> {
        let notifier = self.clone();
        let id = options.id.as_ref().map(NotificationId::as_str);
        let list = format!("status {id:?} {:?} {:?}", options.dedup, options.recipient);
        Listing::new(&list, move |page| {
            let (notifier, options) = (notifier.clone(), options.clone());
            async move {
                notifier.check_status(&options).map_err(|error| notifier.core.place(error, &STATUS))?;
                let mut call = notifier.open(&STATUS);
                let recipient = options.recipient.clone();
                let resources = recipient.as_ref().map_or(Resources::None, |one| Resources::One(one.shared()));
                let provider = notifier.start(&mut call, resources).await?;
                let result = call.guard(provider.status(call.cx(), StatusRequest::new(options, page))).await;
                call.finish(result).await
            }
        })
    }
}
