//! The channels that there are.

use super::{Caps, Team};
use crate::interfaces::messenger::Channel;
use crate::suite::{Outcome, equal, holds, to_the_end};

/// The channel that was written to is listed once, under the id that `send` told.
pub async fn channels_have_the_one_that_was_written_to(subject: Team) -> Outcome {
    subject.needs(Caps::CHANNELS)?;
    let sent = subject.handle.send(subject.channel(), subject.says("a")).await?;
    let all = subject.handle.channels().all().await?;
    equal("how often it is listed", &all.iter().filter(|channel| channel.id == sent.channel).count(), &1)?;
    let nameless = all.iter().filter_map(|channel| channel.name.as_deref()).any(|name| name.starts_with('#'));
    holds("a name is told without `#`", !nameless)
}

/// Pages of any size have at most that many channels, and together every channel once.
pub async fn channels_pages_cover_everything_once(subject: Team) -> Outcome {
    subject.needs(Caps::CHANNELS)?;
    for channel in [subject.channel(), subject.other_channel()] {
        subject.handle.send(channel, subject.says("a")).await?;
    }
    let whole: Vec<Channel> = subject.handle.channels().all().await?.into_iter().map(|channel| channel.id).collect();
    holds("there are two channels at least", whole.len() >= 2)?;
    for size in [1, 2, 100] {
        let list = || subject.handle.channels().page_size(size);
        let covered = to_the_end(list().page().await?, size, list).await?;
        let covered: Vec<Channel> = covered.into_iter().map(|channel| channel.id).collect();
        equal(format!("the pages of {size}"), &covered, &whole)?;
    }
    Ok(())
}
