//! One attempt: render, intercept, sign, send, judge.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use tracing::Span;
use tracing::field::Empty;

use super::classify::Answer;
use super::client::Inner;
use super::compress;
use super::flow::{Flow, Received};
use super::interceptor::Outgoing;
use super::measure::Measure;
use super::redact::{REDACTED, Secrets};
use super::request::Request;
use super::response::{Opened, Response};
use super::stall::Patience;
use super::target::Target;
use super::transport::{TransportBody, TransportRequest, TransportResponse};
use super::upload::{self, Progress};
use crate::body::{Body, ByteStream};
use crate::clock::{Clock, Tick};
use crate::context::CallContext;
use crate::error::{Detail, Error, ErrorKind, Limit, Result, Sent};
use crate::resilience::{Attempt, Attempts, Endpoint, Lasting, Permit, RemoteOperation, Stall};
use crate::telemetry::{Propagator, TraceContext};
use crate::units::Timestamp;

/// How long the body of a failed answer is waited for.
const FAILURE_TIMEOUT: Duration = Duration::from_secs(3);

/// The attempts of one request.
pub(super) struct Exchange<'a> {
    pub(super) inner: &'a Inner,
    pub(super) cx: &'a CallContext,
    pub(super) operation: &'static RemoteOperation,
    pub(super) request: &'a Request,
    pub(super) endpoint: &'a Endpoint,
    /// Where the headers are noted, by name, that are added to those that the request describes; the credential is none of them.
    pub(super) added: Option<&'a Mutex<Vec<HeaderName>>>,
}

/// Answers read into memory within the attempt.
pub(super) struct Whole<'a>(pub(super) Exchange<'a>);

/// Answers whose body is read by somebody else.
pub(super) struct Streamed<'a>(pub(super) Exchange<'a>);

/// An answer at its headers, judged.
pub(super) struct Begun {
    status: StatusCode,
    headers: HeaderMap,
    secrets: Secrets,
    flow: Flow,
}

/// What signing put on a request, for what is made of its answer.
pub(super) struct Signed {
    /// What the answer must not repeat.
    secrets: Secrets,
    credential: Option<u64>,
    /// When it was signed; only of requests with a credential, so that others need not look at the clock.
    at: Option<Tick>,
    /// When the answer that refuses it came, and how long it took.
    refused: Option<(Timestamp, Duration)>,
}

impl Signed {
    fn mark(&self, error: Error) -> Error {
        let error = self.refused.into_iter().fold(error, |error, (at, took)| error.timed(at, took));
        self.credential.into_iter().fold(error, Error::with_credential)
    }

    pub(super) fn refused(&mut self, clock: &Clock) {
        self.refused = self.at.map(|at| (clock.timestamp(), clock.now().since(at)));
    }
}

impl Begun {
    pub(super) fn holding(self, permit: Permit<'_>) -> Opened {
        let Self { status, headers, secrets, flow } = self;
        Opened { status, headers, body: flow.holding(permit.into_owned()), secrets }
    }
}

impl Attempts for Whole<'_> {
    type Output = Response;

    async fn attempt(&self, attempt: Attempt) -> Result<Response> {
        let measure = self.0.measure(attempt);
        let result = self.0.whole(attempt, &measure).await;
        measure.end(result.as_ref().err());
        result
    }

    fn span(&self, _: &'static RemoteOperation, attempt: Attempt) -> Span {
        self.0.span(attempt)
    }

    #[inline]
    fn lasting(&self) -> Lasting {
        self.0.request.lasting
    }

    #[inline]
    fn limited_as(&self) -> Option<&str> {
        self.0.request.part.as_deref()
    }

    fn replayable(&self) -> bool {
        self.0.request.body.is_available()
    }

    async fn repair(&self, error: &Error) -> bool {
        self.0.repair(error).await
    }
}

impl Attempts for Streamed<'_> {
    type Output = Begun;

    async fn attempt(&self, attempt: Attempt) -> Result<Begun> {
        let measure = self.0.measure(attempt);
        let result = self.0.begun(attempt, &measure).await;
        measure.end(result.as_ref().err());
        result
    }

    fn span(&self, _: &'static RemoteOperation, attempt: Attempt) -> Span {
        self.0.span(attempt)
    }

    #[inline]
    fn lasting(&self) -> Lasting {
        self.0.request.lasting
    }

    #[inline]
    fn limited_as(&self) -> Option<&str> {
        self.0.request.part.as_deref()
    }

    fn replayable(&self) -> bool {
        self.0.request.body.is_available()
    }

    async fn repair(&self, error: &Error) -> bool {
        self.0.repair(error).await
    }
}

