//! Messengers behind one another.

use async_trait::async_trait;
use circle_core_common::interfaces::messenger::{
    AttachmentSource, ChannelInfo, ChannelsRequest, DeleteRequest, EditRequest, File, HistoryRequest, Message, Messenger,
    MessengerCapabilities, MessengerProvider, Posted, ReactRequest, ResolveRequest, Resolved, SendRequest, Sent, UploadRequest,
};
use circle_core_common::{CallContext, Page, Result};

use super::Fallback;
use crate::orchestration::forward::leg_calls;
use crate::orchestration::leg::Leg;
use crate::orchestration::legs::LegCall;
use crate::orchestration::tokens::{Marked, Owner};

leg_calls! {
    Messenger:
    SendAsIs(SendRequest) -> Sent = send;
    Edit(EditRequest) -> Sent = edit;
    Delete(DeleteRequest) -> () = delete;
    React(ReactRequest) -> () = react;
    UploadAsIs(UploadRequest) -> File = upload;
    HistoryAsIs(HistoryRequest) -> Page<Posted> = history;
    Channels(ChannelsRequest) -> Page<ChannelInfo> = channels;
    ResolveAsIs(ResolveRequest) -> Resolved = resolve;
}

/// A call that names a channel: the leg's own, where it has one.
macro_rules! to_channels {
    ($($call:ident($request:ty) -> $answer:ty = $as_is:ident unless |$asked:ident| $bound:expr;)+) => {
        $(
            struct $call<'a>(&'a $request);

            #[async_trait]
            impl LegCall<Messenger> for $call<'_> {
                type Answer = $answer;

                async fn make(&self, leg: &Leg<Messenger>, cx: &CallContext) -> Result<$answer> {
                    let $asked = self.0;
                    let Some(channel) = leg.channel.as_ref().filter(|_| !$bound) else {
                        return $as_is($asked).make(leg, cx).await;
                    };
                    let mut own = $asked.clone();
                    own.channel = channel.clone();
                    $as_is(&own).make(leg, cx).await
                }
            }
        )+
    };
}

to_channels! {
    SendTo(SendRequest) -> Sent = SendAsIs unless |request| request.reply_to.is_some();
    Upload(UploadRequest) -> File = UploadAsIs unless |_request| false;
    History(HistoryRequest) -> Page<Posted> = HistoryAsIs unless |request| request.options.thread.is_some();
    Resolve(ResolveRequest) -> Resolved = ResolveAsIs unless |_request| false;
}

impl Fallback<Messenger> {
    fn own(&self, owner: &mut Owner, sent: &mut Sent) -> Result<()> {
        owner.of(&self.legs, &mut sent.id)?;
        sent.thread.as_mut().map_or(Ok(()), |thread| owner.of(&self.legs, thread))
    }

    /// Files that are at a service already are at one alone.
    fn own_files(&self, owner: &mut Owner, message: &mut Message) -> Result<()> {
        for attachment in &mut message.attachments {
            if let AttachmentSource::Uploaded(id) = &mut attachment.source {
                owner.of(&self.legs, id)?;
            }
        }
        Ok(())
    }

    /// The leg of a message.
    fn leg_of(&self, sent: &mut Sent) -> Result<std::ops::Range<usize>> {
        let mut owner = Owner::default();
        self.own(&mut owner, sent)?;
        Ok(owner.leg().map_or(self.first(), |at| at..at + 1))
    }
}

fn can_be_sent_again(source: &AttachmentSource) -> bool {
    match source {
        AttachmentSource::Content(body) => body.is_replayable(),
        _ => true,
    }
}

#[async_trait]
impl MessengerProvider for Fallback<Messenger> {
    fn capabilities(&self) -> &MessengerCapabilities {
        self.common()
    }

    async fn send(&self, cx: &CallContext, mut request: SendRequest) -> Result<Sent> {
        let mut owner = Owner::default();
        if let Some(sent) = &mut request.reply_to {
            self.own(&mut owner, sent)?;
        }
        self.own_files(&mut owner, &mut request.message)?;
        let again = request.message.attachments.iter().all(|attachment| can_be_sent_again(&attachment.source));
        let order = match owner.leg() {
            Some(at) => at..at + 1,
            None if again => self.order(),
            None => self.first(),
        };
        self.ask(cx, order, &SendTo(&request)).await
    }

    async fn edit(&self, cx: &CallContext, mut request: EditRequest) -> Result<Sent> {
        let at = self.leg_of(&mut request.sent)?;
        self.ask(cx, at, &Edit(&request)).await
    }

    async fn delete(&self, cx: &CallContext, mut request: DeleteRequest) -> Result<()> {
        let at = self.leg_of(&mut request.sent)?;
        self.ask(cx, at, &Delete(&request)).await
    }

    async fn react(&self, cx: &CallContext, mut request: ReactRequest) -> Result<()> {
        let at = self.leg_of(&mut request.sent)?;
        self.ask(cx, at, &React(&request)).await
    }

    async fn upload(&self, cx: &CallContext, request: UploadRequest) -> Result<File> {
        let order = if can_be_sent_again(&request.attachment.source) { self.order() } else { self.first() };
        self.ask(cx, order, &Upload(&request)).await
    }

    /// That of the first leg, or of the leg of the thread: no two services have the same messages.
    async fn history(&self, cx: &CallContext, mut request: HistoryRequest) -> Result<Page<Posted>> {
        let mut owner = Owner::default();
        if let Some(thread) = &mut request.options.thread {
            owner.of(&self.legs, thread)?;
        }
        if let Some(cursor) = &mut request.page.cursor {
            owner.of(&self.legs, cursor)?;
        }
        let at = owner.leg().unwrap_or(0);
        self.ask(cx, at..(at + 1).min(self.legs.legs.len()), &History(&request)).await
    }

    /// Those of the first leg.
    async fn channels(&self, cx: &CallContext, mut request: ChannelsRequest) -> Result<Page<ChannelInfo>> {
        let mut owner = Owner::default();
        if let Some(cursor) = &mut request.page.cursor {
            owner.of(&self.legs, cursor)?;
        }
        let order = owner.leg().map_or(self.first(), |at| at..at + 1);
        self.ask(cx, order, &Channels(&request)).await
    }

    /// Any leg may have sent it; it was not sent where none has.
    async fn resolve(&self, cx: &CallContext, request: ResolveRequest) -> Result<Resolved> {
        let (mut failed, mut resolved) = (None, Resolved::NotSent);
        for at in self.order() {
            match self.ask(cx, at..at + 1, &Resolve(&request)).await {
                Ok(Resolved::Sent(sent)) => return Ok(Resolved::Sent(sent)),
                // A reply is where the call said, whatever the leg's own channel is.
                Ok(own) if self.legs.legs.get(at).is_some_and(|leg| leg.channel.is_some()) => {
                    match self.ask(cx, at..at + 1, &ResolveAsIs(&request)).await {
                        Ok(Resolved::Sent(sent)) => return Ok(Resolved::Sent(sent)),
                        Ok(Resolved::NotSent) if matches!(own, Resolved::NotSent) => {}
                        _ => resolved = Resolved::Unknown,
                    }
                }
                Ok(Resolved::NotSent) => {}
                Ok(_) => resolved = Resolved::Unknown,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(resolved), Err)
    }
}
