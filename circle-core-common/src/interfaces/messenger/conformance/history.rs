//! The messages that there are.

use std::time::Duration;

use super::{Caps, LOOKED_THROUGH, Team};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::messenger::{HistoryOptions, MessageId, MessageOrder, Posted};
use crate::suite::{Failed, Outcome, equal, expect_kind, expect_reason, holds, to_the_end, written_down};

/// Sends so many messages; their ids in order.
async fn fill(subject: &Team, count: usize) -> Result<Vec<MessageId>, Failed> {
    subject.needs(Caps::HISTORY)?;
    let texts = (0..count).map(|number| subject.says(&format!("message {number}")));
    let sent = subject.handle.send_many(subject.channel(), texts).await?.all()?;
    Ok(sent.into_iter().map(|sent| sent.id).collect())
}

fn ids(posted: &[Posted]) -> Vec<MessageId> {
    posted.iter().map(|posted| posted.id.clone()).collect()
}

/// The messages of a channel come in the order that the capabilities declare.
pub async fn history_is_in_the_declared_order(subject: Team) -> Outcome {
    let mut expected = fill(&subject, 5).await?;
    if subject.handle.capabilities().history_order == MessageOrder::NewestFirst {
        expected.reverse();
    }
    let mut all = subject.handle.history(subject.channel()).limit(LOOKED_THROUGH).all().await?;
    all.retain(|posted| posted.text.contains(subject.mark()));
    equal("the messages", &ids(&all), &expected)
}

/// A message says who wrote it and when.
pub async fn history_tells_author_and_time(subject: Team) -> Outcome {
    fill(&subject, 2).await?;
    let posted = subject.posted(&subject.channel(), HistoryOptions::new()).await?;
    holds("the author has an id", posted.iter().all(|posted| !posted.author.id.is_empty()))?;
    equal("the authors", &posted[0].author, &posted[1].author)?;
    holds("time goes on", posted[0].at <= posted[1].at)?;
    equal("an edit that was not made", &posted[0].edited_at, &None)
}

/// Pages of any size have at most that many messages, and together every message once, in order.
pub async fn history_pages_cover_everything_once(subject: Team) -> Outcome {
    fill(&subject, 11).await?;
    let whole = ids(&subject.handle.history(subject.channel()).limit(LOOKED_THROUGH).all().await?);
    for size in [1, 3, 10, 11, 12] {
        let list = || subject.handle.history(subject.channel()).page_size(size).limit(LOOKED_THROUGH);
        let covered = to_the_end(list().page().await?, size, list).await?;
        equal(format!("the pages of {size}"), &ids(&covered), &whole)?;
        let limited = subject.handle.history(subject.channel()).page_size(size).limit(7).all().await?;
        equal(format!("the first 7 over pages of {size}"), &ids(&limited), &whole[..7])?;
    }
    Ok(())
}

/// Messages that are sent or deleted between two pages leave out no other message, and show none twice.
pub async fn history_pages_are_stable_under_new_messages(subject: Team) -> Outcome {
    let all = fill(&subject, 12).await?;
    let listing = || subject.handle.history(subject.channel()).page_size(5);
    let first = listing().page().await?;
    if subject.handle.capabilities().delete {
        subject.handle.delete(&first.items[0]).await?;
        subject.handle.delete(&first.items[4]).await?;
    }
    subject.handle.send(subject.channel(), subject.says("meanwhile")).await?;
    let shown = ids(&to_the_end(first, 5, listing).await?);
    for id in &all {
        equal(format!("how often {id:?} is shown"), &shown.iter().filter(|shown| *shown == id).count(), &1)?;
    }
    Ok(())
}

/// The history of many messages is complete.
pub async fn history_of_many_is_complete(subject: Team) -> Outcome {
    let all = fill(&subject, subject.scale.pick(20, 500)).await?;
    equal("the messages", &ids(&subject.posted(&subject.channel(), HistoryOptions::new()).await?), &all)
}

/// A span of time begins with its first moment and ends before its last.
pub async fn history_of_a_span_of_time_is_exact(subject: Team) -> Outcome {
    subject.needs(Caps::HISTORY_RANGE)?;
    subject.needs(Caps::HISTORY)?;
    for number in 0..4 {
        subject.handle.send(subject.channel(), subject.says(&format!("message {number}"))).await?;
        // Apart, so that no clock is too coarse to tell them apart.
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    let all = subject.posted(&subject.channel(), HistoryOptions::new()).await?;
    equal("messages", &all.len(), &4)?;
    for (from, until) in [(0, 4), (1, 3), (2, 2), (3, 4)] {
        let mut options = HistoryOptions::new().from(all[from.min(3)].at);
        options.until = all.get(until).map(|posted| posted.at);
        let found = subject.posted(&subject.channel(), options).await?;
        equal(format!("the messages from {from} to before {until}"), &ids(&found), &ids(&all[from..until]))?;
    }
    let before = subject.posted(&subject.channel(), HistoryOptions::new().until(all[0].at)).await?;
    equal("the messages before the first", &ids(&before), &[] as &[MessageId])
}

/// A cursor survives being written down; another list's is `InvalidInput`, reason `ForeignCursor`, and nothing is sent.
pub async fn history_cursor_belongs_to_its_list(subject: Team) -> Outcome {
    fill(&subject, 3).await?;
    let whole = ids(&subject.handle.history(subject.channel()).limit(3).all().await?);
    let first = subject.handle.history(subject.channel()).page_size(2).page().await?;
    let read = written_down(&first.next)?;
    let page = subject.handle.history(subject.channel()).page_size(2).starting_at(read.clone()).page().await?;
    let both: Vec<MessageId> = ids(&first.items).into_iter().chain(ids(&page.items)).take(3).collect();
    equal("both pages", &both, &whole)?;
    let call = async {
        let other = subject.handle.history(subject.other_channel()).starting_at(read).page().await;
        expect_reason("another channel", other, ErrorKind::InvalidInput, Reason::ForeignCursor)
    };
    subject.sends_nothing(call).await.map(drop)
}

/// The history of a channel that does not exist is `NotFound`, and not empty.
pub async fn history_of_an_unknown_channel_is_not_found(subject: Team) -> Outcome {
    subject.needs(Caps::HISTORY)?;
    let unknown = subject.unknown_channel()?;
    expect_kind("history", subject.handle.history(unknown).page().await, ErrorKind::NotFound).map(drop)
}

/// What one client sends, another one sees.
pub async fn second_client_sees_the_same_messages(subject: Team) -> Outcome {
    subject.needs(Caps::HISTORY)?;
    let second = subject.second()?;
    let sent = subject.handle.send(subject.channel(), subject.says("a")).await?;
    let all = second.history(subject.channel()).limit(LOOKED_THROUGH).all().await?;
    holds("the other client sees it", all.iter().any(|posted| posted.id == sent.id))
}
