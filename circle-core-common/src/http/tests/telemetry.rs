//! What an attempt leaves in spans and logs, and what nothing leaves there.

use std::io;
use std::sync::Mutex;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tracing::{Id, Level, Subscriber, span};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use super::server::{Server, Step, ok, status};
use super::*;
use crate::error::{ErrorKind, Result};
use crate::http::{Origin, Request, Transport, TransportRequest, TransportResponse};
use crate::resilience::Retry;
use crate::scope::ServiceStats;
use crate::telemetry::TraceContext;
use crate::telemetry::kept::Kept;

/// Everything that this thread logs on any level, the tasks of its connections included.
#[derive(Clone, Default)]
struct Log {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn of(level: Level) -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(level).with_span_events(FmtSpan::CLOSE).with_ansi(false);
        let subscriber = subscriber.with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }
}

async fn calls(port: u16) {
    let environment = Environment::default();
    let client = client(&environment, &format!("http://127.0.0.1:{port}"));
    let request = || {
        let request =
            Request::get(client.target("/v1").path(CANARY).query("key", CANARY)).header("x-vault-token", CANARY).unwrap();
        request.header("accept", "text/plain").unwrap().body(CANARY)
    };
    tracing::trace!(request = ?request(), "asks");
    client.send(&context(&environment), &GET, request()).await.unwrap();
    let error = client.send(&context(&environment), &GET, request()).await.unwrap_err();
    tracing::error!(%error, ?error, problem = ?error.to_problem(), "failed");
}

#[tokio::test]
async fn attempts_are_spans_with_the_names_of_the_conventions() {
    let (log, _guard) = Log::of(Level::TRACE);
    let echo = format!("{{\"code\":\"bad\",\"message\":\"{CANARY}\"}}");
    let refusal = super::server::answer(format!("HTTP/1.1 403 X\r\nContent-Length: {}\r\n\r\n{echo}", echo.len()));
    let server = Server::start(vec![status(503, ""), ok(""), refusal]).await;
    calls(server.port).await;
    let text = log.text();
    let spans: Vec<&str> = text.lines().filter(|line| line.contains("attempt{") && line.contains(": close")).collect();
    assert_eq!(spans.len(), 3, "{text}");
    let place = format!("server.address=\"127.0.0.1\" server.port={}", server.port);
    for (span, resends, code) in [(spans[0], 0, 503), (spans[1], 1, 200), (spans[2], 0, 403)] {
        let url = format!("url.full=http://127.0.0.1:{}/{{id}}?REDACTED ", server.port);
        let version = "network.protocol.version=\"1.1\"";
        for field in ["otel.name=GET /{id} ", "http.request.method=\"GET\"", "url.template=\"/{id}\"", &place, &url, version] {
            assert!(span.contains(field), "{field}: {span}");
        }
        assert_eq!(span.contains("resend_count"), resends > 0, "{span}");
        assert_eq!(span.contains(&format!("resend_count={resends} ")), resends > 0, "{span}");
        assert!(span.contains(&format!("http.response.status_code={code}")), "{span}");
    }
    assert!(text.contains("text/plain") && text.contains("x-vault-token") && text.contains("failed"), "{text}");
    assert!(!text.contains(CANARY), "{text}");
}

