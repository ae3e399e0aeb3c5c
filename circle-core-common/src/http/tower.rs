//! The policies around an HTTP client that is not ours: a [`tower_layer::Layer`].

mod describe;
mod replay;

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::{HeaderValue, Method, Request, Response, request};
use tower_layer::Layer;
use tower_service::Service;

pub use describe::{Described, HttpOperations};
pub use replay::{Cloned, Replay, SentOnce};

use super::classify::{Answer, Classify, StatusTable};
use super::rate_limit;
use super::transport::foreign;
use crate::context::{CallContext, CallOptions};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::operation::{Class, Operation};
use crate::resilience::{Attempt, Attempts, Counted, Endpoint, Idempotency, Policy, RemoteOperation};
use crate::service::BuildContext;

/// An error of the client below.
pub type BoxError = Box<dyn StdError + Send + Sync>;

type Maps = Arc<dyn Fn(BoxError) -> Error + Send + Sync>;

static READ: Operation = Operation::new("Http", "http.read", Class::Read, 0);
static WRITE: Operation = Operation::new("Http", "http.write", Class::Write, 1);

/// Puts an HTTP client of the application's own under the policies of a service: deadline, retry with budget, hedging, breaker,
/// rate limit, bulkhead, attempt timeout.
///
/// The client is any `tower::Service` of `http` requests that can be cloned. Its own retries must be off. Each origin is an
/// endpoint of its own.
///
/// - *What is repeated* follows the described operation, or with [`HttpOperations`] the method: `GET`, `HEAD`, `OPTIONS` and
///   `TRACE` are safe, `PUT` and `DELETE` idempotent, and every other request is repeated only when it is proved unsent, or
///   when it has an `Idempotency-Key`.
/// - *The last answer is given as it is*, a failed one too: the client's own code goes on reading it. Why it was not asked for
///   again is in its extensions, as [`Error`]. What the policies refuse, and what got no answer, is the error.
/// - *`CallOptions` in the extensions of a request* are those of its call.
/// - *A body is cloned for each attempt.* For one that cannot be, say how to make it anew ([`replaying`](Self::replaying)), or
///   that it is [`SentOnce`].
///
/// ```
/// use circle_core_common::http::tower::{HttpOperations, PolicyLayer};
/// use circle_core_common::resilience::Resilience;
/// use circle_core_common::{BuildContext, Environment};
/// use tower_layer::Layer;
/// # use std::convert::Infallible;
/// # use std::future::{Ready, ready};
/// # use std::task::{Context, Poll};
/// # #[derive(Clone)]
/// # struct Client;
/// # impl tower_service::Service<http::Request<String>> for Client {
/// #     type Response = http::Response<String>;
/// #     type Error = Infallible;
/// #     type Future = Ready<Result<Self::Response, Infallible>>;
/// #     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> { Poll::Ready(Ok(())) }
/// #     fn call(&mut self, _: http::Request<String>) -> Self::Future { ready(Ok(http::Response::new("hello".to_owned()))) }
/// # }
/// static ACME: HttpOperations = HttpOperations::new("acme.Http");
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let context = BuildContext::new(Environment::default(), "acme").resilience(Resilience::new());
/// let mut client = PolicyLayer::new(&context, &ACME).layer(Client);
/// # use tower_service::Service;
/// let answer = client.call(http::Request::get("https://api.example.org/v1/items").body(String::new())?).await?;
/// # assert_eq!(answer.body(), "hello");
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
#[derive(Clone)]
#[must_use]
pub struct PolicyLayer<K = Cloned> {
    shared: Shared,
    replay: K,
}

#[derive(Clone)]
struct Shared {
    policy: Policy,
    environment: Environment,
    described: Described,
    classify: Arc<dyn Classify>,
    maps: Maps,
}

impl PolicyLayer {
    /// The policies of `context`, for requests that are described once for all, or by their methods.
    pub fn new(context: impl Into<BuildContext>, described: impl Into<Described>) -> Self {
        let context = context.into();
        let shared = Shared {
            policy: context.policy(),
            environment: context.environment().clone(),
            described: described.into(),
            classify: Arc::new(StatusTable::new()),
            maps: Arc::new(|error| foreign(error, "a client of the application's own")),
        };
        Self { shared, replay: Cloned }
    }
}

impl<K> PolicyLayer<K> {
    /// How a body is made anew for each attempt; a closure, or [`SentOnce`].
    pub fn replaying<L>(self, replay: L) -> PolicyLayer<L> {
        PolicyLayer { shared: self.shared, replay }
    }

    /// Which answers are failures; by [`StatusTable::new`] where nothing is said. Only status and headers are there to judge by,
    /// and no answer below 400 is judged.
    pub fn classify(mut self, classify: impl Classify) -> Self {
        self.shared.classify = Arc::new(classify);
        self
    }

    /// What an error of the client is. Whether the request can have been sent decides what is repeated: an error that says
    /// [`Sent::No`] is. By default errors of hyper, and of clients over it, are known; any other is `Connection`, and the
    /// request may have been sent.
    pub fn map_error(mut self, map: impl Fn(BoxError) -> Error + Send + Sync + 'static) -> Self {
        self.shared.maps = Arc::new(map);
        self
    }
}

impl<S, K: Clone> Layer<S> for PolicyLayer<K> {
    type Service = PolicyService<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyService { inner, shared: self.shared.clone(), replay: self.replay.clone() }
    }
}

