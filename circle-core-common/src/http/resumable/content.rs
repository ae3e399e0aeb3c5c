//! The content of an upload, part by part from wherever the service stands.

use bytes::Bytes;

use super::UploadPart;
use crate::body::{Body, Pieces};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Reason, Result};

pub(super) struct Content {
    source: Source,
    size: u64,
    length: Option<u64>,
}

enum Source {
    /// Read from wherever it has to be.
    Anywhere { body: Body, length: u64 },
    /// Read once: what is not confirmed yet is kept.
    Once { pieces: Pieces, from: u64, piece: Bytes, next: Option<Bytes> },
}

impl Content {
    pub(super) async fn new(cx: &CallContext, body: &Body, length: Option<u64>, size: u64, at: u64) -> Result<Self> {
        if let (Some(length), Some(_)) = (length, body.slice(0, 0)) {
            let source = Source::Anywhere { body: body.clone(), length };
            return Ok(Self { source, size, length: Some(length) });
        }
        let pieces = body.open().await?.pieces(usize::try_from(size).unwrap_or(usize::MAX));
        let source = Source::Once { pieces, from: 0, piece: Bytes::new(), next: None };
        let mut content = Self { source, size, length };
        content.advance(cx).await?;
        content.advance(cx).await?;
        // A session that is taken up again has the beginning already.
        while at > content.end() && !content.is_at_end() {
            content.advance(cx).await?;
        }
        Ok(content)
    }

    /// The part that begins at `at`.
    pub(super) async fn part(&mut self, cx: &CallContext, at: u64) -> Result<UploadPart> {
        if let Source::Anywhere { body, length } = &self.source {
            let left = length.checked_sub(at).ok_or_else(|| beyond(at))?;
            let part = left.min(self.size);
            let content = body.slice(at, part).unwrap_or_default();
            return Ok(UploadPart { offset: at, length: part, total: Some(*length), last: part == left, content });
        }
        if at == self.end() && !self.is_at_end() {
            self.advance(cx).await?;
        }
        let (end, last, length) = (self.end(), self.is_at_end(), self.length);
        let Source::Once { from, piece, .. } = &self.source else { return Err(beyond(at)) };
        if at > end {
            return Err(beyond(at));
        }
        let skipped = at.checked_sub(*from).and_then(|skipped| usize::try_from(skipped).ok()).ok_or_else(|| {
            let text = format!("the service stands at byte {at} again, which is no longer there: the content is a stream");
            Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::BodyConsumed)
        })?;
        let content = piece.slice(skipped.min(piece.len())..);
        if length.is_some_and(|length| end > length || last && end != length) {
            let text = format!("the content was announced with {} bytes and has another length", length.unwrap_or_default());
            return Err(Error::new(ErrorKind::Corrupt, text).with_reason(Reason::ChecksumMismatch));
        }
        let total = if last { Some(end) } else { length };
        Ok(UploadPart { offset: at, length: content.len() as u64, total, last, content: content.into() })
    }

    fn end(&self) -> u64 {
        match &self.source {
            Source::Anywhere { length, .. } => *length,
            Source::Once { from, piece, .. } => from + piece.len() as u64,
        }
    }

    fn is_at_end(&self) -> bool {
        matches!(self.source, Source::Once { next: None, .. })
    }

    /// Reads on. One piece more than is sent, to know which is the last.
    async fn advance(&mut self, cx: &CallContext) -> Result<()> {
        let Source::Once { pieces, from, piece, next } = &mut self.source else { return Ok(()) };
        // A source that stalls would else hold the call for ever.
        let read = cx.guard(pieces.try_next()).await?;
        if let Some(ready) = std::mem::replace(next, read) {
            *from += piece.len() as u64;
            *piece = ready;
        }
        Ok(())
    }
}

fn beyond(at: u64) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the service stands at byte {at}, behind the end of the content"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::ByteStream;
    use crate::environment::Environment;
    use crate::operation::{Class, Operation};

    static WRITE: Operation = Operation::new("acme", "write", Class::Write, 0);

    fn context() -> CallContext {
        CallContext::new(&Environment::default(), &WRITE, None)
    }

    fn stream(length: Option<u64>) -> Body {
        Body::from_stream(ByteStream::from(Bytes::from_static(b"abcdefgh")), length)
    }

    async fn text(content: &mut Content, at: u64) -> (String, bool, Option<u64>) {
        let part = content.part(&context(), at).await.unwrap();
        assert_eq!(part.offset, at);
        let bytes = part.content.open().await.unwrap().collect(None).await.unwrap();
        assert_eq!(bytes.len() as u64, part.length);
        (String::from_utf8_lossy(&bytes).into_owned(), part.last, part.total)
    }

    #[tokio::test]
    async fn content_that_can_be_read_anywhere_is() {
        let mut content = Content::new(&context(), &"abcdefgh".into(), Some(8), 3, 0).await.unwrap();
        assert_eq!(text(&mut content, 0).await, ("abc".into(), false, Some(8)));
        assert_eq!(text(&mut content, 6).await, ("gh".into(), true, Some(8)));
        assert_eq!(text(&mut content, 1).await, ("bcd".into(), false, Some(8)));
        assert_eq!(text(&mut content, 8).await, (String::new(), true, Some(8)));
        assert!(content.part(&context(), 9).await.unwrap_err().is(ErrorKind::Corrupt));
    }

    #[tokio::test]
    async fn of_a_stream_one_part_can_be_sent_again() {
        for (length, total) in [(None, None), (Some(8), Some(8))] {
            let mut content = Content::new(&context(), &stream(length), length, 3, 0).await.unwrap();
            assert_eq!(text(&mut content, 0).await, ("abc".into(), false, total));
            assert_eq!(text(&mut content, 1).await, ("bc".into(), false, total));
            assert_eq!(text(&mut content, 3).await, ("def".into(), false, total));
            let lost = content.part(&context(), 2).await.unwrap_err();
            assert_eq!(lost.reason(), Some(Reason::BodyConsumed));
            assert_eq!(text(&mut content, 6).await, ("gh".into(), true, Some(8)));
            assert_eq!(text(&mut content, 8).await, (String::new(), true, Some(8)));
        }
    }

    #[tokio::test]
    async fn a_stream_is_read_up_to_where_a_session_stands() {
        let mut content = Content::new(&context(), &stream(None), None, 3, 7).await.unwrap();
        assert_eq!(text(&mut content, 7).await, ("h".into(), true, Some(8)));
        let empty = Body::from_stream(ByteStream::from(Bytes::new()), None);
        let mut content = Content::new(&context(), &empty, None, 3, 0).await.unwrap();
        assert_eq!(text(&mut content, 0).await, (String::new(), true, Some(0)));
    }

    #[tokio::test]
    async fn a_stream_of_another_length_is_found() {
        for length in [7, 9] {
            let mut content = Content::new(&context(), &stream(Some(length)), Some(length), 8, 0).await.unwrap();
            let error = content.part(&context(), 0).await.unwrap_err();
            assert_eq!((error.kind(), error.reason()), (ErrorKind::Corrupt, Some(Reason::ChecksumMismatch)), "{length}");
        }
    }
}
