//! Rich text as Block Kit (<https://docs.slack.dev/reference/block-kit/blocks/rich-text-block>): each block is one block, and what
//! stands in it is text, never markup.

use std::collections::HashMap;
use std::sync::Arc;

use circle_core_common::interfaces::messenger::{Block, Inline, Mention};
use serde_json::{Value, json};

use crate::text::visible;

/// The longest heading, in characters, that is a block of its own kind.
const HEADER_MAX: usize = 150;

/// The ids of the channels that are mentioned, by what they are called.
pub(crate) type Mentioned = HashMap<String, Arc<str>>;

/// What is mentioned by a name that is no id yet.
pub(crate) fn mentioned(blocks: &[Block]) -> Vec<String> {
    let mut names = Vec::new();
    each_inline(blocks, &mut |inline| {
        if let Inline::Mention(Mention::Channel(channel)) = inline {
            names.push(channel.to_string());
        }
    });
    names.sort_unstable();
    names.dedup();
    names
}

fn each_inline(blocks: &[Block], visit: &mut impl FnMut(&Inline)) {
    for block in blocks {
        match block {
            Block::Heading { text, .. } | Block::Paragraph(text) => within(text, visit),
            Block::List { items, .. } => items.iter().for_each(|item| each_inline(item, visit)),
            Block::Quote(inner) => each_inline(inner, visit),
            _ => {}
        }
    }
}

fn within(inlines: &[Inline], visit: &mut impl FnMut(&Inline)) {
    for inline in inlines {
        visit(inline);
        match inline {
            Inline::Strong(inner) | Inline::Emphasis(inner) | Inline::Strike(inner) | Inline::Link { text: inner, .. } => {
                within(inner, visit);
            }
            _ => {}
        }
    }
}

/// Blocks as Slack takes them.
pub(crate) fn kit(blocks: &[Block], mentioned: &Mentioned) -> Vec<Value> {
    blocks.iter().map(|block| one(block, mentioned)).collect()
}

/// Plain text as a block in which nothing is markup.
pub(crate) fn literal(text: &str) -> Value {
    rich_text(vec![section(vec![styled_text(text, Style::default())])])
}

/// Links to files, as a block.
pub(crate) fn links(files: &[(String, String)]) -> Value {
    let mut elements = Vec::new();
    for (at, (url, name)) in files.iter().enumerate() {
        if at > 0 {
            elements.push(styled_text(" ", Style::default()));
        }
        elements.push(json!({ "type": "link", "url": url, "text": visible(name) }));
    }
    rich_text(vec![section(elements)])
}

fn one(block: &Block, mentioned: &Mentioned) -> Value {
    match block {
        Block::Heading { level: 1 | 2, text } => match plain_heading(text) {
            Some(text) => json!({ "type": "header", "text": { "type": "plain_text", "text": text, "emoji": false } }),
            None => rich(block, mentioned),
        },
        Block::Divider => json!({ "type": "divider" }),
        block => rich(block, mentioned),
    }
}

fn rich(block: &Block, mentioned: &Mentioned) -> Value {
    let mut elements = Elements { mentioned, done: Vec::new() };
    elements.block(block, Place { indent: 0, quoted: false });
    if elements.done.is_empty() {
        elements.done.push(section(Vec::new()));
    }
    rich_text(elements.done)
}

/// The text of a heading that is nothing but text, and short enough; without what could be an entity there.
fn plain_heading(text: &[Inline]) -> Option<String> {
    let mut plain = String::new();
    for inline in text {
        let Inline::Text(text) = inline else { return None };
        plain.push_str(&visible(text));
    }
    let fits = (1..=HEADER_MAX).contains(&plain.chars().count());
    (fits && !plain.trim().is_empty() && !plain.contains(['&', '<', '>', '\n'])).then_some(plain)
}

/// Where an element stands.
#[derive(Clone, Copy)]
struct Place {
    indent: u32,
    quoted: bool,
}

/// How a text looks.
#[derive(Clone, Copy, Default)]
struct Style {
    bold: bool,
    italic: bool,
    strike: bool,
    code: bool,
}

impl Style {
    /// As a field of `element`, where there is any.
    fn put(self, mut element: Value) -> Value {
        let set = [("bold", self.bold), ("italic", self.italic), ("strike", self.strike), ("code", self.code)];
        let style: serde_json::Map<String, Value> =
            set.into_iter().filter(|(_, on)| *on).map(|(name, _)| (name.to_owned(), true.into())).collect();
        if !style.is_empty() {
            element["style"] = style.into();
        }
        element
    }
}

/// The elements of one rich text.
struct Elements<'a> {
    mentioned: &'a Mentioned,
    done: Vec<Value>,
}

