//! Messengers: messages to channels, with threads, reactions, files and history.
//!
//! ```
//! # use circle_core_common::Result;
//! # use circle_core_common::interfaces::messenger::{Attachment, Message, Messenger};
//! # async fn example(team: Messenger, csv: Vec<u8>) -> Result<()> {
//! let sent = team.send("#finance", "Q3 is out").await?;
//! team.reply(&sent, Message::text("Details").attach(Attachment::bytes("q3.csv", csv))).await?;
//! team.edit(&sent, "Q3 is out (v2)").await?;
//! team.react(&sent, "tada").await?;
//! # Ok(())
//! # }
//! ```
//!
//! *Text* is plain: what is written is what is shown, nothing in it is markup, and it mentions nobody. *Rich text* is made of
//! typed blocks. *Too long* is `InvalidInput`, never cut. *A lost answer* is `OutcomeUnknown`, unless the service can be asked
//! what became of the message: nothing is sent twice by guess.

mod capabilities;
#[cfg(feature = "testkit")]
pub mod conformance;
mod emulate;
#[cfg(feature = "mock")]
mod mock;
mod outcome;
mod provider;
mod types;
mod validate;

pub use capabilities::{MessageOrder, MessengerCapabilities, TextUnit};
#[cfg(feature = "mock")]
pub use mock::MockMessengerProvider;
pub use provider::MessengerProvider;
pub use types::*;

use self::validate::{Checked, check_channel, check_reaction};
use crate::bulk::Bulk;
use crate::error::{Error, ErrorKind, Result};
use crate::identifier::OperationId;
use crate::listing::Listing;
use crate::operation::Operation;
use crate::scope::Resources;

crate::operations! {
    "Messenger" => {
        /// Sends and replies.
        SEND = "messenger.send", Write;
        /// Changes what a message says.
        EDIT = "messenger.edit", Write;
        /// Deletes a message.
        DELETE = "messenger.delete", Delete;
        /// Gives reactions and takes them back.
        REACT = "messenger.react", Write;
        /// Brings a file to the service.
        UPLOAD = "messenger.upload", Write;
        /// A page of messages.
        HISTORY = "messenger.history", Read;
        /// A page of channels.
        CHANNELS = "messenger.channels", Read;
        /// Looks up a message whose answer was lost.
        RESOLVE = "messenger.resolve", Read;
    }
}

crate::handle! {
    /// A messenger: what applications hold.
    Messenger over MessengerProvider with MessengerCapabilities as "Messenger"
}

type Caps = MessengerCapabilities;

impl Messenger {
    /// Sends a message to a channel: text, or a [`Message`].
    ///
    /// Not idempotent, unless the messenger has `idempotency`. Emulated where the caller allows it: rich text by plain text.
    ///
    /// # Errors
    /// `InvalidInput` for a message that says nothing or is outside the limits; `NotFound` for a channel that does not
    /// exist; `OutcomeUnknown` when the answer is lost for good; `Unsupported` with an idempotency key that the messenger
    /// cannot keep.
    pub async fn send(&self, channel: impl Into<Channel>, message: impl Into<Message>) -> Result<Sent> {
        self.send_inner(channel.into(), message.into(), None).await
    }

