//! The scope around every call of a handle: access control, span, metrics, audit, deadline, cancellation.
//!
//! A handle's method is `let call = self.core.start(&GET, resource).await?; let result =
//! call.guard(provider.get(call.cx(), request)).await; call.finish(result).await`. Dropping an unfinished [`Call`] *is*
//! the record of its cancellation.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{Key, Label, Level, Metadata};
use tracing::{Instrument, Span};

use crate::access::{AccessRequest, Decision, Verdict};
use crate::audit::{AuditEvent, AuditMode, AuditRecord, Losses, Recording};
use crate::context::{CallContext, CallOptions};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::operation::{Class, Operation};
use crate::random::Random;
use crate::units::Timestamp;

/// The histogram of call durations, in seconds; labels: operation, service, provider, and `error.type` on failure.
pub const CALL_DURATION: &str = "circle.call.duration";

static CALL_DURATION_METADATA: Metadata<'static> = Metadata::new("circle", Level::INFO, Some(module_path!()));

/// What every handle holds besides its provider.
#[derive(Clone)]
pub struct HandleCore {
    shared: Arc<Shared>,
    options: Option<Arc<CallOptions>>,
}

struct Shared {
    environment: Environment,
    service: Arc<str>,
    provider: &'static str,
    stats: Arc<ServiceStats>,
    /// Whether access control or audit is on.
    guarded: bool,
    /// Records that the audit sink refused.
    lost: Losses,
    /// Metric keys, made at the first call of each operation; an exporter may be installed at any time, so the
    /// instruments themselves are looked up at every call.
    keys: [OnceLock<Key>; Operation::MAX_PER_INTERFACE],
}

/// What the calls of one service came to since the start; all its handles count together.
#[derive(Debug, Default)]
pub struct ServiceStats {
    calls: AtomicU64,
    failures: AtomicU64,
    last_error: Mutex<Option<Error>>,
}

impl ServiceStats {
    /// The stats of the service of this name; handles without a name count each for itself.
    #[must_use]
    pub fn of(environment: &Environment, service: &str) -> Arc<Self> {
        if service.is_empty() { Arc::default() } else { environment.shared(service, Self::default) }
    }

    /// Calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Calls that failed on the service's side.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// The last call that failed on the service's side.
    #[must_use]
    pub fn last_error(&self) -> Option<Error> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, error: Option<&Error>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(error) = error.filter(|error| error.kind().is_service_fault()) {
            self.failures.fetch_add(1, Ordering::Relaxed);
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }
}

/// The things that a call names.
#[derive(Clone, Copy)]
pub enum Resources<'a> {
    /// None.
    None,
    /// One.
    One(&'a Arc<str>),
    /// Several; each is asked for.
    Many(&'a [Arc<str>]),
    /// The first is read, the second gets the operation's class: a copy.
    Pair(&'a Arc<str>, &'a Arc<str>),
}

impl<'a> Resources<'a> {
    fn first(self) -> Option<&'a Arc<str>> {
        match self {
            Self::None => None,
            Self::One(one) | Self::Pair(_, one) => Some(one),
            Self::Many(many) => many.first(),
        }
    }

    /// What is only read on the way: the source of a copy.
    fn source(self) -> Option<&'a Arc<str>> {
        match self {
            Self::Pair(source, _) => Some(source),
            _ => None,
        }
    }

    /// Each with the class that is asked for.
    fn classed(self, class: Class) -> impl Iterator<Item = (Class, &'a str)> {
        type Two<'a> = [Option<(Class, &'a str)>; 2];
        let (head, tail): (Two<'a>, &'a [Arc<str>]) = match self {
            Self::None => ([Some((class, "")), None], &[]),
            Self::One(one) => ([Some((class, &**one)), None], &[]),
            Self::Many(many) => ([None, None], many),
            Self::Pair(source, target) => ([Some((Class::Read, &**source)), Some((class, &**target))], &[]),
        };
        head.into_iter().flatten().chain(tail.iter().map(move |one| (class, &**one)))
    }

    fn count(self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.len(),
            Self::Pair(..) => 2,
        }
    }
}

