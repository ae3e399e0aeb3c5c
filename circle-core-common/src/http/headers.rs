//! Header names and values from text, checked where they come in.

mod fields;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) use self::fields::Fields;

use crate::error::{Error, ErrorKind, Result};

/// Whether a header belongs to the connection or follows from the request; a caller's own would let one request pass as two.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "expect"
            | "host"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Values that requests have again and again: they need no check, no copy, and no count of who holds it.
static USUAL: [(&str, HeaderValue); 3] = [
    ("application/json", HeaderValue::from_static("application/json")),
    ("application/xml", HeaderValue::from_static("application/xml")),
    ("application/octet-stream", HeaderValue::from_static("application/octet-stream")),
];

/// A header's name.
///
/// # Errors
/// `InvalidInput` when it is none.
pub fn name(name: &str) -> Result<HeaderName> {
    // The text is escaped, so that the message cannot be broken either.
    HeaderName::try_from(name).map_err(|_| Error::new(ErrorKind::InvalidInput, format!("{name:?} is not the name of a header")))
}

/// The value of the header `name`: visible ASCII, blanks and tabs.
///
/// # Errors
/// `InvalidInput` naming the header, never the value, when there is a line break, a NUL or another letter in it.
pub fn value(name: &HeaderName, value: &str) -> Result<HeaderValue> {
    if let Some((_, usual)) = USUAL.iter().find(|(usual, _)| *usual == value) {
        return Ok(usual.clone());
    }
    // Other letters would pass as bytes, which servers read in several encodings.
    let parsed = HeaderValue::from_str(value).ok().filter(|_| value.is_ascii());
    parsed.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("the value of the header `{name}` holds a character that headers cannot carry"),
        )
    })
}

/// As [`value`], marked so that nothing prints it.
///
/// # Errors
/// As [`value`].
pub fn secret(name: &HeaderName, text: &str) -> Result<HeaderValue> {
    let mut value = value(name, text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A header of a request from text.
///
/// # Errors
/// As [`name`] and [`value`]; `InvalidInput` for a header that the transport alone may set.
pub(super) fn field(header: &str, text: &str) -> Result<(HeaderName, HeaderValue)> {
    let header = name(header)?;
    if is_reserved(header.as_str()) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the header `{header}` follows from the request and cannot be set"),
        ));
    }
    let value = value(&header, text)?;
    Ok((header, value))
}

/// The text of a header, where it is there and is text.
#[must_use]
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_gets_into_a_header() {
        for code in (0..0x20_u8).chain([0x7f]).filter(|&code| code != b'\t') {
            let bad = format!("a{}b", char::from(code));
            let error = field("x-name", &bad).unwrap_err();
            assert!(error.is(ErrorKind::InvalidInput) && error.message().contains("`x-name`"), "{error}");
            assert!(field(&format!("x-{bad}"), "v").unwrap_err().is(ErrorKind::InvalidInput));
        }
        assert!(field("x", "ü").is_err());
    }

    #[test]
    fn the_transport_keeps_its_headers() {
        for header in ["Host", "Content-Length", "transfer-encoding", "Connection"] {
            assert!(field(header, "x").is_err(), "{header}");
        }
    }

    #[test]
    fn errors_do_not_repeat_the_value() {
        let error = secret(&name("x-key").unwrap(), "hunter2\r\n").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
        assert!(secret(&name("x-key").unwrap(), "hunter2").unwrap().is_sensitive());
    }
}
