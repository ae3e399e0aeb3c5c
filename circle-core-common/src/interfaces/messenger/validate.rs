//! What is checked before anything is sent: names, lengths, addresses, capabilities.

use super::{
    Attachment, AttachmentSource, Block, Caps, Channel, Content, HistoryOptions, Inline, Message, Messenger,
    MessengerCapabilities, Reaction, Sent,
};
use crate::error::{Error, ErrorKind, Limit, Reason, Result};

/// The longest name of a channel or a reaction, in bytes; no service has longer ones.
const NAME_MAX: usize = 512;

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}

fn bad_name(text: &'static str) -> Error {
    invalid(text).with_reason(Reason::NameInvalid)
}

/// Whether a text can be an address: nothing in it that ends one.
pub(super) fn is_url(url: &str) -> bool {
    let end = |letter: char| letter.is_control() || letter.is_whitespace() || matches!(letter, '<' | '>' | '"');
    url.split_once(':').is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty()) && !url.contains(end)
}

pub(super) fn check_channel(channel: &Channel) -> Result<()> {
    let name = channel.as_str();
    if name.trim().is_empty() || name.len() > NAME_MAX {
        return Err(bad_name("a channel has a name or an id of 1 to 512 bytes"));
    }
    if name.contains(char::is_control) {
        return Err(bad_name("the name of a channel has no line breaks and no other control characters"));
    }
    Ok(())
}

pub(super) fn check_reaction(reaction: &Reaction) -> Result<()> {
    let name = reaction.as_str();
    if name.is_empty() || name.len() > NAME_MAX || name.contains(|letter: char| letter.is_control() || letter.is_whitespace()) {
        return Err(bad_name("a reaction is a name without spaces, such as `tada`, or an emoji"));
    }
    if name.starts_with(':') || name.ends_with(':') {
        return Err(bad_name("a reaction is named without colons: `tada`"));
    }
    Ok(())
}

/// Checks the depth, the headings and the links of rich text.
pub(super) fn check_blocks(blocks: &[Block]) -> Result<()> {
    blocks_within(blocks, Block::DEPTH_MAX)
}

/// One level of depth less, where there is one left.
fn deeper(left: usize) -> Result<usize> {
    let limit = Limit::at_most("depth", Block::DEPTH_MAX as u64, "levels");
    left.checked_sub(1).ok_or_else(|| Error::outside_limit(limit, "more"))
}

fn blocks_within(blocks: &[Block], left: usize) -> Result<()> {
    for block in blocks {
        let left = deeper(left)?;
        match block {
            Block::Heading { level, .. } if !(1..=6).contains(level) => {
                return Err(invalid(format!("a heading has a level from 1 to 6, not {level}")));
            }
            Block::Heading { text, .. } | Block::Paragraph(text) => inlines_within(text, left)?,
            Block::List { items, .. } => items.iter().try_for_each(|item| blocks_within(item, left))?,
            Block::Quote(quoted) => blocks_within(quoted, left)?,
            Block::Code { .. } | Block::Divider => {}
        }
    }
    Ok(())
}

