//! What holds for each capability that is off.

use super::{Caps, Team};
use crate::capabilities::Flag;
use crate::context::CallOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::interfaces::messenger::{Attachment, Block, File, FileId, HistoryOptions, Message, MessageId, Messenger, Sent};
use crate::suite::Outcome;
use crate::units::Timestamp;

/// The messenger without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Team, flag: Flag<Caps>) -> Result<Messenger> {
    // A part of something that is off as a whole is refused for that; so the whole is said to be on.
    let parts = [(Caps::BROADCAST, Caps::THREAD), (Caps::UPLOAD, Caps::ATTACHMENTS), (Caps::HISTORY_RANGE, Caps::HISTORY)];
    subject.with_capabilities(|capabilities| {
        flag.set(capabilities, false);
        if let Some((_, whole)) = parts.iter().find(|(part, _)| *part == flag) {
            whole.set(capabilities, true);
        }
    })
}

fn message() -> Sent {
    Sent::new("#a", MessageId::new("1"))
}

fn file() -> File {
    File::new(FileId::new("1"), "a.txt")
}

fn lost() -> Error {
    Error::new(ErrorKind::OutcomeUnknown, "lost").with_operation_id("an-id".into()).with_resource(&"#a".into())
}

crate::suite::negatives! {
    Messenger, Caps;
    /// Changing what a message says.
    without_edit: EDIT, |team, text| [team.edit(message(), &text).await];
    /// Deleting messages.
    without_delete: DELETE, |team, text| [team.delete(Sent::new(&text, MessageId::new("1"))).await];
    /// Reactions.
    without_react: REACT, |team, text| [
        team.react(message(), "tada").await,
        team.delete_reaction(Sent::new(&text, MessageId::new("1")), "tada").await,
    ];
    /// Threads, without the leave to emulate them.
    without_thread: THREAD, |team, text| [team.reply(message(), &text).await];
    /// Replies that are shown in the channel too.
    without_broadcast: BROADCAST, |team, text| [team.reply(message(), Message::text(&text).broadcast()).await];
    /// Files with a message.
    without_attachments: ATTACHMENTS, |team, text| [
        team.send("#a", Message::text(&text).attach(Attachment::bytes("a.txt", "a"))).await,
        team.send_many("#a", [Message::text(&text), Message::text("").attach(Attachment::bytes("a.txt", "a"))]).await,
    ];
    /// Files ahead of a message.
    without_upload: UPLOAD, |team, text| [
        team.upload("#a", Attachment::bytes("a.txt", text.clone())).await,
        team.send("#a", Message::text(&text).attach(&file())).await,
    ];
    /// Listing messages.
    without_history: HISTORY, |team, channel| [
        team.history(&channel).page().await,
        team.history(&channel).all().await,
        team.history_with(&channel, HistoryOptions::new().thread(message())).page().await,
    ];
    /// Listing the messages of a span of time.
    without_history_range: HISTORY_RANGE, |team, channel| [
        team.history_with(&channel, HistoryOptions::new().from(Timestamp::UNIX_EPOCH)).page().await,
        team.history_with(&channel, HistoryOptions::new().until(Timestamp::MAX)).page().await,
    ];
    /// Listing channels.
    without_channels: CHANNELS, |team, _text| [team.channels().page().await, team.channels().all().await];
    /// Rich text, without the leave to emulate it.
    without_rich: RICH, |team, text| [
        team.send("#a", vec![Block::heading(1, &text)]).await,
        team.send_many("#a", [vec![Block::heading(1, &text)]]).await,
    ];
    /// Ids that promise one message.
    without_idempotency: IDEMPOTENCY, |team, text| [
        team.with(CallOptions::new().idempotency_key("an-id")).send("#a", &text).await,
        team.with(CallOptions::repeat(&lost())).send_many("#a", [&text]).await,
    ];
    /// Asking what became of a message.
    without_resolve: RESOLVE, |team, _text| [team.resolve(&lost()).await];
}
