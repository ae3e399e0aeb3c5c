//! Rich text: blocks that every messenger can show, each in its own way.

use std::fmt::Write;

use super::Channel;

/// A part of a rich message that stands by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Block {
    /// A heading, level 1 to 6.
    Heading {
        /// 1 is the highest.
        level: u8,
        /// What it says.
        text: Vec<Inline>,
    },
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list; its items are blocks, so lists nest.
    List {
        /// The number of the first item; `None` for bullets.
        start: Option<u64>,
        /// The items.
        items: Vec<Vec<Block>>,
    },
    /// Code, shown as it is.
    Code {
        /// The language, where it is known.
        language: Option<String>,
        /// The code.
        text: String,
    },
    /// What somebody else said.
    Quote(Vec<Block>),
    /// A line between two parts.
    Divider,
}

impl Block {
    /// How deep blocks and inlines may nest; what is deeper is `InvalidInput`.
    pub const DEPTH_MAX: usize = 16;

    /// A heading.
    #[must_use]
    pub fn heading(level: u8, text: impl Into<String>) -> Self {
        Self::Heading { level, text: vec![Inline::text(text)] }
    }

    /// A paragraph of these parts; `[]` of texts, or of anything that is an [`Inline`].
    #[must_use]
    pub fn paragraph<I: Into<Inline>>(parts: impl IntoIterator<Item = I>) -> Self {
        Self::Paragraph(parts.into_iter().map(Into::into).collect())
    }

    /// A list with bullets, each item one paragraph.
    #[must_use]
    pub fn bullets<I: Into<Inline>>(items: impl IntoIterator<Item = I>) -> Self {
        Self::List { start: None, items: items.into_iter().map(|item| vec![Self::paragraph([item])]).collect() }
    }

    /// A list with numbers from 1, each item one paragraph.
    #[must_use]
    pub fn numbered<I: Into<Inline>>(items: impl IntoIterator<Item = I>) -> Self {
        Self::List { start: Some(1), items: items.into_iter().map(|item| vec![Self::paragraph([item])]).collect() }
    }

    /// Code without a language.
    #[must_use]
    pub fn code(text: impl Into<String>) -> Self {
        Self::Code { language: None, text: text.into() }
    }
}

/// A part of a line of rich text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inline {
    /// Text; nothing in it is markup.
    Text(String),
    /// Strong, usually bold.
    Strong(Vec<Inline>),
    /// Emphasis, usually italic.
    Emphasis(Vec<Inline>),
    /// Struck out.
    Strike(Vec<Inline>),
    /// Code within a line.
    Code(String),
    /// A link.
    Link {
        /// Where it leads: an absolute address.
        url: String,
        /// What is shown; the address where it is empty.
        text: Vec<Inline>,
    },
    /// A mention, which the service tells whom it names.
    Mention(Mention),
    /// A line break.
    Break,
}

impl Inline {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Strong text.
    #[must_use]
    pub fn strong(text: impl Into<String>) -> Self {
        Self::Strong(vec![Self::text(text)])
    }

    /// Emphasised text.
    #[must_use]
    pub fn emphasis(text: impl Into<String>) -> Self {
        Self::Emphasis(vec![Self::text(text)])
    }

    /// Code.
    #[must_use]
    pub fn code(text: impl Into<String>) -> Self {
        Self::Code(text.into())
    }

    /// A link with a text.
    #[must_use]
    pub fn link(text: impl Into<String>, url: impl Into<String>) -> Self {
        Self::Link { url: url.into(), text: vec![Self::text(text)] }
    }

    /// A mention of a user, by the service's id.
    #[must_use]
    pub fn user(id: impl Into<String>) -> Self {
        Self::Mention(Mention::User(id.into()))
    }
}

