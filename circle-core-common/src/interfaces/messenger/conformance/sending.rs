//! Where messages go.

use super::{Caps, Team};
use crate::error::{Error, ErrorKind, Reason};
use crate::interfaces::messenger::{Message, Sent};
use crate::suite::{Outcome, at_once, equal, expect_kind, expect_reason, holds, written_down};

/// `send` tells the id and the channel of the message; every message has an id of its own.
pub async fn send_tells_where_the_message_is(subject: Team) -> Outcome {
    let first = subject.handle.send(subject.channel(), subject.says("a")).await?;
    let second = subject.handle.send(subject.channel(), subject.says("a")).await?;
    holds("a message has an id", !first.id.as_str().is_empty())?;
    holds("two messages have two ids", first.id != second.id)?;
    equal("the channel of the second", &second.channel, &first.channel)?;
    equal("the thread of a message that is no reply", &first.thread, &None)
}

/// The channel that `send` tells, as the service calls it, can be written to, and is the same one.
pub async fn send_to_the_channel_that_it_told_works(subject: Team) -> Outcome {
    let named = subject.handle.send(subject.channel(), subject.says("by name")).await?;
    let again = subject.handle.send(&named.channel, subject.says("as told")).await?;
    equal("the channel", &again.channel, &named.channel)?;
    if subject.handle.capabilities().history {
        equal("the channel's messages", &subject.texts(&subject.channel()).await?, &["by name", "as told"])?;
    }
    Ok(())
}

/// What `send` gives can be written down and read back, and names the message as before.
pub async fn sent_survives_being_written_down(subject: Team) -> Outcome {
    let sent = subject.handle.send(subject.channel(), subject.says("a")).await?;
    let read = written_down(&sent)?;
    equal("what is read", &read, &sent)?;
    if subject.handle.capabilities().edit {
        equal("the id after an edit", &subject.handle.edit(read, subject.says("b")).await?.id, &sent.id)?;
    }
    Ok(())
}

/// A message is in the channel that it was sent to, once, and in no other.
pub async fn send_shows_the_message_in_its_channel_only(subject: Team) -> Outcome {
    subject.needs(Caps::HISTORY)?;
    subject.handle.send(subject.channel(), subject.says("here")).await?;
    subject.handle.send(subject.other_channel(), subject.says("there")).await?;
    equal("one channel", &subject.texts(&subject.channel()).await?, &["here"])?;
    equal("the other", &subject.texts(&subject.other_channel()).await?, &["there"])
}

/// Messages that are sent one after the other stay in that order.
pub async fn sends_keep_their_order(subject: Team) -> Outcome {
    subject.needs(Caps::HISTORY)?;
    let texts: Vec<String> = (0..subject.scale.pick(5, 50)).map(|number| format!("message {number}")).collect();
    for text in &texts {
        subject.handle.send(subject.channel(), subject.says(text)).await?;
    }
    equal("the messages", &subject.texts(&subject.channel()).await?, &texts)
}

/// Messages that are sent at the same time are all there, each once and with its own text.
pub async fn concurrent_sends_keep_messages_apart(subject: Team) -> Outcome {
    let texts: Vec<String> = (0..subject.scale.pick(5, 50)).map(|number| format!("message {number:02}")).collect();
    let sends = texts.iter().map(|text| {
        let (team, channel, text) = (subject.handle.clone(), subject.channel(), subject.says(text));
        async move { team.send(channel, text).await }
    });
    let sent: Vec<Sent> = at_once(sends).await?.into_iter().collect::<Result<_, Error>>()?;
    if subject.handle.capabilities().history {
        for (text, sent) in texts.iter().zip(&sent) {
            equal("the text", &subject.present(sent).await?.text, &subject.says(text))?;
        }
        let mut shown = subject.texts(&subject.channel()).await?;
        shown.sort_unstable();
        equal("the messages", &shown, &texts)?;
    }
    Ok(())
}

/// A channel that does not exist is `NotFound`, by its name.
pub async fn send_to_an_unknown_channel_is_not_found(subject: Team) -> Outcome {
    let unknown = subject.unknown_channel()?;
    let error = expect_kind("send", subject.handle.send(unknown, subject.says("a")).await, ErrorKind::NotFound)?;
    equal("the channel in the error", &error.resource(), &Some(unknown))
}

/// What can be no channel is `InvalidInput`, and nothing is sent.
pub async fn channel_that_is_no_name_is_invalid_input(subject: Team) -> Outcome {
    let calls = async {
        for channel in ["", " ", "#a\nb", "#a\u{1b}[31m", "#a\u{0}"] {
            let result = subject.handle.send(channel, "x").await;
            expect_reason(format!("send to {channel:?}"), result, ErrorKind::InvalidInput, Reason::NameInvalid)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A message without a visible character, and without files, is `InvalidInput`, and nothing is sent.
pub async fn message_that_says_nothing_is_invalid_input(subject: Team) -> Outcome {
    let calls = async {
        for message in [Message::text(""), Message::text(" \n\t\u{a0}"), Message::rich([])] {
            expect_kind("send", subject.handle.send(subject.channel(), message).await, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// `send_many` sends in order, and gives one result per message.
pub async fn send_many_is_in_order(subject: Team) -> Outcome {
    let texts = ["one", "two", "three"];
    let sent = subject.handle.send_many(subject.channel(), texts.map(|text| subject.says(text))).await?.all()?;
    equal("results", &sent.len(), &3)?;
    if subject.handle.capabilities().history {
        equal("the messages", &subject.texts(&subject.channel()).await?, &texts)?;
        for (text, sent) in texts.iter().zip(&sent) {
            equal("the text", &subject.present(sent).await?.text, &subject.says(text))?;
        }
    }
    Ok(())
}

/// Nothing to send sends nothing.
pub async fn send_many_of_nothing_sends_nothing(subject: Team) -> Outcome {
    let calls = async { equal("results", &subject.handle.send_many(subject.channel(), [""; 0]).await?.len(), &0) };
    subject.sends_nothing(calls).await
}

/// A message that is not valid stops all of them before anything is sent.
pub async fn send_many_with_an_invalid_message_sends_nothing(subject: Team) -> Outcome {
    let calls = async {
        let result = subject.handle.send_many(subject.channel(), ["a", " "]).await;
        expect_kind("send_many", result, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// What the service refuses fails for each message, by the channel's name.
pub async fn send_many_to_an_unknown_channel_fails_for_each(subject: Team) -> Outcome {
    let unknown = subject.unknown_channel()?;
    let results = subject.handle.send_many(unknown, ["a", "b"]).await?;
    equal("results", &results.len(), &2)?;
    for result in results {
        let error = expect_kind("send_many", result, ErrorKind::NotFound)?;
        equal("the channel in the error", &error.resource(), &Some(unknown))?;
    }
    Ok(())
}
