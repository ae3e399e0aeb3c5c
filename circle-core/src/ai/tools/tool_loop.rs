//! The loop: what an application holds.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use circle_core_common::interfaces::chat_model::{self, ChatModel, ChatResponse};
use circle_core_common::{ByteSize, CallOptions, Environment, Error, ErrorKind, Result};

use super::drive::Drive;
use super::interrupted::Interrupted;
use super::{CallState, Checkpoints, LimitReached, ToolLimits, ToolRun, ToolSet, ToolStream};

/// A model with tools. Cloning one is cheap; one drives any number of runs at a time.
///
/// See the [module](super) for an example, and the guide on tool loops for approval, limits and checkpoints.
#[derive(Clone)]
pub struct ToolLoop {
    parts: Arc<Parts>,
}

#[derive(Clone)]
pub(super) struct Parts {
    pub(super) model: ChatModel,
    pub(super) tools: ToolSet,
    /// What every request has of the tools.
    pub(super) definitions: Arc<Vec<chat_model::Tool>>,
    pub(super) limits: ToolLimits,
    pub(super) concurrency: NonZeroUsize,
    pub(super) call_timeout: Duration,
    pub(super) argument_bytes: ByteSize,
    pub(super) checkpoints: Option<Checkpoints>,
    pub(super) options: CallOptions,
    pub(super) environment: Option<Environment>,
    pub(super) name: Arc<str>,
}

impl ToolLoop {
    /// This model with these tools. Eight calls are made at a time, each for a minute at most.
    #[must_use]
    pub fn new(model: ChatModel, tools: impl Into<ToolSet>) -> Self {
        let tools = tools.into();
        let parts = Parts {
            model,
            definitions: Arc::new(tools.definitions()),
            tools,
            limits: ToolLimits::new(),
            concurrency: const { NonZeroUsize::new(8).unwrap() },
            call_timeout: Duration::from_secs(60),
            argument_bytes: ByteSize::mib(1),
            checkpoints: None,
            options: CallOptions::new(),
            environment: None,
            name: "".into(),
        };
        Self { parts: Arc::new(parts) }
    }

    /// Sets how far its runs may go.
    #[must_use]
    pub fn limits(mut self, limits: ToolLimits) -> Self {
        self.parts().limits = limits;
        self
    }

    /// Sets how many calls of a run are made at a time; none is one.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.parts().concurrency = NonZeroUsize::new(concurrency).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// Sets how long a call may take whose tool says nothing about it.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.parts().call_timeout = timeout;
        self
    }

    /// Sets how large the arguments of a call may be; 1 MiB by default. Larger ones are refused, as the model is told.
    #[must_use]
    pub fn argument_bytes(mut self, most: ByteSize) -> Self {
        self.parts().argument_bytes = most;
        self
    }

    /// Has its runs stored at every step.
    #[must_use]
    pub fn checkpoint(mut self, checkpoints: Checkpoints) -> Self {
        self.parts().checkpoints = Some(checkpoints);
        self
    }

    /// The same loop with options merged over its own: they hold for a whole run and go, over the model's own, to its requests, and to
    /// the calls. The timeout of the model's handle is that of one request.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        let mut same = self.clone();
        let parts = same.parts();
        parts.options = options.over(&parts.options);
        same
    }

    /// Sets the environment: whose clock tells the time, whose access rules are asked about calls, and where they are recorded.
    /// Else it is that of the model's provider.
    #[must_use]
    pub fn environment(mut self, environment: impl Into<Environment>) -> Self {
        self.parts().environment = Some(environment.into());
        self
    }

    /// Sets the name that errors, spans and records call it by.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.parts().name = name.into();
        self
    }

    /// Drives a run to its end: a question, a request, or a run that was begun before.
    ///
    /// *Idempotency.* A run that was stored goes on where it was. A call that was begun and whose outcome is not known is
    /// never made again unless its tool says that it may; the model is told that its outcome is unknown.
    ///
    /// *Cancellation.* Dropping the future cancels what is under way. Use [`stream`](Self::stream) to keep the run, or
    /// [`checkpoint`](Self::checkpoint) to find it again.
    ///
    /// # Errors
    /// The run is in every error, as far as it had come: [`ToolRun::of`]. What the model's service says; `Timeout` and
    /// `Cancelled`; `Internal` for a tool that panicked; `Cancelled` and `Closed` of a tool; what the hook that approves says;
    /// what the store of the checkpoints says, where `AlreadyExists` and `Conflict` mean that the run is driven elsewhere.
    /// `InvalidInput` for a request with tools of its own, arguments that were decided on and do not fit, or an option that
    /// was lost with JSON ([`ToolRun::extension`]).
    pub async fn run(&self, run: impl Into<ToolRun>) -> Result<ToolOutcome> {
        self.open(run.into(), false).finish().await
    }

    /// Drives a run, and tells what happens as it happens.
    ///
    /// # Errors
    /// As [`run`](Self::run), all of it here and not in the stream, as long as nothing has happened.
    pub async fn stream(&self, run: impl Into<ToolRun>) -> Result<ToolStream> {
        let mut stream = self.open(run.into(), true);
        stream.begin().await?;
        Ok(stream)
    }

    fn open(&self, run: ToolRun, events: bool) -> ToolStream {
        let parts = Arc::clone(&self.parts);
        ToolStream::new(run, events, |run, outlet| async move { Drive::new(parts, run, outlet)?.finish().await })
    }

    fn parts(&mut self) -> &mut Parts {
        Arc::make_mut(&mut self.parts)
    }
}

impl fmt::Debug for ToolLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToolLoop({:?} with {:?})", self.parts.model, self.parts.tools)
    }
}

/// How a run ended, and the run.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a run may end without an answer"]
pub struct ToolOutcome {
    /// How it ended.
    pub end: RunEnd,
    /// The run: to be read, to be stored, and, where it is not finished, to be driven on.
    pub run: ToolRun,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunEnd {
    /// With an answer.
    Answered,
    /// Before calls that wait for a decision: [`ToolRun::decide`], and drive it on.
    Suspended,
    /// Before a limit. Raise it, and drive the run on.
    Limit(LimitReached),
}

impl ToolOutcome {
    pub(super) fn new(run: ToolRun, end: RunEnd) -> Self {
        Self { end, run }
    }

    /// The answer, for those who take any other end for an error.
    ///
    /// # Errors
    /// `Conflict` for a run that waits for a decision; `QuotaExceeded` for one that met a limit, `Timeout` for that of time.
    /// The run is in the error: [`ToolRun::of`].
    pub fn answer(self) -> Result<ChatResponse> {
        let error = match (&self.end, self.run.answer()) {
            (RunEnd::Answered, Some(answer)) => return Ok(answer.clone()),
            (RunEnd::Limit(reached), _) => reached.error(),
            _ => {
                let mut waiting = self.run.calls().iter().filter(|call| call.state == CallState::Undecided);
                let name = waiting.next().map(|call| call.call.name.clone()).unwrap_or_default();
                Error::new(ErrorKind::Conflict, format!("the run waits for a decision about a call of `{name}`"))
            }
        };
        Err(Interrupted::attach(error, self.run))
    }
}
