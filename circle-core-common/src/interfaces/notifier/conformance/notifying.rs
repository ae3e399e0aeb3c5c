//! Who is notified of what.

use super::{Caps, Desk, recipient_is_missing};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::notifier::{DeliveryState, Notification, Severity};
use crate::suite::{Outcome, equal, expect_kind, expect_reason, holds};

/// Every recipient has a receipt of its own, in order, for a notification that was taken.
pub async fn notify_gives_a_receipt_for_each_recipient(subject: Desk) -> Outcome {
    let two = subject.two();
    let receipts = subject.handle.notify(Notification::new("a").body("b").to(&two)).await?.all()?;
    let names: Vec<&str> = receipts.iter().map(|receipt| receipt.recipient.as_str()).collect();
    equal("the recipients", &names, &two)?;
    holds("two notifications have two ids", receipts[0].id != receipts[1].id)?;
    for receipt in &receipts {
        let taken = matches!(receipt.state, DeliveryState::Accepted | DeliveryState::Delivered | DeliveryState::Other(_));
        holds(format!("{:?} is taken", receipt.state), taken)?;
        equal("whether it was taken before", &receipt.is_duplicate, &false)?;
    }
    let again = subject.notify_one(subject.to_one("a")).await?;
    holds("the same again is another notification", again.id != receipts[0].id)
}

async fn fails(subject: &Desk, recipient: Option<&String>, kind: ErrorKind) -> Outcome {
    let recipient = recipient.ok_or_else(recipient_is_missing)?;
    let mut results = subject.handle.notify(Notification::new("a").to([recipient])).await?.into_iter();
    let Some(result) = results.next() else { return holds("there is a result", false) };
    let error = expect_kind(format!("notifying {recipient}"), result, kind)?;
    equal("the recipient in the error", &error.resource(), &Some(recipient.as_str()))
}

/// A recipient that the service does not know is `NotFound`, by its name.
pub async fn notify_of_an_unknown_recipient_is_not_found(subject: Desk) -> Outcome {
    fails(&subject, subject.addresses.unknown_recipient.as_ref(), ErrorKind::NotFound).await
}

/// A recipient that does not want to be notified is `PermissionDenied`.
pub async fn notify_of_one_that_has_opted_out_is_permission_denied(subject: Desk) -> Outcome {
    fails(&subject, subject.addresses.opted_out.as_ref(), ErrorKind::PermissionDenied).await
}

/// A recipient whose token has expired is `Closed`: forget it.
pub async fn notify_of_an_expired_token_is_closed(subject: Desk) -> Outcome {
    fails(&subject, subject.addresses.expired.as_ref(), ErrorKind::Closed).await
}

/// Recipients succeed and fail each for itself, in their order.
pub async fn failed_recipients_do_not_keep_the_others_back(subject: Desk) -> Outcome {
    let unknown = subject.addresses.unknown_recipient.clone().ok_or_else(recipient_is_missing)?;
    let [one, other] = subject.two();
    let results = subject.handle.notify(Notification::new("a").to([&unknown, &one, &unknown, &other])).await?;
    let failed: Vec<usize> = results.failures().map(|(at, _)| at).collect();
    equal("the recipients that failed", &failed, &[0, 2])?;
    let names: Vec<String> = results.into_iter().flatten().map(|receipt| receipt.recipient.to_string()).collect();
    equal("the recipients that were notified", &names, &[one, other])
}

/// No call has more recipients than the service takes, none is needless, and the order is kept.
pub async fn notify_is_split_by_the_limit(subject: Desk) -> Outcome {
    let [one, other] = subject.two();
    let desk = subject.with_capabilities(|capabilities| capabilities.recipients_max = 2)?;
    let recipients = [&one, &other, &one, &other, &one];
    let before = subject.traffic.calls();
    let receipts = desk.notify(Notification::new("a").to(recipients)).await?.all()?;
    equal("calls", &(subject.traffic.calls() - before), &3)?;
    equal("the recipients", &receipts.iter().map(|receipt| receipt.recipient.as_str()).collect::<Vec<_>>(), &recipients)
}

/// A notification without a title, of several lines in its title, to nobody, or with a link that is none is
/// `InvalidInput`, and nothing is sent.
pub async fn notification_that_is_wrong_is_invalid_input(subject: Desk) -> Outcome {
    let calls = async {
        for notification in [
            subject.to_one(""),
            subject.to_one(" \t"),
            subject.to_one("a\nb"),
            Notification::new("a"),
            subject.to_one("a").link(""),
            subject.to_one("a").link("https://a.example/ b"),
        ] {
            let what = format!("{notification:?}");
            expect_kind(what, subject.handle.notify(notification).await, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// What can be no recipient stops the call before anything is sent: `InvalidInput`.
pub async fn recipient_that_is_no_name_is_invalid_input(subject: Desk) -> Outcome {
    let [one, _] = subject.two();
    let calls = async {
        for name in ["", " ", "ana\nbcc: ben", "a\u{1b}[2J", "a\u{0}"] {
            let result = subject.handle.notify(Notification::new("a").to([one.as_str(), name])).await;
            expect_reason(format!("the recipient {name:?}"), result, ErrorKind::InvalidInput, Reason::NameInvalid)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A title as long as `title_max`, and a body as long as `body_max`, are sent; longer ones are `InvalidInput` with that
/// limit, and nothing is sent.
pub async fn text_beyond_the_limits_is_refused_not_cut(subject: Desk) -> Outcome {
    let desk = subject.with_capabilities(|capabilities| {
        capabilities.title_max = capabilities.title_max.min(100);
        capabilities.body_max = capabilities.body_max.min(1000);
    })?;
    let (title, body) = (desk.capabilities().title_max, desk.capabilities().body_max);
    let of = |title: u64, body: u64| subject.to_one(&"é".repeat(title as usize)).body("é".repeat(body as usize));
    let calls = async {
        for (notification, max) in [(of(title + 1, 0), title), (of(1, body + 1), body)] {
            let result = desk.notify(notification).await;
            let error = expect_reason("notify", result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
            equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(max))?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await?;
    desk.notify(of(title, body)).await?.all()?;
    Ok(())
}

/// Any script, any markup and any control character is text; a service that cannot show it leaves it out.
pub async fn text_of_any_kind_is_taken(subject: Desk) -> Outcome {
    for text in ["日本語 مرحبا", "👩‍👩‍👧‍👦 e\u{301}", "*a* <b> & @everyone", "a\u{1b}[2J\u{7}b\u{202e}c", "{{x}} ${y} %s"]
    {
        subject.notify_one(subject.to_one(text).body(format!("{text}\n\n\t{text}"))).await?;
    }
    Ok(())
}

/// Every severity can be said.
pub async fn every_severity_is_taken(subject: Desk) -> Outcome {
    subject.needs(Caps::SEVERITY)?;
    for severity in [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical] {
        subject.notify_one(subject.to_one("a").severity(severity)).await?;
    }
    Ok(())
}
