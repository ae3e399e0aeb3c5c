//! One socket, from its handshake to its close.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use circle_core_common::http::{HttpClient, RawConnection, Request};
use circle_core_common::resilience::RemoteOperation;
use circle_core_common::{CallContext, Clock, Error, ErrorKind, Result, Sent, Sleep};
use futures_core::Stream;
use http::HeaderMap;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as Fault, Message as Frame};

use crate::close::{Close, CloseCode};
use crate::keepalive::{Due, Keepalive};
use crate::line::Line;
use crate::message::Message;
use crate::options::SocketOptions;
use crate::sender::Sender;
use crate::{failure, handshake};

/// The longest reason that fits into a close frame.
const REASON_MAX: usize = 123;

/// A WebSocket. Reading is what keeps it alive: pings are answered and sent while somebody waits for a message.
///
/// As a stream it gives messages, and ends as [`receive`](Self::receive) does. Dropping it closes the connection, also
/// under its [`Sender`]s.
pub struct Socket {
    line: Arc<Line>,
    headers: HeaderMap,
    protocol: Option<String>,
    keepalive: Keepalive,
    state: State,
    close: Option<Close>,
}

enum State {
    Open,
    /// A close frame was sent, by us first or as the answer; what is missing is missed no longer than this.
    Closing {
        ours: bool,
        until: Sleep,
    },
    Ended,
}

impl Socket {
    /// Connects: sends `request`, a `GET`, as the request to become a WebSocket.
    ///
    /// The request is repeated as its operation says, under the client's policies. It can have headers of its own, and be
    /// [`anonymous`](Request::anonymous), which one to another origin than the client's must be.
    ///
    /// # Errors
    /// What the client's classification makes of a refusal, with status, code, wait and redacted body in its detail;
    /// `Decode` when the answer is no WebSocket's or another one's; `Connection`, `Timeout`, and what policies refuse;
    /// `Unsupported` when the environment's transport cannot give connections away.
    pub async fn connect(
        cx: &CallContext,
        client: &HttpClient,
        operation: &'static RemoteOperation,
        request: Request,
        options: SocketOptions,
    ) -> Result<Self> {
        let (upgraded, protocol) = handshake::shake(cx, client, operation, request, &options.protocols).await?;
        let mut socket = Self::over(upgraded.connection, cx.clock(), options).await;
        (socket.headers, socket.protocol) = (upgraded.headers, protocol);
        Ok(socket)
    }

    /// On a connection whose handshake is done.
    async fn over(connection: RawConnection, clock: &Clock, options: SocketOptions) -> Self {
        let keepalive = Keepalive::new(clock, options.ping_interval, options.pong_timeout);
        let line = Arc::new(Line::new(connection, clock.clone(), options).await);
        Self { line, headers: HeaderMap::new(), protocol: None, keepalive, state: State::Open, close: None }
    }

    /// The subprotocol that the service chose.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The headers of the service's answer.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What sends messages on it.
    #[must_use]
    pub fn sender(&self) -> Sender {
        Sender { line: Arc::downgrade(&self.line) }
    }

    /// The next message. `None` once the socket is closed normally (1000 or no code), or by us, and after an error.
    ///
    /// Dropping the call loses nothing: the next one goes on.
    ///
    /// # Errors
    /// Each once, and the socket is closed then. What the service's [close](Close::to_error) means; `Connection` when the
    /// connection breaks or ends without a close; `Timeout` when nothing answers a ping; `Decode` when the service breaks
    /// the protocol; `InvalidInput`, reason [`OutsideLimit`](circle_core_common::Reason::OutsideLimit), for a message beyond
    /// `message_max`. The last two tell the service why.
    pub async fn receive(&mut self) -> Result<Option<Message>> {
        poll_fn(|cx| self.poll_receive(cx)).await.transpose()
    }

    /// The close frame that the service sent, once it has.
    #[must_use]
    pub fn closed(&self) -> Option<&Close> {
        self.close.as_ref()
    }

