//! Uploads in sessions: begun, sent part by part, asked where they stand after a failure, and continued from there.
//!
//! [`Resumable`] drives any [`UploadProtocol`]; [`ContentRange`] (Google's) and [`Tus`] are here. What a failure costs is paid
//! from the call's retry budget and deadline. Uploads in numbered parts, such as S3's, are no sessions with an offset.

mod content;
mod content_range;
mod session;
mod tus;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::Instrument;
use tracing::instrument::WithSubscriber;

pub use content_range::ContentRange;
pub use session::{UploadOperations, UploadSession};
pub use tus::Tus;

use self::content::Content;
use crate::body::Body;
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::resilience::backoff::{Backoff, Waits};
use crate::units::ByteSize;

/// How often a part may fail, one time after the other, without a byte more at the service.
const FAILURES_WITHOUT_PROGRESS: u32 = 5;
/// How often an upload whose session the service has lost is begun anew.
const SESSIONS: u32 = 3;
/// How long the end of an upload that nobody waits for may take.
const ABANDON_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest wait that a service may ask for where the caller says nothing.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);

/// How a service takes an upload in a session. Each method makes one remote call, by the client's policies.
///
/// A part is described as an operation that is not idempotent: what becomes of one that may have arrived is asked for, and
/// never guessed.
#[async_trait::async_trait]
pub trait UploadProtocol: Send + Sync + 'static {
    /// What the service says of the whole.
    type Output: Send;

    /// Begins a session for content of this length, where it is known.
    async fn begin(&self, cx: &CallContext, length: Option<u64>) -> Result<UploadSession>;

    /// Sends a part.
    async fn send(&self, cx: &CallContext, session: &UploadSession, part: UploadPart) -> Result<UploadState<Self::Output>>;

    /// Asks where the upload stands.
    async fn state(&self, cx: &CallContext, session: &UploadSession, length: Option<u64>) -> Result<UploadState<Self::Output>>;

    /// Ends a session that is not completed, and throws away what was sent.
    async fn abandon(&self, cx: &CallContext, session: &UploadSession) -> Result<()>;

    /// Of what the size of every part but the last must be a multiple.
    fn granularity(&self) -> ByteSize {
        ByteSize::bytes(1)
    }
}

/// A part of an upload.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UploadPart {
    /// Where it begins.
    pub offset: u64,
    /// How many bytes it has; the last may have none.
    pub length: u64,
    /// How many bytes there are in all; always known with the last part.
    pub total: Option<u64>,
    /// Whether it is the last.
    pub last: bool,
    /// Its content.
    pub content: Body,
}

/// Where an upload stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadState<T> {
    /// The service has so many bytes, from the beginning on.
    At(u64),
    /// It is complete.
    Complete(T),
}

/// Drives uploads in sessions.
///
/// Bytes and files are sent from wherever the service stands. Of a stream one part is in memory, and what the service loses of
/// the parts before it is lost.
///
/// - *A part that fails*, or whose answer is lost, is followed by the question where the upload stands, and the upload goes on
///   from there: after a wait, and paid from the retry budget. It ends after five failures without a byte of progress.
/// - *A session that the service no longer knows* is begun anew, twice, where the content can be sent again.
/// - *An upload that fails or is dropped* is abandoned in the background, unless [`keep_unfinished`](Self::keep_unfinished), or
///   unless its last part may have completed it.
pub struct Resumable<P> {
    protocol: Arc<P>,
    part_size: ByteSize,
    keeps: bool,
}

impl<P: UploadProtocol> Resumable<P> {
    /// Uploads by this protocol, in parts of 8 MiB.
    #[must_use]
    pub fn new(protocol: P) -> Self {
        Self { protocol: Arc::new(protocol), part_size: ByteSize::mib(8), keeps: false }
    }

    /// Sets the size of a part; it is rounded down to what the protocol takes.
    #[must_use]
    pub fn part_size(mut self, size: ByteSize) -> Self {
        self.part_size = size;
        self
    }

    /// Leaves the session of an upload that fails or is dropped as it is, for [`resume`](Self::resume).
    #[must_use]
    pub fn keep_unfinished(mut self) -> Self {
        self.keeps = true;
        self
    }

