//! What a messenger can do.

use crate::units::ByteSize;

/// What `text_max` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextUnit {
    /// Unicode characters.
    Characters,
    /// Units of UTF-16: an emoji has two or more.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
}

impl TextUnit {
    /// How long a text is.
    #[must_use]
    pub fn length(self, text: &str) -> u64 {
        match self {
            Self::Characters => text.chars().count() as u64,
            Self::Utf16 => text.encode_utf16().count() as u64,
            Self::Bytes => text.len() as u64,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Utf16 => "UTF-16 units",
            Self::Bytes => "bytes",
        }
    }
}

/// In which order messages are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageOrder {
    /// The newest comes first.
    NewestFirst,
    /// The oldest comes first.
    OldestFirst,
}

crate::capabilities! {
    /// What a messenger can do. Sending plain text every messenger can.
    pub struct MessengerCapabilities {
        flags {
            /// Changes what a message says.
            edit = EDIT,
            /// Deletes messages.
            delete = DELETE,
            /// Gives reactions, and takes them back.
            react = REACT,
            /// Replies in a thread. Emulated by a quote.
            thread = THREAD,
            /// Shows a reply in the channel too.
            broadcast = BROADCAST,
            /// Sends files with a message.
            attachments = ATTACHMENTS,
            /// Takes files ahead of the message that they come with.
            upload = UPLOAD,
            /// Lists the messages of a channel, and of a thread where it has those.
            history = HISTORY,
            /// Lists the messages of a span of time.
            history_range = HISTORY_RANGE,
            /// Lists channels.
            channels = CHANNELS,
            /// Shows rich text. Emulated by plain text.
            rich = RICH,
            /// Sends a message once, however often it is asked to under one idempotency key.
            idempotency = IDEMPOTENCY,
            /// Finds a message by the id of the write that was to send it.
            resolve = RESOLVE,
        }
        limits {
            /// The longest text, rich text counted as plain text.
            text_max: u64 = 4000,
            /// What `text_max` counts.
            text_unit: TextUnit = TextUnit::Characters,
            /// The most blocks of a rich message.
            blocks_max: u32 = 50,
            /// The largest file.
            attachment_max: ByteSize = ByteSize::mib(25),
            /// The most files of a message.
            attachments_max: u32 = 10,
            /// In which order the messages of a channel come.
            history_order: MessageOrder = MessageOrder::NewestFirst,
            /// In which order the messages of a thread come.
            thread_order: MessageOrder = MessageOrder::OldestFirst,
        }
    }
}
