//! What comes back.

use serde::{Deserialize, Serialize};

use super::{Channel, FileId, MessageId, Reaction};
use crate::units::{ByteSize, Timestamp};

/// A message that was sent: where it is, and what replies, edits and reactions name. It can be kept as JSON and used later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sent {
    /// Its id.
    pub id: MessageId,
    /// Its channel, as the service calls it.
    pub channel: Channel,
    /// The first message of the thread that it replies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<MessageId>,
    /// Its address, where the service has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
    /// How its text begins: what a reply quotes where there are no threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

impl Sent {
    /// A message of this channel.
    #[must_use]
    pub fn new(channel: impl Into<Channel>, id: MessageId) -> Self {
        Self { id, channel: channel.into(), thread: None, permalink: None, excerpt: None }
    }

    /// Sets the thread that it replies in.
    #[must_use]
    pub fn thread(mut self, thread: impl Into<Option<MessageId>>) -> Self {
        self.thread = thread.into();
        self
    }

    /// Sets its address.
    #[must_use]
    pub fn permalink(mut self, permalink: impl Into<Option<String>>) -> Self {
        self.permalink = permalink.into();
        self
    }

    /// The first message of its thread; the message itself where it is no reply.
    #[must_use]
    pub fn root(&self) -> &MessageId {
        self.thread.as_ref().unwrap_or(&self.id)
    }
}

impl From<&Sent> for Sent {
    fn from(sent: &Sent) -> Self {
        sent.clone()
    }
}

impl From<&Posted> for Sent {
    fn from(posted: &Posted) -> Self {
        Self {
            id: posted.id.clone(),
            channel: posted.channel.clone(),
            thread: posted.thread.clone(),
            permalink: posted.permalink.clone(),
            excerpt: super::super::emulate::excerpt(&posted.text),
        }
    }
}

/// A message of a history.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Posted {
    /// Its id.
    pub id: MessageId,
    /// Its channel, as the service calls it.
    pub channel: Channel,
    /// The first message of the thread that it replies in.
    pub thread: Option<MessageId>,
    /// Who wrote it.
    pub author: Author,
    /// When.
    pub at: Timestamp,
    /// When it was changed last, if it was.
    pub edited_at: Option<Timestamp>,
    /// What it says; rich text as plain text.
    pub text: String,
    /// The reactions to it, in the service's order.
    pub reactions: Vec<ReactionCount>,
    /// The files that came with it.
    pub attachments: Vec<File>,
    /// How many replies its thread has, where the service tells.
    pub replies: Option<u64>,
    /// Its address, where the service has one.
    pub permalink: Option<String>,
    /// The service's own object.
    pub raw: Option<serde_json::Value>,
}

impl Posted {
    /// A message without anything that is optional.
    #[must_use]
    pub fn new(channel: Channel, id: MessageId, author: Author, at: Timestamp, text: impl Into<String>) -> Self {
        Self {
            id,
            channel,
            thread: None,
            author,
            at,
            edited_at: None,
            text: text.into(),
            reactions: Vec::new(),
            attachments: Vec::new(),
            replies: None,
            permalink: None,
            raw: None,
        }
    }
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Author {
    /// The service's id.
    pub id: String,
    /// The name that is shown, where the service tells.
    pub name: Option<String>,
    /// Whether it is a program.
    pub is_bot: bool,
}

impl Author {
    /// A person.
    #[must_use]
    pub fn user(id: impl Into<String>) -> Self {
        Self { id: id.into(), name: None, is_bot: false }
    }

    /// A program.
    #[must_use]
    pub fn bot(id: impl Into<String>) -> Self {
        Self { id: id.into(), name: None, is_bot: true }
    }
}

/// How often a reaction was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReactionCount {
    /// The reaction, as the service names it.
    pub reaction: Reaction,
    /// By how many.
    pub count: u64,
}

impl ReactionCount {
    /// So many of one reaction.
    #[must_use]
    pub const fn new(reaction: Reaction, count: u64) -> Self {
        Self { reaction, count }
    }
}

/// A file at the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// Its name.
    pub name: String,
    /// Its size, where the service tells.
    pub size: Option<ByteSize>,
    /// Its media type, where the service tells.
    pub content_type: Option<String>,
    /// Its address, where the service has one.
    pub permalink: Option<String>,
}

impl File {
    /// A file of this name.
    #[must_use]
    pub fn new(id: FileId, name: impl Into<String>) -> Self {
        Self { id, name: name.into(), size: None, content_type: None, permalink: None }
    }
}

/// A channel, as a list tells of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// Its id.
    pub id: Channel,
    /// Its name, without `#`, where it has one.
    pub name: Option<String>,
    /// What it is.
    pub kind: ChannelKind,
    /// What it is for.
    pub topic: Option<String>,
    /// Whether it is closed for good.
    pub is_archived: bool,
    /// Whether the sender is in it, where the service tells.
    pub is_member: Option<bool>,
    /// The service's own object.
    pub raw: Option<serde_json::Value>,
}

impl ChannelInfo {
    /// A channel without anything that is optional.
    #[must_use]
    pub const fn new(id: Channel, kind: ChannelKind) -> Self {
        Self { id, name: None, kind, topic: None, is_archived: false, is_member: None, raw: None }
    }
}

/// What a channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelKind {
    /// Open to everybody of the workspace.
    Public,
    /// For those who were invited.
    Private,
    /// Between two.
    Direct,
    /// Between several, without a name.
    Group,
    /// Something else, as the service calls it.
    Other(String),
}

/// What is known of the message that a write was to send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolved {
    /// It was sent.
    Sent(Sent),
    /// It was not sent.
    NotSent,
    /// It cannot be told any more.
    Unknown,
}
