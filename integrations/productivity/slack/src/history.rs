//! Messages that there are.

use circle_core_common::http::paging;
use circle_core_common::interfaces::messenger::{
    Author, Channel, ChannelInfo, ChannelKind, HistoryRequest, MessageId, Posted, Reaction, ReactionCount,
};
use circle_core_common::{CallContext, Error, ErrorKind, Page, Result, Timestamp};
use serde_json::Value;

use crate::client::{Part, SlackClient, limit};
use crate::text::plain;
use crate::wire::{Message, SlackConversation, next, read};
use crate::{files, time};

/// A page of a channel or of a thread.
pub(crate) async fn page(client: &SlackClient, cx: &CallContext, channel: &str, request: HistoryRequest) -> Result<Page<Posted>> {
    let HistoryRequest { options, page, .. } = request;
    let latest = match options.until {
        Some(until) => match time::latest(until) {
            Some(latest) => Some(latest),
            // Before the first moment there is nothing.
            None => return Ok(Page::new(Vec::new(), None)),
        },
        None => None,
    };
    let oldest = options.from.map(time::oldest);
    let thread = options.thread.as_ref().map(MessageId::as_str);
    let part = Part {
        channel,
        ts: thread,
        inclusive: (oldest.is_some() || latest.is_some()).then_some(true),
        oldest,
        latest,
        include_all_metadata: None,
        limit: limit(page.size),
        cursor: page.cursor.as_ref().map(|cursor| cursor.token()),
    };
    let answer = client.messages(cx, &part).await?;
    let mut items = Vec::with_capacity(answer.messages.len());
    for value in answer.messages {
        let message = Message::read(&value)?;
        // The first message of a thread comes with its pages, whatever the span; it belongs to the first of them, if at all.
        let is_repeated = page.cursor.is_some() && thread == Some(message.ts.as_str());
        // What was deleted leaves a mark where it had replies.
        let is_gone = message.subtype.as_deref() == Some("tombstone");
        if is_repeated || is_gone {
            continue;
        }
        let posted = posted(channel, message, value)?;
        let is_within = options.from.is_none_or(|from| posted.at >= from) && options.until.is_none_or(|until| posted.at < until);
        if is_within {
            items.push(posted);
        }
    }
    Ok(Page::new(items, paging::token(next(answer.response_metadata.as_ref()))))
}

fn moment(ts: &str) -> Result<Timestamp> {
    time::moment(ts).ok_or_else(|| Error::new(ErrorKind::Decode, "the `ts` of a message is no moment"))
}

pub(crate) fn posted(channel: &str, message: Message, raw: Value) -> Result<Posted> {
    let at = moment(&message.ts)?;
    let id = MessageId::new(message.ts.as_str());
    let text = plain(without_links(&message));
    let mut posted = Posted::new(Channel::from(channel), id, author(&message), at, text);
    posted.thread = message.thread_ts.filter(|thread| *thread != message.ts).map(|thread| MessageId::new(thread.as_str()));
    posted.edited_at = message.edited.map(|edited| moment(&edited.ts)).transpose()?;
    posted.reactions = message.reactions.into_iter().map(|one| ReactionCount::new(Reaction::from(one.name), one.count)).collect();
    posted.attachments = message.files.into_iter().map(files::of).collect();
    posted.replies = message.reply_count;
    posted.raw = Some(raw);
    Ok(posted)
}

/// The text without the links at its end by which its files came: the files themselves are told of.
fn without_links(message: &Message) -> &str {
    let mut text = message.text.as_str();
    while let Some((before, link)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        let url = link.split_once('|').map_or(link, |(url, _)| url).replace("&amp;", "&");
        if !message.files.iter().any(|file| file.permalink.as_deref() == Some(url.as_str())) {
            break;
        }
        text = before.strip_suffix([' ', '\n']).unwrap_or(before);
    }
    text
}

fn author(message: &Message) -> Author {
    let is_bot = message.bot_id.is_some() || message.subtype.as_deref() == Some("bot_message");
    let id = message.user.as_deref().or(message.bot_id.as_deref()).unwrap_or("unknown");
    let mut author = if is_bot { Author::bot(id) } else { Author::user(id) };
    author.name = message.username.clone().or_else(|| message.bot_profile.as_ref().and_then(|profile| profile.name.clone()));
    author
}

/// A channel of a list.
pub(crate) fn channel(value: Value) -> Result<ChannelInfo> {
    let channel: SlackConversation = read("a channel", &value)?;
    let kind = match &channel {
        SlackConversation { is_im: true, .. } => ChannelKind::Direct,
        SlackConversation { is_mpim: true, .. } => ChannelKind::Group,
        SlackConversation { is_private: true, .. } => ChannelKind::Private,
        _ => ChannelKind::Public,
    };
    let mut info = ChannelInfo::new(Channel::from(channel.id), kind);
    info.name = channel.name;
    info.topic = channel.topic.map(|topic| plain(&topic.value)).filter(|topic| !topic.is_empty());
    info.is_archived = channel.is_archived;
    info.is_member = channel.is_member;
    info.raw = Some(value);
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Posted {
        posted("C1", Message::read(&value).unwrap(), value).unwrap()
    }

    #[test]
    fn a_message_is_told_whole() {
        let message = read(json!({
            "type": "message", "user": "U1", "bot_id": "B1", "bot_profile": { "name": "reports" },
            "text": "here &amp; there\n<https://a.example/f?a&amp;b|q3.csv> <https://a.example/g|b.bin>",
            "ts": "1503435956.000247", "thread_ts": "1503435900.000100", "edited": { "user": "U1", "ts": "1503435960.000000" },
            "reactions": [{ "name": "tada", "count": 2, "users": ["U1", "U2"] }], "reply_count": 3,
            "files": [
                { "id": "F1", "name": "q3.csv", "size": 12, "mimetype": "text/csv", "permalink": "https://a.example/f?a&b" },
                { "id": "F2", "title": "b.bin", "mimetype": "", "permalink": "https://a.example/g" },
            ],
        }));
        assert_eq!((message.text.as_str(), message.id.as_str()), ("here & there", "1503435956.000247"));
        assert_eq!(message.thread.as_ref().map(MessageId::as_str), Some("1503435900.000100"));
        assert_eq!((message.author.id.as_str(), message.author.is_bot), ("U1", true));
        assert_eq!(message.author.name.as_deref(), Some("reports"));
        assert_eq!(message.edited_at, time::moment("1503435960.000000"));
        assert_eq!(message.reactions, [ReactionCount::new("tada".into(), 2)]);
        let names: Vec<&str> = message.attachments.iter().map(|file| file.name.as_str()).collect();
        assert_eq!((names, message.attachments[1].content_type.as_deref()), (vec!["q3.csv", "b.bin"], None));
        assert_eq!(message.replies, Some(3));
    }

    #[test]
    fn links_that_are_no_files_stay() {
        let message = read(json!({ "ts": "1.0", "text": "see <https://a.example|all>", "thread_ts": "1.0" }));
        assert_eq!((message.text.as_str(), message.thread), ("see all (https://a.example)", None));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        assert!(Message::read(&json!({ "text": "no ts" })).err().is_some_and(|error| error.is(ErrorKind::Decode)));
        let value = json!({ "ts": "soon", "text": "" });
        assert!(posted("C1", Message::read(&value).unwrap(), value).unwrap_err().is(ErrorKind::Decode));
    }
}
