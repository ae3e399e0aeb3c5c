//! The messages that are kept.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use circle_core_common::interfaces::messenger::{
    Author, Channel, ChannelInfo, ChannelKind, File, HistoryOptions, MessageId, Posted, Reaction, ReactionChange, ReactionCount,
    Resolved, Sent,
};
use circle_core_common::{Cursor, Page};
use circle_core_common::{Error, ErrorKind, OperationId, PageRequest, Reason, Result, Timestamp};

const PAGE: u32 = 100;
const PAGE_MAX: u32 = 1000;

/// A page of what is in some order, each with what tells its place.
pub(crate) fn page<T, K: ToString>(mut items: impl Iterator<Item = (K, T)>, size: Option<u32>) -> Page<T> {
    let size = size.unwrap_or(PAGE).min(PAGE_MAX) as usize;
    let (places, taken): (Vec<K>, Vec<T>) = items.by_ref().take(size).unzip();
    let next = places.last().filter(|_| items.next().is_some()).map(|place| Cursor::new(place.to_string()));
    Page::new(taken, next)
}

/// The number in a cursor of a list of numbers.
pub(crate) fn number(cursor: Option<&Cursor>) -> Result<Option<u64>> {
    let foreign = || Error::new(ErrorKind::InvalidInput, "the cursor is none of this console").with_reason(Reason::ForeignCursor);
    cursor.map(|cursor| cursor.token().parse().map_err(|_| foreign())).transpose()
}

/// A message that is kept.
pub(crate) struct Message {
    channel: Channel,
    thread: Option<u64>,
    is_broadcast: bool,
    at: Timestamp,
    edited_at: Option<Timestamp>,
    text: String,
    reactions: Vec<Reaction>,
    attachments: Vec<File>,
}

impl Message {
    pub(crate) fn new(channel: Channel, thread: Option<u64>, at: Timestamp, text: String) -> Self {
        let (reactions, attachments) = (Vec::new(), Vec::new());
        Self { channel, thread, is_broadcast: false, at, edited_at: None, text, reactions, attachments }
    }

    pub(crate) fn broadcast(mut self, is_broadcast: bool) -> Self {
        self.is_broadcast = is_broadcast;
        self
    }

    pub(crate) fn attachments(mut self, attachments: Vec<File>) -> Self {
        self.attachments = attachments;
        self
    }
}

/// The messages of every channel: so many, and the ids of so many writes.
pub(crate) struct Channels {
    kept_max: usize,
    /// The channels that exist; every one where it is not said.
    existing: Option<BTreeSet<Channel>>,
    author: Author,
    last: u64,
    messages: BTreeMap<u64, Message>,
    writes: HashMap<(Channel, OperationId), Sent>,
    /// The same, the oldest first.
    written: VecDeque<(Channel, OperationId)>,
    has_forgotten_writes: bool,
}

fn id(number: u64) -> MessageId {
    MessageId::new(number.to_string())
}

impl Channels {
    pub(crate) fn new(kept: u32, existing: Option<&Vec<String>>, author: Author) -> Self {
        Self {
            kept_max: kept as usize,
            existing: existing.map(|names| names.iter().map(Channel::from).collect()),
            author,
            last: 0,
            messages: BTreeMap::new(),
            writes: HashMap::new(),
            written: VecDeque::new(),
            has_forgotten_writes: false,
        }
    }

    pub(crate) fn check(&self, channel: &Channel) -> Result<()> {
        match &self.existing {
            Some(existing) if !existing.contains(channel) => {
                Err(Error::new(ErrorKind::NotFound, format!("the channel `{channel}` does not exist")))
            }
            _ => Ok(()),
        }
    }

    /// The number that the next message will have.
    pub(crate) fn next(&self) -> u64 {
        self.last + 1
    }

    /// What a write has sent.
    pub(crate) fn written(&self, channel: &Channel, operation: &OperationId) -> Option<&Sent> {
        self.writes.get(&(channel.clone(), operation.clone()))
    }

    pub(crate) fn resolve(&self, channel: &Channel, operation: &OperationId) -> Resolved {
        match self.written(channel, operation) {
            Some(sent) => Resolved::Sent(sent.clone()),
            None if self.has_forgotten_writes => Resolved::Unknown,
            None => Resolved::NotSent,
        }
    }

    pub(crate) fn put(&mut self, message: Message, operation: OperationId) -> Sent {
        self.last += 1;
        let sent = Sent::new(&message.channel, id(self.last)).thread(message.thread.map(id));
        let write = (message.channel.clone(), operation);
        self.writes.insert(write.clone(), sent.clone());
        self.written.push_back(write);
        if self.written.len() > self.kept_max {
            self.has_forgotten_writes = true;
            self.written.pop_front().map(|oldest| self.writes.remove(&oldest));
        }
        self.messages.insert(self.last, message);
        if self.messages.len() > self.kept_max {
            self.messages.pop_first();
        }
        sent
    }

    /// The number of a message that is kept.
    pub(crate) fn find(&self, sent: &Sent) -> Result<u64> {
        let number = sent.id.as_str().parse().ok();
        let kept = number.filter(|number| self.messages.get(number).is_some_and(|message| message.channel == sent.channel));
        kept.ok_or_else(|| {
            let text = format!("the message {} is not in the channel `{}`", sent.id.as_str(), sent.channel);
            Error::new(ErrorKind::NotFound, text)
        })
    }

    pub(crate) fn edit(&mut self, number: u64, text: String, at: Timestamp) -> Option<Sent> {
        let message = self.messages.get_mut(&number)?;
        if message.text != text {
            (message.text, message.edited_at) = (text, Some(at));
        }
        Some(Sent::new(&message.channel, id(number)).thread(message.thread.map(id)))
    }

