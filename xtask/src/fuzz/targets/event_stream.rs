//! Server-sent events, which come in chunks of any size.

use circle_core_common::{ByteSize, http::SseParser};

use super::Target;

pub(super) const EVENT_STREAM: Target = Target {
    name: "event-stream",
    promise: "an event stream gives the same events however it is cut, never more bytes than came, and bounded events only",
    dictionary: &[
        b"data: ",
        b"data:",
        b"event: ",
        b"id: ",
        b"id: \0",
        b"retry: 10",
        b": ",
        b"\r\n",
        b"\n\n",
        b"\r\r",
        b"\r",
        b"\n",
        b"\xef\xbb\xbf",
        b"[DONE]",
        b"{}",
    ],
    run: |input| {
        // The first byte chooses where the rest is cut and how large an event may be.
        let Some((&choice, stream)) = input.split_first() else {
            return;
        };
        let limit = if choice % 2 == 0 { 1 << 20 } else { 64 };
        let whole = read(limit, [stream]);
        let bytes: usize = whole.0.iter().map(|(_, data)| data.len()).sum();
        assert!(bytes <= stream.len(), "{bytes} bytes of data out of {}", stream.len());
        assert!(whole.0.iter().all(|(_, data)| data.len() as u64 <= limit), "an event is larger than {limit} bytes");
        let size = usize::from(choice / 2) + 1;
        assert_eq!(read(limit, stream.chunks(size)), whole, "in chunks of {size}");
    },
};

type Events = Vec<(String, Vec<u8>)>;

/// The events, and whether the stream was read to its end.
fn read<'a>(limit: u64, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Events, bool) {
    let (mut parser, mut events) = (SseParser::with_limit(ByteSize::bytes(limit)), Vec::new());
    for chunk in chunks {
        parser.push(chunk);
        loop {
            match parser.parse() {
                Ok(true) => events.push((parser.event().event.to_owned(), parser.event().data.to_vec())),
                Ok(false) => break,
                Err(_) => return (events, false),
            }
        }
    }
    (events, true)
}
