//! The connection that the two ends of a socket share: one reader, and writers that take turns.

use std::pin::Pin;
use std::sync::{Mutex as StdMutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use circle_core_common::http::RawConnection;
use circle_core_common::{Clock, Error, Result};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::sync::Mutex;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error as Fault, Message as Frame};

use crate::failure;
use crate::options::SocketOptions;

/// What one read may take at once. A socket holds that much while it is idle.
const READ_BUFFER: usize = 8 * 1024;
/// Room beside the largest message for what the protocol sends itself, pings and pongs of 131 bytes at most.
const WRITE_ROOM: usize = 16 * 1024;

/// One connection.
pub(crate) struct Line {
    pub(crate) clock: Clock,
    pub(crate) options: SocketOptions,
    /// Held by who writes a message, until it is written: the connection remembers one writer's waker.
    turn: Mutex<()>,
    state: StdMutex<State>,
}

struct State {
    stream: Option<WebSocketStream<RawConnection>>,
    /// What the reader is told where a writer found the connection dead.
    error: Option<Error>,
    /// Whether a frame of ours may not have left yet.
    unflushed: bool,
    /// Who is to be woken when the connection is given up from the other end.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Line {
    pub(crate) async fn new(connection: RawConnection, clock: Clock, options: SocketOptions) -> Self {
        let max = usize::try_from(options.message_max.as_u64()).unwrap_or(usize::MAX);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(max.saturating_add(WRITE_ROOM))
            .max_message_size(Some(max))
            .max_frame_size(Some(max));
        let stream = WebSocketStream::from_raw_socket(connection, Role::Client, Some(config)).await;
        let state = State { stream: Some(stream), error: None, unflushed: false, reader: None, writer: None };
        Self { clock, options, turn: Mutex::new(()), state: StdMutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next frame. `None` once the connection is gone.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Fault>>> {
        let mut state = self.state();
        remember(&mut state.reader, cx);
        let Some(stream) = state.stream.as_mut() else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(stream).poll_next(cx));
        // Pings and closes are answered as they are read; the answers may not have left yet.
        state.unflushed |= matches!(frame, Some(Ok(Frame::Ping(_) | Frame::Close(_))));
        Poll::Ready(frame)
    }

    /// Why a writer gave the connection up, if one did.
    pub(crate) fn take_error(&self) -> Option<Error> {
        self.state().error.take()
    }

    /// Puts a frame of the protocol's own into the buffer, and writes what can be written at once. Best effort: where it
    /// cannot be, the times of the socket tell.
    pub(crate) fn push(&self, frame: Frame) {
        let mut state = self.state();
        if let Some(stream) = state.stream.as_mut() {
            let _ = Pin::new(stream).start_send(frame);
            state.unflushed = true;
        }
    }

    pub(crate) fn ping(&self) {
        self.push(Frame::Ping(Bytes::new()));
    }

    pub(crate) fn push_close(&self, frame: CloseFrame) {
        self.push(Frame::Close(Some(frame)));
    }

    /// Writes out the frames of the protocol's own. A writer that has the turn does it too, with its message.
    pub(crate) fn poll_flush_own(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Ok(_turn) = self.turn.try_lock() else { return Poll::Pending };
        let mut state = self.state();
        let State { stream: Some(stream), unflushed: true, .. } = &mut *state else { return Poll::Ready(()) };
        // What fails here fails for the reader too.
        let _ = ready!(Pin::new(stream).poll_flush(cx));
        state.unflushed = false;
        Poll::Ready(())
    }

    /// Waits for the turn to write.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Writes `frame` after what is left of an earlier one. Once it is taken from its place it goes out whole: with this
    /// writer, the next one, or the reader.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, frame: &mut Option<Frame>) -> Poll<Result<()>> {
        let mut state = self.state();
        remember(&mut state.writer, cx);
        let State { stream: Some(stream), unflushed, .. } = &mut *state else { return Poll::Ready(Err(failure::closed())) };
        ready!(Pin::new(&mut *stream).poll_flush(cx)).map_err(failure::write)?;
        if let Some(frame) = frame.take() {
            Pin::new(&mut *stream).start_send(frame).map_err(failure::write)?;
            *unflushed = true;
        }
        ready!(Pin::new(stream).poll_flush(cx)).map_err(failure::write)?;
        *unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Closes the connection without ado, and wakes who waits for it; the reader is told `error`.
    pub(crate) fn give_up(&self, error: Option<Error>) {
        let (stream, wakers) = {
            let mut state = self.state();
            if state.stream.is_some() {
                state.error = error;
            }
            (state.stream.take(), [state.reader.take(), state.writer.take()])
        };
        drop(stream);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state().stream.is_some()
    }
}

fn remember(slot: &mut Option<Waker>, cx: &Context<'_>) {
    if slot.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
        *slot = Some(cx.waker().clone());
    }
}
