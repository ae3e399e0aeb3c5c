//! Slack as a messenger.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::http::paging;
use circle_core_common::interfaces::messenger::{
    ChannelInfo, ChannelsRequest, DeleteRequest, EditRequest, File, HistoryRequest, MessageId, MessengerCapabilities,
    MessengerProvider, Posted, ReactRequest, ReactionChange, ResolveRequest, Resolved, SendRequest, Sent, UploadRequest,
};
use circle_core_common::{CallContext, Error, ErrorKind, OperationId, Page, Reason, Result, Timestamp};

use crate::client::{PAGE_MAX, Part};
use crate::error::code;
use crate::extension::{BLOCKS_MAX, SlackBlocks};
use crate::lost::Lost;
use crate::outgoing::{EVENT_FIELD, EVENT_TYPE, Post, Saying, TEXT_MAX, Update, mentioned};
use crate::provider::Slack;
use crate::wire::{Message, next};
use crate::{files, history, time};

/// How many pages are looked through for a message whose answer was lost.
const RESOLVE_PAGES: usize = 3;
/// How far before its write such a message is looked for: clocks differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);

pub(crate) fn capabilities(operation_metadata: bool) -> MessengerCapabilities {
    type Caps = MessengerCapabilities;
    let mut capabilities = MessengerCapabilities::all();
    Caps::IDEMPOTENCY.set(&mut capabilities, false);
    Caps::RESOLVE.set(&mut capabilities, operation_metadata);
    capabilities.text_max = TEXT_MAX;
    capabilities.blocks_max = BLOCKS_MAX as u32;
    capabilities.attachment_max = files::FILE_MAX;
    capabilities
}

impl Slack {
    /// The conversation that a name or an id means.
    pub(crate) async fn conversation(&self, cx: &CallContext, name: &str) -> Result<Arc<str>> {
        self.client.check_open()?;
        self.shared.directory.conversation(&self.client, cx, name).await
    }

    /// Forgets what a name meant, once Slack does not know it any more.
    pub(crate) fn known<T>(&self, name: &str, result: Result<T>) -> Result<T> {
        if let Err(error) = &result
            && code(error) == Some("channel_not_found")
        {
            self.shared.directory.forget(name);
        }
        result
    }

    /// Finds the message of a write by its metadata.
    async fn look_for(&self, cx: &CallContext, channel: &str, operation: &OperationId) -> Result<Option<Sent>> {
        let lost = self.shared.lost.get(operation);
        let (thread, from) = lost.map_or((None, None), |lost| (lost.thread, Some(lost.from)));
        let operation = operation.to_string();
        let mut cursor = None;
        for _ in 0..RESOLVE_PAGES {
            let part = Part {
                channel,
                ts: thread.as_deref(),
                oldest: from.map(time::oldest),
                latest: None,
                inclusive: from.map(|_| true),
                include_all_metadata: Some(true),
                limit: PAGE_MAX,
                cursor: cursor.as_deref(),
            };
            let answer = self.client.messages(cx, &part).await?;
            for value in &answer.messages {
                let message = Message::read(value)?;
                let Some(marked) = &message.metadata else { continue };
                let id = marked.event_payload.get(EVENT_FIELD).and_then(serde_json::Value::as_str);
                if marked.event_type.as_deref() == Some(EVENT_TYPE) && id == Some(operation.as_str()) {
                    return Ok(Some(sent(channel, &message.ts, message.thread_ts.as_deref())));
                }
            }
            cursor = next(answer.response_metadata.as_ref()).map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(None)
    }
}

fn sent(channel: &str, ts: &str, thread: Option<&str>) -> Sent {
    Sent::new(channel, MessageId::new(ts)).thread(thread.filter(|thread| *thread != ts).map(MessageId::new))
}

/// A little before now, by the clock of the call.
fn recently(cx: &CallContext) -> Timestamp {
    let now = cx.clock().timestamp();
    Timestamp::from_unix(now.unix_seconds().saturating_sub(CLOCKS_DIFFER.as_secs().cast_signed()), 0)
}

/// What failed before a message was sent: whatever became of it, the message is not there.
pub(crate) fn unsent(error: Error) -> Error {
    error.with_sent(circle_core_common::Sent::No)
}

/// What is so already counts as done.
fn done(result: Result<()>, already: &str) -> Result<()> {
    match result {
        Err(error) if code(&error) == Some(already) => Ok(()),
        result => result,
    }
}

#[async_trait]
impl MessengerProvider for Slack {
    fn capabilities(&self) -> &MessengerCapabilities {
        &self.shared.messenger
    }