impl Exchange<'_> {
    /// The span around an attempt, named as OpenTelemetry's HTTP conventions have it.
    pub(super) fn span(&self, attempt: Attempt) -> Span {
        let (origin, method) = (&self.request.target.origin, &self.request.method);
        tracing::debug_span!(
            target: "circle",
            "attempt",
            otel.name = format_args!("{method} {}", self.operation.template()),
            otel.kind = "client",
            circle.service = &*self.inner.service,
            circle.attempt = attempt.number,
            circle.hedged = attempt.hedged,
            circle.remote_operation = self.operation.name(),
            http.request.method = method.as_str(),
            http.request.resend_count = (attempt.number > 1).then(|| attempt.number - 1),
            http.response.status_code = Empty,
            network.protocol.version = Empty,
            server.address = origin.host(),
            server.port = origin.port(),
            url.full = display(Shown { target: &self.request.target, template: self.operation.template() }),
            url.scheme = origin.scheme().as_str(),
            url.template = self.operation.template(),
            error.r#type = Empty,
        )
    }

    /// The trace that the attempt belongs to: as the application's tracing has it, else as the caller has said.
    fn trace(&self) -> Option<TraceContext> {
        let current = |propagator: &Arc<dyn Propagator>| {
            // What a propagator breaks is its own: the request goes out.
            catch_unwind(AssertUnwindSafe(|| propagator.current())).unwrap_or_else(|_| {
                tracing::warn!(target: "circle", "a propagator panicked");
                None
            })
        };
        let current = self.inner.propagator.as_ref().and_then(current);
        current.or_else(|| self.cx.options().and_then(|options| options.trace.clone()))
    }

    async fn whole(&self, attempt: Attempt, measure: &Measure<'_>) -> Result<Response> {
        let mut outgoing = self.outgoing();
        let mut signed = self.prepare(attempt, &mut outgoing).await.map_err(Error::while_preparing)?;
        let length = outgoing.body.length();
        let mut answer = self.exchange(outgoing).await?;
        let apart = measure.received(length, (answer.status, answer.version), &answer.headers);
        if self.is_failure(&answer) {
            signed.refused(self.cx.clock());
            return Err(Box::pin(self.failed(answer, &signed)).await.limited_apart(apart));
        }
        let limit = self.inner.body_limit(self.cx, self.request);
        let announced = self.announced(&answer);
        if let Some(length) = announced.filter(|&length| length > limit.as_u64()) {
            return Err(Error::outside_limit(Limit::at_most("body_limit", limit.as_u64(), "bytes"), length).with_sent(Sent::Yes));
        }
        let body = self.watched_body(answer.body, announced);
        let body = match self.request.compressed {
            true => compress::decompress(&mut answer.headers, body)?,
            false => body,
        };
        let body = body.collect(Some(limit)).await.map_err(answered)?;
        self.inner.stats.account(self.cx.tenant(), |account| account.bytes(0, body.len() as u64));
        self.judge(answer.status, &answer.headers, &body, &signed)?;
        Ok(Response::new(answer.status, answer.headers, body))
    }

    async fn begun(&self, attempt: Attempt, measure: &Measure<'_>) -> Result<Begun> {
        let mut outgoing = self.outgoing();
        let mut signed = self.prepare(attempt, &mut outgoing).await.map_err(Error::while_preparing)?;
        let length = outgoing.body.length();
        let mut answer = self.exchange(outgoing).await?;
        let apart = measure.received(length, (answer.status, answer.version), &answer.headers);
        if self.is_failure(&answer) {
            signed.refused(self.cx.clock());
            return Err(Box::pin(self.failed(answer, &signed)).await.limited_apart(apart));
        }
        self.judge(answer.status, &answer.headers, &[], &signed)?;
        let announced = self.announced(&answer);
        let (source, announced) = match self.request.compressed {
            true => {
                let body = self.watched_body(answer.body, announced);
                let kept = answer.headers.len();
                let body = compress::decompress(&mut answer.headers, body)?;
                (body, announced.filter(|_| answer.headers.len() == kept))
            }
            false => (answer.body, announced),
        };
        let received = Received { stats: Arc::clone(&self.inner.stats), tenant: self.cx.tenant().cloned(), bytes: 0 };
        let flow = Flow::new(source, self.cx.clock(), self.stall(), announced).counted(received);
        Ok(Begun { status: answer.status, headers: answer.headers, secrets: signed.secrets, flow })
    }

    /// Sends the request, watching a body that is more than the network takes at once.
    async fn exchange(&self, mut outgoing: TransportRequest) -> Result<TransportResponse> {
        if !upload::is_watched(&outgoing.body) {
            return self.inner.transport.send(outgoing).await;
        }
        let Some(patience) = Patience::new(self.stall()) else { return self.inner.transport.send(outgoing).await };
        let progress = Arc::<Progress>::default();
        outgoing.extensions.insert(Arc::clone(&progress));
        // Boxed, as what is rare.
        Box::pin(upload::watched(self.inner.transport.send(outgoing), &progress, self.cx.clock(), patience)).await
    }

    /// The request as the caller describes it, before the attempt adds its own.
    pub(super) fn outgoing(&self) -> TransportRequest {
        let request = self.request;
        // Room for a credential and for what interceptors add, so that the map is made once.
        let headers = HeaderMap::with_capacity(request.headers.len() + self.inner.headers.len() + 4);
        TransportRequest {
            method: request.method.clone(),
            target: request.target.clone(),
            headers,
            body: TransportBody::Empty,
            extensions: request.extensions.clone(),
            credential: None,
        }
    }

    /// Renders the attempt into `outgoing`, and says what was put on it. In place: a request is large, and every step that
    /// hands it on would copy it.
    pub(super) async fn prepare(&self, attempt: Attempt, outgoing: &mut TransportRequest) -> Result<Signed> {
        let request = self.request;
        let headers = &mut outgoing.headers;
        self.inner.head_of(request, headers);
        let origin = &request.target.origin;
        for interceptor in &*self.inner.interceptors {
            let mut seen = Outgoing::new(self.operation, attempt, &request.method, origin, headers);
            catch_unwind(AssertUnwindSafe(|| interceptor.before(&mut seen)))
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "an interceptor panicked")))?;
        }
        if let Some(added) = self.added {
            let described = |name: &HeaderName| *name == ACCEPT_ENCODING || self.inner.describes(request, name);
            let names = headers.keys().filter(|name| !described(name)).cloned().collect();
            *added.lock().unwrap_or_else(PoisonError::into_inner) = names;
        }
        match request.body.as_bytes() {
            Some(bytes) if bytes.is_empty() => {}
            Some(bytes) => outgoing.body = TransportBody::Bytes(bytes.clone()),
            // Boxed, as failures are: inline, what is rare would grow the future of every caller.
            None => outgoing.body = Box::pin(streamed(&request.body)).await?,
        }
        let lease = match request.anonymous || self.inner.auth.is_none() {
            true => None,
            false if self.inner.trusts(origin) => self.inner.auth.sign(self.cx, outgoing).await?,
            false => {
                let text = format!("the credential of {} must not be sent to {origin}", self.inner.origin);
                return Err(Error::new(ErrorKind::InvalidInput, text));
            }
        };
        if let Some(identity) = &self.inner.identity
            && !request.anonymous
            && *origin.scheme() == http::uri::Scheme::HTTPS
            && self.inner.trusts(origin)
        {
            let lease = Box::pin(identity.get(self.cx)).await?;
            outgoing.extensions.insert(lease.value().clone());
        }
        // Behind the signature, which covers no header that proxies and tracing agents may rewrite.
        if self.inner.traced && self.inner.trusts(origin) {
            self.trace().inspect(|trace| trace.add_to(&mut outgoing.headers));
        }
        let at = (!request.anonymous && !self.inner.auth.is_none()).then(|| self.cx.clock().now());
        // Nothing but a credential is ever marked as one: where a scheme of the client's has signed, it has said all.
        let secrets = lease.map_or_else(|| Secrets::of(&outgoing.headers), Secrets::signed).and(&outgoing.extensions);
        Ok(Signed { secrets, credential: outgoing.credential, at, refused: None })
    }

    pub(super) fn is_failure(&self, answer: &TransportResponse) -> bool {
        !answer.status.is_success() && !self.request.keep.contains(&answer.status)
    }

    /// The error of a failed answer, with as much of its body as errors keep.
    pub(super) async fn failed(&self, answer: TransportResponse, signed: &Signed) -> Error {
        let announced = self.announced(&answer);
        let mut headers = answer.headers;
        let body = self.watched_body(answer.body, announced);
        let body = match self.request.compressed {
            true => compress::decompress(&mut headers, body),
            false => Ok(body),
        };
        let kept = match body {
            Ok(body) => beginning(body, self.cx.clock()).await,
            Err(_) => Vec::new(),
        };
        match self.judge(answer.status, &headers, &kept, signed) {
            Err(error) => error,
            // A failed status that the classification takes for a success would have to be kept by the request.
            Ok(()) => {
                let answer = Answer::new(self.operation, answer.status, &headers, &kept).without(&signed.secrets);
                signed.mark(super::StatusTable::new().error(&answer.by(self.cx.clock())))
            }
        }
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], signed: &Signed) -> Result<()> {
        if self.request.keep.contains(&status) {
            return Ok(());
        }
        let answer = Answer::new(self.operation, status, headers, body).without(&signed.secrets).by(self.cx.clock());
        let judged = catch_unwind(AssertUnwindSafe(|| self.inner.classify.classify(&answer)));
        match judged {
            Ok(None) => Ok(()),
            // A new error says that nothing was sent, and an operation that must not be repeated would be: but here is an answer.
            Ok(Some(error)) if error.sent() == Sent::No => Err(signed.mark(error).with_sent(Sent::Yes)),
            Ok(Some(error)) => Err(signed.mark(error)),
            Err(_) => Err(Error::new(ErrorKind::Internal, "the classification of the answer panicked").with_sent(Sent::Yes)),
        }
    }

    /// How long the body says that it is, where it has one and says so.
    fn announced(&self, answer: &TransportResponse) -> Option<u64> {
        let bodiless =
            self.request.method == Method::HEAD || matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if bodiless {
            return None;
        }
        answer.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    fn watched_body(&self, body: ByteStream, announced: Option<u64>) -> ByteStream {
        // Content that is here already can neither stall nor be cut by a network.
        if body.is_whole() { body } else { ByteStream::new(Flow::new(body, self.cx.clock(), self.stall(), announced)) }
    }

    fn stall(&self) -> Stall {
        let policy = &self.inner.policy;
        let (general, own) = (policy.resolved().stall, policy.resolved_for(self.operation.name()).stall);
        // What the user chose for this operation beats what its provider knows of it.
        let base = if own == general { self.request.stall.unwrap_or(self.inner.stall) } else { own };
        match self.cx.options().and_then(|options| options.stall.as_ref()) {
            Some(chosen) => chosen.resolved(base),
            None => base,
        }
    }

    pub(super) async fn repair(&self, error: &Error) -> bool {
        !self.request.anonymous && self.inner.auth.repair(self.cx, error).await
    }
}

