//! One open call.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tracing::{Instrument, Span};

use super::HandleCore;
use super::instruments::{Model, Taken};
use crate::audit::{AuditEvent, AuditMode, AuditRecord, Recording};
use crate::context::CallContext;
use crate::credentials::LOAD;
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::operation::Operation;
use crate::units::Timestamp;

/// What a sink says at once to a record whose durability is not waited for.
pub(super) fn taken(recording: Recording<'_>) -> Result<()> {
    match recording {
        Recording::Done(result) => result,
        Recording::Pending(_) => Ok(()),
    }
}

/// With required audit: the record that could not be written.
pub(super) fn unrecorded(error: Error) -> Error {
    let text = "the audit record could not be written, and audit is required";
    Error::new(ErrorKind::Unavailable, text).with_reason(Reason::AuditUnavailable).with_source(error)
}

/// The core of the handle that a call is made through: its own where the call outlives the handle's method.
pub(super) enum Core<'a> {
    Borrowed(&'a HandleCore),
    Owned(Box<HandleCore>),
}

impl std::ops::Deref for Core<'_> {
    type Target = HandleCore;

    fn deref(&self) -> &HandleCore {
        match self {
            Self::Borrowed(core) => core,
            Self::Owned(core) => core,
        }
    }
}

/// One call. It is large and on every call's way, so it stays where it was opened: what happens to it, happens by
/// reference.
#[must_use = "a call that is dropped unfinished is recorded as cancelled"]
pub struct Call<'a> {
    pub(super) cx: CallContext,
    pub(super) span: Span,
    pub(super) core: Core<'a>,
    pub(super) id: u64,
    /// When the intent was recorded; the outcome is that and the time taken.
    pub(super) at: Timestamp,
    /// The policy that let it pass, or refused it.
    pub(super) policy: Option<Arc<str>>,
    pub(super) source: Option<Arc<str>>,
    pub(super) resource: Option<Arc<str>>,
    pub(super) resources: usize,
    /// Whether a drop must leave an outcome.
    pub(super) open: bool,
}

impl<'a> Call<'a> {
    /// A call that is not started.
    pub(super) fn new(core: &'a HandleCore, operation: &'static Operation) -> Self {
        Self::within(core, CallContext::new(&core.shared.environment, operation, core.options.clone()))
    }

    /// A call that is not started, in a context that is there already.
    pub(super) fn within(core: &'a HandleCore, cx: CallContext) -> Self {
        let shared = &*core.shared;
        let operation = cx.operation();
        let span = tracing::info_span!(
            target: "circle",
            "call",
            otel.name = operation.name(),
            circle.operation = operation.name(),
            circle.service = &*shared.service,
            circle.provider = shared.provider,
            error.r#type = tracing::field::Empty,
        );
        Self {
            cx,
            span,
            core: Core::Borrowed(core),
            id: 0,
            at: Timestamp::UNIX_EPOCH,
            policy: None,
            source: None,
            resource: None,
            resources: 0,
            open: false,
        }
    }

    /// The context for the provider.
    #[must_use]
    pub fn cx(&self) -> &CallContext {
        &self.cx
    }

