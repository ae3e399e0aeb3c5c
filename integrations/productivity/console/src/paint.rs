//! Lines as they are written: a head that says where, and text behind a bar, so that no text looks like a head.

use circle_core_common::ByteSize;
use circle_core_common::interfaces::messenger::{Block, Content, Inline};
use circle_core_common::interfaces::notifier::Severity;

use crate::sanitize::{for_terminal, one_line};

const RESET: &str = "\x1b[0m";

/// Select Graphic Rendition (ECMA-48, 8.3.117): how to begin a look, and how to end it.
type Look = (&'static str, &'static str);
const HEAD: Look = ("\x1b[36m", RESET);
const DIM: Look = ("\x1b[2m", RESET);
const STRONG: Look = ("\x1b[1m", "\x1b[22m");
const EMPHASIS: Look = ("\x1b[3m", "\x1b[23m");
const UNDERLINE: Look = ("\x1b[4m", "\x1b[24m");
const STRIKE: Look = ("\x1b[9m", "\x1b[29m");
const CODE: Look = ("\x1b[33m", "\x1b[39m");
const GREEN: Look = ("\x1b[32m", RESET);
const YELLOW: Look = ("\x1b[33m", RESET);
const RED: Look = ("\x1b[31m", RESET);
const ALARM: Look = ("\x1b[1;41;97m", RESET);

/// Writes lines in one look or another.
#[derive(Clone, Copy)]
pub(crate) struct Paint {
    pub(crate) color: bool,
}

impl Paint {
    fn in_look(self, (begin, end): Look, text: &str) -> String {
        if self.color { format!("{begin}{text}{end}") } else { text.to_owned() }
    }

    /// A head, and text that may have several lines; each line of it stands behind a bar.
    fn lines(self, head: &str, look: Look, text: &str) -> String {
        let indent = " ".repeat(head.chars().count());
        let bar = self.in_look(DIM, "|");
        let mut lines = String::new();
        for (at, line) in text.split('\n').enumerate() {
            let head = if at == 0 { self.in_look(look, head) } else { indent.clone() };
            lines.push_str(format!("{head} {bar} {line}").trim_end());
            if self.color {
                // A look that a line leaves open ends with it.
                lines.push_str(RESET);
            }
            lines.push('\n');
        }
        lines
    }

    /// A message: `#finance 2 > 1 | Details`, with its files below.
    pub(crate) fn message(self, head: &str, content: &Content, files: &[(String, u64)]) -> String {
        let mut text = self.content(content);
        for (name, size) in files {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&self.in_look(DIM, &format!("+ {} ({})", one_line(name), ByteSize::bytes(*size))));
        }
        self.lines(&one_line(head), HEAD, &text)
    }

    /// What happened to a message: `#finance 2 | deleted`.
    pub(crate) fn event(self, head: &str, event: &str) -> String {
        self.lines(&one_line(head), HEAD, &self.in_look(DIM, &one_line(event)))
    }

    /// A notification: `ana, ben ! critical | Disk 95 %`.
    pub(crate) fn notification(self, recipients: &[&str], severity: Option<Severity>, parts: &[&str]) -> String {
        let names: Vec<String> = recipients.iter().map(|name| one_line(name)).collect();
        let severity_name = severity.map(|severity| format!(" {severity}")).unwrap_or_default();
        let look = match severity {
            None | Some(Severity::Info) => GREEN,
            Some(Severity::Warning) => YELLOW,
            Some(Severity::Error) => RED,
            Some(Severity::Critical) => ALARM,
        };
        let parts: Vec<String> = parts.iter().filter(|part| !part.is_empty()).map(|part| for_terminal(part)).collect();
        self.lines(&format!("{} !{severity_name}", names.join(", ")), look, &parts.join("\n"))
    }

    fn content(self, content: &Content) -> String {
        match content {
            // What looks are made of is put in after the text was made safe.
            Content::Rich(blocks) if self.color => Content::Rich(self.blocks(blocks).into()).plain_text().into_owned(),
            content => for_terminal(&content.plain_text()),
        }
    }

    /// The blocks with what makes their looks written into their texts.
    fn blocks(self, blocks: &[Block]) -> Vec<Block> {
        let painted = |block: &Block| match block {
            Block::Heading { level, text } => {
                let text = wrapped(STRONG, wrapped(UNDERLINE, self.inlines(text)));
                Block::Heading { level: *level, text }
            }
            Block::Paragraph(text) => Block::Paragraph(self.inlines(text)),
            Block::List { start, items } => {
                Block::List { start: *start, items: items.iter().map(|item| self.blocks(item)).collect() }
            }
            Block::Code { language, text } => {
                // Line by line, so that the bar in front of a line is no code.
                let lines: Vec<String> = for_terminal(text).split('\n').map(|line| self.in_look(CODE, line)).collect();
                Block::Code { language: language.clone(), text: lines.join("\n") }
            }
            Block::Quote(quoted) => Block::Quote(self.blocks(quoted)),
            _ => Block::Divider,
        };
        blocks.iter().map(painted).collect()
    }

    fn inlines(self, inlines: &[Inline]) -> Vec<Inline> {
        inlines.iter().flat_map(|inline| self.inline(inline)).collect()
    }

    fn inline(self, inline: &Inline) -> Vec<Inline> {
        match inline {
            Inline::Text(text) => vec![Inline::text(for_terminal(text))],
            Inline::Strong(text) => wrapped(STRONG, self.inlines(text)),
            Inline::Emphasis(text) => wrapped(EMPHASIS, self.inlines(text)),
            Inline::Strike(text) => wrapped(STRIKE, self.inlines(text)),
            Inline::Code(text) => wrapped(CODE, vec![Inline::text(for_terminal(text))]),
            Inline::Break => vec![Inline::Break],
            other => {
                let plain = Content::Rich([Block::Paragraph(vec![other.clone()])].into());
                wrapped(UNDERLINE, vec![Inline::text(for_terminal(&plain.plain_text()))])
            }
        }
    }
}

