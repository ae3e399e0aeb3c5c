//! Messages, and what can be done to them.

use serde_json::{Value, json};

use super::people::conversation;
use super::{Answer, Arguments, State};

/// A message of a conversation.
#[derive(Clone)]
pub(super) struct Message {
    at: u64,
    thread: Option<u64>,
    is_broadcast: bool,
    text: String,
    blocks: Value,
    edited: Option<u64>,
    reactions: Vec<String>,
    files: Vec<Value>,
    metadata: Value,
}

fn ts(at: u64) -> String {
    format!("{}.{:06}", at / 1_000_000, at % 1_000_000)
}

fn at(ts: &str) -> Option<u64> {
    let (seconds, micros) = ts.split_once('.')?;
    (micros.len() == 6).then_some(())?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?)
}

impl State {
    fn shown(&self, channel: &str, message: &Message, with_metadata: bool) -> Value {
        let mut json = json!({
            "type": "message", "user": "U0BOT", "bot_id": "B1", "bot_profile": { "id": "B1", "name": "reports" },
            "text": message.text, "ts": ts(message.at),
        });
        let replies = self.of(channel).iter().filter(|reply| reply.thread == Some(message.at)).count();
        if let Some(thread) = message.thread.or((replies > 0).then_some(message.at)) {
            json["thread_ts"] = ts(thread).into();
        }
        if replies > 0 {
            json["reply_count"] = replies.into();
        }
        if message.is_broadcast {
            json["subtype"] = "thread_broadcast".into();
        }
        if let Some(edited) = message.edited {
            json["edited"] = json!({ "user": "U0BOT", "ts": ts(edited) });
        }
        let reaction = |name: &String| json!({ "name": name, "users": ["U0BOT"], "count": 1 });
        if !message.reactions.is_empty() {
            json["reactions"] = message.reactions.iter().map(reaction).collect();
        }
        for (name, value, is_there) in [
            ("blocks", message.blocks.clone(), message.blocks.is_array()),
            ("files", message.files.clone().into(), !message.files.is_empty()),
            ("metadata", message.metadata.clone(), with_metadata && message.metadata.is_object()),
        ] {
            if is_there {
                json[name] = value;
            }
        }
        json
    }

    fn of(&self, channel: &str) -> &[Message] {
        self.messages.get(channel).map_or(&[], Vec::as_slice)
    }

