//! The console as a messenger.

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::messenger::{
    Attachment, AttachmentSource, ChannelInfo, ChannelsRequest, DeleteRequest, EditRequest, File, FileId, HistoryRequest,
    MessengerCapabilities, MessengerProvider, Posted, ReactRequest, ReactionChange, ResolveRequest, Resolved, SendRequest, Sent,
    UploadRequest,
};
use circle_core_common::{ByteSize, CallContext, Error, ErrorKind, Page, Result};

use crate::channels::Message;
use crate::provider::{Console, State};
use crate::sanitize::visible;

pub(crate) fn capabilities() -> MessengerCapabilities {
    let mut capabilities = MessengerCapabilities::all();
    capabilities.text_max = 40_000;
    capabilities.blocks_max = 1_000;
    capabilities.attachment_max = ByteSize::mib(16);
    capabilities
}

/// A file of a message, read.
enum Ready {
    Content { name: String, content_type: Option<String>, content: Bytes },
    Uploaded(FileId),
}

impl Console {
    async fn read(&self, attachment: Attachment) -> Result<Ready> {
        match attachment.source {
            AttachmentSource::Content(body) => {
                let content = body.open().await?.collect(Some(self.shared.messenger.attachment_max)).await?;
                Ok(Ready::Content { name: attachment.name, content_type: attachment.content_type, content })
            }
            AttachmentSource::Uploaded(id) => Ok(Ready::Uploaded(id)),
            _ => Err(Error::new(ErrorKind::Unsupported, "the console does not know this source of a file")),
        }
    }

    async fn read_all(&self, attachments: Vec<Attachment>) -> Result<Vec<Ready>> {
        let mut ready = Vec::with_capacity(attachments.len());
        for attachment in attachments {
            ready.push(self.read(attachment).await?);
        }
        Ok(ready)
    }
}

impl State {
    /// Keeps the files of the message that comes next.
    fn keep(&mut self, ready: Vec<Ready>) -> Result<Vec<File>> {
        let prefix = self.channels.next();
        let keep = |(at, file): (usize, Ready)| match file {
            Ready::Content { name, content_type, content } => {
                Ok(self.files.put(format!("{prefix}-{at}"), name, content_type, content))
            }
            Ready::Uploaded(id) => {
                let missing = || Error::new(ErrorKind::NotFound, "the file was not uploaded, or is forgotten");
                self.files.get(&id).map(|(file, _)| file.clone()).ok_or_else(missing)
            }
        };
        ready.into_iter().enumerate().map(keep).collect()
    }
}

#[async_trait]
impl MessengerProvider for Console {
    fn capabilities(&self) -> &MessengerCapabilities {
        &self.shared.messenger
    }

    async fn send(&self, _: &CallContext, request: SendRequest) -> Result<Sent> {
        let SendRequest { channel, message, reply_to, operation, .. } = request;
        let ready = self.read_all(message.attachments).await?;
        self.shared.open(|state| {
            state.channels.check(&channel)?;
            if let Some(sent) = state.channels.written(&channel, &operation) {
                return Ok(sent.clone());
            }
            let thread = reply_to.as_ref().and_then(|sent| sent.root().as_str().parse::<u64>().ok());
            if reply_to.is_some() && thread.is_none() {
                return Err(Error::new(ErrorKind::NotFound, "the message to reply to is none of this console"));
            }
            let files = state.keep(ready)?;
            let number = state.channels.next();
            let reply = reply_to.map(|sent| format!(" > {}", sent.id.as_str())).unwrap_or_default();
            let named: Vec<(String, u64)> =
                files.iter().map(|file| (file.name.clone(), file.size.map_or(0, ByteSize::as_u64))).collect();
            let lines = state.paint().message(&format!("{channel} {number}{reply}"), &message.content, &named);
            state.output.write(&lines)?;
            let text = visible(&message.content.plain_text());
            let kept = Message::new(channel, thread, self.shared.environment.clock().timestamp(), text)
                .broadcast(message.broadcast)
                .attachments(files);
            Ok(state.channels.put(kept, operation))
        })
    }

    async fn edit(&self, _: &CallContext, request: EditRequest) -> Result<Sent> {
        let EditRequest { sent, message, .. } = request;
        self.shared.open(|state| {
            let number = state.channels.find(&sent)?;
            let lines = state.paint().message(&format!("{} {number} edited", sent.channel), &message.content, &[]);
            state.output.write(&lines)?;
            let edited =
                state.channels.edit(number, visible(&message.content.plain_text()), self.shared.environment.clock().timestamp());
            Ok(edited.unwrap_or(sent))
        })
    }

    async fn delete(&self, _: &CallContext, request: DeleteRequest) -> Result<()> {
        self.shared.open(|state| {
            let Ok(number) = state.channels.find(&request.sent) else { return Ok(()) };
            let lines = state.paint().event(&format!("{} {number}", request.sent.channel), "deleted");
            state.output.write(&lines)?;
            state.channels.delete(number);
            Ok(())
        })
    }

    async fn react(&self, _: &CallContext, request: ReactRequest) -> Result<()> {
        let ReactRequest { sent, reaction, change, .. } = request;
        self.shared.open(|state| {
            let number = state.channels.find(&sent)?;
            if !state.channels.changes(number, &reaction, change) {
                return Ok(());
            }
            let sign = if change == ReactionChange::Add { '+' } else { '-' };
            let lines = state.paint().event(&format!("{} {number}", sent.channel), &format!("{sign}{reaction}"));
            state.output.write(&lines)?;
            state.channels.react(number, &reaction, change);
            Ok(())
        })
    }

    async fn upload(&self, cx: &CallContext, request: UploadRequest) -> Result<File> {
        let name = request.attachment.name.clone();
        let ready = self.read(request.attachment).await?;
        let id = format!("upload-{}", cx.operation_id()?);
        self.shared.open(|state| {
            state.channels.check(&request.channel)?;
            let Ready::Content { content_type, content, .. } = ready else {
                return Err(Error::new(ErrorKind::InvalidInput, "the file was uploaded already"));
            };
            Ok(state.files.put(id, name, content_type, content))
        })
    }

    async fn history(&self, _: &CallContext, request: HistoryRequest) -> Result<Page<Posted>> {
        self.shared.open(|state| state.channels.history(&request.channel, &request.options, &request.page))
    }

    async fn channels(&self, _: &CallContext, request: ChannelsRequest) -> Result<Page<ChannelInfo>> {
        self.shared.open(|state| Ok(state.channels.list(&request.page)))
    }

    async fn resolve(&self, _: &CallContext, request: ResolveRequest) -> Result<Resolved> {
        self.shared.open(|state| Ok(state.channels.resolve(&request.channel, &request.operation)))
    }
}
