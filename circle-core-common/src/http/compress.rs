//! Compressed answers, decompressed as they come.

use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures_core::Stream;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use super::headers;
use crate::body::ByteStream;
use crate::error::{Error, ErrorKind, Reason, Result, Sent};

/// How many times larger content may be than what was sent of it, once there is more than [`RATIO_FROM`] of it. Text rarely
/// passes 20; a bomb passes 1000.
const RATIO_MAX: u64 = 100;
const RATIO_FROM: u64 = 1024 * 1024;

/// The content of an answer that was asked for compressed, and its headers without what no longer holds.
///
/// # Errors
/// `Decode` for an encoding that nobody asked for.
pub(super) fn decompress(headers: &mut HeaderMap, body: ByteStream) -> Result<ByteStream> {
    match headers::text(headers, "content-encoding").map(str::to_ascii_lowercase).as_deref() {
        None | Some("identity") => return Ok(body),
        Some("gzip" | "x-gzip") => {}
        Some(_) => return Err(broken("the answer is compressed in a way that was not asked for")),
    }
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    Ok(ByteStream::new(Gunzip { source: Some(body), decoder: MultiGzDecoder::new(Vec::new()), read: 0, made: 0 }))
}

struct Gunzip {
    /// `None` after the end.
    source: Option<ByteStream>,
    decoder: MultiGzDecoder<Vec<u8>>,
    read: u64,
    made: u64,
}

impl Gunzip {
    /// At most so much is fed at once: deflate makes up to 1032 times as much of it, which is what is held at most.
    const STEP: usize = 1024;

    fn feed(&mut self, chunk: &[u8]) -> Result<()> {
        for step in chunk.chunks(Self::STEP) {
            let before = self.decoder.get_ref().len();
            self.decoder.write_all(step).map_err(|_| broken("the answer's compression is broken"))?;
            self.read += step.len() as u64;
            self.made += (self.decoder.get_ref().len() - before) as u64;
            if self.made > RATIO_FROM && self.made / RATIO_MAX > self.read {
                return Err(broken("the answer grows too much when it is decompressed"));
            }
        }
        Ok(())
    }
}

impl Stream for Gunzip {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while let Some(source) = &mut this.source {
            let fed = match ready!(Pin::new(source).poll_next(cx)) {
                Some(Ok(chunk)) => this.feed(&chunk),
                Some(Err(error)) => Err(error),
                None => {
                    this.source = None;
                    // An answer without a body has no compression to be broken.
                    let end = if this.read == 0 { Ok(()) } else { this.decoder.try_finish() };
                    end.map_err(|_| broken("the answer's compression ends too early").with_reason(Reason::Truncated))
                }
            };
            if let Err(error) = fed {
                this.source = None;
                return Poll::Ready(Some(Err(error)));
            }
            let made = std::mem::take(this.decoder.get_mut());
            if !made.is_empty() {
                return Poll::Ready(Some(Ok(made.into())));
            }
        }
        Poll::Ready(None)
    }
}

fn broken(text: &'static str) -> Error {
    Error::new(ErrorKind::Decode, text).with_sent(Sent::Maybe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::HeaderValue;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn opened(encoding: &'static str, body: Vec<u8>, chunk: usize) -> Result<ByteStream> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let stream = ByteStream::unfold(Bytes::from(body), move |mut left| async move {
            let chunk = left.split_to(chunk.min(left.len()));
            Ok((!chunk.is_empty()).then_some((chunk, left)))
        });
        let body = decompress(&mut headers, stream)?;
        assert_eq!(headers.is_empty(), encoding != "identity");
        Ok(body)
    }

    #[tokio::test]
    async fn content_comes_back() {
        let content: Vec<u8> = (0..100_000_u32).flat_map(|number| (number * 7919).to_le_bytes()).collect();
        for chunk in [1000, 65_536, usize::MAX] {
            assert_eq!(opened("gzip", gzip(&content), chunk).unwrap().collect(None).await.unwrap(), content);
        }
        // RFC 1952, 2.2: several members, one after the other, are one content.
        let members = [gzip(b"one "), gzip(b"and two")].concat();
        assert_eq!(opened("gzip", members, 7).unwrap().collect(None).await.unwrap(), "one and two");
        assert_eq!(opened("gzip", Vec::new(), 1).unwrap().collect(None).await.unwrap(), "");
        assert_eq!(opened("identity", b"x".to_vec(), 1).unwrap().collect(None).await.unwrap(), "x");
        assert!(opened("br", b"x".to_vec(), 1).unwrap_err().is(ErrorKind::Decode));
    }

    #[tokio::test]
    async fn cut_and_broken_content_is_an_error() {
        let whole = gzip(b"content that is cut");
        let cut = opened("gzip", whole[..whole.len() - 3].to_vec(), 5).unwrap().collect(None).await.unwrap_err();
        assert_eq!((cut.kind(), cut.reason()), (ErrorKind::Decode, Some(Reason::Truncated)));
        assert!(opened("gzip", b"no gzip at all, whatever it says".to_vec(), 5).unwrap().collect(None).await.is_err());
        let mut wrong = whole;
        let at = wrong.len() - 6;
        wrong[at] ^= 1;
        assert!(opened("gzip", wrong, 5).unwrap().collect(None).await.unwrap_err().is(ErrorKind::Decode));
    }

    /// One layer is taken off, which was asked for. What is within is content, however far it would grow.
    #[tokio::test]
    async fn no_second_layer_is_taken_off() {
        let inner = gzip(&vec![0; 16 * 1024 * 1024]);
        assert_eq!(opened("gzip", gzip(&inner), 1000).unwrap().collect(None).await.unwrap(), inner);
        for encoding in ["gzip, gzip", "gzip,br", "br", "zstd", "deflate", "compress", "gzip;q=1", "x"] {
            assert!(opened(encoding, gzip(&inner), 1000).unwrap_err().is(ErrorKind::Decode), "{encoding}");
        }
    }

    #[tokio::test]
    async fn a_bomb_is_stopped_early() {
        let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
        let mut body = opened("gzip", bomb, 16 * 1024).unwrap();
        let mut made = 0;
        let error = loop {
            match body.try_next().await {
                Ok(chunk) => made += chunk.unwrap().len(),
                Err(error) => break error,
            }
        };
        assert!(error.message().contains("grows too much") && made < 4 * 1024 * 1024, "{made}");
    }
}