    async fn send(&self, cx: &CallContext, request: SendRequest) -> Result<Sent> {
        let SendRequest { channel, message, reply_to, operation, .. } = request;
        let id = self.conversation(cx, channel.as_str()).await.map_err(unsent)?;
        let mentioned = mentioned(&self.client, &self.shared.directory, cx, &message.content).await.map_err(unsent)?;
        let own = message.extensions.get::<SlackBlocks>();
        // Before files are sent for a message that will not be.
        Saying::new(&message.content, &mentioned, &[], own)?;
        let links = files::linked(&self.client, cx, message.attachments).await.map_err(unsent)?;
        let saying = Saying::new(&message.content, &mentioned, &links, own)?;
        let thread = reply_to.as_ref().map(|sent| sent.root().as_str());
        let mut post = Post::new(&id, saying).thread(thread, message.broadcast);
        if self.shared.messenger.resolve {
            post = post.operation(&operation);
            // Noted before it is sent: a call that is dropped midway leaves no other trace.
            self.shared.lost.note(Lost { operation: operation.clone(), thread: thread.map(str::to_owned), from: recently(cx) });
        }
        let posted = self.known(channel.as_str(), self.client.post_message(cx, &post).await);
        if posted.as_ref().err().is_none_or(|error| error.sent() != circle_core_common::Sent::Maybe) {
            self.shared.lost.found(&operation);
        }
        let written = posted?;
        Ok(sent(&written.channel, &written.ts, thread))
    }

    async fn edit(&self, cx: &CallContext, request: EditRequest) -> Result<Sent> {
        let EditRequest { sent, message, .. } = request;
        let id = self.conversation(cx, sent.channel.as_str()).await?;
        let mentioned = mentioned(&self.client, &self.shared.directory, cx, &message.content).await?;
        let saying = Saying::new(&message.content, &mentioned, &[], message.extensions.get::<SlackBlocks>())?;
        let update = Update { channel: &id, ts: sent.id.as_str(), saying: saying.for_update(&message.content)? };
        self.known(sent.channel.as_str(), self.client.update(cx, &update).await)?;
        let mut edited = sent;
        edited.channel = (&*id).into();
        edited.excerpt = None;
        Ok(edited)
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<()> {
        let sent = request.sent;
        let id = self.conversation(cx, sent.channel.as_str()).await?;
        let deleted = self.client.delete(cx, &id, sent.id.as_str()).await;
        done(self.known(sent.channel.as_str(), deleted), "message_not_found")
    }

    async fn react(&self, cx: &CallContext, request: ReactRequest) -> Result<()> {
        let ReactRequest { sent, reaction, change, .. } = request;
        if !reaction.as_str().is_ascii() {
            let text = "Slack has reactions by name: `tada`, not the emoji itself";
            return Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::NameInvalid));
        }
        let id = self.conversation(cx, sent.channel.as_str()).await?;
        let add = change == ReactionChange::Add;
        let changed = self.client.react(cx, &id, sent.id.as_str(), reaction.as_str(), add).await;
        let already = if add { "already_reacted" } else { "no_reaction" };
        done(self.known(sent.channel.as_str(), changed), already)
    }

    async fn upload(&self, cx: &CallContext, request: UploadRequest) -> Result<File> {
        self.client.check_open()?;
        let file = files::upload(&self.client, cx, vec![request.attachment]).await?.pop();
        file.ok_or_else(|| Error::new(ErrorKind::Internal, "an upload gave no file"))
    }

    async fn history(&self, cx: &CallContext, request: HistoryRequest) -> Result<Page<Posted>> {
        let id = self.conversation(cx, request.channel.as_str()).await?;
        let name = request.channel.clone();
        self.known(name.as_str(), history::page(&self.client, cx, &id, request).await)
    }

    async fn channels(&self, cx: &CallContext, request: ChannelsRequest) -> Result<Page<ChannelInfo>> {
        let (types, page) = (self.shared.directory.types(), request.page);
        let cursor = page.cursor.as_ref().map(|cursor| cursor.token());
        let (channels, next) = self.client.conversations_page(cx, types, cursor, page.size).await?;
        let items = channels.into_iter().map(history::channel).collect::<Result<_>>()?;
        Ok(Page::new(items, paging::token(next.as_deref())))
    }

    async fn resolve(&self, cx: &CallContext, request: ResolveRequest) -> Result<Resolved> {
        let id = self.conversation(cx, request.channel.as_str()).await?;
        let found = self.look_for(cx, &id, &request.operation).await?;
        // One that is not there yet may be on its way: that it was not sent is never certain.
        Ok(found.map_or(Resolved::Unknown, |sent| {
            self.shared.lost.found(&request.operation);
            Resolved::Sent(sent)
        }))
    }
}
