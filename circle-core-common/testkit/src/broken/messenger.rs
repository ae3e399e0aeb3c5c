//! Broken messengers.

use async_trait::async_trait;
use circle_core_common::interfaces::messenger::{
    ChannelInfo, ChannelsRequest, Content, DeleteRequest, EditRequest, File, HistoryRequest, Message, MessengerCapabilities,
    MessengerProvider, Posted, ReactRequest, ResolveRequest, Resolved, SendRequest, Sent, UploadRequest,
};
use circle_core_common::{CallContext, ErrorKind, Page, Result};

use super::{Broken, Defect};

/// So many characters are left of a text that is cut.
const LEFT: usize = 100;

impl<P> Broken<P> {
    fn said(&self, mut message: Message) -> Message {
        if let Content::Text(text) = &message.content {
            if self.is(Defect::CutsMessages) {
                message.content = Content::Text(text.chars().take(LEFT).collect::<String>().into());
            } else if self.is(Defect::ReadsMarkup) {
                message.content = Content::Text(text.replace(['*', '_'], "").into());
            }
        }
        message
    }
}

#[async_trait]
impl<P: MessengerProvider> MessengerProvider for Broken<P> {
    fn capabilities(&self) -> &MessengerCapabilities {
        self.provider.capabilities()
    }

    async fn send(&self, cx: &CallContext, mut request: SendRequest) -> Result<Sent> {
        request.message = self.said(request.message);
        if self.is(Defect::IgnoresIds) {
            request.operation = self.another_id();
        }
        if self.is(Defect::ForgetsThreads) {
            request.reply_to = None;
        }
        if self.is(Defect::ShowsReplies) && request.reply_to.is_some() {
            request.message.broadcast = true;
        }
        self.provider.send(cx, request).await
    }

    async fn edit(&self, cx: &CallContext, request: EditRequest) -> Result<Sent> {
        if !self.is(Defect::EditsByResending) {
            return self.provider.edit(cx, request).await;
        }
        self.provider.delete(cx, DeleteRequest::new(request.sent.clone())).await?;
        let id = self.another_id();
        self.provider.send(cx, SendRequest::new(request.sent.channel.clone(), request.message, None, id)).await
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<()> {
        self.provider.delete(cx, request).await
    }

    async fn react(&self, cx: &CallContext, request: ReactRequest) -> Result<()> {
        self.provider.react(cx, request).await
    }

    async fn upload(&self, cx: &CallContext, request: UploadRequest) -> Result<File> {
        self.provider.upload(cx, request).await
    }

    async fn history(&self, cx: &CallContext, request: HistoryRequest) -> Result<Page<Posted>> {
        let mut page = match self.provider.history(cx, request).await {
            Err(error) if self.is(Defect::InventsChannels) && error.is(ErrorKind::NotFound) => Page::new(Vec::new(), None),
            page => page?,
        };
        for posted in &mut page.items {
            if self.is(Defect::PassesControlCharacters) {
                posted.text = posted.text.replace('␛', "\u{1b}");
            }
            if self.is(Defect::CountsReactionsAgain) {
                posted.reactions.iter_mut().for_each(|reaction| reaction.count += 1);
            }
        }
        if self.is(Defect::EndsHistoriesEarly) {
            page.next = None;
        }
        Ok(page)
    }

    async fn channels(&self, cx: &CallContext, request: ChannelsRequest) -> Result<Page<ChannelInfo>> {
        self.provider.channels(cx, request).await
    }

    async fn resolve(&self, cx: &CallContext, request: ResolveRequest) -> Result<Resolved> {
        if self.is(Defect::DeniesMessages) {
            return Ok(Resolved::NotSent);
        }
        self.provider.resolve(cx, request).await
    }
}