    /// The protocol.
    #[must_use]
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// Begins a session and sends all of it.
    ///
    /// # Errors
    /// What the service says; the last failure with its number, or with the reason `RetryBudget`; `OutcomeUnknown` when the last
    /// part may have completed the upload; `Corrupt` when the service stands where nothing was sent, or when a stream has another
    /// length than it told; `BodyConsumed` for a stream of which the service has lost what is no longer there.
    pub async fn upload(&self, cx: &CallContext, content: &Body) -> Result<P::Output> {
        let length = content.length().await?;
        let mut begun = 0;
        loop {
            begun += 1;
            let session = self.protocol.begin(cx, length).await?;
            match self.run(cx, &session, content, length, 0).await {
                Err(error) if is_lost(&error) && begun < SESSIONS && content.slice(0, 0).is_some() => {
                    if !cx.draw_retry() {
                        return Err(no_budget(error));
                    }
                }
                ended => return ended,
            }
        }
    }

    /// Begins a session for [`resume`](Self::resume), which may be another process's.
    ///
    /// # Errors
    /// What the service says.
    pub async fn begin(&self, cx: &CallContext, content: &Body) -> Result<UploadSession> {
        self.protocol.begin(cx, content.length().await?).await
    }

    /// Asks where a session stands, and sends what is missing of the same content.
    ///
    /// # Errors
    /// As [`upload`](Self::upload); `NotFound` for a session that the service no longer knows.
    pub async fn resume(&self, cx: &CallContext, session: &UploadSession, content: &Body) -> Result<P::Output> {
        let length = content.length().await?;
        match self.protocol.state(cx, session, length).await? {
            UploadState::Complete(output) => Ok(output),
            UploadState::At(at) => self.run(cx, session, content, length, at).await,
        }
    }

    async fn run(
        &self,
        cx: &CallContext,
        session: &UploadSession,
        content: &Body,
        length: Option<u64>,
        at: u64,
    ) -> Result<P::Output> {
        let may_be_complete = AtomicBool::new(false);
        let mut unfinished =
            Unfinished { protocol: &self.protocol, cx, session, left: self.keeps, may_be_complete: &may_be_complete };
        let granularity = self.protocol.granularity().as_u64().max(1);
        let size = (self.part_size.as_u64() / granularity).max(1) * granularity;
        let mut run = Run {
            protocol: &*self.protocol,
            cx,
            session,
            length,
            content: Content::new(cx, content, length, size, at).await?,
            best: at,
            failures: 0,
            waits: Backoff::new().initial_interval(Duration::from_millis(100)).waits(cx.random()),
            may_be_complete: &may_be_complete,
        };
        let result = run.drive(at).await;
        unfinished.left |= result.is_ok() || result.as_ref().is_err_and(is_lost);
        result
    }
}

/// One upload on its way.
struct Run<'a, P> {
    protocol: &'a P,
    cx: &'a CallContext,
    session: &'a UploadSession,
    length: Option<u64>,
    content: Content,
    /// The furthest that the service stood.
    best: u64,
    failures: u32,
    waits: Waits,
    /// Whether the last part was sent, and what became of it is not known.
    may_be_complete: &'a AtomicBool,
}

