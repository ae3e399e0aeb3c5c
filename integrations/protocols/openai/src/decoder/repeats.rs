//! Chunks that differ from an earlier one in a single text, which nearly all of a stream are.

use std::borrow::Cow;

use circle_core_common::interfaces::chat_model::ChatEvent;

use crate::wire::unescaped;

/// How many shapes are known at a time: a text or reasoning has one, and so has each call that is streamed at once.
const SHAPES: usize = 4;
/// The longest chunk around a text that is remembered, which bounds what a stream keeps.
const SHAPE_MAX: usize = 2048;

/// Reads a chunk without reading its JSON, when all of it but one text is, byte for byte, as in a chunk that was read before.
///
/// A valid JSON string in the place of another changes that text and nothing else, so what was true of the earlier chunk is
/// true of this one. It is forgotten when the same bytes may mean something else: when a tool call has begun, say.
#[derive(Default)]
pub(super) struct Repeats {
    shapes: Vec<Shape>,
    /// Which shape fitted last.
    last: usize,
    /// Which is replaced by the next.
    next: usize,
}

struct Shape {
    /// What stands before the text and behind it, quotes included.
    bytes: Vec<u8>,
    split: usize,
    place: Place,
}

/// Where a text belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Text(u32),
    Reasoning(u32),
    Arguments(u32),
}

impl Place {
    /// The place of an event that is one piece of text.
    pub(super) fn of(event: &ChatEvent) -> Option<Self> {
        match event {
            ChatEvent::TextDelta { part, .. } => Some(Self::Text(*part)),
            ChatEvent::ReasoningDelta { part, .. } => Some(Self::Reasoning(*part)),
            ChatEvent::ToolCallDelta { part, .. } => Some(Self::Arguments(*part)),
            _ => None,
        }
    }
}

impl Repeats {
    /// What a chunk says that is of a known shape.
    pub(super) fn read<'a>(&mut self, chunk: &'a [u8]) -> Option<(Place, Cow<'a, str>)> {
        for turn in 0..self.shapes.len() {
            let at = (self.last + turn) % self.shapes.len();
            if let Some(found) = self.shapes[at].read(chunk) {
                self.last = at;
                return Some(found);
            }
        }
        None
    }

    /// Remembers a chunk that said `literal`, which is a part of it, at `place`, and nothing else.
    pub(super) fn remember(&mut self, chunk: &[u8], literal: &str, place: Place) {
        let Some(start) = (literal.as_ptr() as usize).checked_sub(chunk.as_ptr() as usize) else { return };
        let end = start + literal.len();
        if end > chunk.len() || chunk.len() - literal.len() > SHAPE_MAX {
            return;
        }
        if self.shapes.len() < SHAPES {
            self.next = self.shapes.len();
            self.shapes.push(Shape { bytes: Vec::new(), split: 0, place });
        }
        let shape = &mut self.shapes[self.next];
        shape.bytes.clear();
        shape.bytes.extend_from_slice(&chunk[..start]);
        shape.bytes.extend_from_slice(&chunk[end..]);
        (shape.split, shape.place) = (start, place);
        self.last = self.next;
        self.next = (self.next + 1) % SHAPES;
    }

    /// The same bytes may mean something else from here on.
    pub(super) fn forget(&mut self) {
        self.shapes.clear();
        self.last = 0;
    }
}

impl Shape {
    fn read<'a>(&self, chunk: &'a [u8]) -> Option<(Place, Cow<'a, str>)> {
        let (head, tail) = self.bytes.split_at(self.split);
        let literal = chunk.strip_prefix(head)?.strip_suffix(tail)?;
        // What is empty may be as if it were not there; what has an end of its own is not one text.
        if literal.is_empty() || !is_literal(literal) {
            return None;
        }
        let text = unescaped(std::str::from_utf8(literal).ok()?)?;
        Some((self.place, text))
    }
}

/// Whether these bytes can stand between the quotes of a JSON string, if their escapes are such.
fn is_literal(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ') {
        if rest[at] != b'\\' || rest.len() < at + 2 {
            return false;
        }
        rest = &rest[at + 2..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taught(chunk: &str, text: &str) -> Repeats {
        let mut repeats = Repeats::default();
        let at = chunk.find(text).unwrap();
        repeats.remember(chunk.as_bytes(), &chunk[at..at + text.len()], Place::Text(3));
        repeats
    }

    #[test]
    fn only_the_text_may_differ() {
        let mut repeats = taught(r#"{"a":1,"t":"so","b":2}"#, "so");
        let mut read = |chunk: &str| repeats.read(chunk.as_bytes()).map(|(_, text)| text.into_owned());
        assert_eq!(read(r#"{"a":1,"t":"and on","b":2}"#).as_deref(), Some("and on"));
        assert_eq!(read(r#"{"a":1,"t":"\"\u00e9\\","b":2}"#).as_deref(), Some("\"é\\"));
        for other in [
            r#"{"a":2,"t":"so","b":2}"#,
            r#"{"a":1,"t":"so","b":3}"#,
            r#"{"a":1,"t":"","b":2}"#,
            r#"{"a":1,"t":"so","c":"so","b":2}"#,
            r#"{"a":1,"t":"so\","b":2}"#,
            r#"{"a":1,"t":"\x","b":2}"#,
            "{\"a\":1,\"t\":\"so\n\",\"b\":2}",
            r#"{"a":1,"t":"#,
            r#"","b":2}"#,
        ] {
            assert_eq!(read(other), None, "{other}");
        }
        assert_eq!(repeats.read(b"{\"a\":1,\"t\":\"\xff\",\"b\":2}"), None);
    }

    #[test]
    fn few_and_short_shapes_are_kept() {
        let mut repeats = Repeats::default();
        let chunk = |at: usize| format!(r#"{{"a":{at},"t":"so"}}"#);
        for at in 0..SHAPES + 1 {
            let chunk = chunk(at);
            repeats.remember(chunk.as_bytes(), &chunk[chunk.len() - 4..chunk.len() - 2], Place::Arguments(0));
        }
        let known = |repeats: &mut Repeats| (0..SHAPES + 1).filter(|at| repeats.read(chunk(*at).as_bytes()).is_some()).count();
        assert_eq!(known(&mut repeats), SHAPES);
        let long = format!(r#"{{"a":"{}","t":"so"}}"#, "x".repeat(SHAPE_MAX));
        assert!(taught(&long, "so").read(long.as_bytes()).is_none());
        repeats.forget();
        assert_eq!(known(&mut repeats), 0);
    }
}
