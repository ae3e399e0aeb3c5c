//! One client, and everything that is looked at after each of its calls.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use circle_core_common::http::{
    Auth, HttpClient, HttpClientBuilder, HttpTransport, HttpTransportBuilder, Request, Response, Transport,
};
use circle_core_common::resilience::{
    BreakerState, BudgetSettings, EndpointState, Idempotency, RemoteOperation, Resilience, Retry,
};
use circle_core_common::{
    BuildContext, CallContext, CallOptions, CallReport, Clock, ClockSource, Environment, EnvironmentBuilder, Error, ErrorKind,
    Random, RandomSource, Reason, Result, SecretRef, Tick, Timestamp,
};
use circle_core_testkit::{Canary, CannedTransport, Capture, FaultServer, Http2Server, Replies};

circle_core_common::operations! {
    "Acme" => {
        /// Reads.
        READ = "acme.read", Read;
        /// Writes.
        WRITE = "acme.write", Write;
    }
}

pub(crate) static GET: RemoteOperation = RemoteOperation::new("acme.Get", Idempotency::Safe, "/{id}");
pub(crate) static PUT: RemoteOperation = RemoteOperation::new("acme.Put", Idempotency::Idempotent, "/{id}");
pub(crate) static PAY: RemoteOperation = RemoteOperation::new("acme.Pay", Idempotency::Keyed, "/payments");
pub(crate) static POST: RemoteOperation = RemoteOperation::new("acme.Post", Idempotency::NonIdempotent, "/");

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MILLI: Duration = Duration::from_millis(1);

/// What a retry costs, and one after too many requests.
pub(crate) const RETRY: i64 = 14;
pub(crate) const THROTTLED: i64 = 5;

/// No call of these tests takes longer by the clock on the wall, however busy the machine.
const BOUND: Duration = Duration::from_secs(60);

/// What answers.
pub(crate) enum Service {
    Server(FaultServer),
    Http2(Http2Server),
    Canned(CannedTransport),
}

impl Deref for Service {
    type Target = Replies;

    fn deref(&self) -> &Replies {
        match self {
            Self::Server(server) => server,
            Self::Http2(server) => server,
            Self::Canned(canned) => canned,
        }
    }
}

/// What a trial is made with.
pub(crate) struct Setting {
    resilience: Resilience,
    connections: HttpTransportBuilder,
    environment: EnvironmentBuilder,
    client: Box<dyn FnOnce(HttpClientBuilder) -> HttpClientBuilder>,
}

/// A setting with these policies. Budgets get nothing back with time, so that what was spent can be told exactly.
pub(crate) fn with(resilience: Resilience) -> Setting {
    let budget = Resilience::new().retry(Retry::new().budget(BudgetSettings::new().refill_per_second(0)));
    Setting {
        resilience: resilience.over(&budget),
        connections: HttpTransport::builder(),
        environment: Environment::builder(),
        client: Box::new(|client| client),
    }
}

/// A setting in which attempts have so long.
pub(crate) fn impatient(attempt_timeout: Duration) -> Setting {
    with(Resilience::new().attempt_timeout(attempt_timeout))
}

/// A setting with the defaults.
pub(crate) fn plain() -> Setting {
    with(Resilience::new())
}

impl Setting {
    pub(crate) fn client(mut self, change: impl FnOnce(HttpClientBuilder) -> HttpClientBuilder + 'static) -> Self {
        self.client = Box::new(change);
        self
    }

    pub(crate) fn environment(mut self, change: impl FnOnce(EnvironmentBuilder) -> EnvironmentBuilder) -> Self {
        self.environment = change(self.environment);
        self
    }

    pub(crate) fn connections(mut self, change: impl FnOnce(HttpTransportBuilder) -> HttpTransportBuilder) -> Self {
        self.connections = change(self.connections);
        self
    }

    /// Every throw of the dice is this many 256ths: with 0, waits are as short as they can be.
    pub(crate) fn dice(self, throw: u8) -> Self {
        self.environment(|environment| environment.random(Random::from_source(Dice(throw))))
    }

    /// Against a real server, over real sockets.
    pub(crate) async fn on_a_server(self) -> Trial {
        self.against(FaultServer::start().await.expect("a server"))
    }

    pub(crate) fn against(self, server: FaultServer) -> Trial {
        let (origin, transport) = (server.origin(), self.connections.clone().build());
        self.over(&origin, transport, Service::Server(server))
    }

    pub(crate) async fn on_http2(self) -> Trial {
        self.against_http2(Http2Server::start().await.expect("a server"))
    }

