//! Percent-encoding as RFC 3986 has it: what is not unreserved is encoded.

use std::fmt::{self, Write};

/// Appends `text` as one segment of a path: a slash becomes `%2F`.
pub fn segment(out: &mut String, text: &str) {
    escape(out, text, |_| false);
}

/// Appends `text` as a path: its slashes stay.
pub fn path(out: &mut String, text: &str) {
    escape(out, text, |byte| byte == b'/');
}

/// Appends `text` as a name or value in a query: a blank becomes `%20`.
pub fn query(out: &mut String, text: &str) {
    escape(out, text, |_| false);
}

/// Appends `text` as `application/x-www-form-urlencoded` has it: a blank becomes `+`.
pub fn form(out: &mut String, text: &str) {
    for (at, part) in text.split(' ').enumerate() {
        if at > 0 {
            out.push('+');
        }
        // A form encodes `~` and leaves `*`; readers decode both either way, so RFC 3986 serves here too.
        escape(out, part, |_| false);
    }
}

/// A writer that encodes what is displayed into it, so that numbers need no text of their own.
pub(super) struct QueryValue<'a>(pub(super) &'a mut String);

impl Write for QueryValue<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        query(self.0, text);
        Ok(())
    }
}

fn escape(out: &mut String, text: &str, stays: impl Fn(u8) -> bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.reserve(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || stays(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(encode: fn(&mut String, &str), text: &str) -> String {
        let mut out = String::new();
        encode(&mut out, text);
        out
    }

    #[test]
    fn only_unreserved_bytes_stay() {
        let all: String = (0..=127_u8).map(char::from).collect();
        let encoded = with(segment, &all);
        let stays: String = encoded.split('%').skip(1).map(|part| &part[2..]).collect();
        assert_eq!(stays, "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");
        assert_eq!(with(segment, "a/b ü%2F"), "a%2Fb%20%C3%BC%252F");
        assert_eq!(with(path, "a//b/../ü"), "a//b/../%C3%BC");
        assert_eq!(with(query, "a b&c=d+e"), "a%20b%26c%3Dd%2Be");
        assert_eq!(with(form, " a b&"), "+a+b%26");
    }
}
