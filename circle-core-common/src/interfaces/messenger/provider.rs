//! What a messenger's provider implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    ChannelInfo, ChannelsRequest, DeleteRequest, EditRequest, File, HistoryRequest, MessengerCapabilities, Posted, ReactRequest,
    ResolveRequest, Resolved, SendRequest, Sent, UploadRequest,
};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};

/// A messenger, as providers implement it: one attempt per remote call, owned requests, valid input.
///
/// The handle has checked names, lengths, addresses and every capability that a request needs; a file without a known
/// length the provider holds to `attachment_max` itself. Text is plain: the provider escapes what its service would read as
/// markup or as a mention, and control characters other than the line break and the tab never reach a reader. A channel
/// that is absent is `NotFound`; one that the sender may not write to is `PermissionDenied`.
#[async_trait]
pub trait MessengerProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &MessengerCapabilities;

    /// Sends a message. With `idempotency`, an operation that has been sent gives what it gave, and nothing is sent.
    ///
    /// An error is `Sent::Maybe` where the message may have been sent.
    async fn send(&self, cx: &CallContext, request: SendRequest) -> Result<Sent>;

    /// Changes what a message says; `NotFound` when it is absent.
    async fn edit(&self, cx: &CallContext, request: EditRequest) -> Result<Sent>;

    /// Deletes a message; one that is absent is deleted already.
    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<()>;

    /// Gives a reaction or takes it back; what is so already stays so. `NotFound` when the message is absent.
    async fn react(&self, cx: &CallContext, request: ReactRequest) -> Result<()>;

    /// Takes a file for a later message.
    async fn upload(&self, cx: &CallContext, request: UploadRequest) -> Result<File>;

    /// One page of messages, in the order that the capabilities say. The messages of a channel are those without a thread,
    /// and replies that were shown in the channel too; of a thread, its first message and all replies.
    async fn history(&self, cx: &CallContext, request: HistoryRequest) -> Result<Page<Posted>>;

    /// One page of channels.
    async fn channels(&self, cx: &CallContext, request: ChannelsRequest) -> Result<Page<ChannelInfo>>;

    /// The message that a write was to send. `NotSent` only when it is certain.
    async fn resolve(&self, cx: &CallContext, request: ResolveRequest) -> Result<Resolved>;
}

shared_provider!(MessengerProvider);

#[async_trait]
impl MessengerProvider for Arc<dyn MessengerProvider> {
    fn capabilities(&self) -> &MessengerCapabilities {
        (**self).capabilities()
    }

    async fn send(&self, cx: &CallContext, request: SendRequest) -> Result<Sent> {
        (**self).send(cx, request).await
    }

    async fn edit(&self, cx: &CallContext, request: EditRequest) -> Result<Sent> {
        (**self).edit(cx, request).await
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<()> {
        (**self).delete(cx, request).await
    }

    async fn react(&self, cx: &CallContext, request: ReactRequest) -> Result<()> {
        (**self).react(cx, request).await
    }

    async fn upload(&self, cx: &CallContext, request: UploadRequest) -> Result<File> {
        (**self).upload(cx, request).await
    }

    async fn history(&self, cx: &CallContext, request: HistoryRequest) -> Result<Page<Posted>> {
        (**self).history(cx, request).await
    }

    async fn channels(&self, cx: &CallContext, request: ChannelsRequest) -> Result<Page<ChannelInfo>> {
        (**self).channels(cx, request).await
    }

    async fn resolve(&self, cx: &CallContext, request: ResolveRequest) -> Result<Resolved> {
        (**self).resolve(cx, request).await
    }
}
