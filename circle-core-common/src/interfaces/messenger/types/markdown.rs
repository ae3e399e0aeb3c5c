//! Markdown as blocks.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::{Block, Inline};

/// How deep blocks are made; what is deeper in the source is written at this depth, so that no source is refused.
const BLOCKS_DEEP: usize = Block::DEPTH_MAX / 2;
/// The same of inlines, within any block.
const INLINES_DEEP: usize = Block::DEPTH_MAX - BLOCKS_DEEP - 2;

/// The blocks of a Markdown text.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut builder = Builder::default();
    for event in Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH) {
        builder.event(event);
    }
    builder.finish()
}

/// A block that is open.
enum Open {
    Quote(Vec<Block>),
    List {
        start: Option<u64>,
        items: Vec<Vec<Block>>,
    },
    Item(Vec<Block>),
    /// A container below the depth that is kept: what is in it belongs to the one around.
    Flat,
}

/// An inline that is open, with what is in it so far.
enum Style {
    Strong,
    Emphasis,
    Strike,
    Link(String),
    /// One that is not kept.
    Flat,
}

#[derive(Default)]
struct Builder {
    done: Vec<Block>,
    open: Vec<Open>,
    styles: Vec<(Style, Vec<Inline>)>,
    line: Vec<Inline>,
    heading: Option<u8>,
    code: Option<(Option<String>, String)>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => match &mut self.code {
                Some((_, code)) => code.push_str(&text),
                None => self.text(&text),
            },
            Event::Code(text) => self.inline(Inline::Code(text.into_string())),
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.inline(Inline::Break),
            Event::Rule => self.block(Block::Divider),
            // Of extensions that are off.
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.end_line();
                self.heading = Some(number(level));
            }
            Tag::CodeBlock(kind) => {
                self.end_line();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().map(str::to_owned),
                    CodeBlockKind::Indented => None,
                };
                self.code = Some((language, String::new()));
            }
            Tag::BlockQuote(_) => self.container(Open::Quote(Vec::new())),
            Tag::List(start) => self.container(Open::List { start, items: Vec::new() }),
            Tag::Item => {
                self.end_line();
                let within_list = matches!(self.open.last(), Some(Open::List { .. }));
                self.open.push(if within_list { Open::Item(Vec::new()) } else { Open::Flat });
            }
            Tag::Strong => self.style(Style::Strong),
            Tag::Emphasis => self.style(Style::Emphasis),
            Tag::Strikethrough => self.style(Style::Strike),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.style(Style::Link(dest_url.into_string())),
            _ => self.end_line(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::CodeBlock => {
                if let Some((language, mut text)) = self.code.take() {
                    text.truncate(text.trim_end_matches('\n').len());
                    self.block(Block::Code { language, text });
                }
            }
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item => self.end_container(),
            TagEnd::Strong | TagEnd::Emphasis | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image => self.end_style(),
            _ => self.end_line(),
        }
    }

    fn container(&mut self, container: Open) {
        self.end_line();
        // A list and its item are one level of the document and two of the blocks' own depth.
        self.open.push(if self.open.len() < BLOCKS_DEEP { container } else { Open::Flat });
    }

    fn end_container(&mut self) {
        self.end_line();
        match self.open.pop() {
            Some(Open::Quote(blocks)) => self.block(Block::Quote(blocks)),
            Some(Open::List { start, items }) => self.block(Block::List { start, items }),
            Some(Open::Item(blocks)) => {
                if let Some(Open::List { items, .. }) = self.open.last_mut() {
                    items.push(blocks);
                }
            }
            Some(Open::Flat) | None => {}
        }
    }

    fn block(&mut self, block: Block) {
        let kept = self.open.iter_mut().rev().find_map(|open| match open {
            Open::Quote(blocks) | Open::Item(blocks) => Some(blocks),
            Open::List { .. } | Open::Flat => None,
        });
        kept.unwrap_or(&mut self.done).push(block);
    }

    fn style(&mut self, style: Style) {
        self.styles.push((if self.styles.len() < INLINES_DEEP { style } else { Style::Flat }, Vec::new()));
    }

    fn end_style(&mut self) {
        let Some((style, inner)) = self.styles.pop() else { return };
        match style {
            Style::Strong => self.inline(Inline::Strong(inner)),
            Style::Emphasis => self.inline(Inline::Emphasis(inner)),
            Style::Strike => self.inline(Inline::Strike(inner)),
            Style::Link(url) if is_address(&url) => self.inline(Inline::Link { url, text: inner }),
            Style::Link(url) => {
                inner.into_iter().for_each(|inline| self.inline(inline));
                if !url.is_empty() {
                    self.text(&format!(" ({url})"));
                }
            }
            Style::Flat => inner.into_iter().for_each(|inline| self.inline(inline)),
        }
    }

    fn text(&mut self, text: &str) {
        let line = self.styles.last_mut().map_or(&mut self.line, |(_, inner)| inner);
        match line.last_mut() {
            Some(Inline::Text(before)) => before.push_str(text),
            _ => line.push(Inline::text(text)),
        }
    }

    fn inline(&mut self, inline: Inline) {
        self.styles.last_mut().map_or(&mut self.line, |(_, inner)| inner).push(inline);
    }

    fn end_line(&mut self) {
        let mut text = std::mem::take(&mut self.line);
        let heading = self.heading.take();
        // HTML ends with its line break.
        if let Some(Inline::Text(last)) = text.last_mut() {
            last.truncate(last.trim_end_matches('\n').len());
        }
        if text.is_empty() {
            return;
        }
        self.block(match heading {
            Some(level) => Block::Heading { level, text },
            None => Block::Paragraph(text),
        });
    }

    fn finish(mut self) -> Vec<Block> {
        self.end_line();
        self.done
    }
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// Whether an address may be a link of its own.
fn is_address(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https" | "mailto")) && super::super::validate::is_url(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_models_answer_becomes_blocks() {
        let text = "# Title\n\nSome **bold *both*** and `code`,  \nnext ~~gone~~ [link](https://a.example).\n\n\
                    1. one\n   - in\n2. two\n\n> quoted\n\n```rust\nlet a = 1;\n```\n\n---\n";
        let expected = vec![
            Block::heading(1, "Title"),
            Block::Paragraph(vec![
                "Some ".into(),
                Inline::Strong(vec!["bold ".into(), Inline::emphasis("both")]),
                " and ".into(),
                Inline::code("code"),
                ",".into(),
                Inline::Break,
                "next ".into(),
                Inline::Strike(vec!["gone".into()]),
                " ".into(),
                Inline::link("link", "https://a.example"),
                ".".into(),
            ]),
            Block::List {
                start: Some(1),
                items: vec![vec![Block::paragraph(["one"]), Block::bullets(["in"])], vec![Block::paragraph(["two"])]],
            },
            Block::Quote(vec![Block::paragraph(["quoted"])]),
            Block::Code { language: Some("rust".into()), text: "let a = 1;".into() },
            Block::Divider,
        ];
        assert_eq!(blocks(text), expected);
    }

    #[test]
    fn html_is_text_and_strange_addresses_are_no_links() {
        assert_eq!(blocks("<b>x</b>"), [Block::paragraph(["<b>x</b>"])]);
        assert_eq!(blocks("<script>\nalert(1)\n</script>"), [Block::paragraph(["<script>\nalert(1)\n</script>"])]);
        assert_eq!(blocks("[a](javascript:alert(1))"), [Block::paragraph(["a (javascript:alert(1))"])]);
        assert_eq!(blocks("[a](docs/x.md)"), [Block::paragraph(["a (docs/x.md)"])]);
        let image = Block::Paragraph(vec![Inline::link("alt", "https://a.example/i.png")]);
        assert_eq!(blocks("![alt](https://a.example/i.png)"), [image]);
    }

    #[test]
    fn depth_is_bounded_and_nothing_is_lost() {
        for text in [">".repeat(5000) + " deep", "- ".repeat(200) + "deep", "**a ".repeat(300) + "deep" + &"**".repeat(300)] {
            let blocks = blocks(&text);
            assert!(super::super::super::validate::check_blocks(&blocks).is_ok());
            assert!(super::super::block::plain_text(&blocks).contains("deep"));
        }
    }
}
