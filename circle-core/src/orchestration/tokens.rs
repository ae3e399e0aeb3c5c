//! Whose a token is: a version, a cursor or an id means something to the leg that made it, and nothing to the others.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use circle_core_common::interfaces::messenger::{self, ChannelInfo, FileId, MessageId, Posted, Resolved};
use circle_core_common::interfaces::notifier::{DeliveryStatus, NotificationId, Receipt};
use circle_core_common::interfaces::object_store::{self, Object, ObjectMeta, PartTag, PresignedRequest, UploadId};
use circle_core_common::interfaces::secret_store::{Lease, LeaseId, Secret, SecretChange, SecretMeta};
use circle_core_common::interfaces::vector_store::{Match, Record};
use circle_core_common::interfaces::{key_value_store, key_value_store::Change, key_value_store::Written};
use circle_core_common::{Bulk, Cursor, Error, ErrorKind, Handle, Page, Reason, Result, Version, Watch};
use futures_core::Stream;

use super::legs::Legs;

/// What a leg's tokens begin with: eight hexadecimal digits of its name, and how many legs before it are called the same. It
/// stays the same when other legs come, go or change places.
pub(super) fn tag(label: &str, same_before: usize) -> Arc<str> {
    let text = label.bytes().chain(same_before.to_le_bytes());
    // FNV-1a: a tag must be the same in every build, and need not withstand anybody.
    let hash = text.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}.").into()
}

/// A token of a leg.
pub(super) trait Token: Clone {
    fn tagged(&self, tag: &str) -> Self;

    /// The token as its leg has made it, if it has this tag.
    fn untagged(&self, tag: &str) -> Option<Self>;
}

macro_rules! tokens {
    ($($token:ty, $text:ident;)+) => {$(
        impl Token for $token {
            fn tagged(&self, tag: &str) -> Self {
                Self::new(format!("{tag}{}", self.$text()))
            }

            fn untagged(&self, tag: &str) -> Option<Self> {
                self.$text().strip_prefix(tag).map(Self::new)
            }
        }
    )+};
}

tokens! {
    Cursor, token;
    MessageId, as_str;
    FileId, as_str;
    NotificationId, as_str;
    LeaseId, as_str;
}

impl Token for Arc<str> {
    fn tagged(&self, tag: &str) -> Self {
        format!("{tag}{self}").into()
    }

    fn untagged(&self, tag: &str) -> Option<Self> {
        self.strip_prefix(tag).map(Self::from)
    }
}

/// A version has one name or two.
impl Token for Version {
    fn tagged(&self, tag: &str) -> Self {
        let tagged = |name: &str| format!("{tag}{name}");
        match (self.as_etag().map(tagged), self.as_generation().map(tagged)) {
            (Some(etag), Some(generation)) => Self::new(etag, generation),
            (Some(etag), None) => Self::etag(etag),
            (None, Some(generation)) => Self::generation(generation),
            (None, None) => self.clone(),
        }
    }

    fn untagged(&self, tag: &str) -> Option<Self> {
        let etag = self.as_etag().map(|name| name.strip_prefix(tag));
        let generation = self.as_generation().map(|name| name.strip_prefix(tag));
        match (etag, generation) {
            (Some(etag), Some(generation)) => Some(Self::new(etag?, generation?)),
            (Some(etag), None) => Some(Self::etag(etag?)),
            (None, Some(generation)) => Some(Self::generation(generation?)),
            (None, None) => None,
        }
    }
}

impl<H: Handle> Legs<H> {
    /// Whose a token is, and the token as its leg has made it. One without a tag is the first leg's: it may be older than the
    /// fallback.
    pub(super) fn owner<T: Token>(&self, token: &T) -> (usize, T) {
        let found = self.legs.iter().enumerate().find_map(|(at, leg)| Some((at, token.untagged(&leg.tag)?)));
        found.unwrap_or_else(|| (0, token.clone()))
    }
}

/// The one leg that a request has to go to, because it names what that leg has made.
#[derive(Default)]
pub(super) struct Owner(Option<usize>);

impl Owner {
    /// Gives the token back its own form.
    pub(super) fn of<H: Handle, T: Token>(&mut self, legs: &Legs<H>, token: &mut T) -> Result<()> {
        let (at, own) = legs.owner(token);
        if self.0.is_some_and(|other| other != at) {
            return Err(elsewhere("the call names what two legs have made"));
        }
        self.0 = Some(at);
        *token = own;
        Ok(())
    }

    /// The leg, where there is one.
    pub(super) fn leg(&self) -> Option<usize> {
        self.0
    }
}

/// What is named is not where the call goes.
pub(super) fn elsewhere(why: &str) -> Error {
    Error::new(ErrorKind::Conflict, why.to_owned()).with_reason(Reason::VersionMismatch)
}

/// An answer whose tokens say whose they are.
pub(super) trait Marked: Sized {
    fn marked(self, tag: &str) -> Self;
}

/// Answers without tokens.
macro_rules! unmarked {
    ($($answer:ty),+) => {
        $(impl Marked for $answer {
            fn marked(self, _: &str) -> Self {
                self
            }
        })+
    };
}

