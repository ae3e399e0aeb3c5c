//! Answers that are kept, and requests that are sent once.

mod changes;

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use super::server::{Script, Server, Step, answer, ok, status};
use super::*;
use crate::clock::{Clock, ClockSource, Tick};
use crate::context::{CacheUse, CallReport, Report};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::http::{Interceptor, Outgoing, Request, Response};
use crate::resilience::{CacheSettings, OperationSettings, Resilience, Retry};
use crate::units::{ByteSize, Timestamp};

static KEPT: RemoteOperation = RemoteOperation::new("acme.Kept", Idempotency::Safe, "/{id}").cacheable();

/// A clock whose wall time stands still until it is moved.
#[derive(Clone)]
struct Wall(Arc<Mutex<Timestamp>>);

impl ClockSource for Wall {
    fn now(&self) -> Tick {
        Clock::System.now()
    }

    fn timestamp(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep_until(&self, deadline: Tick) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(Clock::System.sleep_until(deadline))
    }
}

struct Subject {
    server: Server,
    environment: Environment,
    client: HttpClient,
    wall: Wall,
}

impl Subject {
    async fn of(scripts: Vec<Script>) -> Self {
        Self::with(scripts, CacheSettings::new().enabled(true), Environment::builder()).await
    }

    async fn with(scripts: Vec<Script>, cache: CacheSettings, environment: crate::environment::EnvironmentBuilder) -> Self {
        let server = Server::start(scripts).await;
        let wall = Wall(Arc::new(Mutex::new(Timestamp::from(std::time::SystemTime::now()))));
        let environment = environment.clock(Clock::from_source(wall.clone())).build();
        let resilience = Resilience::new().cache(cache).retry(Retry::off());
        let context = BuildContext::new(environment.clone(), "test").allow_loopback(true).resilience(resilience);
        let client = context.http(context.origin(&server.origin()).unwrap());
        let client = client.auth(Auth::Bearer(SecretRef::literal(CANARY))).build();
        Self { server, environment, client, wall }
    }

    fn pass(&self, time: Duration) {
        let mut wall = self.wall.0.lock().unwrap();
        *wall = (std::time::SystemTime::from(*wall) + time).into();
    }

    fn request(&self, path: &str) -> Request {
        Request::get(target(&self.client, path))
    }

    async fn send(&self, options: CallOptions, request: Request) -> Result<(Response, Report)> {
        let report = CallReport::new();
        let cx = context_with(&self.environment, options.report(&report));
        let response = self.client.send(&cx, &KEPT, request).await?;
        Ok((response, report.get()))
    }

    async fn get(&self, path: &str) -> Response {
        self.send(CallOptions::new(), self.request(path)).await.unwrap().0
    }

    async fn get_with(&self, options: CallOptions) -> Response {
        self.send(options, self.request("/a")).await.unwrap().0
    }

    /// The value of a header of the request of this number.
    fn sent(&self, number: usize, name: &str) -> Option<String> {
        let request = self.server.requests()[number].clone();
        let line = request.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}: ")))?;
        Some(line[name.len() + 2..].to_owned())
    }
}