/// An address without what may be a secret, or the name of a thing: the template in place of its path, and no query.
struct Shown<'a> {
    target: &'a Target,
    template: &'static str,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.target.origin, self.template)?;
        if self.target.query_only().is_some() { write!(f, "?{REDACTED}") } else { Ok(()) }
    }
}

async fn streamed(body: &Body) -> Result<TransportBody> {
    let length = body.length().await?;
    Ok(TransportBody::Stream { stream: body.open_when_read().await?, length })
}

/// The beginning of a failed answer's body. What breaks off after it, or takes long, is no other error: the failure is known,
/// and a status that says no must not become a timeout that is tried again.
async fn beginning(mut body: ByteStream, clock: &Clock) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut enough = None;
    while kept.len() < Detail::BODY_MAX {
        let mut next = pin!(body.try_next());
        let next = poll_fn(|cx| match next.as_mut().poll(cx) {
            Poll::Ready(next) => Poll::Ready(next.ok().flatten()),
            // A timer only once it is pending, as everywhere.
            Poll::Pending => Pin::new(enough.get_or_insert_with(|| clock.sleep(FAILURE_TIMEOUT))).poll(cx).map(|()| None),
        });
        let Some(chunk) = next.await else { break };
        kept.extend_from_slice(&chunk[..chunk.len().min(Detail::BODY_MAX - kept.len())]);
    }
    kept
}

/// A body that is too large was sent all the same.
fn answered(error: Error) -> Error {
    if error.limit().is_some() { error.with_sent(Sent::Yes) } else { error }
}
