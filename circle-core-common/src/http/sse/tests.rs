use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// An event, or why there are no more.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Event(String, String, String),
    TooLarge,
}

fn drain(parser: &mut SseParser, seen: &mut Vec<Seen>) -> bool {
    loop {
        match parser.parse() {
            Ok(true) => {
                let event = parser.event();
                seen.push(Seen::Event(event.event.to_owned(), event.text().into_owned(), event.id.to_owned()));
            }
            Ok(false) => return true,
            Err(error) => {
                assert_eq!((error.kind(), error.reason()), (ErrorKind::Decode, Some(Reason::OutsideLimit)));
                assert!(parser.parse().is_err(), "a parser that has failed has failed");
                seen.push(Seen::TooLarge);
                return false;
            }
        }
    }
}

fn parsed<'a>(limit: u64, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Seen>, SseParser) {
    let (mut parser, mut seen) = (SseParser::with_limit(ByteSize::bytes(limit)), Vec::new());
    for chunk in chunks {
        parser.push(chunk);
        if !drain(&mut parser, &mut seen) {
            break;
        }
    }
    (seen, parser)
}

fn events(text: &str) -> Vec<Seen> {
    parsed(1000, [text.as_bytes()]).0
}

fn event(event: &str, data: &str, id: &str) -> Seen {
    Seen::Event(event.to_owned(), data.to_owned(), id.to_owned())
}

/// The standard's words, for a whole stream and without regard to cost.
fn by_the_standard(stream: &[u8]) -> Vec<Seen> {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop(); // what has no end is no line
    let (mut seen, mut kind, mut data, mut id) = (Vec::new(), String::new(), String::new(), String::new());
    for line in lines {
        if line.is_empty() {
            if !data.is_empty() {
                data.pop();
                let kind = if kind.is_empty() { "message" } else { &kind };
                seen.push(event(kind, &data, &id));
            }
            data.clear();
            kind.clear();
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => data.extend([value, "\n"]),
            "event" => kind = value.to_owned(),
            "id" if !value.contains('\0') => id = value.to_owned(),
            _ => {}
        }
    }
    seen
}

#[test]
fn the_examples_of_the_standard() {
    assert_eq!(events("data: YHOO\ndata: +2\ndata: 10\n\n"), [event("message", "YHOO\n+2\n10", "")]);
    let stream = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n";
    assert_eq!(events(stream), [event("message", "first event", "1"), event("message", "second event", "")]);
    assert_eq!(events("data\n\ndata\ndata\n\ndata:"), [event("message", "", ""), event("message", "\n", "")]);
    assert_eq!(events("data:test\n\ndata: test\n\n"), [event("message", "test", ""), event("message", "test", "")]);
}

#[test]
fn fields_that_are_odd() {
    assert_eq!(events("event: a\n\ndata: x\n\n"), [event("message", "x", "")], "a name without data is forgotten");
    assert_eq!(events("data: a\nevent: long-name\n: comment\ndata: bcdefghijkl\n\n"), [event("long-name", "a\nbcdefghijkl", "")]);
    assert_eq!(events("id: 7\n\ndata: x\n\nid: 8\0\ndata: y\n\n"), [event("message", "x", "7"), event("message", "y", "7")]);
    assert_eq!(events("Data: x\n data: x\nnonsense\n\n"), []);
    assert_eq!(events("data: \u{feff}x\n\n"), [event("message", "\u{feff}x", "")]);
    assert_eq!(events("\u{feff}\u{feff}data: x\n\n"), [], "one mark is skipped");
}

#[test]
fn retry_is_digits_only() {
    let retry = |text: &str| parsed(1000, [text.as_bytes()]).1.retry();
    assert_eq!(retry("retry: 1500\n"), Some(Duration::from_millis(1500)));
    assert_eq!(retry("retry: 99999999999999999999\n"), Some(Duration::from_millis(u64::MAX)));
    for odd in ["retry: -1\n", "retry:  1\n", "retry: 1.5\n", "retry:\n", "retry\n", "retry: 1s\n"] {
        assert_eq!(retry(odd), None, "{odd:?}");
    }
}

#[test]
fn ends_of_all_kinds_end_at_once() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = format!("data: a{end}{end}data: b{end}{end}");
        assert_eq!(events(&stream), [event("message", "a", ""), event("message", "b", "")], "{end:?}");
    }
    // Not only once the next byte tells that no line feed follows.
    assert_eq!(events("data: a\r\r"), [event("message", "a", "")]);
}

#[test]
fn the_rest_of_an_event_is_none() {
    for (stream, midway) in
        [("data: a\n", true), ("data: a", true), ("d", true), (":", true), ("data: a\n\n", false), ("\n", false)]
    {
        let (seen, parser) = parsed(1000, [stream.as_bytes()]);
        assert_eq!((seen.len(), parser.is_midway()), (usize::from(stream.ends_with("\n\n")), midway), "{stream:?}");
    }
    let (_, parser) = parsed(1000, [&b"id: 1\n\nid: 2\n"[..]]);
    assert_eq!(parser.last_event_id(), "1", "an event that did not come sets no id");
}

