//! Edits, deletes, reactions.

use super::{Caps, Team};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::messenger::{Attachment, Message, Sent};
use crate::suite::{Failed, Outcome, equal, expect_kind, expect_reason};

/// A message that was and is no more.
async fn gone(subject: &Team) -> Result<Sent, Failed> {
    subject.needs(Caps::DELETE)?;
    let sent = subject.handle.send(subject.channel(), subject.says("soon gone")).await?;
    subject.handle.delete(&sent).await?;
    Ok(sent)
}

/// How often a message has a reaction.
async fn count(subject: &Team, sent: &Sent) -> Result<u64, Failed> {
    Ok(subject.present(sent).await?.reactions.iter().map(|reaction| reaction.count).sum())
}

/// An edit changes what the message says, and leaves it the same message in the same place.
pub async fn edit_changes_the_text_of_the_same_message(subject: Team) -> Outcome {
    subject.needs(Caps::EDIT)?;
    let sent = subject.handle.send(subject.channel(), subject.says("first")).await?;
    subject.handle.send(subject.channel(), subject.says("after")).await?;
    let edited = subject.handle.edit(&sent, subject.says("second")).await?;
    equal("the id", &edited.id, &sent.id)?;
    equal("the channel", &edited.channel, &sent.channel)?;
    // The same again changes nothing.
    subject.handle.edit(&edited, subject.says("second")).await?;
    if subject.handle.capabilities().history {
        equal("the messages", &subject.texts(&subject.channel()).await?, &["second", "after"])?;
    }
    Ok(())
}

/// An edit of a message that is gone is `NotFound`.
pub async fn edit_of_the_absent_is_not_found(subject: Team) -> Outcome {
    subject.needs(Caps::EDIT)?;
    let gone = gone(&subject).await?;
    expect_kind("edit", subject.handle.edit(&gone, subject.says("x")).await, ErrorKind::NotFound).map(drop)
}

/// An edit to nothing, to too much, or with files is `InvalidInput`, and nothing is sent.
pub async fn edit_that_is_wrong_is_invalid_input(subject: Team) -> Outcome {
    subject.needs(Caps::EDIT)?;
    let sent = subject.handle.send(subject.channel(), subject.says("a")).await?;
    let team = subject.with_capabilities(|capabilities| capabilities.text_max = capabilities.text_max.min(1000))?;
    let longer = "x".repeat(team.capabilities().text_max as usize + 1);
    let calls = async {
        for message in [
            Message::text(" "),
            Message::text(longer),
            Message::text("x").attach(Attachment::bytes("a", "a")),
            Message::text("x").broadcast(),
        ] {
            expect_kind("edit", team.edit(&sent, message).await, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A message that is deleted is in its channel no more; the others are.
pub async fn delete_takes_the_message_away(subject: Team) -> Outcome {
    subject.needs(Caps::DELETE)?;
    subject.needs(Caps::HISTORY)?;
    subject.handle.send(subject.channel(), subject.says("before")).await?;
    let sent = subject.handle.send(subject.channel(), subject.says("gone")).await?;
    subject.handle.send(subject.channel(), subject.says("after")).await?;
    subject.handle.delete(&sent).await?;
    equal("the messages", &subject.texts(&subject.channel()).await?, &["before", "after"])
}

/// Deleting what is gone succeeds.
pub async fn delete_again_is_ok(subject: Team) -> Outcome {
    let gone = gone(&subject).await?;
    Ok(subject.handle.delete(&gone).await?)
}

/// A reaction is there once, however often one gives it; another one is beside it.
pub async fn reaction_is_given_once(subject: Team) -> Outcome {
    subject.needs(Caps::REACT)?;
    let sent = subject.handle.send(subject.channel(), subject.says("a")).await?;
    subject.handle.react(&sent, "tada").await?;
    subject.handle.react(&sent, "tada").await?;
    if subject.handle.capabilities().history {
        equal("reactions", &count(&subject, &sent).await?, &1)?;
        subject.handle.react(&sent, "eyes").await?;
        equal("reactions of two kinds", &subject.present(&sent).await?.reactions.len(), &2)?;
    }
    Ok(())
}

/// A reaction that is taken back is there no more; taking it back again succeeds.
pub async fn reaction_is_taken_back(subject: Team) -> Outcome {
    subject.needs(Caps::REACT)?;
    let sent = subject.handle.send(subject.channel(), subject.says("a")).await?;
    subject.handle.delete_reaction(&sent, "tada").await?;
    subject.handle.react(&sent, "tada").await?;
    subject.handle.react(&sent, "eyes").await?;
    subject.handle.delete_reaction(&sent, "tada").await?;
    subject.handle.delete_reaction(&sent, "tada").await?;
    if subject.handle.capabilities().history {
        equal("reactions", &count(&subject, &sent).await?, &1)?;
    }
    Ok(())
}

/// A reaction to a message that is gone is `NotFound`.
pub async fn react_to_the_absent_is_not_found(subject: Team) -> Outcome {
    subject.needs(Caps::REACT)?;
    let gone = gone(&subject).await?;
    expect_kind("react", subject.handle.react(&gone, "tada").await, ErrorKind::NotFound).map(drop)
}

/// What can be no reaction is `InvalidInput`, and nothing is sent.
pub async fn reaction_that_is_no_name_is_invalid_input(subject: Team) -> Outcome {
    subject.needs(Caps::REACT)?;
    let sent = subject.handle.send(subject.channel(), subject.says("a")).await?;
    let calls = async {
        for reaction in ["", ":tada:", "two words", "a\nb", "a\u{1b}"] {
            let result = subject.handle.react(&sent, reaction).await;
            expect_reason(format!("react {reaction:?}"), result, ErrorKind::InvalidInput, Reason::NameInvalid)?;
            let result = subject.handle.delete_reaction(&sent, reaction).await;
            expect_reason(format!("delete_reaction {reaction:?}"), result, ErrorKind::InvalidInput, Reason::NameInvalid)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}