unmarked!((), u64, i64, key_value_store::Deleted, PresignedRequest, PartTag, Match, Record, ChannelInfo);

impl<T: Marked> Marked for Option<T> {
    fn marked(self, tag: &str) -> Self {
        self.map(|answer| answer.marked(tag))
    }
}

impl<T: Marked> Marked for Vec<T> {
    fn marked(self, tag: &str) -> Self {
        self.into_iter().map(|answer| answer.marked(tag)).collect()
    }
}

impl<T: Marked> Marked for Bulk<T> {
    fn marked(self, tag: &str) -> Self {
        self.into_iter().map(|result| result.map(|answer| answer.marked(tag))).collect()
    }
}

impl<T: Marked> Marked for Page<T> {
    fn marked(self, tag: &str) -> Self {
        Self { items: self.items.marked(tag), next: self.next.map(|cursor| cursor.tagged(tag)) }
    }
}

fn mark<T: Token>(token: &mut Option<T>, tag: &str) {
    if let Some(token) = token {
        *token = token.tagged(tag);
    }
}

impl Marked for ObjectMeta {
    fn marked(mut self, tag: &str) -> Self {
        mark(&mut self.version, tag);
        self
    }
}

impl Marked for Object {
    fn marked(mut self, tag: &str) -> Self {
        if self.meta.version.is_some() {
            mark(&mut Arc::make_mut(&mut self.meta).version, tag);
        }
        self
    }
}

impl Marked for object_store::Entry {
    fn marked(self, tag: &str) -> Self {
        match self {
            Self::Object(meta) => Self::Object(meta.marked(tag)),
            Self::DeleteMarker(mut marker) => {
                marker.version = marker.version.tagged(tag);
                Self::DeleteMarker(marker)
            }
            other => other,
        }
    }
}

impl Marked for object_store::Deleted {
    fn marked(self, tag: &str) -> Self {
        match self {
            Self::Marked(version) => Self::Marked(version.tagged(tag)),
            other => other,
        }
    }
}

impl Marked for UploadId {
    fn marked(mut self, tag: &str) -> Self {
        self.token = self.token.tagged(tag);
        self
    }
}

impl Marked for key_value_store::Entry {
    fn marked(mut self, tag: &str) -> Self {
        self.version = self.version.tagged(tag);
        self
    }
}

impl Marked for Written {
    fn marked(mut self, tag: &str) -> Self {
        mark(&mut self.version, tag);
        self
    }
}

impl Marked for Change {
    fn marked(self, tag: &str) -> Self {
        match self {
            Self::Put(entry) => Self::Put(entry.marked(tag)),
            other => other,
        }
    }
}

impl<T: Marked + Send + 'static> Marked for Watch<T> {
    fn marked(self, tag: &str) -> Self {
        Self::new(MarkedChanges { changes: self, tag: tag.into() })
    }
}

struct MarkedChanges<T> {
    changes: Watch<T>,
    tag: Arc<str>,
}

impl<T: Marked> Stream for MarkedChanges<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let next = Pin::new(&mut this.changes).poll_next(cx);
        next.map(|next| next.map(|change| change.map(|change| change.marked(&this.tag))))
    }
}

impl Marked for Secret {
    fn marked(mut self, tag: &str) -> Self {
        self.version = self.version.tagged(tag);
        self.lease = self.lease.marked(tag);
        self
    }
}

impl Marked for Lease {
    fn marked(mut self, tag: &str) -> Self {
        self.id = self.id.tagged(tag);
        self
    }
}

impl Marked for SecretMeta {
    fn marked(mut self, tag: &str) -> Self {
        mark(&mut self.version, tag);
        self
    }
}

impl Marked for SecretChange {
    fn marked(self, tag: &str) -> Self {
        match self {
            Self::Put(name, version) => Self::Put(name, version.tagged(tag)),
            other => other,
        }
    }
}

impl Marked for Version {
    fn marked(self, tag: &str) -> Self {
        self.tagged(tag)
    }
}

impl Marked for messenger::Sent {
    fn marked(mut self, tag: &str) -> Self {
        self.id = self.id.tagged(tag);
        mark(&mut self.thread, tag);
        self
    }
}

impl Marked for messenger::File {
    fn marked(mut self, tag: &str) -> Self {
        self.id = self.id.tagged(tag);
        self
    }
}

impl Marked for Posted {
    fn marked(mut self, tag: &str) -> Self {
        self.id = self.id.tagged(tag);
        mark(&mut self.thread, tag);
        self.attachments = self.attachments.marked(tag);
        self
    }
}

impl Marked for Resolved {
    fn marked(self, tag: &str) -> Self {
        match self {
            Self::Sent(sent) => Self::Sent(sent.marked(tag)),
            other => other,
        }
    }
}

impl Marked for Receipt {
    fn marked(mut self, tag: &str) -> Self {
        self.id = self.id.tagged(tag);
        self
    }
}

impl Marked for DeliveryStatus {
    fn marked(mut self, tag: &str) -> Self {
        self.id = self.id.tagged(tag);
        self
    }
}
