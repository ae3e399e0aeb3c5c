//! What is fuzzed, and what each must keep.

use circle_core_common::{ByteSize, Cursor, Timestamp};

pub(super) struct Target {
    /// Also the name of its corpus folder.
    pub(super) name: &'static str,
    pub(super) promise: &'static str,
    /// Words that mean something to the parser.
    pub(super) dictionary: &'static [&'static [u8]],
    /// Panics when the promise is broken.
    pub(super) run: fn(&[u8]),
}

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "timestamp",
        promise: "an RFC 3339 text that is read is written as the same moment",
        dictionary: &[b"T", b"Z", b"z", b".", b"+23:59", b"-00:00", b"-12-31", b"02-29", b":60", b"0000", b"9999"],
        run: timestamp,
    },
    Target {
        name: "byte-size",
        promise: "a size that is read is written as the same size",
        dictionary: &[b"B", b"kB", b"KB", b"MB", b"GB", b"KiB", b"MiB", b"GiB", b"TiB", b" ", b"\t", b"-", b"."],
        run: byte_size,
    },
    Target {
        name: "cursor",
        promise: "a cursor that is read is written as the same cursor, also through JSON",
        dictionary: &[b".", b"0000000000000000.", b"ffffffffffffffff", b"+", b"-", b"\"", b"\\"],
        run: cursor,
    },
];

fn timestamp(input: &[u8]) {
    let Some(at) = std::str::from_utf8(input).ok().and_then(|text| text.parse::<Timestamp>().ok()) else {
        return;
    };
    let text = at.to_string();
    assert_eq!(text.parse::<Timestamp>().ok(), Some(at), "`{text}` does not read back");
    assert!((Timestamp::MIN..=Timestamp::MAX).contains(&at), "{at} is outside the years 0 to 9999");
}

fn byte_size(input: &[u8]) {
    let Some(size) = std::str::from_utf8(input).ok().and_then(|text| text.parse::<ByteSize>().ok()) else {
        return;
    };
    let text = size.to_string();
    assert_eq!(text.parse::<ByteSize>().ok(), Some(size), "`{text}` does not read back");
}

fn cursor(input: &[u8]) {
    let Some(cursor) = std::str::from_utf8(input).ok().and_then(|text| text.parse::<Cursor>().ok()) else {
        return;
    };
    let text = cursor.to_string();
    assert!(text.parse::<Cursor>().is_ok_and(|again| again == cursor), "`{text}` does not read back");
    let json = serde_json::to_string(&cursor).unwrap_or_default();
    assert!(serde_json::from_str::<Cursor>(&json).is_ok_and(|again| again == cursor), "`{json}` does not read back");
}
