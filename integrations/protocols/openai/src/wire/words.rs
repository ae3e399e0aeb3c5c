//! Texts that an answer is made of: views of the received bytes, escapes and all.

use std::borrow::Cow;

use memchr::memchr;
use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A text as it stands in the JSON, which costs nothing until it is taken; where something else stands there, that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words<'a>(Option<&'a RawValue>);

impl<'a> Words<'a> {
    /// The text, where there is one and it is not empty.
    pub(crate) fn filled(self) -> Option<Cow<'a, str>> {
        self.text().filter(|text| !text.is_empty())
    }

    /// The text between the quotes, where it is one and not empty: with its escapes.
    pub(crate) fn literal(self) -> Option<&'a str> {
        let inner = self.0?.get().strip_prefix('"')?.strip_suffix('"')?;
        (!inner.is_empty()).then_some(inner)
    }

    /// Whether anything stands there that may have a meaning.
    pub(crate) fn says_something(self) -> bool {
        self.0.is_some_and(|raw| !matches!(raw.get(), "null" | "\"\""))
    }

    /// Arguments of a tool: a text; from some servers an object.
    pub(crate) fn arguments(self) -> Cow<'a, str> {
        match self.0.map(RawValue::get) {
            None | Some("null") => Cow::Borrowed(""),
            Some(raw) if raw.starts_with('"') => self.text().unwrap_or_default(),
            Some(raw) => Cow::Borrowed(raw),
        }
    }

    /// The list that stands there instead of a text.
    pub(crate) fn list(self) -> Option<&'a str> {
        self.0.map(RawValue::get).filter(|raw| raw.starts_with('['))
    }

    fn text(self) -> Option<Cow<'a, str>> {
        let raw = self.0?.get();
        match raw.as_bytes() {
            [b'"', .., b'"'] => unescaped(&raw[1..raw.len() - 1]),
            // A number is as good as the text of it.
            [b'0'..=b'9' | b'-', ..] => Some(Cow::Borrowed(raw)),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

/// What a JSON string says, of which this stands between the quotes; `None` when that is no string. One allocation, and none
/// without escapes.
pub(crate) fn unescaped(literal: &str) -> Option<Cow<'_, str>> {
    let bytes = literal.as_bytes();
    let Some(first) = memchr(b'\\', bytes) else { return Some(Cow::Borrowed(literal)) };
    // No escape is shorter than what it stands for.
    let mut text = String::with_capacity(literal.len());
    let (mut from, mut at) = (0, first);
    loop {
        text.push_str(&literal[from..at]);
        let (letter, length) = escape(&bytes[at..])?;
        text.push(letter);
        from = at + length;
        match memchr(b'\\', &bytes[from..]) {
            Some(next) => at = from + next,
            None => {
                text.push_str(&literal[from..]);
                return Some(Cow::Owned(text));
            }
        }
    }
}

/// The letter that the escape at the beginning stands for, and the length of the escape.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let letter = match bytes.get(1)? {
        b'n' => '\n',
        b'"' => '"',
        b'\\' => '\\',
        b't' => '\t',
        b'/' => '/',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return unit_escape(bytes),
        _ => return None,
    };
    Some((letter, 2))
}

/// `\u` and four digits; for a letter beyond the basic plane twice.
fn unit_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0_u32, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
    };
    let high = unit(0)?;
    if (0xd800..0xdc00).contains(&high)
        && let Some(low) = unit(6).filter(|low| (0xdc00..0xe000).contains(low))
    {
        let letter = char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        return letter.map(|letter| (letter, 12));
    }
    // Half a letter is valid JSON and no text: it is shown as such, not a reason to lose the answer.
    Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Words<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_no_text_is_as_if_it_were_not_there() {
        for json in ["null", "true", "[\"a\"]", "{\"a\":1}", "\"\""] {
            assert_eq!(read(json).filled(), None, "{json}");
        }
        assert_eq!(read("7").filled().as_deref(), Some("7"));
        assert_eq!((read("\"a\\n\"").literal(), read("\"\"").literal(), read("7").literal()), (Some("a\\n"), None, None));
    }

    #[test]
    fn arguments_are_a_text_or_an_object() {
        assert_eq!(read(r#""{\"a\":1}""#).arguments(), r#"{"a":1}"#);
        assert_eq!(read(r#"{"a": 1}"#).arguments(), r#"{"a": 1}"#);
        assert_eq!((read("null").arguments(), Words::default().arguments()), ("".into(), "".into()));
    }

    #[test]
    fn half_a_letter_is_shown_and_what_is_no_escape_is_none() {
        assert_eq!(unescaped(r"a\ud83e").as_deref(), Some("a\u{fffd}"));
        assert_eq!(unescaped(r"\ud83ea").as_deref(), Some("\u{fffd}a"));
        assert_eq!(unescaped(r"\ud83e\ud83e\udd8a").as_deref(), Some("\u{fffd}🦊"));
        for broken in [r"\", r"\x", r"\u12", r"\u12g4", r"a\u", r"\u+123"] {
            assert_eq!(unescaped(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_reads(literal in r#"(\\u[0-9a-fA-F]{4}|\\ud83e\\udd8a|\\[nrtbf/"\\u]|[^"\\\p{Cc}]){0,12}"#) {
            match serde_json::from_str::<String>(&format!("\"{literal}\"")) {
                Ok(text) => prop_assert_eq!(unescaped(&literal), Some(Cow::Owned(text))),
                // Half letters are all that is read here and not there.
                Err(_) => prop_assert!(unescaped(&literal).is_none_or(|text| text.contains(char::REPLACEMENT_CHARACTER))),
            }
        }
    }
}
