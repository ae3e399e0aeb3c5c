//! Percent-encoding: keys go into paths and queries byte for byte, and come back out of lists.

use std::fmt::Write;

/// What RFC 3986 leaves unreserved; all else is encoded, as the canonical request of a signature wants it.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn push(out: &mut String, text: &str, keeps_slash: bool) {
    out.reserve(text.len());
    for byte in text.bytes() {
        if is_unreserved(byte) || (keeps_slash && byte == b'/') {
            out.push(char::from(byte));
        } else {
            // Writing into a `String` cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Appends a key to a path. Its slashes stay, and so do segments of dots: they are part of the name.
pub(crate) fn push_key(path: &mut String, key: &str) {
    push(path, key, true);
}

/// A key as `x-amz-copy-source` has it.
pub(crate) fn encode_source(bucket: &str, key: &str) -> String {
    let mut out = String::with_capacity(bucket.len() + key.len() + 2);
    push(&mut out, bucket, false);
    out.push('/');
    push(&mut out, key, true);
    out
}

/// A query, in the order in which it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    text: String,
}

impl Query {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A name without a value, such as `?uploads`. It is signed as `uploads=`, and sent so.
    pub(crate) fn flag(self, name: &str) -> Self {
        self.with(name, "")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        push(&mut self.text, name, false);
        self.text.push('=');
        push(&mut self.text, value, false);
        self
    }

    pub(crate) fn with_option(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Appends it to a path.
    pub(crate) fn append_to(&self, path: &mut String) {
        if !self.text.is_empty() {
            path.push('?');
            path.push_str(&self.text);
        }
    }
}

/// Reads what a list wrote with `encoding-type=url`: `+` is a space. `None` when it is not UTF-8 afterwards.
pub(crate) fn decode(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        out.push(match (byte, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, tail @ ..]) => {
                rest = tail;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?
            }
            (b'%', _) => return None,
            (byte, _) => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(key: &str) -> String {
        let mut path = String::new();
        push_key(&mut path, key);
        path
    }

    #[test]
    fn keys_go_byte_for_byte() {
        for (text, expected) in [
            ("a//b", "a//b"),
            ("../x", "../x"),
            ("a/./b", "a/./b"),
            ("/lead", "/lead"),
            ("%2F", "%252F"),
            ("a+b c", "a%2Bb%20c"),
            ("é\n", "%C3%A9%0A"),
            ("...", "..."),
            ("q?x=1&y#z", "q%3Fx%3D1%26y%23z"),
        ] {
            assert_eq!(key(text), expected, "{text:?}");
        }
    }

    #[test]
    fn queries_are_encoded() {
        let mut path = "/b".to_owned();
        Query::new().flag("uploads").with("prefix", "a b/&").with_option("marker", None).append_to(&mut path);
        assert_eq!(path, "/b?uploads=&prefix=a%20b%2F%26");
    }

    #[test]
    fn lists_are_decoded() {
        assert_eq!(decode("a+b%2Bc%0A").as_deref(), Some("a b+c\n"));
        assert_eq!(decode("%zz"), None);
        assert_eq!(decode("%2"), None);
        assert_eq!(decode("%ff"), None);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in ".*") {
            let mut encoded = String::new();
            push(&mut encoded, &text, false);
            prop_assert_eq!(decode(&encoded), Some(text));
        }
    }
}