fn inlines_within(inlines: &[Inline], left: usize) -> Result<()> {
    for inline in inlines {
        let left = deeper(left)?;
        match inline {
            Inline::Link { url, .. } if !is_url(url) => {
                return Err(invalid("a link has an absolute address without spaces, such as https://example.org/"));
            }
            Inline::Strong(text) | Inline::Emphasis(text) | Inline::Strike(text) | Inline::Link { text, .. } => {
                inlines_within(text, left)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A message that is ready to be sent.
pub(super) struct Checked {
    pub(super) message: Message,
    pub(super) reply_to: Option<Sent>,
    /// How the plain text begins.
    pub(super) excerpt: Option<String>,
    pub(super) emulated: Vec<&'static str>,
}

impl Messenger {
    /// Checks a message, and emulates what may be.
    pub(super) async fn check_message(&self, mut message: Message, mut reply_to: Option<Sent>) -> Result<Checked> {
        let capabilities = self.capabilities();
        let mut emulated = Vec::new();
        self.check_shape(&message)?;
        if message.broadcast && reply_to.is_none() {
            return Err(invalid("only a reply can be shown in the channel too: every other message is"));
        }
        self.check_attachments(&message.attachments).await?;
        self.check_no_key_without_idempotency()?;
        let excerpt = super::emulate::excerpt(&message.plain_text());
        if matches!(message.content, Content::Rich(_)) && !capabilities.rich {
            self.may_emulate(Caps::RICH, &mut emulated)?;
            message.content = Content::Text(message.plain_text().into());
        }
        if let Some(sent) = reply_to.take_if(|_| !capabilities.thread) {
            self.may_emulate(Caps::THREAD, &mut emulated)?;
            message.content = super::emulate::quoted(message.content, &sent);
            // It is in the channel, as every message is there.
            message.broadcast = false;
        }
        if message.broadcast {
            Caps::BROADCAST.check(capabilities)?;
        }
        self.check_length(&message.content)?;
        message.extensions.check(self.core.provider())?;
        Ok(Checked { message, reply_to, excerpt, emulated })
    }

    /// Checks what a message is to say from now on.
    pub(super) fn check_edit(&self, mut message: Message) -> Result<(Message, Vec<&'static str>)> {
        let capabilities = self.capabilities();
        let mut emulated = Vec::new();
        if !message.attachments.is_empty() || message.broadcast {
            return Err(invalid("an edit changes what a message says: it has no attachments and no broadcast"));
        }
        self.check_shape(&message)?;
        Caps::EDIT.check(capabilities)?;
        if matches!(message.content, Content::Rich(_)) && !capabilities.rich {
            self.may_emulate(Caps::RICH, &mut emulated)?;
            message.content = Content::Text(message.plain_text().into());
        }
        self.check_length(&message.content)?;
        message.extensions.check(self.core.provider())?;
        Ok((message, emulated))
    }

    pub(super) fn check_history(&self, options: &HistoryOptions) -> Result<()> {
        let capabilities = self.capabilities();
        Caps::HISTORY.check(capabilities)?;
        if options.thread.is_some() {
            Caps::THREAD.check(capabilities)?;
        }
        if options.from.is_some() || options.until.is_some() {
            Caps::HISTORY_RANGE.check(capabilities)?;
        }
        options.extensions.check(self.core.provider())
    }

    /// For a key that would promise what cannot be kept.
    fn check_no_key_without_idempotency(&self) -> Result<()> {
        match self.core.options() {
            Some(options) if options.idempotency_key.is_some() => Caps::IDEMPOTENCY.check(self.capabilities()),
            _ => Ok(()),
        }
    }

    fn may_emulate(&self, flag: crate::Flag<MessengerCapabilities>, emulated: &mut Vec<&'static str>) -> Result<()> {
        let allowed = self.core.options().and_then(|options| options.on_unsupported) == Some(crate::OnUnsupported::Emulate);
        if !allowed {
            return flag.check(self.capabilities());
        }
        emulated.push(flag.name());
        Ok(())
    }

    /// What holds whatever the messenger can do.
    fn check_shape(&self, message: &Message) -> Result<()> {
        if let Content::Rich(blocks) = &message.content {
            check_blocks(blocks)?;
        }
        let nothing = message.plain_text().trim().is_empty();
        if nothing && message.attachments.is_empty() && message.extensions.is_empty() {
            return Err(invalid("the message says nothing"));
        }
        Ok(())
    }

    fn check_length(&self, content: &Content) -> Result<()> {
        let capabilities = self.capabilities();
        if let Content::Rich(blocks) = content
            && blocks.len() > capabilities.blocks_max as usize
        {
            let limit = Limit::at_most("blocks_max", capabilities.blocks_max.into(), "blocks");
            return Err(Error::outside_limit(limit, blocks.len()));
        }
        let length = capabilities.text_unit.length(&content.plain_text());
        if length > capabilities.text_max {
            let limit = Limit::at_most("text_max", capabilities.text_max, capabilities.text_unit.name());
            return Err(Error::outside_limit(limit, length));
        }
        Ok(())
    }

    async fn check_attachments(&self, attachments: &[Attachment]) -> Result<()> {
        if attachments.is_empty() {
            return Ok(());
        }
        let capabilities = self.capabilities();
        Caps::ATTACHMENTS.check(capabilities)?;
        if attachments.len() > capabilities.attachments_max as usize {
            let limit = Limit::at_most("attachments_max", capabilities.attachments_max.into(), "attachments");
            return Err(Error::outside_limit(limit, attachments.len()));
        }
        for attachment in attachments {
            if matches!(attachment.source, AttachmentSource::Uploaded(_)) {
                Caps::UPLOAD.check(capabilities)?;
            }
            self.check_file(attachment).await?;
        }
        Ok(())
    }

    pub(super) async fn check_file(&self, attachment: &Attachment) -> Result<()> {
        let name = &attachment.name;
        if name.is_empty() || name.len() > NAME_MAX || name.contains(|letter: char| letter.is_control() || "/\\".contains(letter))
        {
            return Err(bad_name("a file has a name of 1 to 512 bytes, without a path and without control characters"));
        }
        if attachment.content_type.as_ref().is_some_and(|text| text.contains(|letter: char| letter.is_control())) {
            return Err(invalid("a media type has no control characters"));
        }
        let AttachmentSource::Content(body) = &attachment.source else { return Ok(()) };
        let max = self.capabilities().attachment_max.as_u64();
        match body.length().await? {
            Some(length) if length > max => Err(Error::outside_limit(Limit::at_most("attachment_max", max, "bytes"), length)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_over_blocks_and_inlines() {
        let nested = |depth: usize| (1..depth).fold(Block::Divider, |inner, _| Block::Quote(vec![inner]));
        assert!(check_blocks(&[nested(Block::DEPTH_MAX)]).is_ok());
        assert!(check_blocks(&[nested(Block::DEPTH_MAX + 1)]).is_err());
        let strong = |depth: usize| (1..depth).fold(Inline::text("x"), |inner, _| Inline::Strong(vec![inner]));
        assert!(check_blocks(&[Block::Paragraph(vec![strong(Block::DEPTH_MAX - 1)])]).is_ok());
        assert!(check_blocks(&[Block::Paragraph(vec![strong(Block::DEPTH_MAX)])]).is_err());
    }

    #[test]
    fn wrong_headings_and_addresses_are_found_at_any_depth() {
        let within = |block: Block| Block::Quote(vec![Block::List { start: None, items: vec![vec![block]] }]);
        assert!(check_blocks(&[within(Block::heading(6, "x"))]).is_ok());
        assert!(check_blocks(&[within(Block::heading(7, "x"))]).is_err());
        for url in ["", "x", "docs/x.md", "https://a b", "https://a\nb", "https:", ":x", "https://a>b"] {
            let link = Inline::Strong(vec![Inline::link("x", url)]);
            assert!(check_blocks(&[within(Block::paragraph([link]))]).is_err(), "{url:?}");
        }
        for url in ["https://a.example/x?y=z#w", "mailto:ana@example.org"] {
            assert!(check_blocks(&[within(Block::paragraph([Inline::link("x", url)]))]).is_ok(), "{url:?}");
        }
    }

    #[test]
    fn names_are_checked_not_changed() {
        for name in ["#finance", "C024BE91L", "@ana", "équipe", "a b"] {
            assert!(check_channel(&name.into()).is_ok(), "{name:?}");
        }
        for name in ["", " ", "#a\n", "#\u{1b}[31m", &"x".repeat(513)] {
            assert!(check_channel(&name.into()).is_err(), "{name:?}");
        }
        for name in ["tada", "+1", "🎉", "party:123", "thumbsup::skin-tone-2"] {
            assert!(check_reaction(&name.into()).is_ok(), "{name:?}");
        }
        for name in ["", ":tada:", "a b", "a\u{7}"] {
            assert!(check_reaction(&name.into()).is_err(), "{name:?}");
        }
    }
}