    /// The message that arguments name.
    fn named(&mut self, arguments: &Arguments, field: &str) -> Result<&mut Message, &'static str> {
        let channel = conversation(arguments.text("channel"))?;
        let wanted = arguments.text(field).and_then(at).ok_or("bad_timestamp")?;
        let all = self.messages.entry(channel).or_default();
        all.iter_mut().find(|message| message.at == wanted).ok_or("message_not_found")
    }

    /// What Slack would not take.
    fn check(arguments: &Arguments) -> Result<(), &'static str> {
        let (text, blocks) = (arguments.text("text").unwrap_or_default(), arguments.get("blocks"));
        if text.is_empty() && blocks.as_array().is_none_or(Vec::is_empty) {
            return Err("no_text");
        }
        if text.chars().count() > 40_000 {
            return Err("msg_too_long");
        }
        if blocks.as_array().is_some_and(|blocks| blocks.len() > 50 || blocks.iter().any(|block| !is_block(block))) {
            return Err("invalid_blocks");
        }
        Ok(())
    }

    pub(super) fn post(&mut self, arguments: &Arguments) -> Answer {
        let channel = conversation(arguments.text("channel"))?;
        Self::check(arguments)?;
        let text = arguments.text("text").unwrap_or_default().to_owned();
        // Without blocks the text is what is shown, and must be no markup.
        if arguments.get("blocks").is_null() && arguments.get("mrkdwn") != &Value::Bool(false) {
            return Err("invalid_arguments");
        }
        let message = Message {
            at: self.moment(),
            thread: arguments.text("thread_ts").map(|thread| at(thread).ok_or("invalid_arguments")).transpose()?,
            is_broadcast: arguments.is_true("reply_broadcast"),
            files: self.linked(&text),
            text,
            blocks: arguments.get("blocks").clone(),
            edited: None,
            reactions: Vec::new(),
            metadata: arguments.get("metadata").clone(),
        };
        let shown = self.shown(&channel, &message, false);
        let answer = json!({ "channel": channel, "ts": ts(message.at), "message": shown });
        self.messages.entry(channel).or_default().push(message);
        Ok(answer)
    }

    pub(super) fn update(&mut self, arguments: &Arguments) -> Answer {
        Self::check(arguments)?;
        if arguments.text("text").unwrap_or_default().chars().count() > 4000 {
            return Err("msg_too_long");
        }
        let now = self.moment();
        let message = self.named(arguments, "ts")?;
        arguments.text("text").unwrap_or_default().clone_into(&mut message.text);
        message.blocks = arguments.get("blocks").clone();
        message.edited = Some(now);
        Ok(json!({ "channel": arguments.text("channel"), "ts": ts(message.at), "text": message.text }))
    }

    pub(super) fn delete(&mut self, arguments: &Arguments) -> Answer {
        let gone = self.named(arguments, "ts")?.at;
        let channel = conversation(arguments.text("channel"))?;
        self.messages.entry(channel.clone()).or_default().retain(|message| message.at != gone);
        Ok(json!({ "channel": channel, "ts": ts(gone) }))
    }

    pub(super) fn react(&mut self, arguments: &Arguments, add: bool) -> Answer {
        let name = arguments.text("name").unwrap_or_default().to_owned();
        if !["tada", "eyes"].contains(&name.as_str()) {
            return Err("invalid_name");
        }
        let message = self.named(arguments, "timestamp")?;
        match (add, message.reactions.contains(&name)) {
            (true, true) => return Err("already_reacted"),
            (false, false) => return Err("no_reaction"),
            (true, false) => message.reactions.push(name),
            (false, true) => message.reactions.retain(|reaction| *reaction != name),
        }
        Ok(json!({}))
    }

    pub(super) fn history(&mut self, arguments: &Arguments) -> Answer {
        let channel = conversation(arguments.text("channel"))?;
        let shown = |message: &&Message| message.thread.is_none() || message.is_broadcast;
        let mut all: Vec<Message> = self.of(&channel).iter().filter(shown).cloned().collect();
        all.reverse();
        self.messages_page(&channel, &all, arguments, |message, cursor| message.at <= cursor)
    }

    pub(super) fn replies(&mut self, arguments: &Arguments) -> Answer {
        let channel = conversation(arguments.text("channel"))?;
        let root = arguments.text("ts").and_then(at).ok_or("thread_not_found")?;
        let in_thread = |message: &&Message| message.at == root || message.thread == Some(root);
        let all: Vec<Message> = self.of(&channel).iter().filter(in_thread).cloned().collect();
        if all.is_empty() {
            return Err("thread_not_found");
        }
        self.messages_page(&channel, &all, arguments, |message, cursor| message.at >= cursor)
    }

    /// A page from a message on: those that come or go meanwhile move nothing.
    fn messages_page(
        &self,
        channel: &str,
        all: &[Message],
        arguments: &Arguments,
        follows: impl Fn(&Message, u64) -> bool,
    ) -> Answer {
        let bound = |name: &'static str, wrong| arguments.text(name).map(|text| at(text).ok_or(wrong)).transpose();
        let oldest = bound("oldest", "invalid_ts_oldest")?;
        let latest = bound("latest", "invalid_ts_latest")?;
        let inclusive = arguments.is_true("inclusive");
        let is_after = |at: u64| oldest.is_none_or(|oldest| at > oldest || (inclusive && at == oldest));
        let is_before = |at: u64| latest.is_none_or(|latest| at < latest || (inclusive && at == latest));
        let cursor = match arguments.text("cursor") {
            Some(text) => Some(text.strip_prefix("next_ts:").and_then(|at| at.parse::<u64>().ok()).ok_or("invalid_cursor")?),
            None => None,
        };
        let is_part = |message: &&Message| {
            is_after(message.at) && is_before(message.at) && cursor.is_none_or(|cursor| follows(message, cursor))
        };
        let mut rest = all.iter().filter(is_part);
        let size = arguments.number("limit").unwrap_or(100) as usize;
        let with_metadata = arguments.is_true("include_all_metadata");
        let messages: Vec<Value> = rest.by_ref().take(size).map(|message| self.shown(channel, message, with_metadata)).collect();
        let next = rest.next().map_or_else(String::new, |message| format!("next_ts:{}", message.at));
        Ok(json!({ "messages": messages, "has_more": !next.is_empty(), "response_metadata": { "next_cursor": next } }))
    }
}

/// Whether Slack would take a block: it has a known type, and no text of it is empty.
fn is_block(block: &Value) -> bool {
    const TYPES: [&str; 16] = [
        "header",
        "divider",
        "section",
        "context",
        "image",
        "actions",
        "rich_text",
        "rich_text_section",
        "rich_text_list",
        "rich_text_preformatted",
        "rich_text_quote",
        "text",
        "link",
        "channel",
        "user",
        "broadcast",
    ];
    let is_known = block["type"].as_str().is_some_and(|kind| TYPES.contains(&kind));
    let has_text = block["type"] != "text" || block["text"].as_str().is_some_and(|text| !text.is_empty());
    let elements = block["elements"].as_array();
    is_known && has_text && elements.is_none_or(|inner| !inner.is_empty() && inner.iter().all(is_block))
}
