//! A stream over one socket after the other.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use circle_core_common::resilience::backoff::{Backoff, Waits};
use circle_core_common::{CallContext, Clock, Error, Random, Result, Sleep, Tick};
use futures_core::Stream;

use crate::close::CloseCode;
use crate::message::Message;
use crate::sender::Sender;
use crate::socket::Socket;

type Connecting = Pin<Box<dyn Future<Output = Result<Socket>> + Send>>;

/// Full jitter from 0 to 1 s, doubling to 30 s, without end.
const BACKOFF: Backoff = Backoff::new().initial_interval(Duration::from_millis(500)).max_interval(Duration::from_secs(15));
/// A socket that lasts so long counts as one that worked.
const HEALTHY: Duration = Duration::from_secs(60);
/// How long a socket is still read after its successor is there.
const DRAIN: Duration = Duration::from_secs(30);

/// Which of the sockets of a [`Reconnecting`], counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(u64);

/// What happens on a [`Reconnecting`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A socket is open. What belongs to a connection, such as subscriptions, is sent now.
    Connected {
        /// Which.
        id: SocketId,
        /// What sends on it.
        sender: Sender,
    },
    /// A message came.
    Message {
        /// On which socket.
        id: SocketId,
        /// The message.
        message: Message,
    },
    /// A socket has ended. What the service had not read of what was sent on it is lost.
    Disconnected {
        /// Which.
        id: SocketId,
        /// Why.
        why: Disconnect,
    },
    /// The next socket is opened only after a wait: connecting failed, or the sockets before did not last.
    Waiting {
        /// What failed, where connecting did.
        error: Option<Error>,
        /// How long.
        wait: Duration,
    },
}

/// Why a socket of a [`Reconnecting`] has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Disconnect {
    /// The service closed it, normally.
    Closed,
    /// It was closed here, because its successor is open.
    Replaced,
    /// It failed, or was closed with a code that says so.
    Failed(Error),
}

/// Keeps a socket open: connects again, after a wait where it must, and says what happened. Nothing is sent again.
///
/// Waits grow with full jitter, and start anew only after a socket that lasted a minute: a service that accepts and closes
/// at once is not hammered. A wait that the service asks for is kept. It ends with an error that waiting does not help
/// against: one that is not [retryable](Error::is_retryable), such as a refused credential or a close with 1008 or 4xxx.
///
/// [`refresh`](Self::refresh) opens the next socket while the last one is still read. Never more than two are open, and one
/// being opened. There is no task: what happens, happens while [`next`](Self::next) is waited for.
pub struct Reconnecting {
    connect: Box<dyn FnMut() -> Connecting + Send>,
    gives_up: Box<dyn Fn(&Error) -> bool + Send>,
    clock: Clock,
    random: Random,
    backoff: Backoff,
    healthy: Duration,
    drain: Duration,
    waits: Waits,
    last: u64,
    current: Option<Slot>,
    /// The one before, until it has ended or its time is up.
    draining: Option<(Slot, Sleep)>,
    next: Next,
    events: VecDeque<Event>,
    end: Option<Error>,
}

struct Slot {
    id: SocketId,
    since: Tick,
    socket: Socket,
    replaced: bool,
}

enum Next {
    /// The current socket is to stay.
    Nothing,
    Waiting(Sleep),
    Connecting(Connecting),
    /// It has ended.
    Never,
}

impl Reconnecting {
    /// Over the sockets that `connect` opens. It is called for every one, so it can ask for a new address first; give each
    /// a deadline of its own ([`CallContext::detached`]). Clock and randomness are those of `cx`.
    #[must_use]
    pub fn new<F, Fut>(cx: &CallContext, mut connect: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Socket>> + Send + 'static,
    {
        let mut connect: Box<dyn FnMut() -> Connecting + Send> = Box::new(move || Box::pin(connect()));
        Self {
            next: Next::Connecting(connect()),
            connect,
            gives_up: Box::new(|error| !error.is_retryable()),
            clock: cx.clock().clone(),
            random: cx.random().clone(),
            waits: BACKOFF.waits(cx.random()),
            backoff: BACKOFF,
            healthy: HEALTHY,
            drain: DRAIN,
            last: 0,
            current: None,
            draining: None,
            events: VecDeque::new(),
            end: None,
        }
    }

    /// How long to wait before connecting again. Where the schedule ends, the last error ends the stream.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.waits = backoff.waits(&self.random);
        self.backoff = backoff;
        self
    }

    /// How long a socket must last for the waits to start anew; a minute where nothing is said.
    #[must_use]
    pub const fn healthy_after(mut self, time: Duration) -> Self {
        self.healthy = time;
        self
    }