impl HandleCore {
    /// The core of a handle over a provider with this id, in this environment; `service` is the configured name.
    #[must_use]
    pub fn new(environment: Environment, service: impl Into<Arc<str>>, provider: &'static str) -> Self {
        let service: Arc<str> = service.into();
        let shared = Shared {
            stats: ServiceStats::of(&environment, &service),
            guarded: environment.access().is_some() || environment.audit().is_some(),
            lost: Losses::new(),
            environment,
            service,
            provider,
            keys: [const { OnceLock::new() }; Operation::MAX_PER_INTERFACE],
        };
        Self { shared: Arc::new(shared), options: None }
    }

    /// The same core with these options merged over its own.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        let options = match self.options.as_deref() {
            Some(base) => options.over(base),
            None => options,
        };
        Self { shared: Arc::clone(&self.shared), options: Some(Arc::new(options)) }
    }

    /// The same core with its timeout turned into a deadline from now: for a method that makes several calls, all of
    /// which the one timeout bounds.
    #[must_use]
    pub fn bounded(&self) -> Self {
        match self.options.as_deref() {
            Some(options) if options.timeout.is_some() => {
                let deadline = options.deadline_after(self.shared.environment.clock().now());
                let options = CallOptions { timeout: None, deadline, ..options.clone() };
                Self { shared: Arc::clone(&self.shared), options: Some(Arc::new(options)) }
            }
            _ => self.clone(),
        }
    }

    /// Waits between two calls, within the deadline and the cancellation of both.
    ///
    /// # Errors
    /// `Timeout`, `Cancelled`.
    pub async fn pause(&self, operation: &'static Operation, wait: Duration) -> Result<()> {
        let cx = CallContext::new(&self.shared.environment, operation, self.options.clone());
        let waited = cx.guard(async {
            cx.clock().sleep(wait).await;
            Ok(())
        });
        waited.await.map_err(|error| self.place(error, operation))
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    /// The configured name of the service; empty where there is none.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.shared.service
    }

    /// The provider's id.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.shared.provider
    }

    /// The options of this handle.
    #[must_use]
    pub fn options(&self) -> Option<&CallOptions> {
        self.options.as_deref()
    }

    /// Opens the scope of one call, and gives what it is made with; refused, it ends here and nothing is sent.
    ///
    /// # Errors
    /// `Closed` after shutdown, `Cancelled`, `Timeout` when the deadline has passed already, `InvalidInput` for a
    /// repetition of what has no id, `PermissionDenied` by the access control, `Unavailable` when audit is required and
    /// cannot be written; why there is no provider.
    pub async fn start<'a, P: ?Sized + 'a>(
        &'a self,
        operation: &'static Operation,
        resources: Resources<'_>,
        provider: impl FnOnce() -> Result<&'a P>,
    ) -> Result<(Call<'a>, &'a P)> {
        let mut call = self.open(operation, resources);
        let mut admitted = self.ready(&call.cx);
        if self.shared.guarded && admitted.is_ok() {
            admitted = self.admit(&mut call, resources).await;
        }
        match admitted.and_then(|()| provider()) {
            Ok(provider) => {
                call.open = true;
                call.cx.report(|report| report.calls += 1);
                Ok((call, provider))
            }
            Err(error) => Err(call.refuse(error)),
        }
    }

    fn open(&self, operation: &'static Operation, resources: Resources<'_>) -> Call<'_> {
        let shared = &*self.shared;
        let span = tracing::info_span!(
            target: "circle",
            "call",
            otel.name = operation.name(),
            circle.operation = operation.name(),
            circle.service = &*shared.service,
            circle.provider = shared.provider,
            error.r#type = tracing::field::Empty,
        );
        Call {
            cx: CallContext::new(&shared.environment, operation, self.options.clone()),
            span,
            core: self,
            id: 0,
            at: Timestamp::UNIX_EPOCH,
            source: resources.source().cloned(),
            resource: resources.first().cloned(),
            resources: resources.count(),
            open: false,
        }
    }

    /// What keeps any call from being made.
    fn ready(&self, cx: &CallContext) -> Result<()> {
        if self.shared.environment.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the hub has shut down"));
        }
        if cx.cancel().is_some_and(crate::Cancel::is_cancelled) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled before it started"));
        }
        // Once polled, a call to a provider that answers at once would be made in spite of its deadline.
        if cx.deadline().is_some_and(|deadline| deadline <= cx.started()) {
            return Err(Error::new(ErrorKind::Timeout, "the deadline had passed before it started"));
        }
        if cx.options().is_some_and(|options| options.unrepeatable) {
            let text = "the error given to `CallOptions::repeat` names no operation id: the call would be a second write";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(())
    }

    /// Asks the access control and writes the intent, within the deadline and the cancellation of the call.
    async fn admit(&self, call: &mut Call<'_>, resources: Resources<'_>) -> Result<()> {
        let allowed = match self.decide(&call.cx, resources) {
            Some(decided) => decided,
            None => Box::pin(call.cx.guard(self.ask(&call.cx, resources))).await,
        };
        let Some((sink, mode)) = self.shared.environment.audit() else { return allowed };
        call.id = next_call_id()?;
        call.at = call.cx.clock().timestamp();
        let event = if allowed.is_ok() { AuditEvent::Intent } else { AuditEvent::Refused };
        // Handed over, the intent is on record, so that a drop from here on must leave an outcome.
        let recording = sink.record(call.audit_record(event));
        call.open = allowed.is_ok();
        let written = match (recording, mode) {
            // The deadline's error and the sink's: past the deadline the intent may still be written, so such a call
            // stays open and ends with an outcome.
            (Recording::Pending(wait), AuditMode::Required) => match Box::pin(call.cx.guard(async { Ok(wait.await) })).await {
                Ok(written) => written,
                Err(interrupted) => return allowed.and(Err(interrupted)),
            },
            (recording, _) => taken(recording),
        };
        match (written, mode) {
            (Err(error), AuditMode::Required) if allowed.is_ok() => {
                call.open = false;
                Err(unrecorded(error))
            }
            // A refusal stands, whatever became of its record.
            (Err(error), _) => {
                self.shared.lost.note(1, &error);
                allowed
            }
            (Ok(()), _) => allowed,
        }
    }

    /// What the access control says at once; `None` when a policy engine must be asked.
    fn decide(&self, cx: &CallContext, resources: Resources<'_>) -> Option<Result<()>> {
        let Some(access) = self.shared.environment.access() else { return Some(Ok(())) };
        for (class, resource) in resources.classed(cx.operation().class()) {
            let request = self.access_request(cx, class, resource);
            match access.decide(&request) {
                Verdict::Allow => {}
                Verdict::Deny(reason) => return Some(Err(denied(&request, &reason))),
                Verdict::Ask(_) => return None,
            }
        }
        Some(Ok(()))
    }

    async fn ask(&self, cx: &CallContext, resources: Resources<'_>) -> Result<()> {
        let Some(access) = self.shared.environment.access() else { return Ok(()) };
        for (class, resource) in resources.classed(cx.operation().class()) {
            let request = self.access_request(cx, class, resource);
            let decision = match access.decide(&request) {
                Verdict::Allow => Decision::Allow,
                Verdict::Deny(reason) => Decision::Deny(reason),
                Verdict::Ask(decision) => decision.await?,
            };
            if let Decision::Deny(reason) = decision {
                return Err(denied(&request, &reason));
            }
        }
        Ok(())
    }

    fn access_request<'a>(&'a self, cx: &'a CallContext, class: Class, resource: &'a str) -> AccessRequest<'a> {
        AccessRequest {
            principal: cx.principal().map(|name| &**name),
            tenant: cx.tenant().map(|name| &**name),
            service: &self.shared.service,
            provider: self.shared.provider,
            operation: cx.operation(),
            class,
            resource,
        }
    }

    /// Says in an error where it happened; for what fails before the scope opens, such as validation.
    #[must_use]
    pub fn place(&self, error: Error, operation: &'static Operation) -> Error {
        error.with_place(operation, &self.shared.service, self.shared.provider)
    }
}

