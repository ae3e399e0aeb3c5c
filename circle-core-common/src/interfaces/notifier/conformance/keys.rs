//! What a notification is about, and which write it is.

use super::{Caps, Desk};
use crate::context::CallOptions;
use crate::error::{ErrorKind, Reason};
use crate::interfaces::notifier::{DeliveryState, Notification, StatusOptions};
use crate::suite::{Outcome, equal, expect_reason, holds};

/// A second notification under a key that is in use is the first one: the receipts say so.
pub async fn dedup_makes_two_notifications_one(subject: Desk) -> Outcome {
    subject.needs(Caps::DEDUP)?;
    let key = subject.name("disk");
    let first = subject.notify_one(subject.to_one("95 %").dedup(&key)).await?;
    let second = subject.notify_one(subject.to_one("96 %").dedup(&key)).await?;
    equal("the id", &second.id, &first.id)?;
    equal("whether it was taken before", &(first.is_duplicate, second.is_duplicate), &(false, true))?;
    if subject.handle.capabilities().status {
        let all = subject.handle.status_with(StatusOptions::new().dedup(&key)).all().await?;
        equal("notifications under the key", &all.len(), &1)?;
        equal("the key", &all[0].dedup.as_ref().map(AsRef::as_ref), &Some(key.as_str()))?;
    }
    Ok(())
}

/// Other keys, other recipients, and notifications without a key are notifications of their own.
pub async fn dedup_keys_are_apart(subject: Desk) -> Outcome {
    subject.needs(Caps::DEDUP)?;
    let [one, other] = subject.two();
    let of = |key: &str, to: &str| Notification::new("a").dedup(subject.name(key)).to([to]);
    let mut ids = Vec::new();
    for notification in [of("a", &one), of("b", &one), of("a", &other), subject.to_one("a"), subject.to_one("a")] {
        let receipt = subject.notify_one(notification).await?;
        equal("whether it was taken before", &receipt.is_duplicate, &false)?;
        holds("it has an id of its own", !ids.contains(&receipt.id))?;
        ids.push(receipt.id);
    }
    Ok(())
}

/// Once a key is cleared, what was said under it is over, and the next notification under it is a new one.
pub async fn clear_frees_the_key(subject: Desk) -> Outcome {
    subject.needs(Caps::DEDUP)?;
    subject.needs(Caps::CLEAR)?;
    let (key, two) = (subject.name("disk"), subject.two());
    let notification = Notification::new("a").dedup(&key).to(&two);
    let first = subject.handle.notify(&notification).await?.all()?;
    subject.handle.clear(&key).await?;
    if subject.handle.capabilities().status {
        for receipt in &first {
            let state = subject.state_of(&receipt.id).await?.map(|status| status.state);
            equal("the state", &state, &Some(DeliveryState::Cleared))?;
        }
    }
    let second = subject.handle.notify(&notification).await?.all()?;
    for (first, second) in first.iter().zip(&second) {
        holds("the next one is new", second.id != first.id && !second.is_duplicate)?;
    }
    Ok(())
}

/// Clearing what is not in use, or again, succeeds.
pub async fn clear_of_a_key_that_is_not_in_use_is_ok(subject: Desk) -> Outcome {
    subject.needs(Caps::CLEAR)?;
    subject.handle.clear(subject.name("never")).await?;
    subject.handle.clear(subject.name("never")).await?;
    Ok(())
}

/// What can be no key is `InvalidInput`, and nothing is sent.
pub async fn key_that_is_no_name_is_invalid_input(subject: Desk) -> Outcome {
    let calls = async {
        for key in ["", " ", "a\nb", "a\u{1b}"] {
            let what = format!("the key {key:?}");
            if subject.handle.capabilities().dedup {
                let result = subject.handle.notify(subject.to_one("a").dedup(key)).await;
                expect_reason(&what, result, ErrorKind::InvalidInput, Reason::NameInvalid)?;
            }
            expect_reason(&what, subject.handle.clear(key).await, ErrorKind::InvalidInput, Reason::NameInvalid)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// Repeated with its id, a notification is the one that was made before, for every recipient and over several calls.
pub async fn notify_repeated_with_its_id_notifies_once(subject: Desk) -> Outcome {
    subject.needs(Caps::IDEMPOTENCY)?;
    let two = subject.two();
    for (name, recipients_max) in [("one call", 100), ("two calls", 1)] {
        let desk = subject.with_capabilities(|capabilities| capabilities.recipients_max = recipients_max)?;
        let desk = desk.with(CallOptions::new().idempotency_key(subject.name(name)));
        let first = desk.notify(Notification::new("a").to(&two)).await?.all()?;
        let second = desk.notify(Notification::new("a").to(&two)).await?.all()?;
        for (first, second) in first.iter().zip(&second) {
            equal("the id", &second.id, &first.id)?;
            equal("whether it was taken before", &(first.is_duplicate, second.is_duplicate), &(false, true))?;
        }
    }
    Ok(())
}