/// 200 with these headers.
fn told(headers: &str, body: &str) -> Script {
    answer(format!("HTTP/1.1 200 OK\r\n{headers}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

fn not_modified(headers: &str) -> Script {
    answer(format!("HTTP/1.1 304 Not Modified\r\n{headers}\r\n\r\n"))
}

const SECOND: Duration = Duration::from_secs(1);

fn until(count: usize, script: Script) -> Script {
    std::iter::once(Step::Until(count)).chain(script).collect()
}

/// What fails to come ends a test with an error, and not never.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(30 * SECOND, future).await.expect("it waits for what does not come")
}

#[tokio::test]
async fn what_is_fresh_costs_no_request_and_says_how_old_it_is() {
    let subject = Subject::of(vec![told("Cache-Control: Max-Age=60\r\nX-Own: 1\r\nX-Own: 2", "one"), ok("two")]).await;
    assert_eq!(subject.get("/a").await.body, "one");
    subject.pass(59 * SECOND);
    let (response, report) = subject.send(CallOptions::new(), subject.request("/a")).await.unwrap();
    assert_eq!((&*response.body, response.header("age")), (&b"one"[..], Some("59")));
    assert_eq!(response.headers.get_all("x-own").iter().count(), 2);
    assert_eq!((report.from_cache, report.request_ids.len(), subject.server.hits()), (1, 0, 1));
    assert_eq!(subject.get("/b").await.body, "two", "another address is another answer");
    subject.pass(2 * SECOND);
    assert_eq!((subject.get("/a").await.body, subject.server.hits()), ("two".into(), 3));
}

#[tokio::test]
async fn a_confirmation_costs_a_small_answer_and_brings_new_headers() {
    let first =
        told("Cache-Control: max-age=10\r\nETag: \"v1\"\r\nLast-Modified: Sat, 21 Nov 2026 08:00:00 GMT\r\nX-Own: old", "one");
    let again = not_modified("Cache-Control: max-age=30\r\nETag: \"v1\"\r\nX-Own: new\r\nX-More: 1");
    let subject = Subject::of(vec![first, again, told("ETag: \"v2\"\r\nCache-Control: max-age=10", "two")]).await;
    assert_eq!(subject.get("/a").await.body, "one");
    subject.pass(11 * SECOND);
    let (response, report) = subject.send(CallOptions::new(), subject.request("/a")).await.unwrap();
    assert_eq!((&*response.body, response.status), (&b"one"[..], http::StatusCode::OK));
    assert_eq!((response.header("x-own"), response.header("x-more"), report.from_cache), (Some("new"), Some("1"), 1));
    assert_eq!(response.header("content-length"), Some("3"));
    assert_eq!(subject.sent(1, "if-none-match").as_deref(), Some("\"v1\""));
    assert_eq!(subject.sent(1, "if-modified-since").as_deref(), Some("Sat, 21 Nov 2026 08:00:00 GMT"));
    // Fresh by the confirmation's own words.
    subject.pass(29 * SECOND);
    assert_eq!((subject.get("/a").await.header("x-own").map(str::to_owned), subject.server.hits()), (Some("new".into()), 2));
    subject.pass(2 * SECOND);
    assert_eq!((subject.get("/a").await.body, subject.get("/a").await.body), ("two".into(), "two".into()));
    assert_eq!(subject.server.hits(), 3);
}

#[tokio::test]
async fn a_confirmation_of_something_else_is_asked_for_again() {
    let first = told("Cache-Control: max-age=0\r\nETag: \"v1\"", "one");
    let subject = Subject::of(vec![first, not_modified("ETag: \"v9\""), ok("two")]).await;
    assert_eq!(subject.get("/a").await.body, "one");
    assert_eq!(subject.get("/a").await.body, "two");
    assert_eq!((subject.sent(2, "if-none-match"), subject.server.hits()), (None, 3));
}

#[tokio::test]
async fn what_must_not_be_kept_is_not() {
    for headers in [
        "Cache-Control: no-store, max-age=60",
        "Vary: *\r\nCache-Control: max-age=60",
        "X-Nothing: said",
        "Age: 18446744073709551615",
    ] {
        let subject = Subject::of(vec![told(headers, "one"), told(headers, "two")]).await;
        assert_eq!((subject.get("/a").await.body, subject.get("/a").await.body), ("one".into(), "two".into()), "{headers}");
        assert_eq!(subject.sent(1, "if-none-match"), None);
    }
    // `no-cache` is kept, and confirmed each time.
    let subject = Subject::of(vec![told("Cache-Control: no-cache\r\nETag: \"e\"", "one"), not_modified("ETag: \"e\"")]).await;
    for _ in 0..3 {
        assert_eq!(subject.get("/a").await.body, "one");
    }
    assert_eq!(subject.server.hits(), 3);
}

#[tokio::test]
async fn requests_of_their_own_kind_are_not_for_the_cache() {
    let fresh = || told("Cache-Control: max-age=60\r\nETag: \"e\"", "one");
    let subject = Subject::of(vec![fresh()]).await;
    let own: [fn(Request) -> Request; 6] = [
        |request| request.header("range", "bytes=0-1").unwrap(),
        |request| request.header("if-none-match", "\"e\"").unwrap(),
        |request| request.header("authorization", "Basic eA==").unwrap(),
        |request| request.secret_header("x-customer-key", "k").unwrap(),
        |request| request.extension(7_u8),
        |request| request.body("x"),
    ];
    for own in own {
        let hits = subject.server.hits();
        for _ in 0..2 {
            subject.send(CallOptions::new(), own(subject.request("/a"))).await.unwrap();
        }
        assert_eq!(subject.server.hits(), hits + 2);
    }
    // Nor is an operation that is not described as cacheable, nor anything where the service has no cache.
    let off = Subject::with(vec![fresh()], CacheSettings::new(), Environment::builder()).await;
    for _ in 0..2 {
        subject.client.send(&context(&subject.environment), &GET, subject.request("/b")).await.unwrap();
        off.get("/a").await;
    }
    assert_eq!((subject.server.hits(), off.server.hits()), (14, 2));
}

#[tokio::test]
async fn one_operation_may_have_a_cache_or_none() {
    let own = |enabled| OperationSettings::new().cache(CacheSettings::new().enabled(enabled));
    for (service, operation, hits) in [(false, Some(true), 1), (true, Some(false), 2), (true, None, 1), (false, None, 2)] {
        let server = Server::start(vec![told("Cache-Control: max-age=60", "one")]).await;
        let environment = Environment::default();
        let base = Resilience::new().cache(CacheSettings::new().enabled(service));
        let resilience = operation.into_iter().fold(base, |base, enabled| base.operation("acme.Kept", own(enabled)));
        let context = BuildContext::new(environment.clone(), "test").allow_loopback(true).resilience(resilience);
        let client = context.http(context.origin(&server.origin()).unwrap()).build();
        for _ in 0..2 {
            client
                .send(&context_with(&environment, CallOptions::new()), &KEPT, Request::get(target(&client, "/a")))
                .await
                .unwrap();
        }
        assert_eq!(server.hits(), hits, "{service} {operation:?}");
    }
}

#[tokio::test]
async fn nobody_gets_what_another_was_given() {
    let subject = Subject::of(vec![told("Cache-Control: private, max-age=60", "one")]).await;
    let callers = || {
        [
            CallOptions::new(),
            CallOptions::new().tenant("acme"),
            CallOptions::new().tenant("other"),
            CallOptions::new().tenant("acme").principal("ann"),
            CallOptions::new().principal("acme"),
        ]
    };
    for expected in [5, 5] {
        for options in callers() {
            subject.get_with(options).await;
        }
        assert_eq!(subject.server.hits(), expected);
    }
    // Without the credential it is another question.
    subject.send(CallOptions::new(), subject.request("/a").anonymous()).await.unwrap();
    assert_eq!(subject.server.hits(), 6);
}

#[tokio::test]
async fn what_an_answer_depends_on_tells_answers_apart() {
    let varied = |body| told("Vary: Accept-Language\r\nCache-Control: max-age=60", body);
    let subject = Subject::of(vec![varied("en"), varied("de"), varied("none")]).await;
    let get = async |language: Option<&str>| {
        let request = subject.request("/a").header_opt("accept-language", language).unwrap();
        subject.send(CallOptions::new(), request).await.unwrap().0.body
    };
    for _ in 0..2 {
        let found = (get(Some("en")).await, get(Some("de")).await, get(None).await);
        assert_eq!(found, ("en".into(), "de".into(), "none".into()));
    }
    assert_eq!(subject.server.hits(), 3);
}

/// Asks for another thing each time, which no request describes.
struct Turns(std::sync::atomic::AtomicU32);

impl Interceptor for Turns {
    fn before(&self, request: &mut Outgoing<'_>) -> Result<()> {
        request.add_header("x-turn", &self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst).to_string())
    }
}

#[tokio::test]
async fn what_depends_on_an_interceptors_header_is_not_kept() {
    let environment = || Environment::builder().interceptor(Turns(std::sync::atomic::AtomicU32::new(0)));
    for (vary, hits) in [("X-Turn", 2), ("Origin", 1)] {
        let script = vec![told(&format!("Vary: {vary}\r\nCache-Control: max-age=60"), "one")];
        let subject = Subject::with(script, CacheSettings::new().enabled(true), environment()).await;
        subject.get("/a").await;
        subject.get("/a").await;
        assert_eq!(subject.server.hits(), hits, "{vary}");
    }
}

#[tokio::test]
async fn callers_choose_what_they_take() {
    let subject = Subject::of(vec![told("Cache-Control: max-age=60\r\nETag: \"e\"", "one"), not_modified("ETag: \"e\"")]).await;
    let get = async |cache| subject.get_with(CallOptions::new().cache(cache)).await.body;
    subject.get("/a").await;
    subject.pass(10 * SECOND);
    assert_eq!((get(CacheUse::MaxAge(10 * SECOND)).await, subject.server.hits()), ("one".into(), 1));
    assert_eq!((get(CacheUse::MaxAge(9 * SECOND)).await, subject.server.hits()), ("one".into(), 2));
    assert_eq!(subject.sent(1, "cache-control").as_deref(), Some("max-age=9"));
    assert_eq!((get(CacheUse::Confirmed).await, subject.server.hits()), ("one".into(), 3));
    assert_eq!(subject.sent(2, "cache-control").as_deref(), Some("no-cache"));
    let own = subject.request("/a").header("cache-control", "no-transform").unwrap();
    subject.send(CallOptions::new().cache(CacheUse::Confirmed), own).await.unwrap();
    assert_eq!(subject.sent(3, "cache-control").as_deref(), Some("no-transform, no-cache"));
    let error = subject.send(CallOptions::new().cache(CacheUse::NoStore), subject.request("/a")).await.unwrap_err();
    assert_eq!((error.reason(), subject.sent(4, "if-none-match")), (Some(Reason::NotModified), None), "asked as it is");
}

#[tokio::test]
async fn in_need_a_stale_answer_serves_where_the_service_allows_it() {
    for (allowed, given) in [(", stale-if-error=100", true), ("", false), (", stale-if-error=100, must-revalidate", false)] {
        let first = told(&format!("Cache-Control: max-age=10{allowed}\r\nETag: \"e\""), "one");
        let subject = Subject::of(vec![first, status(503, "")]).await;
        subject.get("/a").await;
        subject.pass(100 * SECOND);
        let result = subject.send(CallOptions::new(), subject.request("/a")).await;
        assert_eq!(result.as_ref().map_err(Error::kind).is_ok(), given, "{allowed}");
        if given {
            assert_eq!((result.unwrap().1.from_cache, subject.server.hits()), (1, 2));
            // Who wants a confirmation gets none, and later it is too old.
            assert!(subject.send(CallOptions::new().cache(CacheUse::Confirmed), subject.request("/a")).await.is_err());
            subject.pass(11 * SECOND);
            assert!(subject.send(CallOptions::new(), subject.request("/a")).await.is_err());
        }
    }
    // What is the caller's fault is the caller's to know.
    let first = told("Cache-Control: max-age=1, stale-if-error=100\r\nETag: \"e\"", "one");
    let subject = Subject::of(vec![first, status(403, "")]).await;
    subject.get("/a").await;
    subject.pass(2 * SECOND);
    assert!(subject.send(CallOptions::new(), subject.request("/a")).await.unwrap_err().is(ErrorKind::PermissionDenied));
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let body = "x".repeat(6 * 1024);
    let cache = CacheSettings::new().enabled(true).max_size(ByteSize::kib(64));
    let subject = Subject::with(vec![told("Cache-Control: max-age=60", &body)], cache, Environment::builder()).await;
    for number in 0..20 {
        subject.get(&format!("/{number}")).await;
        subject.get("/0").await;
    }
    assert_eq!(subject.server.hits(), 20, "what is asked for again and again stays");
    subject.get("/19").await;
    assert_eq!(subject.server.hits(), 20);
    subject.get("/1").await;
    assert_eq!(subject.server.hits(), 21);
    // The caller's own limit holds for what was kept, too.
    let options = CallOptions::new().body_limit(ByteSize::kib(1));
    let error = subject.send(options, subject.request("/0")).await.unwrap_err();
    assert_eq!((error.reason(), subject.server.hits()), (Some(Reason::OutsideLimit), 21));
    // One that is a large part of the whole is not kept.
    let large = Subject::with(
        vec![told("Cache-Control: max-age=60", &"x".repeat(17 * 1024))],
        CacheSettings::new().enabled(true).max_size(ByteSize::kib(64)),
        Environment::builder(),
    );
    let large = large.await;
    large.get("/a").await;
    large.get("/a").await;
    assert_eq!(large.server.hits(), 2);
}

fn slow(script: Script) -> Script {
    std::iter::once(Step::Pause(Duration::from_millis(150))).chain(script).collect()
}

#[tokio::test]
async fn equal_requests_at_the_same_time_are_sent_once() {
    let cache = CacheSettings::new().coalesce(true);
    let subject = Subject::with(vec![slow(told("X-Request-Id: r", "one"))], cache, Environment::builder()).await;
    let get = || subject.send(CallOptions::new(), subject.request("/a"));
    let other = subject.send(CallOptions::new().tenant("acme"), subject.request("/a"));
    let (first, second, third, other) = tokio::join!(get(), get(), get(), other);
    let reports = [first, second, third].map(|result| result.unwrap().1);
    assert_eq!(reports.iter().map(|report| report.coalesced).sum::<u32>(), 2);
    assert_eq!(reports.iter().map(|report| report.request_ids.len()).sum::<usize>(), 1);
    assert_eq!((other.unwrap().1.coalesced, subject.server.hits()), (0, 2), "another caller asks for itself");
    get().await.unwrap();
    assert_eq!(subject.server.hits(), 3, "nothing is kept");
}

/// Failure test 44.
#[tokio::test]
async fn t44_a_waiter_takes_over_and_errors_do_not_stay() {
    let scripts = vec![slow(ok("one")), slow(ok("two")), slow(status(403, "")), ok("three")];
    let subject = Subject::with(scripts, CacheSettings::new().coalesce(true), Environment::builder()).await;
    let get = |options: CallOptions| Box::pin(subject.send(options, subject.request("/a")));
    // The one who asks is dropped.
    let mut first = get(CallOptions::new());
    let begun = std::future::poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_pending())).await;
    let second = get(CallOptions::new());
    assert!(begun);
    let (_, second) = tokio::join!(async { drop(tokio::time::timeout(Duration::from_millis(50), first).await) }, second);
    assert_eq!((second.unwrap().0.body, subject.server.hits()), ("two".into(), 2));
    // An error is that of all who waited, and of nobody who comes later.
    let (first, second) = tokio::join!(get(CallOptions::new()), get(CallOptions::new()));
    assert!([first, second].iter().all(|result| result.as_ref().is_err_and(|error| error.is(ErrorKind::PermissionDenied))));
    assert_eq!(subject.server.hits(), 3);
    assert_eq!(get(CallOptions::new()).await.unwrap().0.body, "three");
}

