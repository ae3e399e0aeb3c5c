//! What is sent.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::{Block, File, FileId};
use crate::body::Body;
use crate::extension::Extensions;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Plain text: what is written is what is shown. Nothing in it is markup, and nothing in it mentions anybody.
    Text(Arc<str>),
    /// Rich text.
    Rich(Arc<[Block]>),
}

impl Content {
    /// As plain text.
    #[must_use]
    pub fn plain_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Rich(blocks) => Cow::Owned(super::block::plain_text(blocks)),
        }
    }
}

/// A message: what it says, what comes with it, how it is shown.
///
/// ```
/// # use circle_core_common::interfaces::messenger::{Attachment, Block, Message};
/// let plain = Message::text("Q3 is out").attach(Attachment::bytes("q3.csv", "region,total\n"));
/// let rich = Message::rich([Block::heading(1, "Q3"), Block::bullets(["up 12 %", "costs flat"])]);
/// assert_eq!(rich.plain_text(), "Q3\n\n- up 12 %\n- costs flat");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Message {
    /// What it says.
    pub content: Content,
    /// The files that come with it.
    pub attachments: Vec<Attachment>,
    /// Whether a reply is shown in the channel too.
    pub broadcast: bool,
    /// Providers' own content.
    pub extensions: Extensions,
}

impl Message {
    fn of(content: Content) -> Self {
        Self { content, attachments: Vec::new(), broadcast: false, extensions: Extensions::default() }
    }

    /// Plain text, shown as it is written.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(Content::Text(text.into().into()))
    }

    /// Rich text.
    #[must_use]
    pub fn rich(blocks: impl IntoIterator<Item = Block>) -> Self {
        Self::of(Content::Rich(blocks.into_iter().collect()))
    }

    /// Markdown (CommonMark, and strike-through), as rich text: what models answer.
    ///
    /// HTML in it is text. An address that is not `http`, `https` or `mailto` is shown and is no link; an image becomes a link.
    #[cfg(feature = "markdown")]
    #[must_use]
    pub fn markdown(text: impl AsRef<str>) -> Self {
        Self::rich(super::markdown::blocks(text.as_ref()))
    }

    /// Adds a file.
    #[must_use]
    pub fn attach(mut self, attachment: impl Into<Attachment>) -> Self {
        self.attachments.push(attachment.into());
        self
    }

    /// Shows a reply in the channel too.
    #[must_use]
    pub fn broadcast(mut self) -> Self {
        self.broadcast = true;
        self
    }

    extension_setter!();

    /// What it says, as plain text.
    #[must_use]
    pub fn plain_text(&self) -> Cow<'_, str> {
        self.content.plain_text()
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&String> for Message {
    fn from(text: &String) -> Self {
        Self::text(text)
    }
}

impl From<Vec<Block>> for Message {
    fn from(blocks: Vec<Block>) -> Self {
        Self::rich(blocks)
    }
}

impl From<&Message> for Message {
    fn from(message: &Message) -> Self {
        message.clone()
    }
}

/// A file that comes with a message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attachment {
    /// Its name, without a path.
    pub name: String,
    /// What it is: content, or a file that was uploaded before.
    pub source: AttachmentSource,
    /// Its media type; by its name where it is not said.
    pub content_type: Option<String>,
    /// What it shows, for those who cannot see it.
    pub description: Option<String>,
}

/// Where the content of an attachment comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AttachmentSource {
    /// It is sent with the message.
    Content(Body),
    /// It is at the service already.
    Uploaded(FileId),
}

impl Attachment {
    /// A file of these bytes.
    #[must_use]
    pub fn bytes(name: impl Into<String>, content: impl Into<Bytes>) -> Self {
        Self::body(name, content.into())
    }

    /// A file of this content: bytes, a path, a stream.
    #[must_use]
    pub fn body(name: impl Into<String>, content: impl Into<Body>) -> Self {
        Self { name: name.into(), source: AttachmentSource::Content(content.into()), content_type: None, description: None }
    }

    /// Sets the media type.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Says what it shows.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

impl From<&Attachment> for Attachment {
    fn from(attachment: &Attachment) -> Self {
        attachment.clone()
    }
}

/// A file that [`upload`](super::super::Messenger::upload) gave.
impl From<&File> for Attachment {
    fn from(file: &File) -> Self {
        Self {
            name: file.name.clone(),
            source: AttachmentSource::Uploaded(file.id.clone()),
            content_type: file.content_type.clone(),
            description: None,
        }
    }
}
