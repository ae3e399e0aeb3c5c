//! What a provider is asked.

use super::{Attachment, Channel, Message, MessageId, Reaction, Sent};
use crate::extension::Extensions;
use crate::identifier::OperationId;
use crate::listing::PageRequest;
use crate::units::Timestamp;

request! {
    /// Sends a message.
    SendRequest {
        /// Where to.
        channel: Channel,
        /// What.
        message: Message,
        /// What it replies to; in the same channel.
        reply_to: Option<Sent>,
        /// The id of the write: kept with the message where the service can, and its idempotency key where it has those.
        operation: OperationId,
    }
}

request! {
    /// Changes what a message says.
    EditRequest {
        /// Which.
        sent: Sent,
        /// What it says from now on; without attachments.
        message: Message,
    }
}

request! {
    /// Deletes a message.
    DeleteRequest {
        /// Which.
        sent: Sent,
    }
}

/// What becomes of a reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReactionChange {
    /// It is given.
    Add,
    /// It is taken back.
    Delete,
}

request! {
    /// Gives a reaction to a message, or takes it back.
    ReactRequest {
        /// Which message.
        sent: Sent,
        /// Which reaction.
        reaction: Reaction,
        /// Which of the two.
        change: ReactionChange,
    }
}

request! {
    /// Brings a file to the service, for messages to come; nobody sees it before.
    UploadRequest {
        /// The channel of those messages.
        channel: Channel,
        /// The file; its source is content.
        attachment: Attachment,
    }
}

/// Which part of a history.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HistoryOptions {
    /// The thread that begins with this message, it included, in place of the channel.
    pub thread: Option<MessageId>,
    /// Only messages from this moment on.
    pub from: Option<Timestamp>,
    /// Only messages before this moment.
    pub until: Option<Timestamp>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl HistoryOptions {
    options! {
        /// Only messages from this moment on.
        from: Timestamp,
        /// Only messages before this moment.
        until: Timestamp,
    }

    /// The thread of this message, from its first message on.
    #[must_use]
    pub fn thread(mut self, sent: impl Into<Sent>) -> Self {
        self.thread = Some(sent.into().root().clone());
        self
    }
}

request! {
    /// Asks for a page of messages.
    HistoryRequest {
        /// Of which channel.
        channel: Channel,
        /// What the caller chose.
        options: HistoryOptions,
        /// Which page.
        page: PageRequest,
    }
}

request! {
    /// Asks for a page of channels.
    ChannelsRequest {
        /// Which page.
        page: PageRequest,
    }
}

request! {
    /// Asks what became of a message that was to be sent.
    ResolveRequest {
        /// Where to.
        channel: Channel,
        /// The id of the write.
        operation: OperationId,
    }
}