#[test]
fn what_is_too_large_is_an_error_and_comments_are_not() {
    let long = "x".repeat(100);
    assert_eq!(parsed(100, [format!("data: a\n\ndata: {long}\n\n").as_bytes()]).0, [event("message", "a", ""), Seen::TooLarge]);
    assert_eq!(parsed(100, [long.as_bytes(), b"x"]).0, [Seen::TooLarge]);
    let many = "data: 0123456789\n".repeat(10);
    assert_eq!(parsed(100, [many.as_bytes()]).0, [Seen::TooLarge]);
    let comments = format!("{}data: a\n\n", ": still here\n".repeat(1000));
    let mut parser = SseParser::with_limit(ByteSize::bytes(100));
    for chunk in comments.as_bytes().chunks(7) {
        parser.push(chunk);
        assert!(parser.waiting() <= 120, "comments are not kept");
        if parser.parse().unwrap() {
            assert_eq!(parser.event().data, b"a");
        }
    }
}

#[test]
fn reading_is_linear() {
    // Byte by byte, with the limit as large as it is: rescanned at every byte it would take hours.
    let mut parser = SseParser::new();
    parser.push(b"data: ");
    for _ in 0..(1 << 20) - 100 {
        parser.push(b"x");
        assert!(!parser.parse().unwrap());
    }
    parser.push(b"\n\n");
    assert!(parser.parse().unwrap());
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "\n", "\r", "\r\n", "\n\n", "data:", "data: ", "data", "event: ", "event:ping", "id: 1", "id:\0", "id", "retry: 10", ": ", ":",
            "x", "{\"a\":1}", "\u{feff}", "é", "🦀",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..3),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn it_reads_what_the_standard_says(stream in stream()) {
        prop_assert_eq!(parsed(1 << 20, [&*stream]).0, by_the_standard(&stream));
    }

    #[test]
    fn chunks_make_no_difference(stream in stream(), limit in prop_oneof![Just(1_u64 << 20), 1_u64..60]) {
        let whole = parsed(limit, [&*stream]);
        for size in 1..stream.len() {
            let chunked = parsed(limit, stream.chunks(size));
            prop_assert_eq!(&chunked.0, &whole.0, "in chunks of {}", size);
            prop_assert_eq!((chunked.1.is_midway(), chunked.1.retry()), (whole.1.is_midway(), whole.1.retry()));
            let (head, tail) = stream.split_at(size);
            prop_assert_eq!(&parsed(limit, [head, b"", tail]).0, &whole.0, "cut at {}", size);
        }
    }
}

fn body(chunks: &[&'static str], error: bool) -> ByteStream {
    let mut chunks: VecDeque<Result<Bytes>> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
    if error {
        chunks.push_back(Err(Error::new(ErrorKind::Connection, "cut")));
    }
    ByteStream::unfold(chunks, |mut chunks| async move {
        tokio::task::yield_now().await;
        chunks.pop_front().transpose().map(|chunk| chunk.map(|chunk| (chunk, chunks)))
    })
}

#[tokio::test]
async fn a_body_gives_its_events_ahead_of_its_error() {
    let mut events = SseStream::new(body(&["data: 1\n\nda", "ta: 2\n", "\ndata: 3"], true));
    assert_eq!(events.try_next().await.unwrap().unwrap().json::<u32>().unwrap(), 1);
    assert_eq!(events.try_next().await.unwrap().unwrap().json::<u32>().unwrap(), 2);
    assert!(events.try_next().await.unwrap_err().is(ErrorKind::Connection));
    let mut cut = SseStream::new(body(&["data: 3"], false));
    assert_eq!(cut.try_next().await.unwrap(), None);
    assert!(cut.cut().reason() == Some(Reason::Truncated) && cut.cut().message().contains("within an event"));
}

#[tokio::test]
async fn decoded_values_end_with_an_error_or_the_body() {
    let collect = |chunks: &[&'static str]| {
        let decode = |event: SseEvent<'_>| if event.data == b"[DONE]" { Ok(None) } else { event.json::<u32>().map(Some) };
        let mut values = SseStream::new(body(chunks, false)).decoded(decode);
        async move {
            let mut all = Vec::new();
            while let Some(value) = poll_fn(|cx| Pin::new(&mut values).poll_next(cx)).await {
                all.push(value.map_err(|error| error.kind()));
            }
            all
        }
    };
    assert_eq!(collect(&["data: 1\n\ndata: [DONE]\n\n", "data: 2\n\n"]).await, [Ok(1), Ok(2)]);
    assert_eq!(collect(&["data: 1\n\ndata: x\n\ndata: 2\n\n"]).await, [Ok(1), Err(ErrorKind::Decode)]);
}
