//! A run as it goes on.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use circle_core_common::interfaces::chat_model::{ChatEvent, ToolCall, ToolOutput};
use circle_core_common::{Error, ErrorKind, Result};
use futures_core::Stream;

use super::interrupted::Interrupted;
use super::{RunEnd, ToolOutcome, ToolRun};

/// What happens in a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ToolEvent {
    /// The model says something: texts as they come, the arguments of calls, the tokens.
    Chat(ChatEvent),
    /// A call needs approval; the hook is asked now.
    ApprovalNeeded(ToolCall),
    /// A call is being made.
    CallStarted(ToolCall),
    /// A call gave this, or was refused like this.
    #[non_exhaustive]
    CallFinished {
        /// The call.
        call: ToolCall,
        /// What the model is told.
        output: ToolOutput,
    },
}

/// The run, shared by whoever drives it and whoever looks at it.
pub(super) type SharedRun = Arc<Mutex<ToolRun>>;

pub(super) fn locked(run: &SharedRun) -> MutexGuard<'_, ToolRun> {
    run.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The way of events out of the future that drives: one at a time, and no further before it was taken.
#[derive(Clone)]
pub(super) struct Outlet {
    slot: Option<Arc<Mutex<Option<ToolEvent>>>>,
}

impl Outlet {
    /// For events that nobody wants.
    pub(super) fn closed() -> Self {
        Self { slot: None }
    }

    fn open() -> Self {
        Self { slot: Some(Arc::default()) }
    }

    pub(super) fn is_open(&self) -> bool {
        self.slot.is_some()
    }

    /// Gives an event out. Nobody has to be woken: the one who takes it is the one who polls next.
    pub(super) async fn give(&self, event: impl FnOnce() -> ToolEvent + Send) {
        let Some(slot) = &self.slot else { return };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(event());
        poll_fn(|_| match slot.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }

    fn is_full(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).is_some())
    }

    fn take(&self) -> Option<ToolEvent> {
        self.slot.as_ref().and_then(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

/// A run as it goes on: `Stream<Item = Result<ToolEvent>> + Send`, with a `try_next` of its own.
///
/// Nothing runs in the background: what is not polled does not go on, and dropping it cancels the request and the calls that
/// are under way. [`into_run`](Self::into_run) gives the run, however far it has come.
#[must_use = "a run goes on only while it is polled"]
pub struct ToolStream {
    /// `None` once it has ended.
    driving: Option<Pin<Box<dyn Future<Output = Result<RunEnd>> + Send>>>,
    run: SharedRun,
    outlet: Outlet,
    ended: Option<Result<RunEnd>>,
}

impl ToolStream {
    pub(super) fn new<F>(run: ToolRun, events: bool, drive: impl FnOnce(SharedRun, Outlet) -> F) -> Self
    where
        F: Future<Output = Result<RunEnd>> + Send + 'static,
    {
        let run = Arc::new(Mutex::new(run));
        let outlet = if events { Outlet::open() } else { Outlet::closed() };
        let driving = Box::pin(drive(Arc::clone(&run), outlet.clone()));
        Self { driving: Some(driving), run, outlet, ended: None }
    }

    /// Waits until something happens, so that what fails before that fails in the opening call.
    pub(super) async fn begin(&mut self) -> Result<()> {
        poll_fn(|cx| self.poll_ready(cx)).await;
        match &self.ended {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// What happens next; `None` at the end of the run, of which [`finish`](Self::finish) tells more.
    ///
    /// # Errors
    /// As [`ToolLoop::run`](super::ToolLoop::run).
    pub async fn try_next(&mut self) -> Result<Option<ToolEvent>> {
        poll_fn(|cx| self.poll_event(cx)).await.transpose()
    }

    /// Goes on to the end, and tells how it ended.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub async fn finish(mut self) -> Result<ToolOutcome> {
        while self.try_next().await?.is_some() {}
        match self.ended.take() {
            Some(Ok(end)) => Ok(ToolOutcome::new(self.into_run(), end)),
            Some(Err(error)) => Err(error),
            None => Err(Error::new(ErrorKind::Internal, "the run has not ended")),
        }
    }

    /// How far the run has come, to be stored or shown.
    #[must_use]
    pub fn run(&self) -> ToolRun {
        locked(&self.run).clone()
    }

    /// Stops, and gives the run: what was under way is cancelled. Calls that were begun are still marked so.
    #[must_use]
    pub fn into_run(mut self) -> ToolRun {
        self.driving = None;
        std::mem::replace(&mut *locked(&self.run), ToolRun::from(""))
    }

    /// Goes on until there is an event, or the end.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(driving) = &mut self.driving else { return Poll::Ready(()) };
        if self.outlet.is_full() {
            return Poll::Ready(());
        }
        match driving.as_mut().poll(cx) {
            Poll::Pending if self.outlet.is_full() => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
            Poll::Ready(ended) => {
                self.driving = None;
                self.ended = Some(ended.map_err(|error| Interrupted::attach(error, self.run())));
                Poll::Ready(())
            }
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ToolEvent>>> {
        let over = self.driving.is_none();
        ready!(self.poll_ready(cx));
        if let Some(event) = self.outlet.take() {
            return Poll::Ready(Some(Ok(event)));
        }
        match &self.ended {
            Some(Err(error)) if !over => Poll::Ready(Some(Err(error.clone()))),
            _ => Poll::Ready(None),
        }
    }
}

impl Stream for ToolStream {
    type Item = Result<ToolEvent>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

impl fmt::Debug for ToolStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToolStream({:?})", locked(&self.run))
    }
}