    pub(crate) fn against_http2(self, server: Http2Server) -> Trial {
        let trusting = self.connections.clone().root_certificates(server.root().as_bytes()).expect("a certificate");
        let origin = server.origin();
        self.over(&origin, trusting.build(), Service::Http2(server))
    }

    /// Against answers from memory: for a paused clock.
    pub(crate) fn canned(self) -> Trial {
        let canned = CannedTransport::new();
        self.over("https://service.test", canned.clone(), Service::Canned(canned))
    }

    pub(crate) fn over(self, origin: &str, transport: impl Transport, service: Service) -> Trial {
        let secret = Canary::new();
        let environment = self.environment.transport(transport).build();
        let build = BuildContext::new(environment.clone(), "acme").resilience(self.resilience).allow_loopback(true);
        let client = build.http(build.origin(origin).expect("an origin"));
        let client = client.auth(Auth::Bearer(SecretRef::literal(secret.secret().to_owned())));
        let http = (self.client)(client).build();
        Trial { service, environment, build, http, capture: Capture::of([&secret]), secret }
    }
}

/// A client with a secret and policies of its own, and the service that it calls.
pub(crate) struct Trial {
    pub(crate) service: Service,
    pub(crate) environment: Environment,
    pub(crate) build: BuildContext,
    pub(crate) http: HttpClient,
    pub(crate) secret: Canary,
    capture: Capture,
}

impl Deref for Trial {
    type Target = Replies;

    fn deref(&self) -> &Replies {
        &self.service
    }
}

impl Trial {
    /// A request with the secret in its query; the credential brings it into the headers.
    pub(crate) fn to(&self, path: &str) -> Request {
        Request::get(self.http.target(format!("{path}?key={}", self.secret.secret())))
    }

    /// A request with the secret in query, header and body.
    pub(crate) fn write(&self) -> Request {
        let request = Request::post(self.http.target(format!("/?key={}", self.secret.secret())));
        let request = request.secret_header("x-own-key", self.secret.secret()).expect("a header");
        request.body(format!("{{\"secret\":\"{}\"}}", self.secret.secret()))
    }

    pub(crate) fn cx(&self, operation: &RemoteOperation, options: CallOptions) -> CallContext {
        let reads = operation.idempotency() == Idempotency::Safe;
        CallContext::new(&self.environment, if reads { &READ } else { &WRITE }, Some(Arc::new(options)))
    }

    /// Reads something, with nothing chosen.
    pub(crate) async fn get(&self) -> Came<Response> {
        self.send(&GET, self.to("/a")).await
    }

    /// Writes something that must not be written twice.
    pub(crate) async fn post(&self) -> Came<Response> {
        self.send(&POST, self.write()).await
    }

    pub(crate) async fn send(&self, operation: &'static RemoteOperation, request: Request) -> Came<Response> {
        self.call(operation, CallOptions::new(), request).await
    }

    pub(crate) async fn call(
        &self,
        operation: &'static RemoteOperation,
        options: CallOptions,
        request: Request,
    ) -> Came<Response> {
        let report = CallReport::new();
        let cx = self.cx(operation, options.report(&report));
        let mut came = self.watch(self.http.send(&cx, operation, request)).await;
        came.waits = report.get().waits;
        came
    }

    /// Opens an answer, and reads it to its end.
    pub(crate) async fn open(&self, operation: &'static RemoteOperation, request: Request) -> Came<Bytes> {
        let cx = self.cx(operation, CallOptions::new());
        self.watch(async { self.http.open(&cx, operation, request).await?.body.collect(None).await }).await
    }

    /// Makes a call, and looks at everything that must hold afterwards whatever came of it: it took no longer than anybody
    /// waits, nothing is held, and nothing that it let out shows the secret.
    pub(crate) async fn watch<T>(&self, call: impl Future<Output = Result<T>>) -> Came<T> {
        let (hits, tokens, wall) = (self.hits(), self.state().retry_tokens, Instant::now());
        let began = self.environment.clock().now();
        let result = self.capture.run(call).await;
        let took = self.environment.clock().now().since(began);
        assert!(wall.elapsed() < BOUND, "it took {:?}", wall.elapsed());
        if let Err(error) = &result {
            self.capture.error(error);
        }
        self.capture.debug("the client", &self.http);
        self.capture.debug("the policies", &self.build.policy());
        self.capture.assert_absent();
        self.assert_at_rest();
        let spent = i64::from(tokens) - i64::from(self.state().retry_tokens);
        Came { result, took, hits: self.hits() - hits, spent, waits: Vec::new() }
    }