impl Elements<'_> {
    fn block(&mut self, block: &Block, place: Place) {
        match block {
            Block::List { start, items } => self.list(*start, items, place),
            Block::Code { text, .. } => {
                let text = filled(text.trim_end_matches('\n'));
                let code = json!({ "type": "rich_text_preformatted", "elements": [{ "type": "text", "text": text }] });
                self.done.push(bordered(code, place));
            }
            Block::Quote(inner) => {
                let mut run = Vec::new();
                for block in inner {
                    match self.line(block) {
                        Some(line) => append(&mut run, line),
                        None => {
                            self.flush_quote(&mut run);
                            self.block(block, Place { quoted: true, ..place });
                        }
                    }
                }
                self.flush_quote(&mut run);
            }
            block => {
                let line = self.line(block).unwrap_or_default();
                self.done.push(section(line));
            }
        }
    }

    fn flush_quote(&mut self, run: &mut Vec<Value>) {
        if !run.is_empty() {
            self.done.push(json!({ "type": "rich_text_quote", "elements": std::mem::take(run) }));
        }
    }

    /// What a block is within a line; `None` of what needs an element of its own.
    fn line(&self, block: &Block) -> Option<Vec<Value>> {
        match block {
            Block::Heading { text, .. } => Some(self.inlines(text, Style { bold: true, ..Style::default() })),
            Block::Paragraph(text) => Some(self.inlines(text, Style::default())),
            Block::Divider => Some(vec![styled_text("———", Style::default())]),
            _ => None,
        }
    }

    /// Nested lists are lists of their own, further in: an item itself holds one line of text only.
    fn list(&mut self, start: Option<u64>, items: &[Vec<Block>], place: Place) {
        let first = start.unwrap_or(1);
        let (mut run, mut run_from) = (Vec::new(), 0_u64);
        for (at, item) in items.iter().enumerate() {
            let mut line = Vec::new();
            let mut is_shown = false;
            for block in item {
                match (self.line(block), block) {
                    (Some(inlines), _) => append(&mut line, inlines),
                    (None, Block::Code { text, .. }) if !text.trim().is_empty() => {
                        append(
                            &mut line,
                            vec![styled_text(text.trim_end_matches('\n'), Style { code: true, ..Style::default() })],
                        );
                    }
                    (None, block) => {
                        if !is_shown || !line.is_empty() {
                            // What follows a nested list has no mark of its own.
                            let element = section(std::mem::take(&mut line));
                            if is_shown {
                                self.done.push(element)
                            } else {
                                run.push(element)
                            }
                            is_shown = true;
                        }
                        self.flush_list(&mut run, start.map(|_| first.saturating_add(run_from)), place);
                        self.block(block, Place { indent: place.indent + 1, ..place });
                        run_from = at as u64 + 1;
                    }
                }
            }
            match (is_shown, line.is_empty()) {
                (false, _) => run.push(section(line)),
                (true, false) => self.done.push(section(line)),
                (true, true) => {}
            }
        }
        self.flush_list(&mut run, start.map(|_| first.saturating_add(run_from)), place);
    }

    fn flush_list(&mut self, run: &mut Vec<Value>, number: Option<u64>, place: Place) {
        if run.is_empty() {
            return;
        }
        let style = if number.is_some() { "ordered" } else { "bullet" };
        let mut list = json!({ "type": "rich_text_list", "style": style, "elements": std::mem::take(run) });
        if place.indent > 0 {
            list["indent"] = place.indent.into();
        }
        if let Some(offset) = number.map(|number| number.saturating_sub(1)).filter(|offset| *offset > 0) {
            list["offset"] = offset.into();
        }
        self.done.push(bordered(list, place));
    }

    fn inlines(&self, inlines: &[Inline], style: Style) -> Vec<Value> {
        let mut elements = Vec::new();
        for inline in inlines {
            match inline {
                Inline::Text(text) if visible(text).is_empty() => {}
                Inline::Text(text) => elements.push(styled_text(text, style)),
                Inline::Code(text) => elements.push(styled_text(text, Style { code: true, ..style })),
                Inline::Strong(inner) => elements.extend(self.inlines(inner, Style { bold: true, ..style })),
                Inline::Emphasis(inner) => elements.extend(self.inlines(inner, Style { italic: true, ..style })),
                Inline::Strike(inner) => elements.extend(self.inlines(inner, Style { strike: true, ..style })),
                Inline::Link { url, text } => elements.push(style.put(link(url, text))),
                Inline::Mention(mention) => elements.push(self.mention(mention, style)),
                Inline::Break => elements.push(styled_text("\n", style)),
                _ => {}
            }
        }
        elements
    }

    fn mention(&self, mention: &Mention, style: Style) -> Value {
        match mention {
            Mention::User(id) => style.put(json!({ "type": "user", "user_id": id })),
            Mention::Channel(channel) => match self.mentioned.get(channel.as_str()) {
                Some(id) => style.put(json!({ "type": "channel", "channel_id": &**id })),
                None => styled_text(channel.as_str(), style),
            },
            Mention::Everyone => style.put(json!({ "type": "broadcast", "range": "channel" })),
            _ => styled_text("@", style),
        }
    }
}

/// A link has one style: what is in its text comes as plain text.
fn link(url: &str, text: &[Inline]) -> Value {
    let mut label = String::new();
    within(text, &mut |inline| match inline {
        Inline::Text(text) | Inline::Code(text) => label.push_str(text),
        Inline::Break => label.push(' '),
        _ => {}
    });
    let mut link = json!({ "type": "link", "url": url });
    if !label.trim().is_empty() {
        link["text"] = visible(&label).into();
    }
    link
}

/// Adds a line behind others.
fn append(lines: &mut Vec<Value>, line: Vec<Value>) {
    if !lines.is_empty() && !line.is_empty() {
        lines.push(styled_text("\n", Style::default()));
    }
    lines.extend(line);
}

/// Slack refuses elements without text.
fn filled(text: &str) -> String {
    let text = visible(text);
    if text.is_empty() { " ".to_owned() } else { text }
}

fn styled_text(text: &str, style: Style) -> Value {
    style.put(json!({ "type": "text", "text": filled(text) }))
}

fn section(mut elements: Vec<Value>) -> Value {
    if elements.is_empty() {
        elements.push(styled_text(" ", Style::default()));
    }
    json!({ "type": "rich_text_section", "elements": elements })
}

fn rich_text(elements: Vec<Value>) -> Value {
    json!({ "type": "rich_text", "elements": elements })
}

/// Within a quote, lists and code have its border.
fn bordered(mut element: Value, place: Place) -> Value {
    if place.quoted {
        element["border"] = 1.into();
    }
    element
}

#[cfg(test)]
mod tests;
