//! Lines of a stream of bytes, however it is cut.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use circle_core_common::{ByteStream, Error, ErrorKind, Reason, Result, Sent};
use futures_core::Stream;

/// The longest line: an answer with images, in Base64.
const LINE_MAX: usize = 256 * 1024 * 1024;

/// The lines of a body that are not blank.
pub(super) struct Lines {
    body: ByteStream,
    buffer: Vec<u8>,
    /// Where the first line that was not given starts.
    start: usize,
    /// Up to where no line ends.
    scanned: usize,
    max: usize,
    ended: bool,
}

impl Lines {
    pub(super) fn new(body: ByteStream) -> Self {
        Self { body, buffer: Vec::new(), start: 0, scanned: 0, max: LINE_MAX, ended: false }
    }

    /// The next line, without its end; `None` at the end of the body.
    pub(super) fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<&[u8]>>> {
        loop {
            while let Some(line) = self.line() {
                if !self.buffer[line.clone()].trim_ascii().is_empty() {
                    return Poll::Ready(Ok(Some(self.buffer[line].trim_ascii())));
                }
            }
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            if self.buffer.len() - self.start > self.max {
                let text = format!("a line of the answers has more than {} bytes", self.max);
                let error = Error::new(ErrorKind::Decode, text).with_reason(Reason::OutsideLimit);
                return Poll::Ready(Err(error.with_sent(Sent::Yes)));
            }
            match ready!(Pin::new(&mut self.body).poll_next(cx)) {
                Some(Ok(chunk)) => {
                    // What was given makes room, once for each chunk.
                    self.buffer.drain(..self.start);
                    self.scanned -= self.start;
                    self.start = 0;
                    self.buffer.extend_from_slice(&chunk);
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => self.ended = true,
            }
        }
    }

    /// The next line that is there; the last needs no end.
    fn line(&mut self) -> Option<Range<usize>> {
        let start = self.start;
        let found = self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n');
        let end = match found {
            Some(at) => self.scanned + at,
            None if self.ended && start < self.buffer.len() => self.buffer.len(),
            None => {
                self.scanned = self.buffer.len();
                return None;
            }
        };
        self.start = (end + 1).min(self.buffer.len());
        self.scanned = self.start;
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;

    use super::*;

    async fn lines(chunks: &[&[u8]], max: usize) -> Result<Vec<String>> {
        let chunks: VecDeque<bytes::Bytes> = chunks.iter().map(|chunk| chunk.to_vec().into()).collect();
        let body = ByteStream::unfold(chunks, |mut chunks| async { Ok(chunks.pop_front().map(|chunk| (chunk, chunks))) });
        let mut lines = Lines::new(body);
        lines.max = max;
        let mut found = Vec::new();
        loop {
            let next =
                poll_fn(|cx| lines.poll_line(cx).map_ok(|line| line.map(|line| String::from_utf8_lossy(line).into_owned())))
                    .await?;
            match next {
                Some(line) => found.push(line),
                None => return Ok(found),
            }
        }
    }

    #[tokio::test]
    async fn lines_are_the_same_however_the_body_is_cut() {
        let text = "{\"a\":1}\n\n  \r\n{\"b\":\"ä\"}\r\n{\"c\":3}".as_bytes();
        let expected = ["{\"a\":1}", "{\"b\":\"ä\"}", "{\"c\":3}"];
        for size in 1..=text.len() {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(lines(&chunks, 1024).await.unwrap(), expected, "{size}");
        }
        assert!(lines(&[], 8).await.unwrap().is_empty());
        assert!(lines(&[b"\n", b"\n"], 8).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused() {
        let error = lines(&[b"ok\n", b"12345", b"67890", b"\n"], 9).await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Decode, Some(Reason::OutsideLimit)));
    }

    #[tokio::test]
    async fn what_breaks_the_body_breaks_the_lines() {
        let body = ByteStream::unfold(0, |step| async move {
            match step {
                0 => Ok(Some((bytes::Bytes::from_static(b"a\nb"), 1))),
                _ => Err(Error::new(ErrorKind::Connection, "cut").with_reason(Reason::Truncated)),
            }
        });
        let mut lines = Lines::new(body);
        assert_eq!(poll_fn(|cx| lines.poll_line(cx).map_ok(|line| line.map(<[u8]>::to_vec))).await.unwrap().unwrap(), b"a");
        let error = poll_fn(|cx| lines.poll_line(cx).map_ok(drop)).await.unwrap_err();
        assert_eq!(error.reason(), Some(Reason::Truncated));
    }
}
