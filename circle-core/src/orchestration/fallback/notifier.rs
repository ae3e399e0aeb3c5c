//! Notifiers behind one another.

use async_trait::async_trait;
use circle_core_common::interfaces::notifier::{
    ClearRequest, DeliveryStatus, Notifier, NotifierCapabilities, NotifierProvider, NotifyRequest, Receipt, StatusRequest,
};
use circle_core_common::{Bulk, CallContext, Cursor, Error, ErrorKind, Page, Reason, Result};

use super::Fallback;
use crate::orchestration::forward::leg_calls;
use crate::orchestration::leg::Leg;
use crate::orchestration::legs::LegCall;
use crate::orchestration::tokens::{Marked, Owner, Token};

leg_calls! {
    Notifier:
    Notify(NotifyRequest) -> Bulk<Receipt> = notify;
    Clear(ClearRequest) -> () = clear;
}

struct NotifySome(NotifyRequest);

#[async_trait]
impl LegCall<Notifier> for NotifySome {
    type Answer = Bulk<Receipt>;

    async fn make(&self, leg: &Leg<Notifier>, cx: &CallContext) -> Result<Self::Answer> {
        Notify(&self.0).make(leg, cx).await
    }
}

/// A page of one leg, whose cursor is not marked yet.
struct Status<'a>(&'a StatusRequest);

#[async_trait]
impl LegCall<Notifier> for Status<'_> {
    type Answer = Page<DeliveryStatus>;

    async fn make(&self, leg: &Leg<Notifier>, cx: &CallContext) -> Result<Self::Answer> {
        let page = leg.handle.provider()?.status(cx, self.0.clone()).await?;
        Ok(Page::new(page.items.marked(&leg.tag), page.next))
    }
}

/// What the cursor of a leg's first page is, and what a cursor of its own begins with.
const START: &str = "start";
const WITHIN: &str = "at:";

#[async_trait]
impl NotifierProvider for Fallback<Notifier> {
    fn capabilities(&self) -> &NotifierCapabilities {
        self.common()
    }

    async fn notify(&self, cx: &CallContext, request: NotifyRequest) -> Result<Bulk<Receipt>> {
        let some = |places: &[usize]| {
            let recipients = places.iter().map(|at| request.recipients[*at].clone()).collect();
            NotifyRequest::new(request.notification.clone(), recipients, request.operation.clone())
        };
        self.legs.ask_each(cx, self.order(), request.recipients.len(), |places| NotifySome(some(places))).await
    }

    /// Any leg may have been told under the key: it is cleared at all of them, or the error says where it is not.
    async fn clear(&self, cx: &CallContext, request: ClearRequest) -> Result<()> {
        let mut first = Ok(());
        for at in self.order() {
            first = first.and(self.ask(cx, at..at + 1, &Clear(&request)).await);
        }
        first
    }

    /// Those of one leg after the other, each from its newest on.
    async fn status(&self, cx: &CallContext, mut request: StatusRequest) -> Result<Page<DeliveryStatus>> {
        let mut owner = Owner::default();
        if let Some(id) = &mut request.options.id {
            owner.of(&self.legs, id)?;
        }
        let last = owner.leg().unwrap_or_else(|| self.legs.legs.len().saturating_sub(1));
        let mut at = owner.leg().unwrap_or(0);
        if let Some(cursor) = request.page.cursor.take() {
            let (leg, own) = self.legs.owner(&cursor);
            at = leg;
            request.page.cursor = match own.token().strip_prefix(WITHIN) {
                Some(own) => Some(Cursor::new(own)),
                None if own.token() == START => None,
                None => {
                    let error = Error::new(ErrorKind::InvalidInput, "the cursor is of another list");
                    return Err(error.with_reason(Reason::ForeignCursor));
                }
            };
        }
        let page = self.ask(cx, at..at + 1, &Status(&request)).await?;
        let tagged = |at: usize, text: String| self.legs.legs.get(at).map(|leg| Cursor::new(text).tagged(&leg.tag));
        let next = match page.next {
            Some(own) => tagged(at, format!("{WITHIN}{}", own.token())),
            None if at < last => tagged(at + 1, START.to_owned()),
            None => None,
        };
        Ok(Page::new(page.items, next))
    }
}