#[tokio::test]
async fn the_span_of_the_call_is_left_alone_when_attempts_are_not_wanted() {
    let (log, _guard) = Log::of(Level::INFO);
    let server = Server::start(vec![ok("")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let call = tracing::info_span!(target: "circle", "call", otel.name = "read", server.address = tracing::field::Empty);
    let request = Request::get(target(&client, "/a"));
    tracing::Instrument::instrument(client.send(&context(&environment), &GET, request), call).await.unwrap();
    assert!(log.text().contains("call{otel.name=\"read\"}: "), "{}", log.text());
}

#[tokio::test]
async fn attempts_are_measured_by_host_status_and_error() {
    let server = Server::start(vec![status(503, ""), ok("abc"), vec![Step::Pause(std::time::Duration::from_secs(60))]]).await;
    let (environment, kept) = (Environment::default(), Kept::default());
    let client = client(&environment, &server.origin());
    let recording = metrics::set_default_local_recorder(&kept);
    let of_acme = context_with(&environment, CallOptions::new().tenant("acme"));
    client.send(&of_acme, &PUT, Request::put(target(&client, "/a")).body("12345")).await.unwrap();
    let short = CallOptions::new().attempt_timeout(std::time::Duration::from_millis(30)).retry(Retry::off());
    let error = client.send(&context_with(&environment, short), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
    assert!(error.is(ErrorKind::Timeout), "{error}");
    let waiting = context(&environment);
    let given_up = client.send(&waiting, &GET, Request::get(target(&client, "/a")));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(30), given_up).await.is_err());
    drop(recording);
    let place = format!("server.address=127.0.0.1 server.port={}", server.port);
    let (answered, end) = ("network.protocol.version=1.1", "circle.service=test");
    let expected = [
        format!("http.request.method=GET {place} error.type=cancelled {end}"),
        format!("http.request.method=GET {place} error.type=timeout {end}"),
        format!("http.request.method=PUT {place} http.response.status_code=200 {answered} {end}"),
        format!("http.request.method=PUT {place} http.response.status_code=503 {answered} error.type=unavailable {end}"),
    ];
    assert_eq!(kept.series("http.client.request.duration"), expected);
    let used = ServiceStats::of(&environment, "test").usage();
    assert_eq!((used[0].tenant.as_deref(), used[0].bytes_sent, used[0].bytes_received), (Some("acme"), 10, 3), "{used:?}");
    let bytes =
        |way: &str| kept.all()[&format!("circle.usage.bytes {end} circle.tenant=acme network.io.direction={way}")].clone();
    assert_eq!((bytes("transmit"), bytes("receive")), (vec![5.0, 5.0], vec![3.0]));
}

#[tokio::test]
async fn streamed_content_is_counted_however_far_it_is_read() {
    let server = Server::start(vec![ok("abcdef")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    for read in [true, false] {
        let mut opened = client.open(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap();
        if read {
            while opened.body.try_next().await.unwrap().is_some() {}
        }
    }
    assert_eq!(ServiceStats::of(&environment, "test").usage()[0].bytes_received, 6);
}

/// Answers at once, from everywhere.
struct Everywhere;

#[async_trait::async_trait]
impl Transport for Everywhere {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
        Ok(TransportResponse::new(StatusCode::OK, HeaderMap::new(), Bytes::from_static(b"abc")))
    }
}

/// Test 59: what is called has no end, and the series have.
#[tokio::test]
async fn test_59_a_hundred_thousand_addresses_are_few_series() {
    let (environment, kept) = (Environment::builder().transport(Everywhere).build(), Kept::default());
    let client = builder(&environment, "https://api.example.org").build();
    let recording = metrics::set_default_local_recorder(&kept);
    for number in 0..100_000_u32 {
        let origin = Arc::new(Origin::parse(&format!("https://h{}.example.org:{}", number / 25, 1000 + number / 25)).unwrap());
        let request = Request::get(Target::new(&origin, format!("/{number}")).query("q", number));
        let cx = context_with(&environment, CallOptions::new().tenant(format!("t{}", number / 10)));
        client.send(&cx, &GET, request).await.unwrap();
    }
    drop(recording);
    let requests = kept.series("http.client.request.duration");
    // The client's own origin is one of the 32 that are told apart; it was not called.
    assert_eq!(requests.len(), 32, "{requests:?}");
    let others = "http.request.method=GET server.address=_OTHER http.response.status_code=200 circle.service=test";
    let all = kept.all();
    assert_eq!(all[&format!("http.client.request.duration {others}")].len(), 100_000 - 31 * 25);
    assert_eq!(kept.series("circle.usage.bytes").len(), 101);
    assert_eq!(all.values().flatten().count(), 200_000);
    assert_eq!(all.len(), 32 + 101, "nothing else grows");
}

#[tokio::test]
async fn statuses_and_methods_without_end_are_few_series() {
    struct Any(std::sync::atomic::AtomicU32);
    #[async_trait::async_trait]
    impl Transport for Any {
        async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
            let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let status = StatusCode::from_u16((200 + number % 800) as u16).unwrap();
            Ok(TransportResponse::new(status, HeaderMap::new(), Bytes::new()))
        }
    }
    let (environment, kept) = (Environment::builder().transport(Any(0.into())).build(), Kept::default());
    let client = builder(&environment, "https://api.example.org").build();
    let recording = metrics::set_default_local_recorder(&kept);
    for number in 0..2000_u32 {
        let method = http::Method::from_bytes(format!("X{number}").as_bytes()).unwrap();
        let cx = context_with(&environment, CallOptions::new().retry(Retry::off()));
        let _ = client.send(&cx, &POST, Request::new(method, target(&client, "/"))).await;
    }
    drop(recording);
    let requests = kept.series("http.client.request.duration");
    assert_eq!(requests.len(), 65, "{requests:?}");
    assert!(requests.iter().all(|series| series.starts_with("http.request.method=_OTHER server.address=api.example.org")));
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The values of a header, of each request so far.
fn header(server: &Server, name: &str) -> Vec<Option<String>> {
    let requests = server.requests();
    let find = |request: &String| {
        let line = request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::to_owned)
    };
    requests.iter().map(find).collect()
}

#[tokio::test]
async fn the_callers_trace_goes_with_every_attempt_and_an_own_header_stays() {
    let server = Server::start(vec![status(503, ""), ok("")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let trace = TraceContext::parse(TRACE).unwrap().with_state("vendor=1").unwrap();
    let traced = || context_with(&environment, CallOptions::new().trace(trace.clone()));
    client.send(&traced(), &GET, Request::get(target(&client, "/a"))).await.unwrap();
    let own = Request::get(target(&client, "/a")).header("traceparent", "own").unwrap();
    client.send(&traced(), &GET, own).await.unwrap();
    client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(header(&server, "traceparent"), [some(TRACE), some(TRACE), some("own"), None]);
    assert_eq!(header(&server, "tracestate"), [some("vendor=1"), some("vendor=1"), None, None]);
}

#[tokio::test]
async fn a_propagator_gives_each_attempt_a_parent_of_its_own_and_may_break() {
    let server = Server::start(vec![status(503, ""), ok("")]).await;
    let asked = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = Arc::clone(&asked);
    let propagator = move || match counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        number @ 0..2 => TraceContext::new(7, number + 1, number == 1),
        2 => None,
        _ => panic!("broken"),
    };
    let environment = Environment::builder().propagator(propagator).build();
    let client = client(&environment, &server.origin());
    for _ in 0..3 {
        let cx = context_with(&environment, CallOptions::new().trace(TraceContext::parse(TRACE).unwrap()));
        client.send(&cx, &GET, Request::get(target(&client, "/a"))).await.unwrap();
    }
    let parents: Vec<_> = header(&server, "traceparent").into_iter().flatten().collect();
    let of = |parent: u64, flags: u8| format!("00-{:032x}-{parent:016x}-{flags:02x}", 7);
    // Where the application's tracing has none, the caller's counts.
    assert_eq!(parents, [of(1, 0), of(2, 1), TRACE.to_owned(), TRACE.to_owned()]);
}

#[tokio::test]
async fn no_trace_goes_where_it_is_off_or_to_a_strange_origin() {
    let (server, strange) = (Server::start(vec![ok("")]).await, Server::start(vec![ok("")]).await);
    let environment = Environment::builder().propagator(|| TraceContext::new(1, 2, true)).build();
    let off = BuildContext::new(environment.clone(), "test").allow_loopback(true).traced(false);
    let silent = off.http(off.origin(&server.origin()).unwrap()).build();
    silent.send(&context(&environment), &GET, Request::get(silent.target("/a"))).await.unwrap();
    let client = client(&environment, &server.origin());
    let abroad = Arc::new(off.origin(&strange.origin()).unwrap());
    client.send(&context(&environment), &GET, Request::get(Target::new(&abroad, "/a")).anonymous()).await.unwrap();
    assert_eq!((header(&server, "traceparent"), header(&strange, "traceparent")), (vec![None], vec![None]));
}

/// The spans that are open, by name.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<Vec<(u64, &'static str)>>>);

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Open {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &Id, _: Context<'_, S>) {
        self.0.lock().unwrap().push((id.into_u64(), attributes.metadata().name()));
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.0.lock().unwrap().retain(|(one, _)| *one != id.into_u64());
    }
}

/// A connection outlives the call that made it, and must not keep the call's spans open.
#[tokio::test]
async fn pooled_connections_keep_no_span_of_a_call_open() {
    let open = Open::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(open.clone()));
    let one = Server::start(vec![ok("")]).await;
    let two = super::http2::start(&[super::http2::Deed::Answer]).await;
    for (environment, origin) in
        [(Environment::default(), one.origin()), (two.environment(), format!("https://localhost:{}", two.port))]
    {
        let client = client(&environment, &origin);
        for _ in 0..2 {
            let call = tracing::info_span!(target: "circle", "call");
            let request = Request::get(target(&client, "/a"));
            tracing::Instrument::instrument(client.send(&context(&environment), &GET, request), call).await.unwrap();
            let ours: Vec<_> =
                open.0.lock().unwrap().iter().filter(|(_, name)| matches!(*name, "call" | "attempt")).copied().collect();
            assert_eq!(ours, [], "{origin}");
        }
    }
    let left: Vec<_> = open.0.lock().unwrap().iter().map(|(_, name)| *name).collect();
    assert!(left.contains(&"Connection"), "the connection is open and seen: {left:?}");
    assert_eq!((one.connections(), *two.connections.lock().unwrap()), (1, 1));
}
