//! The notifications that are kept.

use std::collections::{BTreeMap, HashMap};

use circle_core_common::interfaces::notifier::{
    DedupKey, DeliveryState, DeliveryStatus, Notification, NotificationId, Receipt, Recipient, StatusOptions,
};
use circle_core_common::{Error, ErrorKind, OperationId, Page, PageRequest, Result, Timestamp};
use tokio::task::AbortHandle;

use crate::channels::{number, page};

/// How many notifications may wait for their time.
const SCHEDULED_MAX: usize = 1000;

/// A notification to one recipient, as a test looks at it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Notified {
    /// What it says, how grave it is, and for when it was.
    pub notification: Notification,
    /// To whom it went.
    pub recipient: Recipient,
    /// What has become of it.
    pub state: DeliveryState,
}

/// One notification to one recipient.
struct Notice {
    notified: Notified,
    at: Timestamp,
    write: (OperationId, usize),
    /// Delivers it at its time.
    waiting: Option<AbortHandle>,
}

impl Notice {
    fn key(&self) -> Option<(DedupKey, Recipient)> {
        Some((self.notified.notification.dedup.clone()?, self.notified.recipient.clone()))
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        if let Some(waiting) = &self.waiting {
            waiting.abort();
        }
    }
}

/// The notifications that are kept: so many, besides those that wait.
pub(crate) struct Notices {
    kept_max: usize,
    last: u64,
    kept: BTreeMap<u64, Notice>,
    /// The keys that are in use.
    keys: HashMap<(DedupKey, Recipient), u64>,
    /// What writes have made, each in its place of the write.
    writes: HashMap<(OperationId, usize), u64>,
    scheduled: usize,
}

fn id(number: u64) -> NotificationId {
    NotificationId::new(number.to_string())
}

impl Notices {
    pub(crate) fn new(kept: u32) -> Self {
        let (keys, writes) = (HashMap::new(), HashMap::new());
        Self { kept_max: kept as usize, last: 0, kept: BTreeMap::new(), keys, writes, scheduled: 0 }
    }

    /// The notification that this one is already: of the same write, or under the same key.
    pub(crate) fn duplicate(
        &self,
        notification: &Notification,
        recipient: &Recipient,
        write: &(OperationId, usize),
    ) -> Option<Receipt> {
        let key = notification.dedup.as_ref().map(|key| (key.clone(), recipient.clone()));
        let found = self.writes.get(write).or_else(|| key.and_then(|key| self.keys.get(&key)))?;
        let notice = self.kept.get(found)?;
        let mut receipt = Receipt::new(id(*found), recipient.clone(), notice.notified.state.clone());
        receipt.is_duplicate = true;
        Some(receipt)
    }

    /// Keeps a notification.
    pub(crate) fn put(
        &mut self,
        notification: &Notification,
        recipient: &Recipient,
        write: (OperationId, usize),
        now: Timestamp,
    ) -> Result<(u64, Receipt)> {
        let state = if notification.at.is_some() { DeliveryState::Scheduled } else { DeliveryState::Delivered };
        if state == DeliveryState::Scheduled {
            if self.scheduled == SCHEDULED_MAX {
                let text = format!("{SCHEDULED_MAX} notifications wait for their time already");
                return Err(Error::new(ErrorKind::QuotaExceeded, text));
            }
            self.scheduled += 1;
        }
        self.last += 1;
        let receipt = Receipt::new(id(self.last), recipient.clone(), state.clone());
        let notified = Notified { notification: notification.clone(), recipient: recipient.clone(), state };
        let notice = Notice { notified, at: now, write: write.clone(), waiting: None };
        if let Some(key) = notice.key() {
            self.keys.insert(key, self.last);
        }
        self.writes.insert(write, self.last);
        self.kept.insert(self.last, notice);
        self.forget();
        Ok((self.last, receipt))
    }

    /// Forgets a notification that could not be shown.
    pub(crate) fn take_back(&mut self, id: &NotificationId) {
        if let Ok(number) = id.as_str().parse() {
            self.remove(number);
        }
    }

    /// Has a notification wait for its time.
    pub(crate) fn wait(&mut self, number: u64, waiting: AbortHandle) {
        match self.kept.get_mut(&number) {
            Some(notice) => notice.waiting = Some(waiting),
            None => waiting.abort(),
        }
    }

    /// The notification whose time has come, if it still waits.
    pub(crate) fn due(&self, number: u64) -> Option<Notified> {
        let notice = self.kept.get(&number)?;
        (notice.notified.state == DeliveryState::Scheduled).then(|| notice.notified.clone())
    }