    pub(crate) fn delete(&mut self, number: u64) {
        self.messages.remove(&number);
    }

    /// Whether something has changed.
    pub(crate) fn react(&mut self, number: u64, reaction: &Reaction, change: ReactionChange) -> bool {
        let Some(message) = self.messages.get_mut(&number) else { return false };
        let place = message.reactions.iter().position(|given| given == reaction);
        match (change, place) {
            (ReactionChange::Add, None) => message.reactions.push(reaction.clone()),
            (ReactionChange::Delete, Some(place)) => drop(message.reactions.remove(place)),
            _ => return false,
        }
        true
    }

    /// Whether a reaction would change something.
    pub(crate) fn changes(&self, number: u64, reaction: &Reaction, change: ReactionChange) -> bool {
        let given = self.messages.get(&number).is_some_and(|message| message.reactions.contains(reaction));
        given == (change == ReactionChange::Delete)
    }

    fn posted(&self, number: u64, message: &Message) -> Posted {
        let text = message.text.clone();
        let mut posted = Posted::new(message.channel.clone(), id(number), self.author.clone(), message.at, text);
        posted.thread = message.thread.map(id);
        posted.edited_at = message.edited_at;
        posted.reactions = message.reactions.iter().map(|reaction| ReactionCount::new(reaction.clone(), 1)).collect();
        posted.attachments = message.attachments.clone();
        if message.thread.is_none() {
            // Replies come later than what they reply to.
            let later = self.messages.range(number + 1..).filter(|(_, other)| other.thread == Some(number));
            posted.replies = Some(later.count() as u64);
        }
        posted
    }

    /// Every message that is kept, the oldest first.
    pub(crate) fn all(&self) -> Vec<Posted> {
        self.messages.iter().map(|(number, message)| self.posted(*number, message)).collect()
    }

    pub(crate) fn history(&self, channel: &Channel, options: &HistoryOptions, request: &PageRequest) -> Result<Page<Posted>> {
        self.check(channel)?;
        let place = number(request.cursor.as_ref())?;
        let within = |message: &Message| {
            message.channel == *channel
                && options.from.is_none_or(|from| message.at >= from)
                && options.until.is_none_or(|until| message.at < until)
        };
        let Some(thread) = &options.thread else {
            let older = self.messages.range(..place.unwrap_or(u64::MAX)).rev();
            let shown = older.filter(|(_, message)| within(message) && (message.thread.is_none() || message.is_broadcast));
            return Ok(page(shown.map(|(number, message)| (*number, self.posted(*number, message))), request.size));
        };
        let root = thread.as_str().parse::<u64>().ok();
        let newer = self.messages.range(place.map_or(0, |place| place.saturating_add(1))..);
        let shown = newer
            .filter(|(number, message)| within(message) && root.is_some() && (Some(**number) == root || message.thread == root));
        Ok(page(shown.map(|(number, message)| (*number, self.posted(*number, message))), request.size))
    }

    /// The channels that exist, or else those that were written to.
    pub(crate) fn list(&self, request: &PageRequest) -> Page<ChannelInfo> {
        let written = || self.messages.values().map(|message| message.channel.clone()).collect();
        let names: BTreeSet<Channel> = self.existing.clone().unwrap_or_else(written);
        let after = request.cursor.as_ref().map(Cursor::token);
        let left = names.into_iter().filter(|name| after.is_none_or(|after| name.as_str() > after));
        page(left.map(|name| (name.clone(), info(name))), request.size)
    }
}

fn info(channel: Channel) -> ChannelInfo {
    let (name, kind) = match channel.as_str().strip_prefix('@') {
        Some(user) => (user, ChannelKind::Direct),
        None => (channel.as_str().trim_start_matches('#'), ChannelKind::Public),
    };
    let name = name.to_owned();
    let mut info = ChannelInfo::new(channel, kind);
    info.name = Some(name);
    info.is_member = Some(true);
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(kept: u32, count: u64) -> Channels {
        let mut channels = Channels::new(kept, None, Author::bot("console"));
        for number in 0..count {
            let message = Message::new("#a".into(), None, Timestamp::UNIX_EPOCH, format!("message {number}"));
            channels.put(message, OperationId::from(format!("op-{number}")));
        }
        channels
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_newest() {
        let channels = filled(3, 10);
        assert_eq!(
            channels.all().iter().map(|posted| posted.text.as_str()).collect::<Vec<_>>(),
            ["message 7", "message 8", "message 9"]
        );
        assert_eq!((channels.writes.len(), channels.written.len()), (3, 3));
        let gone = Sent::new("#a", id(1));
        assert!(channels.find(&gone).unwrap_err().is(ErrorKind::NotFound));
    }

    #[test]
    fn what_was_forgotten_is_unknown_not_unsent() {
        let resolve = |channels: &Channels, operation: &str| channels.resolve(&"#a".into(), &operation.into());
        assert_eq!(resolve(&filled(3, 3), "never"), Resolved::NotSent);
        assert_eq!(resolve(&filled(3, 4), "op-0"), Resolved::Unknown);
        assert!(matches!(resolve(&filled(3, 4), "op-3"), Resolved::Sent(sent) if sent.id == id(4)));
    }

    #[test]
    fn a_deleted_message_is_not_sent_again() {
        let mut channels = filled(3, 1);
        channels.delete(1);
        assert!(channels.written(&"#a".into(), &"op-0".into()).is_some());
    }
}
