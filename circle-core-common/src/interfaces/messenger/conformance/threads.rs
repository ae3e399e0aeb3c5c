//! Replies.

use super::{Caps, Team};
use crate::context::{CallOptions, CallReport, OnUnsupported};
use crate::error::ErrorKind;
use crate::interfaces::messenger::{HistoryOptions, Message};
use crate::suite::{Outcome, equal, expect_kind, holds};

/// A reply says which thread it is in: that of the message it replies to.
pub async fn reply_is_in_the_thread(subject: Team) -> Outcome {
    subject.needs(Caps::THREAD)?;
    let root = subject.handle.send(subject.channel(), subject.says("root")).await?;
    let reply = subject.handle.reply(&root, subject.says("reply")).await?;
    equal("the thread", &reply.thread.as_ref(), &Some(&root.id))?;
    equal("the channel", &reply.channel, &root.channel)?;
    holds("the reply is a message of its own", reply.id != root.id)
}

/// A reply to a reply is in the same thread: threads do not nest.
pub async fn reply_to_a_reply_stays_in_the_thread(subject: Team) -> Outcome {
    subject.needs(Caps::THREAD)?;
    let root = subject.handle.send(subject.channel(), subject.says("root")).await?;
    let first = subject.handle.reply(&root, subject.says("first")).await?;
    let second = subject.handle.reply(&first, subject.says("second")).await?;
    equal("the thread", &second.thread.as_ref(), &Some(&root.id))
}

/// A thread is its first message and all its replies, in the declared order, whichever of them names it.
pub async fn thread_begins_with_its_first_message(subject: Team) -> Outcome {
    subject.needs(Caps::THREAD)?;
    subject.needs(Caps::HISTORY)?;
    let root = subject.handle.send(subject.channel(), subject.says("root")).await?;
    subject.handle.send(subject.channel(), subject.says("beside")).await?;
    let mut ids = vec![root.id.clone()];
    for number in 0..5 {
        ids.push(subject.handle.reply(&root, subject.says(&format!("reply {number}"))).await?.id);
    }
    let reply = subject.handle.reply(&root, subject.says("last")).await?;
    ids.push(reply.id.clone());
    for named in [&root, &reply] {
        let thread = subject.posted(&subject.channel(), HistoryOptions::new().thread(named)).await?;
        equal("the thread", &thread.iter().map(|posted| posted.id.clone()).collect::<Vec<_>>(), &ids)?;
        for posted in &thread[1..] {
            equal("the thread of a reply", &posted.thread.as_ref(), &Some(&root.id))?;
        }
    }
    if let Some(replies) = subject.present(&root).await?.replies {
        equal("the number of replies", &replies, &6)?;
    }
    Ok(())
}

/// The messages of a channel have no replies among them, but those that were shown in the channel too.
pub async fn reply_is_not_in_the_channel_unless_broadcast(subject: Team) -> Outcome {
    subject.needs(Caps::THREAD)?;
    subject.needs(Caps::HISTORY)?;
    let root = subject.handle.send(subject.channel(), subject.says("root")).await?;
    subject.handle.reply(&root, subject.says("hidden")).await?;
    let mut expected = vec!["root"];
    if subject.handle.capabilities().broadcast {
        let shown = subject.handle.reply(&root, Message::text(subject.says("shown")).broadcast()).await?;
        equal("the thread", &shown.thread.as_ref(), &Some(&root.id))?;
        expected.push("shown");
    }
    equal("the channel", &subject.texts(&subject.channel()).await?, &expected)
}

/// A message that is no reply cannot be shown in the channel *too*: `InvalidInput`, and nothing is sent.
pub async fn broadcast_without_a_thread_is_invalid_input(subject: Team) -> Outcome {
    let call = async {
        let result = subject.handle.send(subject.channel(), Message::text("x").broadcast()).await;
        expect_kind("send", result, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(call).await.map(drop)
}

/// Without `thread`, a reply is a message that quotes the other where the caller allows it, and the report says so.
pub async fn reply_is_emulated_by_a_quote_where_allowed(subject: Team) -> Outcome {
    let report = CallReport::new();
    let flat = subject.with_capabilities(|capabilities| capabilities.thread = false)?;
    let flat = flat.with(CallOptions::new().on_unsupported(OnUnsupported::Emulate).report(&report));
    let asked = flat.send(subject.channel(), "Is it out?").await?;
    let reply = flat.reply(&asked, Message::text(subject.says("Yes")).broadcast()).await?;
    equal("what was emulated", &report.get().emulated, &[Caps::THREAD.name()])?;
    equal("the thread", &reply.thread, &None)?;
    if subject.handle.capabilities().history {
        equal("the text", &subject.present(&reply).await?.text, &subject.says("> Is it out?\nYes"))?;
    }
    Ok(())
}