#[tokio::test]
async fn each_who_waits_keeps_to_its_own_deadline() {
    let cache = CacheSettings::new().coalesce(true);
    let subject = Subject::with(vec![vec![Step::Pause(60 * SECOND)], slow(ok("two"))], cache, Environment::builder()).await;
    let ended = Mutex::new(Vec::new());
    let get = async |timeout| {
        let result = subject.send(CallOptions::new().timeout(timeout), subject.request("/a")).await;
        ended.lock().unwrap().push(timeout);
        result
    };
    let (short, middle, long) = (Duration::from_millis(60), Duration::from_millis(400), 20 * SECOND);
    // The one in the middle is polled first, so that it asks; its own end is not that of the long one.
    let (leads, waits) = (Box::pin(get(middle)), Box::pin(get(short)));
    let (mut leads, mut waits, mut lasts) = (leads, waits, Box::pin(get(long)));
    std::future::poll_fn(|cx| Poll::Ready(leads.as_mut().poll(cx).is_pending())).await;
    let (short_end, middle_end, long_end) = tokio::join!(waits.as_mut(), leads.as_mut(), lasts.as_mut());
    assert!([short_end, middle_end].iter().all(|end| end.as_ref().is_err_and(|error| error.is(ErrorKind::Timeout))));
    assert_eq!(long_end.unwrap().0.body, "two");
    drop((leads, waits, lasts));
    assert_eq!(ended.into_inner().unwrap(), [short, middle, long]);
}