/// A client under policies; made by [`PolicyLayer`].
#[derive(Clone)]
pub struct PolicyService<S, K = Cloned> {
    inner: S,
    shared: Shared,
    replay: K,
}

impl<S, K, B, R> Service<Request<B>> for PolicyService<S, K>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    K: Replay<B>,
    B: Send + 'static,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>>> + Send>>;

    /// Always ready: who waits for the client waits within the attempt.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (service, shared, replay) = (self.inner.clone(), self.shared.clone(), self.replay.clone());
        Box::pin(async move { shared.run(service, replay, request).await })
    }
}

impl Shared {
    async fn run<S, K, B, R>(self, service: S, replay: K, request: Request<B>) -> Result<Response<R>>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send,
        S::Error: Into<BoxError>,
        S::Future: Send,
        K: Replay<B>,
        B: Send,
        R: Send,
    {
        let (parts, body) = request.into_parts();
        let operation = self.described.operation(&parts);
        let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        let options = parts.extensions.get::<CallOptions>().cloned().map(Arc::new);
        let cx = CallContext::new(&self.environment, if reads { &READ } else { &WRITE }, options);
        let endpoint = self.policy.endpoint(&describe::endpoint(&parts));
        let sending = Sending {
            shared: &self,
            cx: &cx,
            operation,
            endpoint: &endpoint,
            service: Mutex::new(service),
            parts,
            body: Mutex::new(Some(body)),
            replay,
            answered: Mutex::new(None),
        };
        match self.policy.execute(&cx, operation, &endpoint, &sending).await {
            Ok(done) => Ok(done.output),
            Err(error) => {
                let status = error.detail().and_then(|detail| detail.status);
                match locked(&sending.answered).take().filter(|answer| Some(answer.status().as_u16()) == status) {
                    Some(mut answer) => {
                        answer.extensions_mut().insert(error);
                        Ok(answer)
                    }
                    None => Err(error),
                }
            }
        }
    }
}

/// By what a service recognises a repetition, where nothing else is agreed on.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The attempts of one request.
struct Sending<'a, S, K, B, R> {
    shared: &'a Shared,
    cx: &'a CallContext,
    operation: &'static RemoteOperation,
    endpoint: &'a Endpoint,
    service: Mutex<S>,
    parts: request::Parts,
    /// `None` once it is gone for good.
    body: Mutex<Option<B>>,
    replay: K,
    /// The last failed answer.
    answered: Mutex<Option<Response<R>>>,
}

impl<S, K: Replay<B>, B, R> Sending<'_, S, K, B, R> {
    fn request(&self) -> Result<Request<B>> {
        let mut parts = self.parts.clone();
        if self.operation.idempotency() == Idempotency::Keyed && !parts.headers.contains_key(IDEMPOTENCY_KEY) {
            let key = HeaderValue::try_from(self.cx.operation_id()?.to_string())
                .map_err(|_| Error::new(ErrorKind::InvalidInput, "the operation id cannot stand in a header"))?;
            parts.headers.insert(IDEMPOTENCY_KEY, key);
        }
        let mut place = locked(&self.body);
        let body = match place.as_ref().and_then(|body| self.replay.replay(body)) {
            Some(body) => body,
            None => place.take().ok_or_else(|| {
                let text = "the body can be sent only once and was sent already";
                Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::BodyConsumed)
            })?,
        };
        Ok(Request::from_parts(parts, body))
    }

    fn judge(&self, attempt: Attempt, answer: Response<R>) -> Result<Response<R>> {
        let status = answer.status();
        let counted = Counted { operation: self.operation, part: None };
        let apart = rate_limit::heed(self.endpoint, attempt, counted, (status, answer.headers()), self.cx.clock());
        if status.as_u16() < 400 {
            return Ok(answer);
        }
        let seen = Answer::new(self.operation, status, answer.headers(), &[]).by(self.cx.clock());
        let judged = catch_unwind(AssertUnwindSafe(|| self.shared.classify.classify(&seen)));
        let error = match judged {
            Ok(None) => return Ok(answer),
            Ok(Some(error)) if error.sent() == Sent::No => error.with_sent(Sent::Yes),
            Ok(Some(error)) => error,
            Err(_) => {
                let text = "the classification of the answer panicked";
                return Err(Error::new(ErrorKind::Internal, text).with_sent(Sent::Yes));
            }
        };
        *locked(&self.answered) = Some(answer);
        Err(error.limited_apart(apart))
    }
}

impl<S, K, B, R> Attempts for Sending<'_, S, K, B, R>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send,
    S::Error: Into<BoxError>,
    S::Future: Send,
    K: Replay<B>,
    B: Send,
    R: Send,
{
    type Output = Response<R>;

    async fn attempt(&self, attempt: Attempt) -> Result<Response<R>> {
        let mut service = locked(&self.service).clone();
        let failed = |error: S::Error| (self.shared.maps)(error.into());
        // Nothing is sent by a client that is not ready.
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(|error| failed(error).with_sent(Sent::No))?;
        let request = self.request()?;
        let answer = service.call(request).await.map_err(failed)?;
        self.judge(attempt, answer)
    }

    fn replayable(&self) -> bool {
        locked(&self.body).is_some()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K> fmt::Debug for PolicyLayer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyLayer({:?})", self.shared.policy)
    }
}

impl<S, K> fmt::Debug for PolicyService<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyService({:?})", self.shared.policy)
    }
}

#[cfg(test)]
mod tests;