impl fmt::Debug for HandleCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandleCore({}: {})", self.shared.service, self.shared.provider)
    }
}

fn denied(request: &AccessRequest<'_>, reason: &str) -> Error {
    let who = request.principal.unwrap_or("a caller without principal");
    let text = format!("{who} may not {} `{}`: {reason}", request.class, request.resource);
    Error::new(ErrorKind::PermissionDenied, text).with_reason(Reason::AccessRules)
}

/// What a sink says at once to a record whose durability is not waited for.
fn taken(recording: Recording<'_>) -> Result<()> {
    match recording {
        Recording::Done(result) => result,
        Recording::Pending(_) => Ok(()),
    }
}

/// With required audit: the record that could not be written.
fn unrecorded(error: Error) -> Error {
    let text = "the audit record could not be written, and audit is required";
    Error::new(ErrorKind::Unavailable, text).with_reason(Reason::AuditUnavailable).with_source(error)
}

/// The id of the next audited call. The first of a process is random, because its records may be appended to those of
/// an earlier one; below 2^53, so that every JSON reader keeps it exact.
fn next_call_id() -> Result<u64> {
    static CALLS: OnceLock<AtomicU64> = OnceLock::new();
    let calls = match CALLS.get() {
        Some(calls) => calls,
        None => {
            let first = (Random::System.bits()? >> 76) as u64;
            CALLS.get_or_init(|| AtomicU64::new(first))
        }
    };
    Ok(calls.fetch_add(1, Ordering::Relaxed))
}