#[tokio::test]
async fn who_waits_for_anothers_request_keeps_to_the_operations_timeout() {
    let server = Server::start(vec![until(2, ok("one"))]).await;
    let environment = Environment::default();
    let own = OperationSettings::new().total_timeout(Duration::from_millis(100));
    let resilience = Resilience::new().cache(CacheSettings::new().coalesce(true)).operation("acme.Kept", own).retry(Retry::off());
    let context = BuildContext::new(environment.clone(), "test").allow_loopback(true).resilience(resilience);
    let client = context.http(context.origin(&server.origin()).unwrap()).build();
    let get = |options, path| {
        let (client, cx) = (client.clone(), context_with(&environment, options));
        async move { client.send(&cx, &KEPT, Request::get(target(&client, path))).await }
    };
    let mut leads = Box::pin(get(CallOptions::new().timeout(600 * SECOND), "/a"));
    tokio::select! {
        _ = leads.as_mut() => panic!("it is answered later"),
        () = server.until(1) => {}
    }
    // By the service's own values it would wait for thirty seconds.
    let waits = tokio::time::timeout(10 * SECOND, get(CallOptions::new(), "/a")).await.expect("the operation has its own");
    assert!(waits.unwrap_err().is(ErrorKind::Timeout));
    assert_eq!(server.hits(), 1);
    soon(get(CallOptions::new().timeout(600 * SECOND), "/b")).await.unwrap();
    assert_eq!(soon(leads).await.unwrap().body, "one");
}
