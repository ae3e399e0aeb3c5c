//! Answers from memory.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::http::{Transport, TransportRequest, TransportResponse};
use circle_core_common::{ByteStream, Error, ErrorKind, Reason, Result, Sent};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::received;
use crate::fault_server::{Break, Place};
use crate::replies::Replies;

/// A transport that answers from memory, as its [`Replies`] say: no socket, so that a paused clock will do.
///
/// What is about connections and framing has no meaning here. A reply that breaks at its start or in its head is an error
/// of kind `Connection`, sent [`Maybe`](Sent::Maybe), and one that breaks in its body ends in one; one that stalls never
/// ends.
///
/// ```
/// # use circle_core_common::Environment;
/// # use circle_core_testkit::{CannedTransport, Reply};
/// let canned = CannedTransport::new();
/// canned.at("/v1/models").always(Reply::json("[]"));
/// let environment = Environment::builder().transport(canned.clone()).build();
/// // … a provider of that environment …
/// assert_eq!(canned.hits(), 0);
/// ```
///
/// Clones are the same transport.
#[derive(Clone, Default)]
pub struct CannedTransport {
    replies: Arc<Replies>,
}

impl CannedTransport {
    /// Nothing is scripted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Deref for CannedTransport {
    type Target = Replies;

    fn deref(&self) -> &Replies {
        &self.replies
    }
}

impl fmt::Debug for CannedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CannedTransport({} hits)", self.hits())
    }
}

#[async_trait]
impl Transport for CannedTransport {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        let request = received(request).await?;
        let is_head = request.method == "HEAD";
        let reply = self.replies.reply(request);
        if !reply.delay().is_zero() {
            tokio::time::sleep(reply.delay()).await;
        }
        let broken = match reply.broken() {
            Some((Place::Start | Place::Head, Break::Stall)) => std::future::pending().await,
            Some((Place::Start | Place::Head, _)) => return Err(connection_broke()),
            Some((Place::Body(after), how)) => Some((usize::try_from(after).unwrap_or(usize::MAX), how)),
            None => None,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in reply.headers() {
            let malformed = || Error::new(ErrorKind::InvalidInput, format!("the canned header {name} is none"));
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| malformed())?;
            headers.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?, value);
        }
        let malformed = |_| Error::new(ErrorKind::InvalidInput, "the canned status is none");
        let status = StatusCode::from_u16(reply.status_code()).map_err(malformed)?;
        let content = if is_head { Bytes::new() } else { reply.content().clone() };
        let body = match broken {
            Some((after, how)) if !is_head => breaking(content.slice(..after.min(content.len())), how),
            _ if reply.filler() > 0 && !is_head => filled(content, reply.filler()),
            _ => ByteStream::from(content),
        };
        Ok(TransportResponse::new(status, headers, body))
    }
}

fn connection_broke() -> Error {
    Error::new(ErrorKind::Connection, "the connection broke (canned)").with_sent(Sent::Maybe)
}

/// The content, and so many bytes behind it.
fn filled(content: Bytes, bytes: u64) -> ByteStream {
    static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
    ByteStream::unfold((content, bytes), |(content, left)| async move {
        if !content.is_empty() {
            return Ok(Some((content, (Bytes::new(), left))));
        }
        let piece = PIECE.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let rest = left - piece as u64;
        Ok((piece > 0).then(|| (Bytes::from_static(&PIECE[..piece]), (Bytes::new(), rest))))
    })
}

fn breaking(content: Bytes, how: Break) -> ByteStream {
    ByteStream::unfold(Some(content), move |content| async move {
        match (content, how) {
            (Some(content), _) if !content.is_empty() => Ok(Some((content, None))),
            (_, Break::Stall) => std::future::pending().await,
            (_, Break::Reset) => Err(connection_broke()),
            (_, Break::Close) => Err(connection_broke().with_reason(Reason::Truncated)),
        }
    })
}