    /// Ends the waiting of a notification.
    pub(crate) fn delivered(&mut self, number: u64, state: DeliveryState, now: Timestamp) {
        if let Some(notice) = self.kept.get_mut(&number) {
            (notice.notified.state, notice.at, notice.waiting) = (state, now, None);
            self.scheduled -= 1;
        }
    }

    /// Ends what was said under a key; whether anything was.
    pub(crate) fn clear(&mut self, key: &DedupKey, now: Timestamp) -> bool {
        let cleared: Vec<(DedupKey, Recipient)> = self.keys.keys().filter(|(used, _)| used == key).cloned().collect();
        for key in &cleared {
            let notice = self.keys.remove(key).and_then(|number| self.kept.get_mut(&number));
            let Some(notice) = notice else { continue };
            if let Some(waiting) = notice.waiting.take() {
                waiting.abort();
            }
            if notice.notified.state == DeliveryState::Scheduled {
                self.scheduled -= 1;
            }
            (notice.notified.state, notice.at) = (DeliveryState::Cleared, now);
        }
        !cleared.is_empty()
    }

    /// Forgets the oldest that do not wait.
    fn forget(&mut self) {
        if self.kept.len() <= self.kept_max + self.scheduled {
            return;
        }
        let waits = |notice: &Notice| notice.notified.state == DeliveryState::Scheduled;
        let Some(oldest) = self.kept.iter().find(|(_, notice)| !waits(notice)).map(|(number, _)| *number) else { return };
        self.remove(oldest);
    }

    fn remove(&mut self, number: u64) {
        let Some(notice) = self.kept.remove(&number) else { return };
        self.writes.remove(&notice.write);
        if let Some(key) = notice.key().filter(|key| self.keys.get(key) == Some(&number)) {
            self.keys.remove(&key);
        }
    }

    /// Every notification that is kept, the oldest first.
    pub(crate) fn all(&self) -> Vec<Notified> {
        self.kept.values().map(|notice| notice.notified.clone()).collect()
    }

    pub(crate) fn status(&self, options: &StatusOptions, request: &PageRequest) -> Result<Page<DeliveryStatus>> {
        let place = number(request.cursor.as_ref())?;
        let chosen = |number: u64, notice: &Notice| {
            let of = &notice.notified;
            options.id.as_ref().is_none_or(|chosen| *chosen == id(number))
                && options.dedup.as_ref().is_none_or(|key| of.notification.dedup.as_ref() == Some(key))
                && options.recipient.as_ref().is_none_or(|recipient| of.recipient == *recipient)
        };
        let newest = self.kept.range(..place.unwrap_or(u64::MAX)).rev().filter(|(number, notice)| chosen(**number, notice));
        Ok(page(newest.map(|(number, notice)| (*number, status(*number, notice))), request.size))
    }
}

fn status(number: u64, notice: &Notice) -> DeliveryStatus {
    let Notified { notification, recipient, state, .. } = &notice.notified;
    let mut status = DeliveryStatus::new(id(number), recipient.clone(), state.clone(), notice.at);
    status.dedup = notification.dedup.clone();
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(notices: &mut Notices, notification: &Notification, write: &str) -> Result<(u64, Receipt)> {
        notices.put(notification, &"ana".into(), (write.into(), 0), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_is_kept_is_bounded_but_what_waits() {
        let mut notices = Notices::new(2);
        let (waiting, _) = put(&mut notices, &Notification::new("later").at(Timestamp::MAX), "w").unwrap();
        for number in 0..5 {
            put(&mut notices, &Notification::new("now").dedup(number.to_string()), &number.to_string()).unwrap();
        }
        assert_eq!(notices.kept.len(), 3);
        assert!(notices.due(waiting).is_some());
        assert_eq!((notices.keys.len(), notices.writes.len()), (2, 3));
        notices.delivered(waiting, DeliveryState::Delivered, Timestamp::UNIX_EPOCH);
        put(&mut notices, &Notification::new("now"), "last").unwrap();
        assert!(notices.due(waiting).is_none());
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let mut notices = Notices::new(1);
        for number in 0..SCHEDULED_MAX {
            put(&mut notices, &Notification::new("later").at(Timestamp::MAX).dedup("a"), &number.to_string()).unwrap();
        }
        let error = put(&mut notices, &Notification::new("later").at(Timestamp::MAX), "last").unwrap_err();
        assert!(error.is(ErrorKind::QuotaExceeded));
        assert!(notices.clear(&"a".into(), Timestamp::UNIX_EPOCH));
        assert!(!notices.clear(&"a".into(), Timestamp::UNIX_EPOCH));
        put(&mut notices, &Notification::new("later").at(Timestamp::MAX), "last").unwrap();
    }
}
