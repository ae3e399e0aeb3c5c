//! The end of a socket that writes.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Weak;
use std::task::Poll;

use circle_core_common::{Error, ErrorKind, Result, Sent};

use crate::failure;
use crate::line::Line;
use crate::message::Message;

/// Sends messages on a socket, from any task. Cheap to clone; it keeps no connection open.
#[derive(Clone)]
pub struct Sender {
    pub(crate) line: Weak<Line>,
}

impl Sender {
    /// Sends a message, and returns when it is written. Senders take turns; where the service does not read, they wait.
    ///
    /// Dropped, the call has sent the message whole or not at all. Written is not received: what must arrive needs an answer
    /// of the service's.
    ///
    /// # Errors
    /// `Closed` when the socket is closed; `Connection` when it breaks; `Timeout` when the service took the message no
    /// further for as long as [`send_timeout`](crate::SocketOptions::send_timeout) says, which closes the socket;
    /// `InvalidInput`, reason [`OutsideLimit`](circle_core_common::Reason::OutsideLimit), for a message beyond `message_max`.
    pub async fn send(&self, message: impl Into<Message> + Send) -> Result<()> {
        let message = message.into();
        let line = self.line.upgrade().ok_or_else(failure::closed)?;
        let (max, actual) = (line.options.message_max, message.as_bytes().len());
        if actual as u64 > max.as_u64() {
            return Err(failure::too_long(max, actual));
        }
        let _turn = line.turn().await;
        let mut frame = Some(message.into_frame());
        let timeout = line.options.send_timeout;
        let mut sleep = (!timeout.is_zero()).then(|| line.clock.sleep(timeout));
        poll_fn(|cx| {
            if let Poll::Ready(result) = line.poll_write(cx, &mut frame) {
                return Poll::Ready(result);
            }
            match sleep.as_mut().map(|sleep| Pin::new(sleep).poll(cx)) {
                Some(Poll::Ready(())) => {
                    let text = format!("the service took no message for {timeout:?}");
                    let error = Error::new(ErrorKind::Timeout, text).with_sent(Sent::Maybe);
                    line.give_up(Some(error.clone()));
                    Poll::Ready(Err(if frame.is_some() { error.with_sent(Sent::No) } else { error }))
                }
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Whether the socket is open, as far as is known here.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.line.upgrade().is_some_and(|line| line.is_open())
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({})", if self.is_open() { "open" } else { "closed" })
    }
}