    /// Nothing runs any more.
    #[track_caller]
    pub(crate) fn assert_at_rest(&self) {
        for state in self.build.policy().endpoints() {
            assert_eq!(state.in_flight, 0, "{state:?}");
        }
    }

    /// The endpoint of the client's own origin.
    pub(crate) fn state(&self) -> EndpointState {
        self.build.policy().endpoint(self.http.origin().as_str()).state()
    }

    pub(crate) fn breaker(&self) -> BreakerState {
        self.state().breaker.expect("a breaker")
    }

    /// Makes so many calls that fail because the service does, of one attempt each.
    pub(crate) async fn fail(&self, times: usize) {
        self.fail_as(times, ErrorKind::Unavailable).await;
    }

    /// As [`fail`](Self::fail), with this error.
    pub(crate) async fn fail_as(&self, times: usize, kind: ErrorKind) {
        for _ in 0..times {
            let options = CallOptions::new().retry(Retry::off());
            let error = self.call(&GET, options, self.to("/down")).await.cost(1, 0).error();
            assert_eq!((error.kind(), error.attempts()), (kind, 1), "{error:?}");
        }
    }

    /// Several calls at a time, under the same watch as one.
    pub(crate) async fn together(&self, calls: impl Future<Output = ()>) -> Came<()> {
        self.watch(async {
            calls.await;
            Ok(())
        })
        .await
    }

    pub(crate) fn server(&self) -> &FaultServer {
        match &self.service {
            Service::Server(server) => server,
            _ => panic!("there is no server"),
        }
    }

    pub(crate) fn http2(&self) -> &Http2Server {
        match &self.service {
            Service::Http2(server) => server,
            _ => panic!("there is no server of HTTP/2"),
        }
    }
}

/// What a call came to.
pub(crate) struct Came<T> {
    pub(crate) result: Result<T>,
    /// By the clock of the environment.
    pub(crate) took: Duration,
    /// Requests that arrived whole.
    pub(crate) hits: usize,
    /// Tokens of the retry budget that are gone.
    pub(crate) spent: i64,
    pub(crate) waits: Vec<Duration>,
}

impl<T> Came<T> {
    /// It failed, with this kind and reason.
    #[track_caller]
    pub(crate) fn failed(self, kind: ErrorKind, reason: impl Into<Option<Reason>>) -> Self {
        match &self.result {
            Ok(_) => panic!("it succeeded, instead of {kind:?}"),
            Err(error) => assert_eq!((error.kind(), error.reason()), (kind, reason.into()), "{error:?}"),
        }
        self
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        if let Err(error) = &self.result {
            panic!("{error:?}");
        }
        self
    }

    /// It cost so many requests, and so many tokens of the retry budget.
    #[track_caller]
    pub(crate) fn cost(self, hits: usize, spent: i64) -> Self {
        assert_eq!((self.hits, self.spent), (hits, spent), "hits and tokens; {:?}", self.result.as_ref().err());
        self
    }

    /// It took no longer than this, by the clock of the environment.
    #[track_caller]
    pub(crate) fn within(self, most: Duration) -> Self {
        assert!(self.took <= most, "{:?}", self.took);
        self
    }

    /// It took this time, up to what a timer may be late.
    #[track_caller]
    pub(crate) fn took(self, time: Duration) -> Self {
        assert!(self.took >= time && self.took <= time + 5 * MILLI, "{:?} instead of {time:?}", self.took);
        self
    }

    #[track_caller]
    pub(crate) fn error(self) -> Error {
        match self.result {
            Ok(_) => panic!("it succeeded"),
            Err(error) => error,
        }
    }

    #[track_caller]
    pub(crate) fn value(self) -> T {
        match self.result {
            Ok(value) => value,
            Err(error) => panic!("{error:?}"),
        }
    }
}

struct Dice(u8);

impl RandomSource for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        if let Some(highest) = bytes.last_mut() {
            *highest = self.0;
        }
    }
}

/// tokio's clock with a wall that is wrong by so many seconds, and may be set while it runs.
#[derive(Clone)]
pub(crate) struct Wrong(pub(crate) Arc<std::sync::atomic::AtomicI64>);

impl Wrong {
    pub(crate) fn by(seconds: i64) -> Self {
        Self(Arc::new(seconds.into()))
    }
}

impl ClockSource for Wrong {
    fn now(&self) -> Tick {
        Clock::System.now()
    }

    fn timestamp(&self) -> Timestamp {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
        Timestamp::from_unix(unix.cast_signed() + self.0.load(std::sync::atomic::Ordering::SeqCst), 0)
    }

    fn sleep_until(&self, deadline: Tick) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { Clock::System.sleep_until(deadline).await })
    }
}
