//! Short texts: what is read is written as the same thing.

use std::{fmt::Display, str::FromStr};

use circle_core_common::{ByteSize, Cursor, SecretRef, Timestamp, config::duration};

use super::Target;

pub(super) const TIMESTAMP: Target = Target {
    name: "timestamp",
    promise: "an RFC 3339 text that is read is written as the same moment",
    dictionary: &[b"T", b"Z", b"z", b".", b"+23:59", b"-00:00", b"-12-31", b"02-29", b":60", b"0000", b"9999"],
    run: |input| {
        if let Some(at) = reads_back::<Timestamp>(input) {
            assert!((Timestamp::MIN..=Timestamp::MAX).contains(&at), "{at} is outside the years 0 to 9999");
        }
    },
};

pub(super) const BYTE_SIZE: Target = Target {
    name: "byte-size",
    promise: "a size that is read is written as the same size",
    dictionary: &[b"B", b"kB", b"KB", b"MB", b"GB", b"KiB", b"MiB", b"GiB", b"TiB", b" ", b"\t", b"-", b"."],
    run: |input| {
        reads_back::<ByteSize>(input);
    },
};

pub(super) const DURATION: Target = Target {
    name: "duration",
    promise: "a duration that is read is written as the same duration",
    dictionary: &[b"d", b"h", b"m", b"s", b"ms", b"us", b"ns", b" ", b".", b"-", b"+"],
    run: |input| {
        if let Some(read) = std::str::from_utf8(input).ok().and_then(|text| duration::parse(text).ok()) {
            let text = duration::format(read);
            assert_eq!(duration::parse(&text), Ok(read), "`{text}` does not read back");
        }
    },
};

pub(super) const CURSOR: Target = Target {
    name: "cursor",
    promise: "a cursor that is read is written as the same cursor, also through JSON",
    dictionary: &[b".", b"0000000000000000.", b"ffffffffffffffff", b"+", b"-", b"\"", b"\\"],
    run: |input| {
        if let Some(cursor) = reads_back::<Cursor>(input) {
            let json = serde_json::to_string(&cursor).unwrap_or_default();
            assert!(serde_json::from_str::<Cursor>(&json).is_ok_and(|again| again == cursor), "`{json}` does not read back");
        }
    },
};

pub(super) const SECRET_REF: Target = Target {
    name: "secret-ref",
    promise: "a reference to a secret is read or refused, and neither the answer nor its Debug holds a literal secret",
    dictionary: &[b"env:", b"file:", b"literal:", b"keyring:", b"vault:", b"aws-sm:", b"azure-kv:", b"gcp-sm:", b":", b"#"],
    run: |input| {
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        // Mutation cannot be trusted to leave a secret recognisable, so the secret is put where one stands.
        const SECRET: &str = "pa55-w0rd-canary";
        for text in [text.to_owned(), format!("literal:{SECRET}{text}")] {
            let said = match text.parse::<SecretRef>() {
                Ok(reference) => format!("{reference:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!said.contains(SECRET) || !text.starts_with("literal:"), "a literal secret is shown");
        }
    },
};

/// What the input means, once it has come back the same from its own text.
fn reads_back<T: FromStr + Display + PartialEq>(input: &[u8]) -> Option<T> {
    let read = std::str::from_utf8(input).ok()?.parse::<T>().ok()?;
    let text = read.to_string();
    assert!(text.parse::<T>().is_ok_and(|again| again == read), "`{text}` does not read back");
    Some(read)
}
