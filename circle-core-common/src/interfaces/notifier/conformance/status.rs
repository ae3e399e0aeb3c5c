//! What became of notifications.

use super::{Caps, Desk};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::notifier::{DeliveryStatus, Notification, NotificationId, StatusOptions};
use crate::suite::{Failed, Outcome, equal, expect_reason, holds, to_the_end, written_down};

fn ids(all: &[DeliveryStatus]) -> Vec<NotificationId> {
    all.iter().map(|status| status.id.clone()).collect()
}

/// So many notifications to one recipient; their ids, the newest first.
async fn fill(subject: &Desk, count: usize) -> Result<Vec<NotificationId>, Failed> {
    subject.needs(Caps::STATUS)?;
    let mut ids = Vec::new();
    for number in 0..count {
        ids.insert(0, subject.notify_one(subject.to_one(&format!("notification {number}"))).await?.id);
    }
    Ok(ids)
}

/// Every receipt has a status, of its recipient.
pub async fn status_tells_of_every_recipient(subject: Desk) -> Outcome {
    subject.needs(Caps::STATUS)?;
    let before = subject.handle.provider()?.environment().clock().timestamp();
    let two = subject.two();
    for receipt in subject.handle.notify(Notification::new("a").to(&two)).await?.all()? {
        let Some(status) = subject.state_of(&receipt.id).await? else { return holds("there is a status", false) };
        equal("the recipient", &status.recipient, &receipt.recipient)?;
        equal("the key", &status.dedup, &None)?;
        holds("it has not failed", status.error.is_none())?;
        holds("its time is that of the notification", status.at.since(before).as_secs() < 3600)?;
    }
    Ok(())
}

/// The newest notification comes first.
pub async fn status_is_the_newest_first(subject: Desk) -> Outcome {
    let expected = fill(&subject, 5).await?;
    let mut all = ids(&subject.handle.status().limit(1000).all().await?);
    all.retain(|id| expected.contains(id));
    equal("the notifications", &all, &expected)
}

/// By id, by key and by recipient one gets what belongs to it, and nothing else.
pub async fn status_can_be_narrowed(subject: Desk) -> Outcome {
    subject.needs(Caps::STATUS)?;
    let [one, other] = subject.two();
    let first = subject.notify_one(subject.to_one("a")).await?;
    let second = subject.notify_one(Notification::new("b").to([&other])).await?;
    let by_id = subject.handle.status_with(StatusOptions::new().id(&first.id)).all().await?;
    equal("by id", &ids(&by_id), std::slice::from_ref(&first.id))?;
    let by_recipient = subject.handle.status_with(StatusOptions::new().recipient(&other)).limit(1000).all().await?;
    holds("by recipient: its own are there", ids(&by_recipient).contains(&second.id))?;
    holds("by recipient: no other", by_recipient.iter().all(|status| status.recipient == other.as_str()))?;
    if subject.handle.capabilities().dedup {
        let keyed = subject.notify_one(subject.to_one("c").dedup(subject.name("key"))).await?;
        let options = StatusOptions::new().dedup(subject.name("key"));
        equal("by key", &ids(&subject.handle.status_with(options.clone()).all().await?), &[keyed.id])?;
        let both = subject.handle.status_with(options.recipient(&other)).all().await?;
        equal("by key and another recipient", &both.len(), &0)?;
    }
    let unknown = StatusOptions::new().dedup(subject.name("no such key")).recipient(&one);
    equal("by a key that is not in use", &subject.handle.status_with(unknown).all().await?.len(), &0)
}

/// Pages of any size have at most that many, and together every notification once; those that are made meanwhile do no harm.
pub async fn status_pages_cover_everything_once(subject: Desk) -> Outcome {
    let expected = fill(&subject, 7).await?;
    for size in [1, 3, 7, 8] {
        let list = || subject.handle.status().page_size(size).limit(1000);
        let first = list().page().await?;
        subject.notify_one(subject.to_one("meanwhile")).await?;
        let mut covered = ids(&to_the_end(first, size, list).await?);
        covered.retain(|id| expected.contains(id));
        equal(format!("the pages of {size}"), &covered, &expected)?;
    }
    Ok(())
}

/// A cursor survives being written down; another list's is `InvalidInput`, reason `ForeignCursor`, and nothing is sent.
pub async fn status_cursor_belongs_to_its_list(subject: Desk) -> Outcome {
    fill(&subject, 3).await?;
    let whole = ids(&subject.handle.status().limit(3).all().await?);
    let first = subject.handle.status().page_size(2).page().await?;
    let read = written_down(&first.next)?;
    let second = subject.handle.status().page_size(1).starting_at(read.clone()).page().await?;
    let both: Vec<_> = ids(&first.items).into_iter().chain(ids(&second.items)).collect();
    equal("both pages", &both, &whole)?;
    let [one, _] = subject.two();
    let call = async {
        let other = subject.handle.status_with(StatusOptions::new().recipient(one)).starting_at(read).page().await;
        expect_reason("another list", other, ErrorKind::InvalidInput, Reason::ForeignCursor)
    };
    subject.sends_nothing(call).await.map(drop)
}

/// What one client notifies of, another one knows of.
pub async fn second_client_sees_the_same_status(subject: Desk) -> Outcome {
    subject.needs(Caps::STATUS)?;
    let second = subject.second()?;
    let receipt = subject.notify_one(subject.to_one("a")).await?;
    let seen = second.status_with(StatusOptions::new().id(&receipt.id)).all().await?;
    equal("what the other client sees", &ids(&seen), &[receipt.id])
}
