//! {{Provider}} as a messenger.

use async_trait::async_trait;
use circle_core_common::interfaces::messenger::{
    Author, ChannelInfo, ChannelsRequest, DeleteRequest, EditRequest, File, HistoryRequest, MessageId, MessengerCapabilities,
    MessengerProvider, Posted, ReactRequest, ResolveRequest, Resolved, SendRequest, Sent, UploadRequest,
};
use circle_core_common::{CallContext, Error, Page, Provider, Result};

use crate::{client::outbox::{Post, visible}, provider::{{Provider}}};

const INTERFACE: &str = "messenger";

/// What it can do. Turn on what {{Provider}} has; the handle refuses the rest before it gets here.
pub(crate) fn capabilities() -> MessengerCapabilities {
    MessengerCapabilities::none().with(MessengerCapabilities::HISTORY).with(MessengerCapabilities::HISTORY_RANGE)
}

fn id(number: usize) -> MessageId {
    MessageId::new(number.to_string())
}

fn posted(post: Post) -> Posted {
    Posted::new(post.to.into(), id(post.number), Author::bot("{{provider}}"), post.at, post.text)
}

#[async_trait]
impl MessengerProvider for {{Provider}} {
    fn capabilities(&self) -> &MessengerCapabilities {
        &self.messenger
    }

    /// A service that reads markup or mentions in a text is sent them escaped; this one reads none.
    async fn send(&self, _: &CallContext, request: SendRequest) -> Result<Sent> {
        let (text, now) = (visible(&request.message.plain_text()), self.environment().clock().timestamp());
        let number = self.client()?.outbox.put(INTERFACE, request.channel.as_str(), &text, now)?;
        Ok(Sent::new(request.channel, id(number)))
    }

    async fn edit(&self, _: &CallContext, _: EditRequest) -> Result<Sent> {
        Err(Error::unsupported(MessengerCapabilities::EDIT.name()))
    }

    async fn delete(&self, _: &CallContext, _: DeleteRequest) -> Result<()> {
        Err(Error::unsupported(MessengerCapabilities::DELETE.name()))
    }

    async fn react(&self, _: &CallContext, _: ReactRequest) -> Result<()> {
        Err(Error::unsupported(MessengerCapabilities::REACT.name()))
    }

    async fn upload(&self, _: &CallContext, _: UploadRequest) -> Result<File> {
        Err(Error::unsupported(MessengerCapabilities::UPLOAD.name()))
    }

    async fn history(&self, _: &CallContext, request: HistoryRequest) -> Result<Page<Posted>> {
        let (channel, options) = (request.channel.as_str(), request.options);
        let is_wanted = |post: &Post| {
            post.to == channel
                && options.from.is_none_or(|from| post.at >= from)
                && options.until.is_none_or(|until| post.at < until)
        };
        Ok(self.client()?.outbox.list(INTERFACE, &request.page, is_wanted)?.map(posted))
    }

    async fn channels(&self, _: &CallContext, _: ChannelsRequest) -> Result<Page<ChannelInfo>> {
        Err(Error::unsupported(MessengerCapabilities::CHANNELS.name()))
    }

    async fn resolve(&self, _: &CallContext, _: ResolveRequest) -> Result<Resolved> {
        Err(Error::unsupported(MessengerCapabilities::RESOLVE.name()))
    }
}
