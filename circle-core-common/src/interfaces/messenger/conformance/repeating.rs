//! Messages under an id.

use super::{Caps, Team};
use crate::Resolution;
use crate::context::{CallOptions, CallReport};
use crate::error::{Error, ErrorKind};
use crate::identifier::OperationId;
use crate::interfaces::messenger::{SEND, Sent};
use crate::suite::{Failed, Outcome, at_once, equal, expect_kind};

/// The error of a message to the case's channel whose answer was lost.
fn lost(subject: &Team, id: OperationId) -> Error {
    Error::new(ErrorKind::OutcomeUnknown, "lost").with_operation_id(id).with_resource(&subject.channel().into()).with_place(
        &SEND,
        &"".into(),
        "",
    )
}

/// Sent again with its id, a message is the one that was sent before.
pub async fn send_repeated_with_its_id_is_one_message(subject: Team) -> Outcome {
    subject.needs(Caps::IDEMPOTENCY)?;
    let team = subject.handle.with(CallOptions::new().idempotency_key(subject.name("one")));
    let first = team.send(subject.channel(), subject.says("a")).await?;
    let again = team.send(subject.channel(), subject.says("a")).await?;
    equal("the id", &again.id, &first.id)?;
    let other = subject.handle.with(CallOptions::new().idempotency_key(subject.name("two")));
    other.send(subject.channel(), subject.says("b")).await?;
    if subject.handle.capabilities().history {
        equal("the messages", &subject.texts(&subject.channel()).await?, &["a", "b"])?;
    }
    Ok(())
}

/// The same of replies.
pub async fn reply_repeated_with_its_id_is_one_message(subject: Team) -> Outcome {
    subject.needs(Caps::IDEMPOTENCY)?;
    subject.needs(Caps::THREAD)?;
    let root = subject.handle.send(subject.channel(), subject.says("root")).await?;
    let team = subject.handle.with(CallOptions::new().idempotency_key(subject.name("reply")));
    let first = team.reply(&root, subject.says("a")).await?;
    equal("the reply", &team.reply(&root, subject.says("a")).await?.id, &first.id)
}

/// Sent again with their id, many messages are those that were sent before.
pub async fn send_many_repeated_with_its_id_sends_each_once(subject: Team) -> Outcome {
    subject.needs(Caps::IDEMPOTENCY)?;
    let team = subject.handle.with(CallOptions::new().idempotency_key(subject.name("many")));
    let texts = ["a", "b", "c"];
    let ids = |sent: Vec<Sent>| sent.into_iter().map(|sent| sent.id).collect::<Vec<_>>();
    let first = ids(team.send_many(subject.channel(), texts.map(|text| subject.says(text))).await?.all()?);
    let again = ids(team.send_many(subject.channel(), texts.map(|text| subject.says(text))).await?.all()?);
    equal("the ids", &again, &first)?;
    if subject.handle.capabilities().history {
        equal("the messages", &subject.texts(&subject.channel()).await?, &texts)?;
    }
    Ok(())
}

/// Sends at the same time under one id are one message.
pub async fn sends_at_once_under_one_id_are_one_message(subject: Team) -> Outcome {
    subject.needs(Caps::IDEMPOTENCY)?;
    let sends = (0..10).map(|_| {
        let team = subject.handle.with(CallOptions::new().idempotency_key(subject.name("one")));
        let (channel, text) = (subject.channel(), subject.says("a"));
        async move { team.send(channel, text).await }
    });
    // A service may refuse one of two that run at the same time; it may not send both.
    let sent: Vec<Sent> = at_once(sends).await?.into_iter().filter_map(Result::ok).collect();
    let Some(first) = sent.first() else { return Err(Failed::Wrong("none of them was sent".to_owned())) };
    equal("those with another id", &sent.iter().filter(|sent| sent.id != first.id).count(), &0)?;
    if subject.handle.capabilities().history {
        equal("the messages", &subject.texts(&subject.channel()).await?, &["a"])?;
    }
    Ok(())
}

/// A message that was sent is found by the id of its write.
pub async fn resolve_of_a_message_that_was_sent_is_applied(subject: Team) -> Outcome {
    subject.needs(Caps::RESOLVE)?;
    let report = CallReport::new();
    subject.handle.with(CallOptions::new().report(&report)).send(subject.channel(), subject.says("a")).await?;
    let id = report.get().operation_id.ok_or_else(|| Failed::Wrong("the report names no write".to_owned()))?;
    equal("resolve", &subject.handle.resolve(&lost(&subject, id)).await?, &Resolution::Applied)
}

/// A message that was not sent is not found; where that is not certain, it is unknown.
pub async fn resolve_of_a_message_that_was_not_sent_is_not_applied(subject: Team) -> Outcome {
    subject.needs(Caps::RESOLVE)?;
    subject.handle.send(subject.channel(), subject.says("another")).await?;
    let resolution = subject.handle.resolve(&lost(&subject, subject.name("never").into())).await?;
    crate::suite::holds(format!("{resolution:?} is not Applied"), resolution != Resolution::Applied)
}

/// An error of another interface, or without an id, names no message: `InvalidInput`, and nothing is sent.
pub async fn resolve_of_a_foreign_error_is_invalid_input(subject: Team) -> Outcome {
    let foreign = Error::new(ErrorKind::OutcomeUnknown, "lost")
        .with_operation_id("an-id".into())
        .with_resource(&subject.channel().into())
        .with_place(&crate::interfaces::object_store::PUT, &"documents".into(), "other");
    let nameless = Error::new(ErrorKind::OutcomeUnknown, "lost").with_resource(&subject.channel().into());
    let calls = async {
        expect_kind("resolve", subject.handle.resolve(&foreign).await, ErrorKind::InvalidInput)?;
        expect_kind("resolve", subject.handle.resolve(&nameless).await, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(calls).await.map(drop)
}