    /// How long a socket is read after its successor is open; 30 s where nothing is said. Then it is closed.
    #[must_use]
    pub const fn drain_timeout(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// Which errors end it: those that are not retryable where nothing is said. A provider whose service closes with codes
    /// of its own finds the [`Close`](crate::Close) by [`provider_error`](Error::provider_error).
    #[must_use]
    pub fn gives_up_on(mut self, gives_up: impl Fn(&Error) -> bool + Send + 'static) -> Self {
        self.gives_up = Box::new(gives_up);
        self
    }

    /// Opens the next socket now, while the current one goes on. Where one is being opened or waited for already, nothing
    /// changes.
    pub fn refresh(&mut self) {
        if matches!(self.next, Next::Nothing) {
            self.next = Next::Connecting((self.connect)());
        }
    }

    /// What happens next; `None` after an error. Dropping the call loses nothing.
    ///
    /// # Errors
    /// Why it has ended.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        poll_fn(|cx| self.poll_event(cx)).await.transpose()
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            // Before any message, so that a busy socket does not keep its successor away.
            if let Poll::Ready(()) = self.poll_next_socket(cx) {
                continue;
            }
            // The older first: its messages came before.
            if let Poll::Ready(event) = self.poll_draining(cx) {
                return Poll::Ready(Some(Ok(event)));
            }
            if let Some(slot) = &mut self.current {
                match slot.socket.poll_receive(cx) {
                    Poll::Ready(Some(Ok(message))) => return Poll::Ready(Some(Ok(Event::Message { id: slot.id, message }))),
                    Poll::Ready(Some(Err(error))) => {
                        self.lost(Disconnect::Failed(error));
                        continue;
                    }
                    Poll::Ready(None) => {
                        self.lost(Disconnect::Closed);
                        continue;
                    }
                    Poll::Pending => {}
                }
            }
            if self.current.is_some() || self.draining.is_some() || !matches!(self.next, Next::Never) {
                return Poll::Pending;
            }
            return Poll::Ready(self.end.take().map(Err));
        }
    }

    /// Gets on with opening the next socket; ready when that has changed something.
    fn poll_next_socket(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.next {
            Next::Nothing | Next::Never => return Poll::Pending,
            Next::Waiting(sleep) => {
                ready!(Pin::new(sleep).poll(cx));
                self.next = Next::Connecting((self.connect)());
            }
            Next::Connecting(connecting) => match ready!(connecting.as_mut().poll(cx)) {
                Ok(socket) => self.connected(socket),
                Err(error) => self.wait(Some(error), true),
            },
        }
        Poll::Ready(())
    }

    fn poll_draining(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let Some((slot, sleep)) = &mut self.draining else { return Poll::Pending };
        let id = slot.id;
        if !slot.replaced && Pin::new(sleep).poll(cx).is_ready() {
            slot.replaced = true;
            // The code is one that can be sent.
            let _ = slot.socket.begin_close(CloseCode::NORMAL, "");
        }
        let why = match ready!(slot.socket.poll_receive(cx)) {
            Some(Ok(message)) => return Poll::Ready(Event::Message { id, message }),
            Some(Err(error)) => Disconnect::Failed(error),
            None if slot.replaced => Disconnect::Replaced,
            None => Disconnect::Closed,
        };
        self.draining = None;
        Poll::Ready(Event::Disconnected { id, why })
    }

    fn connected(&mut self, socket: Socket) {
        self.next = Next::Nothing;
        self.last += 1;
        let id = SocketId(self.last);
        let sender = socket.sender();
        let slot = Slot { id, since: self.clock.now(), socket, replaced: false };
        if let Some(before) = self.current.replace(slot) {
            let until = self.clock.sleep(self.drain);
            // Two refreshes within the time of one: the oldest has had its chance.
            if let Some((oldest, _)) = self.draining.replace((before, until)) {
                self.events.push_back(Event::Disconnected { id: oldest.id, why: Disconnect::Replaced });
            }
        }
        self.events.push_back(Event::Connected { id, sender });
    }

    /// The current socket has ended.
    fn lost(&mut self, why: Disconnect) {
        let Some(slot) = self.current.take() else { return };
        let error = if let Disconnect::Failed(error) = &why { Some(error.clone()) } else { None };
        self.events.push_back(Event::Disconnected { id: slot.id, why });
        if !matches!(self.next, Next::Nothing) {
            // The next one is on its way.
            return;
        }
        if self.clock.now().since(slot.since) >= self.healthy {
            self.waits = self.backoff.waits(&self.random);
            if error.as_ref().is_none_or(|error| !(self.gives_up)(error)) {
                self.next = Next::Connecting((self.connect)());
                return;
            }
        }
        self.wait(error, false);
    }

    /// Waits before the next socket, or ends. The error of a socket that did not last is told already.
    fn wait(&mut self, error: Option<Error>, connecting: bool) {
        let asked = error.as_ref().and_then(Error::retry_after);
        match (error, self.waits.next_wait()) {
            (Some(error), _) if (self.gives_up)(&error) => self.finish(error),
            (error, Ok(Some(wait))) => {
                let wait = asked.map_or(wait, |asked| asked.max(wait));
                self.next = Next::Waiting(self.clock.sleep(wait));
                self.events.push_back(Event::Waiting { error: error.filter(|_| connecting), wait });
            }
            (Some(error), Ok(None)) => self.finish(error),
            (None, Ok(None)) => self.finish(crate::failure::closed()),
            (_, Err(error)) => self.finish(error),
        }
    }

    fn finish(&mut self, error: Error) {
        self.next = Next::Never;
        self.end = Some(error);
    }
}

impl Stream for Reconnecting {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx)
    }
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (&self.next, &self.current) {
            (Next::Never, _) => "ended",
            (_, Some(_)) => "connected",
            (Next::Waiting(_), None) => "waiting",
            (_, None) => "connecting",
        };
        write!(f, "Reconnecting({state})")
    }
}