impl<P: UploadProtocol> Run<'_, P> {
    async fn drive(&mut self, mut at: u64) -> Result<P::Output> {
        loop {
            let part = self.content.part(self.cx, at).await?;
            let (end, last, total) = (at + part.length, part.last, part.total);
            self.completes(last);
            let failed = match self.protocol.send(self.cx, self.session, part).await {
                Ok(UploadState::Complete(output)) if last => return Ok(output),
                Ok(UploadState::Complete(_)) => {
                    return Err(corrupt(format_args!("the service ended the upload at byte {end}, before its end")));
                }
                Ok(UploadState::At(next)) => {
                    self.completes(false);
                    let next = self.checked(next, end)?;
                    if next > at {
                        // What the service had lost is made good before it counts as progress.
                        at = if next > self.best { self.progressed(next) } else { next };
                        continue;
                    }
                    Error::new(ErrorKind::Unavailable, "the service took none of the part").with_sent(Sent::Yes)
                }
                Err(error) => {
                    // What was refused has completed nothing.
                    let status = error.detail().and_then(|detail| detail.status);
                    self.completes(last && !status.is_some_and(|status| (400..500).contains(&status)));
                    error
                }
            };
            match self.recover(failed, end, total.or(self.length)).await? {
                UploadState::Complete(output) if last => return Ok(output),
                UploadState::Complete(_) => {
                    return Err(corrupt(format_args!("the service ended the upload before byte {end}")));
                }
                UploadState::At(next) => at = next,
            }
        }
    }

    fn completes(&self, maybe: bool) {
        self.may_be_complete.store(maybe, Ordering::Relaxed);
    }

    fn progressed(&mut self, at: u64) -> u64 {
        (self.best, self.failures) = (at, 0);
        self.waits = Backoff::new().initial_interval(Duration::from_millis(100)).waits(self.cx.random());
        at
    }

    fn checked(&self, at: u64, sent: u64) -> Result<u64> {
        if at <= sent.max(self.best) {
            return Ok(at);
        }
        Err(corrupt(format_args!("the service has {at} bytes of an upload of which {sent} were sent")))
    }

    /// Where the upload stands after a failure, if it can go on.
    async fn recover(&mut self, mut failed: Error, sent: u64, length: Option<u64>) -> Result<UploadState<P::Output>> {
        loop {
            self.failures += 1;
            if !may_go_on(&failed)
                || self.failures > FAILURES_WITHOUT_PROGRESS
                || failed.retry_after() > Some(self.longest_wait())
            {
                return Err(self.ended(failed));
            }
            if !self.cx.draw_retry() {
                return Err(self.ended(no_budget(failed)));
            }
            let wait = self.waits.next_wait()?.unwrap_or_default().max(failed.retry_after().unwrap_or_default());
            if self.cx.remaining().is_some_and(|remaining| wait >= remaining) {
                return Err(self.ended(failed));
            }
            let slept = async {
                self.cx.clock().sleep(wait).await;
                Ok(())
            };
            self.cx.guard(slept).await?;
            match self.protocol.state(self.cx, self.session, length).await {
                Ok(UploadState::Complete(output)) => return Ok(UploadState::Complete(output)),
                Ok(UploadState::At(at)) => {
                    // It says that it is not complete.
                    self.completes(false);
                    let at = self.checked(at, sent)?;
                    if at > self.best {
                        self.progressed(at);
                    }
                    return Ok(UploadState::At(at));
                }
                Err(error) => failed = error,
            }
        }
    }

    fn longest_wait(&self) -> Duration {
        let chosen = self.cx.options().and_then(|options| options.retry.as_ref()?.retry_after_max);
        chosen.unwrap_or(RETRY_AFTER_MAX)
    }

    /// The error of an upload that ends here.
    fn ended(&self, error: Error) -> Error {
        let text = format!("the upload stopped at byte {}", self.best);
        if self.may_be_complete.load(Ordering::Relaxed) && is_lost(&error) {
            let why = "the last part may have completed the upload, and the service no longer knows its session";
            let error = Error::new(ErrorKind::OutcomeUnknown, why).with_sent(Sent::Maybe).with_source(error);
            return error.context(text).with_attempts(self.failures.max(1));
        }
        let error = match error.is(ErrorKind::OutcomeUnknown) && !self.may_be_complete.load(Ordering::Relaxed) {
            // What became of the part is unknown; that the whole is not complete is not.
            true => Error::new(ErrorKind::Connection, "a part was cut off").with_sent(Sent::Yes).with_source(error),
            false => error,
        };
        error.context(text).with_attempts(self.failures.max(1))
    }
}

/// Whether what comes after an error can be asked for.
fn may_go_on(error: &Error) -> bool {
    // A conflict is a part at another place than the service stands at.
    error.is_retryable() || matches!(error.kind(), ErrorKind::OutcomeUnknown | ErrorKind::Conflict)
}

/// Whether the service no longer knows the session.
fn is_lost(error: &Error) -> bool {
    error.is(ErrorKind::NotFound)
}

fn no_budget(error: Error) -> Error {
    error.context("not continued, because the retry budget is used up").with_reason(Reason::RetryBudget)
}

fn corrupt(what: fmt::Arguments<'_>) -> Error {
    Error::new(ErrorKind::Corrupt, what.to_string()).with_sent(Sent::Yes)
}

/// A session that is abandoned unless it is left. A future that is dropped cannot wait for that, so that a task does.
struct Unfinished<'a, P: UploadProtocol> {
    protocol: &'a Arc<P>,
    cx: &'a CallContext,
    session: &'a UploadSession,
    left: bool,
    may_be_complete: &'a AtomicBool,
}

impl<P: UploadProtocol> Drop for Unfinished<'_, P> {
    fn drop(&mut self) {
        if self.left || self.may_be_complete.load(Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (protocol, session) = (Arc::clone(self.protocol), self.session.clone());
        let cx = self.cx.detached(self.cx.operation(), ABANDON_TIMEOUT);
        let end = async move {
            if let Err(error) = protocol.abandon(&cx, &session).await {
                tracing::warn!(target: "circle", %error, "an unfinished upload could not be abandoned");
            }
        };
        runtime.spawn(end.in_current_span().with_current_subscriber());
    }
}

impl<P> Clone for Resumable<P> {
    fn clone(&self) -> Self {
        Self { protocol: Arc::clone(&self.protocol), ..*self }
    }
}

impl<P> fmt::Debug for Resumable<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resumable(parts of {})", self.part_size)
    }
}
