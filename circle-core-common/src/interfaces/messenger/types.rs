//! Messages, requests and results.

mod block;
#[cfg(feature = "markdown")]
mod markdown;
mod message;
mod posted;
mod request;

pub use block::{Block, Inline, Mention};
pub use message::{Attachment, AttachmentSource, Content, Message};
pub use posted::{Author, ChannelInfo, ChannelKind, File, Posted, ReactionCount, Resolved, Sent};
pub use request::{
    ChannelsRequest, DeleteRequest, EditRequest, HistoryOptions, HistoryRequest, ReactRequest, ReactionChange, ResolveRequest,
    SendRequest, UploadRequest,
};

crate::name! {
    /// Where messages go: an id of the service, or a name such as `#finance`.
    pub struct Channel;
}

crate::name! {
    /// A reaction: a name without colons (`tada`), or the emoji itself.
    pub struct Reaction;
}

crate::token! {
    /// The id of a message; unique within its channel.
    pub struct MessageId;
}

crate::token! {
    /// The id of a file at the service.
    pub struct FileId;
}