impl From<&str> for Inline {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Inline {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&String> for Inline {
    fn from(text: &String) -> Self {
        Self::text(text)
    }
}

impl From<Mention> for Inline {
    fn from(mention: Mention) -> Self {
        Self::Mention(mention)
    }
}

/// Who is named by a mention. Text never mentions anybody, whatever it looks like: `@everyone` in it is nine letters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mention {
    /// A user, by the service's id.
    User(String),
    /// A channel.
    Channel(Channel),
    /// Everybody in the channel.
    Everyone,
}

/// The blocks as plain text: what is shown where there is no rich text, and what the limits of length count.
pub(super) fn plain_text(blocks: &[Block]) -> String {
    let mut text = String::new();
    write_blocks(&mut text, blocks, "");
    text
}

/// Writes blocks, each line behind `indent`, with an empty line between blocks.
fn write_blocks(out: &mut String, blocks: &[Block], indent: &str) {
    for (at, block) in blocks.iter().enumerate() {
        if at > 0 {
            out.push('\n');
            out.push_str(indent.trim_end());
            out.push('\n');
        }
        if at > 0 || out.is_empty() || out.ends_with('\n') {
            out.push_str(indent);
        }
        write_block(out, block, indent);
    }
}

fn write_block(out: &mut String, block: &Block, indent: &str) {
    match block {
        Block::Heading { text, .. } | Block::Paragraph(text) => {
            let mut line = String::new();
            write_inlines(&mut line, text);
            write_lines(out, &line, indent);
        }
        Block::List { start, items } => write_list(out, *start, items, indent),
        Block::Code { text, .. } => write_lines(out, text.trim_end_matches('\n'), indent),
        Block::Quote(blocks) => {
            out.push_str("> ");
            write_blocks(out, blocks, &format!("{indent}> "));
        }
        Block::Divider => out.push_str("---"),
    }
}

fn write_list(out: &mut String, start: Option<u64>, items: &[Vec<Block>], indent: &str) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push('\n');
            out.push_str(indent);
        }
        let mark = match start {
            Some(first) => format!("{}. ", first.saturating_add(at as u64)),
            None => "- ".to_owned(),
        };
        out.push_str(&mark);
        let inner = format!("{indent}{}", " ".repeat(mark.len()));
        for (at, block) in item.iter().enumerate() {
            if at > 0 {
                out.push('\n');
                out.push_str(&inner);
            }
            write_block(out, block, &inner);
        }
    }
}

fn write_lines(out: &mut String, text: &str, indent: &str) {
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
            out.push_str(indent);
        }
        out.push_str(line);
    }
}

fn write_inlines(out: &mut String, inlines: &[Inline]) {
    for inline in inlines {
        match inline {
            Inline::Text(text) | Inline::Code(text) => out.push_str(text),
            Inline::Strong(inner) | Inline::Emphasis(inner) | Inline::Strike(inner) => write_inlines(out, inner),
            Inline::Link { url, text } => {
                let mut shown = String::new();
                write_inlines(&mut shown, text);
                // Writing to a string cannot fail.
                let _ = if shown.is_empty() || shown == *url { write!(out, "{url}") } else { write!(out, "{shown} ({url})") };
            }
            Inline::Mention(mention) => {
                let _ = match mention {
                    Mention::User(id) => write!(out, "@{id}"),
                    Mention::Channel(channel) if channel.as_str().starts_with('#') => write!(out, "{channel}"),
                    Mention::Channel(channel) => write!(out, "#{channel}"),
                    Mention::Everyone => write!(out, "@everyone"),
                };
            }
            Inline::Break => out.push('\n'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_says_everything() {
        let blocks = [
            Block::heading(1, "Q3"),
            Block::paragraph([
                Inline::text("Up "),
                Inline::strong("12 %"),
                Inline::Break,
                Inline::link("all", "https://a.example/q3"),
            ]),
            Block::List {
                start: Some(9),
                items: vec![
                    vec![Block::paragraph(["one"]), Block::bullets(["inner", "more"])],
                    vec![Block::paragraph([Inline::text("two"), Inline::Break, Inline::text("lines")])],
                ],
            },
            Block::code("let a = 1;\nlet b = 2;\n"),
            Block::Quote(vec![Block::paragraph(["said"]), Block::paragraph([Inline::user("U1"), Mention::Everyone.into()])]),
            Block::Divider,
        ];
        let expected = "Q3\n\nUp 12 %\nall (https://a.example/q3)\n\n9. one\n   - inner\n   - more\n10. two\n    lines\n\n\
                        let a = 1;\nlet b = 2;\n\n> said\n>\n> @U1@everyone\n\n---";
        assert_eq!(plain_text(&blocks), expected);
    }

    #[test]
    fn a_link_without_text_shows_its_address_once() {
        let bare =
            |text: Vec<Inline>| plain_text(&[Block::Paragraph(vec![Inline::Link { url: "https://a.example".into(), text }])]);
        assert_eq!(bare(vec![]), "https://a.example");
        assert_eq!(bare(vec!["https://a.example".into()]), "https://a.example");
    }
}