fn wrapped((begin, end): Look, mut inlines: Vec<Inline>) -> Vec<Inline> {
    inlines.insert(0, Inline::text(begin));
    inlines.push(Inline::text(end));
    inlines
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Paint = Paint { color: false };
    const COLOR: Paint = Paint { color: true };

    #[test]
    fn no_line_of_a_text_looks_like_a_head() {
        let content = Content::Text("one\n#general 9 | fake\r\n\tthree".into());
        let lines = PLAIN.message("#a 1", &content, &[("q\u{202e}3.csv".into(), 8)]);
        assert_eq!(lines, "#a 1 | one\n     | #general 9 | fake\n     | \tthree\n     | + q\u{fffd}3.csv (8 B)\n");
    }

    #[test]
    fn rich_text_has_its_structure() {
        let blocks = [Block::heading(1, "Title"), Block::bullets(["a", "b"])];
        assert_eq!(PLAIN.message("#a 1", &Content::Rich(blocks.into()), &[]), "#a 1 | Title\n     |\n     | - a\n     | - b\n");
    }

    #[test]
    fn colours_are_the_consoles_own() {
        let hostile = "\x1b[2Jx";
        let blocks = [
            Block::paragraph([Inline::strong(hostile), Inline::code(hostile), Inline::link(hostile, "https://a.example")]),
            Block::code(hostile),
            Block::Quote(vec![Block::heading(2, hostile)]),
        ];
        for content in [Content::Rich(blocks.into()), Content::Text(hostile.into())] {
            let lines = COLOR.message(hostile, &content, &[(hostile.into(), 1)]);
            assert!(!lines.contains("\x1b[2J") && lines.contains("␛[2Jx"), "{lines:?}");
            assert!(!PLAIN.message(hostile, &content, &[]).contains('\x1b'));
            // Every line ends in no look.
            assert!(lines.lines().all(|line| line.ends_with(RESET)), "{lines:?}");
        }
        let strong = COLOR.message("#a", &Content::Rich([Block::paragraph([Inline::strong("x")])].into()), &[]);
        assert!(strong.contains("\x1b[1mx\x1b[22m"), "{strong:?}");
    }

    #[test]
    fn notifications_say_who_and_how_grave() {
        let lines = PLAIN.notification(&["ana", "b\nn"], Some(Severity::Critical), &["Disk", "", "two\nlines"]);
        assert_eq!(lines, "ana, b n ! critical | Disk\n                    | two\n                    | lines\n");
        assert_eq!(PLAIN.notification(&["ana"], None, &["Hello"]), "ana ! | Hello\n");
        assert!(!COLOR.notification(&["\x1b[2J"], None, &["\x1b[2J"]).contains("\x1b[2J"));
    }
}
