//! One connection: its streams answered by tasks of their own, its faults by the connection itself.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::fault_server::{Break, Http2Fault, Place, Received, Reply};
use crate::replies::Replies;

/// A reset takes back what is not sent yet.
const BEFORE_RESET: Duration = Duration::from_millis(50);
/// What a body is filled up with, piece by piece.
static FILLER: [u8; 16 * 1024] = [b'x'; 16 * 1024];

type Incoming = (Request<RecvStream>, SendResponse<Bytes>);

/// What happens next on a connection.
enum Next {
    Request(Box<Incoming>),
    GoAway { refused: u32 },
    BlackHole,
    End,
}

/// A client that goes away is no failure of the server's: nothing is said about it.
pub(super) async fn serve(stream: TcpStream, acceptor: TlsAcceptor, replies: Arc<Replies>, number: usize) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let mut stream = Shared(Arc::new(Mutex::new(stream)));
    let Ok(mut connection) = server::handshake(stream.clone()).await else { return };
    let (fault, mut faults) = mpsc::unbounded_channel();
    let mut answers = JoinSet::new();
    loop {
        let next = poll_fn(|cx| match (faults.poll_recv(cx), connection.poll_accept(cx)) {
            (Poll::Ready(Some(fault)), _) => Poll::Ready(fault),
            (_, Poll::Ready(Some(Ok(incoming)))) => Poll::Ready(Next::Request(Box::new(incoming))),
            (_, Poll::Ready(_)) => Poll::Ready(Next::End),
            _ => Poll::Pending,
        });
        match next.await {
            Next::Request(incoming) => {
                let (replies, fault) = (Arc::clone(&replies), fault.clone());
                answers.spawn(async move { answer(*incoming, &replies, &fault, number).await.ok() });
            }
            // By hand: the library would say that it has looked at all that has arrived.
            Next::GoAway { refused } => {
                let last = refused.saturating_sub(2).to_be_bytes();
                let frame = [[0, 0, 8, 7, 0].as_slice(), &[0; 4], &last, &[0; 4]].concat();
                let _ = stream.write_all(&frame).await;
                let _ = stream.shutdown().await;
                return;
            }
            Next::BlackHole => std::future::pending().await,
            Next::End => return,
        }
    }
}

async fn answer(
    (request, mut respond): Incoming,
    replies: &Replies,
    fault: &mpsc::UnboundedSender<Next>,
    number: usize,
) -> Result<(), h2::Error> {
    let is_head = request.method() == http::Method::HEAD;
    let reply = replies.reply(received(request, number).await?);
    tokio::time::sleep(reply.delay()).await;
    match reply.http2() {
        Some(Http2Fault::RefusedStream) => {
            respond.send_reset(Reason::REFUSED_STREAM);
            return Ok(());
        }
        // The stream is left as it is until the connection ends.
        Some(Http2Fault::GoAway) => {
            let _ = fault.send(Next::GoAway { refused: respond.stream_id().as_u32() });
            std::future::pending().await
        }
        Some(Http2Fault::BlackHole) => {
            let _ = fault.send(Next::BlackHole);
            std::future::pending().await
        }
        None => {}
    }
    match reply.broken() {
        Some((Place::Start | Place::Head, Break::Stall)) => std::future::pending().await,
        Some((Place::Start | Place::Head, _)) => respond.send_reset(Reason::INTERNAL_ERROR),
        _ => send(&reply, is_head, &mut respond).await?,
    }
    Ok(())
}

async fn received(request: Request<RecvStream>, connection: usize) -> Result<Received, h2::Error> {
    let (parts, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = incoming.data().await {
        let piece = piece?;
        incoming.flow_control().release_capacity(piece.len())?;
        body.extend_from_slice(&piece);
    }
    let host = parts.uri.authority().map(|authority| ("host".to_owned(), authority.to_string()));
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Ok(Received {
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: host.into_iter().chain(headers).collect(),
        body: body.into(),
        connection,
        at: Instant::now(),
        raw: Bytes::new(),
    })
}

async fn send(reply: &Reply, is_head: bool, respond: &mut SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut head = Response::builder().status(reply.status_code());
    for (name, value) in reply.headers() {
        head = head.header(name, value);
    }
    // A head that is none cannot be sent over HTTP/2.
    let Ok(head) = head.body(()) else {
        respond.send_reset(Reason::INTERNAL_ERROR);
        return Ok(());
    };
    let content = if is_head { Bytes::new() } else { reply.content().clone() };
    let filler = if is_head { 0 } else { reply.filler() };
    let mut stream = respond.send_response(head, content.is_empty() && filler == 0 && reply.broken().is_none())?;
    let sent = match reply.broken() {
        Some((Place::Body(sent), _)) => sent,
        _ => u64::MAX,
    };
    let content = content.slice(..content.len().min(usize::try_from(sent).unwrap_or(usize::MAX)));
    let (size, pause) = reply.body_pace().unwrap_or((FILLER.len(), Duration::ZERO));
    for (number, piece) in content.chunks(size).enumerate() {
        if number > 0 {
            tokio::time::sleep(pause).await;
        }
        push(&mut stream, Bytes::copy_from_slice(piece)).await?;
    }
    let mut left = filler.min(sent - content.len() as u64);
    while left > 0 {
        let piece = FILLER.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        push(&mut stream, Bytes::from_static(&FILLER[..piece])).await?;
        left -= piece as u64;
    }
    match reply.broken() {
        Some((_, Break::Reset)) => {
            tokio::time::sleep(BEFORE_RESET).await;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        Some((_, Break::Stall)) => std::future::pending().await,
        Some((_, Break::Close)) | None => {
            if !(content.is_empty() && filler == 0 && reply.broken().is_none()) {
                stream.send_data(Bytes::new(), true)?;
            }
        }
    }
    Ok(())
}

/// Sends a piece as the client takes it.
async fn push(stream: &mut SendStream<Bytes>, mut piece: Bytes) -> Result<(), h2::Error> {
    while !piece.is_empty() {
        stream.reserve_capacity(piece.len());
        let Some(capacity) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return Ok(()) };
        stream.send_data(piece.split_to(capacity?.min(piece.len())), false)?;
    }
    Ok(())
}

/// A connection that the library writes to, and the test between its frames. One task has both.
#[derive(Clone)]
struct Shared(Arc<Mutex<TlsStream<TcpStream>>>);

impl Shared {
    fn stream(&self) -> MutexGuard<'_, TlsStream<TcpStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Shared {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_shutdown(cx)
    }
}