/// One open call.
#[must_use = "a call that is dropped unfinished is recorded as cancelled"]
pub struct Call<'a> {
    cx: CallContext,
    span: Span,
    core: &'a HandleCore,
    id: u64,
    /// When the intent was recorded; the outcome is that and the time taken.
    at: Timestamp,
    source: Option<Arc<str>>,
    resource: Option<Arc<str>>,
    resources: usize,
    /// Whether a drop must leave an outcome.
    open: bool,
}

impl Call<'_> {
    /// The context for the provider.
    #[must_use]
    pub fn cx(&self) -> &CallContext {
        &self.cx
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
    // By reference: the call is large, and this is on every call's way.
    pub async fn finish<T>(&mut self, result: Result<T>) -> Result<T> {
        let took = self.took();
        let result = self.close(result, took);
        let Some((sink, mode)) = self.core.shared.environment.audit() else { return result };
        let error = result.as_ref().err();
        let event = self.outcome(AuditEvent::outcome_of(error.map(Error::kind)), error, took);
        let recorded = match (sink.record(self.audit_record(event)), mode) {
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
    fn refuse(mut self, error: Error) -> Error {
        let error = error.with_sent(Sent::No);
        let took = self.took();
        let intended = std::mem::take(&mut self.open);
        self.span.record("error.type", error.kind().code());
        self.measure(Some(error.kind()), took);
        self.core.shared.stats.count(Some(&error));
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

    fn took(&self) -> Duration {
        self.cx.clock().now().since(self.cx.started())
    }

    fn close<T>(&mut self, result: Result<T>, took: Duration) -> Result<T> {
        self.open = false;
        let error = result.as_ref().err();
        self.measure(error.map(Error::kind), took);
        self.core.shared.stats.count(error);
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

    fn measure(&self, error: Option<ErrorKind>, took: Duration) {
        let operation = self.cx.operation();
        let key = self.core.shared.keys[operation.index()].get_or_init(|| {
            let labels = vec![
                Label::from_static_parts("circle.operation", operation.name()),
                Label::new("circle.service", self.core.shared.service.to_string()),
                Label::from_static_parts("circle.provider", self.core.shared.provider),
            ];
            Key::from_parts(CALL_DURATION, labels)
        });
        let seconds = took.as_secs_f64();
        metrics::with_recorder(|recorder| match error {
            None => recorder.register_histogram(key, &CALL_DURATION_METADATA).record(seconds),
            Some(kind) => {
                let key = key.with_extra_labels(vec![Label::from_static_parts("error.type", kind.code())]);
                recorder.register_histogram(&key, &CALL_DURATION_METADATA).record(seconds);
            }
        });
    }

    fn outcome(&self, outcome: &'static str, error: Option<&Error>, took: Duration) -> AuditEvent {
        AuditEvent::Outcome {
            outcome,
            took,
            attempts: error.map_or(1, Error::attempts).max(self.cx.attempts()),
            operation_id: self.cx.known_operation_id().cloned(),
        }
    }

    fn audit_record(&self, event: AuditEvent) -> AuditRecord {
        let at = match &event {
            AuditEvent::Outcome { took, .. } => self.at + *took,
            _ => self.at,
        };
        AuditRecord {
            at,
            call: self.id,
            principal: self.cx.principal().cloned(),
            tenant: self.cx.tenant().cloned(),
            service: Arc::clone(&self.core.shared.service),
            provider: self.core.shared.provider,
            operation: self.cx.operation().name(),
            class: self.cx.operation().class(),
            source: self.source.clone(),
            resource: self.resource.clone(),
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
        let took = self.took();
        self.measure(Some(ErrorKind::Cancelled), took);
        self.record_outcome(AuditEvent::CANCELLED, None, took);
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.cx.operation().name())
    }
}