    /// The same call, free of the handle: for a stream, whose scope is open until it ends.
    pub fn detach(mut self) -> Call<'static> {
        Call {
            cx: self.cx.clone(),
            span: self.span.clone(),
            core: Core::Owned(Box::new(self.core.clone())),
            id: self.id,
            at: self.at,
            policy: self.policy.take(),
            source: self.source.take(),
            resource: self.resource.take(),
            resources: self.resources,
            // The record of how it ends goes with it.
            open: std::mem::take(&mut self.open),
        }
    }

    /// The span of the call.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Runs a provider's future within the span, the deadline and the cancellation of the call.
    ///
    /// # Errors
    /// As [`CallContext::guard`].
    pub async fn guard<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        // Without a subscriber there is no span to enter at every poll.
        if self.span.is_none() {
            return self.cx.guard(future).await;
        }
        self.cx.guard(future.instrument(self.span.clone())).await
    }

    /// Ends the call: metrics, span, audit; an error learns where it happened.
    ///
    /// # Errors
    /// The result's own; `OutcomeUnknown` never comes from here. With required audit a lost outcome record turns a
    /// success into `Unavailable`, reason [`Reason::AuditUnavailable`]: the call was made, and must not be repeated.
    pub async fn finish<T>(&mut self, result: Result<T>) -> Result<T> {
        let kind = result.as_ref().err().map(Error::kind);
        if self.core.shared.environment.audit().is_none() {
            let heard = self.measure(kind, &Taken::now(&self.cx));
            return self.close(result, heard);
        }
        let shared = Arc::clone(&self.core.shared);
        let Some((sink, mode)) = shared.environment.audit() else { return self.close(result, false) };
        let (took, heard) = {
            let taken = Taken::now(&self.cx);
            let heard = self.measure(kind, &taken);
            (taken.get(), heard)
        };
        let result = self.close(result, heard);
        let error = result.as_ref().err();
        let event = self.outcome(AuditEvent::outcome_of(kind), error, took);
        // The last that is said of the call, unless the loss of this very record is an error that names its resource.
        let record = match mode {
            AuditMode::Required => self.audit_record(event),
            AuditMode::BestEffort => {
                let (source, resource) = (self.source.take(), self.resource.take());
                self.record_of(event, source, resource)
            }
        };
        let recorded = match (sink.record(record), mode) {
            (Recording::Pending(wait), AuditMode::Required) => Box::pin(self.cx.guard(wait)).await,
            (recording, _) => taken(recording),
        };
        match (result, recorded, mode) {
            (Ok(_), Err(lost), AuditMode::Required) => {
                let error = unrecorded(lost).context("the call was made").with_sent(Sent::Yes).with_retryable(false);
                Err(self.placed(error.with_attempts(self.cx.attempts())))
            }
            // The call's own error says more about the call than the loss of its record.
            (result, Err(lost), _) => {
                self.core.shared.lost.note(1, &lost);
                result
            }
            (result, Ok(()), _) => result,
        }
    }

    /// Ends a call that never reached the provider. Waits for nothing: its deadline may be over.
    pub(super) fn refuse(&mut self, error: Error) -> Error {
        let error = error.with_sent(Sent::No);
        let taken = Taken::now(&self.cx);
        let heard = self.measure(Some(error.kind()), &taken);
        let took = taken.get();
        let intended = std::mem::take(&mut self.open);
        self.span.record("error.type", error.kind().code());
        self.count(Some(&error), heard);
        if intended {
            self.record_outcome(error.kind().code(), Some(&error), took);
        }
        self.placed(error)
    }

    /// Hands over an outcome that nobody can wait for.
    fn record_outcome(&self, outcome: &'static str, error: Option<&Error>, took: Duration) {
        let Some((sink, _)) = self.core.shared.environment.audit() else { return };
        if let Err(error) = taken(sink.record(self.audit_record(self.outcome(outcome, error, took)))) {
            self.core.shared.lost.note(1, &error);
        }
    }

    fn close<T>(&mut self, result: Result<T>, heard: bool) -> Result<T> {
        self.open = false;
        let error = result.as_ref().err();
        self.count(error, heard);
        self.cx.note_attempts(error.map_or(1, Error::attempts));
        self.cx.report(|report| {
            report.attempts += self.cx.attempts();
            report.operation_id = self.cx.known_operation_id().cloned().or(report.operation_id.take());
            if let Some(id) = error.and_then(Error::detail).and_then(|detail| detail.request_id.clone()) {
                report.request_ids.push(id);
            }
        });
        result.map_err(|error| {
            self.span.record("error.type", error.kind().code());
            self.placed(error)
        })
    }

    /// Says in an error where it happened, to what, and in which write.
    fn placed(&self, error: Error) -> Error {
        // The call that needs the credential says where it happened.
        if self.is_load() {
            return error;
        }
        let error = self.core.place(error, self.cx.operation());
        let error = match &self.resource {
            Some(resource) => error.with_resource(resource),
            None => error,
        };
        match self.cx.known_operation_id() {
            Some(id) if error.operation_id().is_none() => error.with_operation_id(id.clone()),
            _ => error,
        }
    }

    /// Counts the call among those of the service.
    fn count(&self, error: Option<&Error>, heard: bool) {
        if !self.is_load() {
            self.core.shared.stats.count(self.core.account().map(|account| &**account), error, heard);
        }
    }

    /// Whether it gets the credential of another call.
    pub(super) fn is_load(&self) -> bool {
        std::ptr::eq(self.cx.operation(), &raw const LOAD)
    }

    /// Measures the call as one that ends now, and says whether anybody listens to metrics.
    fn measure(&self, error: Option<ErrorKind>, taken: &Taken<'_>) -> bool {
        let shared = &*self.core.shared;
        let place = (&*shared.service, shared.provider);
        let heard = shared.instruments.record(self.cx.operation(), place, self.resource.as_ref(), error, taken);
        // What was refused here says nothing of the service, unless there is none to make the call with.
        if shared.stats.is_measured() && !self.is_load() && (self.open || error.is_some_and(ErrorKind::is_service_fault)) {
            shared.stats.judge(self.cx.started().since_start(), taken.get(), error);
        }
        heard
    }

    /// The instruments of the model that is asked, where one is.
    pub(crate) fn model(&self) -> Option<Arc<Model>> {
        let shared = &*self.core.shared;
        shared.instruments.model(self.cx.operation(), (&shared.service, shared.provider), self.resource.as_ref())
    }

    /// Counts the tokens of a call of a model.
    pub(crate) fn count_tokens(&self, input: Option<u64>, output: Option<u64>) {
        self.core.shared.stats.account(self.cx.tenant(), |account| account.tokens(input, output));
    }

    fn outcome(&self, outcome: &'static str, error: Option<&Error>, took: Duration) -> AuditEvent {
        AuditEvent::Outcome {
            outcome,
            took,
            attempts: error.map_or(1, Error::attempts).max(self.cx.attempts()),
            operation_id: self.cx.known_operation_id().cloned(),
        }
    }

    pub(super) fn audit_record(&self, event: AuditEvent) -> AuditRecord {
        self.record_of(event, self.source.clone(), self.resource.clone())
    }

    fn record_of(&self, event: AuditEvent, source: Option<Arc<str>>, resource: Option<Arc<str>>) -> AuditRecord {
        let at = match &event {
            AuditEvent::Outcome { took, .. } => self.at + *took,
            _ => self.at,
        };
        AuditRecord {
            at,
            call: self.id,
            parties: Arc::clone(self.core.parties()),
            operation: self.cx.operation().name(),
            class: self.cx.operation().class(),
            policy: self.policy.clone(),
            source,
            resource,
            resources: self.resources,
            event,
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        self.span.record("error.type", ErrorKind::Cancelled.code());
        let taken = Taken::now(&self.cx);
        self.measure(Some(ErrorKind::Cancelled), &taken);
        let took = taken.get();
        self.record_outcome(AuditEvent::CANCELLED, None, took);
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.cx.operation().name())
    }
}
