//! Content that cannot be decoded, told without the content.

use std::fmt;

use serde_json::error::Category;

use super::{Error, ErrorKind};

/// `Decode`: `what` cannot be read as JSON, and where.
///
/// The parser's own message quotes the value that it did not like, and so would its source; an error may hold no payload.
pub(crate) fn decode_json_error(what: impl fmt::Display, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let why = match error.classify() {
        Category::Syntax => "the syntax is wrong",
        Category::Eof => "it ends too early",
        Category::Data => "a value is of another type than expected",
        Category::Io => "it cannot be read",
    };
    Error::new(ErrorKind::Decode, format!("{what} cannot be read as JSON: {why} at line {line}, column {column}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn the_value_is_not_quoted() {
        for (json, why) in [("\"hunter2\"", "another type"), ("hunter2", "syntax"), ("[1", "too early")] {
            let failed = serde_json::from_str::<Vec<u8>>(json).unwrap_err();
            let error = decode_json_error("`a`", &failed);
            assert!(error.is(ErrorKind::Decode) && error.message().contains(why), "{error}");
            assert!(error.message().contains("`a`") && error.message().contains("line 1, column"), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2") && error.source().is_none(), "{error:?}");
        }
    }
}
