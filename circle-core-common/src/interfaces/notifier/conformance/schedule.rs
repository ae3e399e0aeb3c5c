//! Notifications at a later moment.

use std::time::Duration;

use super::{Caps, Desk};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::notifier::{DeliveryState, NotificationId};
use crate::suite::{Failed, Outcome, equal, expect_kind, expect_reason, holds};
use crate::units::Timestamp;

/// How soon a notification is scheduled.
const SOON: Duration = Duration::from_millis(500);
/// How long one that is due may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn now(subject: &Desk) -> Result<Timestamp, Failed> {
    Ok(subject.handle.provider()?.environment().clock().timestamp())
}

async fn state(subject: &Desk, id: &NotificationId) -> Result<Option<DeliveryState>, Failed> {
    Ok(subject.state_of(id).await?.map(|status| status.state))
}

/// A notification for later is `Scheduled`, is not sent before its time, and is sent then.
pub async fn scheduled_notification_waits_for_its_time(subject: Desk) -> Outcome {
    subject.needs(Caps::SCHEDULE)?;
    let at = now(&subject)? + SOON;
    let receipt = subject.notify_one(subject.to_one("later").at(at)).await?;
    equal("the state", &receipt.state, &DeliveryState::Scheduled)?;
    if !subject.handle.capabilities().status {
        return Ok(());
    }
    let started = tokio::time::Instant::now();
    loop {
        let before = now(&subject)?;
        match state(&subject, &receipt.id).await? {
            Some(DeliveryState::Scheduled) => {}
            Some(DeliveryState::Accepted | DeliveryState::Delivered) => {
                return holds("it is not sent before its time", now(&subject)? >= at);
            }
            other => return holds(format!("{other:?} is the state of one that waits or is sent"), false),
        }
        holds(format!("it is sent within {PATIENCE:?} of {at}, now {before}"), started.elapsed() < PATIENCE)?;
        tokio::time::sleep(SOON / 10).await;
    }
}

/// A notification whose key is cleared before its time is never sent.
pub async fn scheduled_notification_that_is_cleared_is_never_sent(subject: Desk) -> Outcome {
    subject.needs(Caps::SCHEDULE)?;
    subject.needs(Caps::DEDUP)?;
    subject.needs(Caps::CLEAR)?;
    subject.needs(Caps::STATUS)?;
    let at = now(&subject)? + SOON;
    let receipt = subject.notify_one(subject.to_one("never").at(at).dedup(subject.name("a"))).await?;
    subject.handle.clear(subject.name("a")).await?;
    tokio::time::sleep(SOON * 2).await;
    equal("the state after its time", &state(&subject, &receipt.id).await?, &Some(DeliveryState::Cleared))
}

/// A time that is over, or further ahead than `schedule_max`, is `InvalidInput`, and nothing is sent.
pub async fn time_outside_the_limits_is_invalid_input(subject: Desk) -> Outcome {
    subject.needs(Caps::SCHEDULE)?;
    let (now, max) = (now(&subject)?, subject.handle.capabilities().schedule_max);
    let calls = async {
        for at in [now, now - Duration::from_secs(3600), Timestamp::UNIX_EPOCH] {
            expect_kind(at, subject.handle.notify(subject.to_one("a").at(at)).await, ErrorKind::InvalidInput)?;
        }
        let late = subject.handle.notify(subject.to_one("a").at(now + max + Duration::from_secs(3600))).await;
        let error = expect_reason("too far ahead", late, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(max.as_secs()))
    };
    subject.sends_nothing(calls).await
}