    /// Replies to a message, in its thread.
    ///
    /// Emulated where the caller allows it: by a message that quotes what it replies to.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn reply(&self, to: impl Into<Sent>, message: impl Into<Message>) -> Result<Sent> {
        let to = to.into();
        self.send_inner(to.channel.clone(), message.into(), Some(to)).await
    }

    async fn send_inner(&self, channel: Channel, message: Message, reply_to: Option<Sent>) -> Result<Sent> {
        self.at(&SEND, &channel, check_channel(&channel))?;
        let checked = self.check_message(message, reply_to).await;
        let checked = self.at(&SEND, &channel, checked)?;
        self.send_checked(channel, checked).await
    }

    async fn send_checked(&self, channel: Channel, checked: Checked) -> Result<Sent> {
        let Checked { message, reply_to, excerpt, emulated } = checked;
        let mut call = self.open(&SEND);
        let provider = self.start(&mut call, Resources::One(channel.shared())).await?;
        call.cx().report(|report| report.emulated.extend(emulated));
        let result = match call.cx().operation_id().cloned() {
            Ok(operation) => outcome::send(self, &call, provider, SendRequest::new(channel, message, reply_to, operation)).await,
            Err(error) => Err(error),
        };
        let mut sent = call.finish(result).await?;
        sent.excerpt = sent.excerpt.or(excerpt);
        Ok(sent)
    }

    /// Sends messages to a channel, one after the other; one result each. A failed one does not keep the others back.
    ///
    /// # Errors
    /// `InvalidInput` or `Unsupported` when a message is not valid: nothing is sent then.
    pub async fn send_many<M: Into<Message>>(
        &self,
        channel: impl Into<Channel>,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<Bulk<Sent>> {
        self.send_all(channel.into(), messages.into_iter().map(Into::into).collect()).await
    }

    async fn send_all(&self, channel: Channel, messages: Vec<Message>) -> Result<Bulk<Sent>> {
        self.at(&SEND, &channel, check_channel(&channel))?;
        let mut checked = Vec::with_capacity(messages.len());
        for message in messages {
            let one = self.check_message(message, None).await;
            checked.push(self.at(&SEND, &channel, one)?);
        }
        let (messenger, count) = (self.bounded(), checked.len());
        let mut results = Vec::with_capacity(count);
        for (number, checked) in checked.into_iter().enumerate() {
            let one = outcome::numbered(&messenger, number, count);
            results.push(one.send_checked(channel.clone(), checked).await);
        }
        Ok(Bulk::new(results))
    }

    /// Changes what a message says; its files and reactions stay.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// `NotFound` when the message is absent; `PermissionDenied` where it is somebody else's; `InvalidInput` as
    /// [`send`](Self::send), and for attachments.
    pub async fn edit(&self, sent: impl Into<Sent>, message: impl Into<Message>) -> Result<Sent> {
        let sent = sent.into();
        let checked = check_channel(&sent.channel).and_then(|()| self.check_edit(message.into()));
        let (message, emulated) = self.at(&EDIT, &sent.channel, checked)?;
        let excerpt = emulate::excerpt(&message.plain_text());
        let channel = sent.channel.clone();
        let mut call = self.open(&EDIT);
        let provider = self.start(&mut call, Resources::One(channel.shared())).await?;
        call.cx().report(|report| report.emulated.extend(emulated));
        let result = call.guard(provider.edit(call.cx(), EditRequest::new(sent, message))).await;
        let mut sent = call.finish(result).await?;
        sent.excerpt = sent.excerpt.or(excerpt);
        Ok(sent)
    }

    /// Deletes a message. One that is absent is deleted already.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// `PermissionDenied` where it is somebody else's.
    pub async fn delete(&self, sent: impl Into<Sent>) -> Result<()> {
        let sent = sent.into();
        let checked = check_channel(&sent.channel).and_then(|()| Caps::DELETE.check(self.capabilities()));
        self.at(&DELETE, &sent.channel, checked)?;
        let channel = sent.channel.clone();
        let mut call = self.open(&DELETE);
        let provider = self.start(&mut call, Resources::One(channel.shared())).await?;
        let result = call.guard(provider.delete(call.cx(), DeleteRequest::new(sent))).await;
        call.finish(result).await
    }

    /// Gives a reaction to a message; one that was given stays.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// `NotFound` when the message is absent; `InvalidInput` for a reaction that the service does not know.
    pub async fn react(&self, sent: impl Into<Sent>, reaction: impl Into<Reaction>) -> Result<()> {
        self.change_reaction(sent.into(), reaction.into(), ReactionChange::Add).await
    }

    /// Takes one's own reaction back; one that was not given is taken back already.
    ///
    /// *Idempotent.*
    ///
    /// # Errors
    /// `NotFound` when the message is absent.
    pub async fn delete_reaction(&self, sent: impl Into<Sent>, reaction: impl Into<Reaction>) -> Result<()> {
        self.change_reaction(sent.into(), reaction.into(), ReactionChange::Delete).await
    }

    async fn change_reaction(&self, sent: Sent, reaction: Reaction, change: ReactionChange) -> Result<()> {
        let checked = check_channel(&sent.channel)
            .and_then(|()| check_reaction(&reaction))
            .and_then(|()| Caps::REACT.check(self.capabilities()));
        self.at(&REACT, &sent.channel, checked)?;
        let channel = sent.channel.clone();
        let mut call = self.open(&REACT);
        let provider = self.start(&mut call, Resources::One(channel.shared())).await?;
        let result = call.guard(provider.react(call.cx(), ReactRequest::new(sent, reaction, change))).await;
        call.finish(result).await
    }

    /// Brings a file to the service, for messages to the channel: attach what it gives. Nobody sees it before.
    ///
    /// # Errors
    /// `InvalidInput` for a file that was uploaded already, and outside the limits.
    pub async fn upload(&self, channel: impl Into<Channel>, attachment: impl Into<Attachment>) -> Result<File> {
        let (channel, attachment) = (channel.into(), attachment.into());
        let checked = async {
            check_channel(&channel)?;
            Caps::UPLOAD.check(self.capabilities())?;
            if matches!(attachment.source, AttachmentSource::Uploaded(_)) {
                return Err(Error::new(ErrorKind::InvalidInput, "the file is at the service already"));
            }
            self.check_file(&attachment).await
        };
        self.at(&UPLOAD, &channel, checked.await)?;
        let mut call = self.open(&UPLOAD);
        let provider = self.start(&mut call, Resources::One(channel.shared())).await?;
        let request = UploadRequest::new(channel.clone(), attachment);
        let result = call.guard(provider.upload(call.cx(), request)).await;
        call.finish(result).await
    }

    /// The messages of a channel, in the order that [`history_order`](MessengerCapabilities::history_order) says. Replies
    /// belong to their threads, and are not among them.
    pub fn history(&self, channel: impl Into<Channel>) -> Listing<Posted> {
        self.history_with(channel, HistoryOptions::new())
    }

    /// A part of the messages of a channel: a thread, a span of time.
    pub fn history_with(&self, channel: impl Into<Channel>, options: HistoryOptions) -> Listing<Posted> {
        let (messenger, channel) = (self.clone(), channel.into());
        let thread = options.thread.as_ref().map(MessageId::as_str);
        let list = format!("history {channel} {thread:?} {:?} {:?}", options.from, options.until);
        Listing::new(&list, move |page| {
            let (messenger, channel, options) = (messenger.clone(), channel.clone(), options.clone());
            async move {
                let checked = check_channel(&channel).and_then(|()| messenger.check_history(&options));
                messenger.at(&HISTORY, &channel, checked)?;
                let mut call = messenger.open(&HISTORY);
                let provider = messenger.start(&mut call, Resources::One(channel.shared())).await?;
                let request = HistoryRequest::new(channel.clone(), options, page);
                let result = call.guard(provider.history(call.cx(), request)).await;
                call.finish(result).await
            }
        })
    }

    /// The channels that there are for the sender.
    pub fn channels(&self) -> Listing<ChannelInfo> {
        let messenger = self.clone();
        Listing::new("channels", move |page| {
            let messenger = messenger.clone();
            async move {
                let checked = Caps::CHANNELS.check(messenger.capabilities());
                checked.map_err(|error| messenger.core.place(error, &CHANNELS))?;
                let mut call = messenger.open(&CHANNELS);
                let provider = messenger.start(&mut call, Resources::None).await?;
                let result = call.guard(provider.channels(call.cx(), ChannelsRequest::new(page))).await;
                call.finish(result).await
            }
        })
    }

    /// Whether the message behind an `OutcomeUnknown` was sent.
    ///
    /// # Errors
    /// `InvalidInput` for an error that names no message; `Unsupported` without `resolve`; what the provider says.
    pub async fn resolve(&self, error: &Error) -> Result<crate::Resolution> {
        outcome::resolve(self, error).await
    }

    async fn look_up(&self, channel: Channel, operation: OperationId) -> Result<Resolved> {
        let mut call = self.open(&RESOLVE);
        let provider = self.start(&mut call, Resources::One(channel.shared())).await?;
        let request = ResolveRequest::new(channel.clone(), operation);
        let result = call.guard(provider.resolve(call.cx(), request)).await;
        call.finish(result).await
    }

    fn at<T>(&self, operation: &'static Operation, channel: &Channel, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.core.place(error, operation).with_resource(channel.shared()))
    }
}