    /// Closes it: tells the service, and waits for its answer, no longer than
    /// [`close_timeout`](SocketOptions::close_timeout). Messages that come meanwhile are dropped; who wants them calls
    /// [`begin_close`](Self::begin_close) and goes on to receive.
    ///
    /// # Errors
    /// As [`begin_close`](Self::begin_close). A service that does not answer is none.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<Option<Close>> {
        self.begin_close(code, reason)?;
        while let Ok(Some(_)) = self.receive().await {}
        Ok(self.close.clone())
    }

    /// Tells the service that the socket is to be closed. [`receive`](Self::receive) gives what is still under way, and ends
    /// when the service has answered or its time is up. Nothing can be sent any more.
    ///
    /// # Errors
    /// `InvalidInput` for a code that no frame may carry. A socket that is closed already is none.
    pub fn begin_close(&mut self, code: CloseCode, reason: &str) -> Result<()> {
        if !code.can_be_sent() {
            return Err(Error::new(ErrorKind::InvalidInput, format!("{code} is not a code that a close frame may carry")));
        }
        if matches!(self.state, State::Open) {
            self.push_close(code, reason);
            self.closing(true);
        }
        Ok(())
    }

    fn push_close(&self, code: CloseCode, reason: &str) {
        let end = (0..=reason.len().min(REASON_MAX)).rev().find(|&at| reason.is_char_boundary(at)).unwrap_or(0);
        self.line.push_close(CloseFrame { code: code.number().into(), reason: reason[..end].into() });
    }

    fn closing(&mut self, ours: bool) {
        let until = self.line.clock.sleep(self.line.options.close_timeout);
        self.state = State::Closing { ours, until };
    }

    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        if matches!(self.state, State::Ended) {
            return Poll::Ready(None);
        }
        // A service that has said good-bye has nothing more to say.
        while self.close.is_none() {
            match self.line.poll_read(cx) {
                Poll::Ready(Some(Ok(Frame::Close(frame)))) => {
                    self.close = Some(Close::received(frame));
                    if matches!(self.state, State::Open) {
                        self.closing(false);
                    }
                }
                Poll::Ready(Some(Ok(frame))) => {
                    self.keepalive.heard();
                    if let Some(message) = Message::received(frame) {
                        return Poll::Ready(Some(Ok(message)));
                    }
                }
                Poll::Ready(Some(Err(fault))) => return self.failed(fault, cx),
                Poll::Ready(None) => {
                    let error = self
                        .line
                        .take_error()
                        .unwrap_or_else(|| failure::read(Fault::ConnectionClosed, self.line.options.message_max));
                    return self.ended(Some(error));
                }
                Poll::Pending => break,
            }
        }
        let flushed = self.line.poll_flush_own(cx).is_ready();
        match &mut self.state {
            State::Ended => Poll::Ready(None),
            State::Closing { until, .. } => {
                let answered = self.close.is_some() && flushed;
                if answered || Pin::new(until).poll(cx).is_ready() {
                    let error = self.close.as_ref().filter(|close| !close.is_normal()).map(Close::to_error);
                    return self.ended(error);
                }
                Poll::Pending
            }
            State::Open => self.poll_keepalive(cx),
        }
    }

    fn poll_keepalive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        while let Poll::Ready(due) = self.keepalive.poll(cx) {
            match due {
                Due::Ping => {
                    self.line.ping();
                    let _ = self.line.poll_flush_own(cx);
                }
                Due::Dead => {
                    let text = format!("nothing came for {:?} after a ping", self.line.options.pong_timeout);
                    return self.ended(Some(Error::new(ErrorKind::Timeout, text).with_sent(Sent::Maybe)));
                }
            }
        }
        Poll::Pending
    }

    fn failed(&mut self, fault: Fault, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        if let (State::Open, Some(code)) = (&self.state, failure::close_code(&fault)) {
            self.push_close(code, "");
            let _ = self.line.poll_flush_own(cx);
        }
        self.ended(Some(failure::read(fault, self.line.options.message_max)))
    }

    /// Ends it with what went wrong, which is nothing where the close was ours.
    fn ended(&mut self, error: Option<Error>) -> Poll<Option<Result<Message>>> {
        let ours = matches!(self.state, State::Closing { ours: true, .. });
        self.state = State::Ended;
        self.line.give_up(None);
        Poll::Ready(error.filter(|_| !ours).map(Err))
    }
}

impl Stream for Socket {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_receive(cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A sender may hold the line, in the middle of a message.
        self.line.give_up(None);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Open => "open",
            State::Closing { .. } => "closing",
            State::Ended => "closed",
        };
        write!(f, "Socket({state})")
    }
}

#[cfg(test)]
mod tests;
