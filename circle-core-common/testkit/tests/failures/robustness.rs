//! 47 to 59: credentials that are refused, dropping, panics, crowds, runtimes, cardinality.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circle_core_common::http::{Answer, Auth, Interceptor, Outcome, Outgoing, Request, Sign, TransportRequest};
use circle_core_common::resilience::{
    BackoffSettings, BreakerState, BulkheadSettings, HedgeSettings, Observer, PolicyEvent, Resilience, Retry,
};
use circle_core_common::{CallContext, CallOptions, Clock, Error, ErrorKind, Result, Sent, Timestamp};
use circle_core_testkit::soak::{self, Calls};
use circle_core_testkit::{Break, Place, Reply, drop_sweep};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::heap;
use crate::trial::*;

/// A credential that is replaced whenever it is refused.
struct Renewed;

#[async_trait::async_trait]
impl Sign for Renewed {
    async fn sign(&self, _: &CallContext, _: &mut TransportRequest) -> Result<()> {
        Ok(())
    }

    async fn repair(&self, _: &CallContext, error: &Error) -> bool {
        error.is(ErrorKind::Unauthenticated)
    }
}

#[tokio::test(start_paused = true)]
async fn t47_a_credential_that_stays_refused_is_two_requests() {
    let trial = plain().client(|client| client.auth(Auth::custom(Renewed))).canned();
    trial.always(Reply::status(401));
    for operation in [&GET, &POST] {
        trial.send(operation, trial.write()).await.failed(ErrorKind::Unauthenticated, None).cost(2, 0).took(Duration::ZERO);
    }
    trial.script([Reply::status(401), Reply::ok("")]);
    trial.post().await.succeeded().cost(2, 0);
    // One that cannot be replaced is not tried again.
    let trial = plain().canned();
    trial.always(Reply::status(401));
    trial.get().await.failed(ErrorKind::Unauthenticated, None).cost(1, 0);
}

/// Sends the time with every request, and learns what time it is for the service.
#[derive(Default)]
struct Dated {
    /// Seconds that the service is ahead.
    ahead: AtomicI64,
}

fn unix(at: Timestamp) -> i64 {
    at.since(Timestamp::UNIX_EPOCH).as_secs().cast_signed()
}

#[async_trait::async_trait]
impl Sign for Dated {
    async fn sign(&self, cx: &CallContext, request: &mut TransportRequest) -> Result<()> {
        let time = unix(cx.clock().timestamp()) + self.ahead.load(Ordering::SeqCst);
        request.headers.insert("x-signed-at", time.into());
        Ok(())
    }

    async fn repair(&self, cx: &CallContext, error: &Error) -> bool {
        let Some(service) = error.detail().and_then(|detail| detail.answered_at) else { return false };
        self.ahead.store(unix(service) - unix(cx.clock().timestamp()), Ordering::SeqCst);
        true
    }
}

#[tokio::test(start_paused = true)]
async fn t48_a_clock_that_is_wrong_either_way_is_corrected_once() {
    const SERVICE: i64 = 784_111_777;
    for (wrong_by, age, hits) in [(0, false, [1, 1]), (960, false, [2, 1]), (-960, false, [2, 1]), (960, true, [1, 1])] {
        let clock = Clock::from_source(Wrong::by(SERVICE + wrong_by - unix(Clock::System.timestamp())));
        let setting = plain().environment(|environment| environment.clock(clock));
        let trial = setting.client(|client| client.auth(Auth::custom(Dated::default()))).canned();
        trial.at("/").always_with(move |request| {
            let signed: i64 = request.header("x-signed-at").and_then(|text| text.parse().ok()).unwrap_or_default();
            // A service allows a quarter of an hour.
            let reply = Reply::status(if signed.abs_diff(SERVICE) > 900 { 403 } else { 200 });
            let reply = reply.header("date", "Sun, 06 Nov 1994 08:49:37 GMT");
            // An answer that a cache has kept says nothing about the time.
            if age { reply.header("age", "3") } else { reply }
        });
        let spent = [trial.post().await, trial.post().await].map(|came| {
            assert_eq!(came.result.is_err_and(|error| error.is(ErrorKind::PermissionDenied)), age, "{wrong_by}");
            assert_eq!(came.spent, 0);
            came.hits
        });
        assert_eq!(spent, hits, "{wrong_by}");
    }
}

/// Everything that can wait at once: a queue, a hedge, a schedule of waits.
fn everything() -> Setting {
    let backoff = BackoffSettings::new().initial_interval(SECOND).max_interval(SECOND);
    let retry = Retry::new().max_attempts(4).backoff(backoff.clone()).throttle_backoff(backoff);
    let bulkhead = BulkheadSettings::new().max_in_flight(2).max_queued(1);
    with(Resilience::new().retry(retry).bulkhead(bulkhead).hedge(HedgeSettings::on().delay(SECOND / 2))).dice(128)
}

/// Fails in three ways and then succeeds, each after a while.
fn failing() -> Rc<Trial> {
    let trial = everything().canned();
    trial.script([
        Reply::status(503).after(SECOND),
        Reply::status(503).after(SECOND),
        Reply::status(429).header("retry-after", "1"),
        Reply::ok("abcdef").after(SECOND).breaking(Place::Body(3), Break::Close),
    ]);
    trial.always(Reply::ok("abcdef").after(SECOND));
    Rc::new(trial)
}

async fn sweep<F: Future<Output = Result<()>>>(call: impl Fn(Rc<Trial>) -> F) -> usize {
    let current = RefCell::new(failing());
    let fresh = || {
        let trial = failing();
        current.replace(Rc::clone(&trial));
        let call = call(trial);
        async move { call.await.expect("the last attempt succeeds") }
    };
    let whole = async || {
        let trial = Rc::clone(&current.borrow());
        let state = trial.state();
        if state.in_flight > 0 {
            return Err(format!("{state:?}"));
        }
        // What was paid for repetitions that were made is gone; nothing else is.
        let (paid, made) = (500 - state.retry_tokens, u32::try_from(trial.hits()).unwrap_or(u32::MAX));
        if paid > made.saturating_sub(1) * 14 {
            return Err(format!("{paid} tokens are gone after {made} requests"));
        }
        // A service that asked to be left alone for a while may still be.
        tokio::time::sleep(5 * SECOND).await;
        trial.reset();
        trial.always(Reply::ok(""));
        let cx = trial.cx(&GET, CallOptions::new());
        let both = tokio::join!(trial.http.send(&cx, &GET, trial.to("/a")), trial.http.send(&cx, &GET, trial.to("/b")));
        both.0.and(both.1).map(drop).map_err(|error| format!("the next calls fail: {error}"))
    };
    drop_sweep(fresh, whole).await.expect("nothing is left behind")
}

#[tokio::test(start_paused = true)]
async fn t49_a_call_that_is_dropped_at_any_await_leaves_nothing_held() {
    let sent = sweep(|trial| async move {
        let cx = trial.cx(&GET, CallOptions::new());
        trial.http.send(&cx, &GET, trial.to("/a")).await.map(drop)
    });
    let sent = sent.await;
    let opened = sweep(|trial| async move {
        trial.reset();
        trial.script([Reply::status(503).after(SECOND)]);
        trial.always(Reply::ok("abcdef").after(SECOND / 4));
        let cx = trial.cx(&GET, CallOptions::new());
        let mut opened = trial.http.open(&cx, &GET, trial.to("/a")).await?;
        assert_eq!(trial.state().in_flight, 1, "the body holds its place");
        tokio::time::sleep(SECOND).await;
        while opened.body.try_next().await?.is_some() {
            tokio::time::sleep(SECOND).await;
        }
        Ok(())
    });
    let opened = opened.await;
    assert!(sent >= 6 && opened >= 4, "{sent} and {opened} awaits");
}

/// Panics wherever it is asked.
struct Broken;

#[async_trait::async_trait]
impl Sign for Broken {
    async fn sign(&self, _: &CallContext, _: &mut TransportRequest) -> Result<()> {
        panic!("in the token provider")
    }
}

impl Observer for Broken {
    fn event(&self, _: &PolicyEvent<'_>) {
        panic!("in the observer")
    }
}

/// Panics before an attempt, or behind it.
struct Clumsy {
    before: bool,
}

impl Interceptor for Clumsy {
    fn before(&self, _: &mut Outgoing<'_>) -> Result<()> {
        assert!(!self.before, "in the interceptor");
        Ok(())
    }

    fn after(&self, _: &Outcome<'_>) {
        panic!("in the interceptor")
    }
}

impl serde::Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("in the serializer")
    }
}

#[tokio::test(start_paused = true)]
async fn t50_what_panics_is_an_error_or_nothing_and_holds_nothing() {
    // What judges, signs or changes a request is part of the call.
    let classifier = plain().client(|client| client.classify(|_: &Answer<'_>| -> Option<Error> { panic!("in the classifier") }));
    let trial = classifier.canned();
    trial.always(Reply::ok(""));
    assert_eq!(trial.get().await.failed(ErrorKind::Internal, None).cost(1, 0).error().sent(), Sent::Yes);
    let token_provider = plain().client(|client| client.auth(Auth::custom(Broken)));
    let trial = token_provider.canned();
    trial.always(Reply::ok(""));
    assert_eq!(trial.get().await.failed(ErrorKind::Internal, None).cost(0, 0).error().sent(), Sent::No);
    let trial = plain().environment(|environment| environment.interceptor(Clumsy { before: true })).canned();
    trial.always(Reply::ok(""));
    trial.get().await.failed(ErrorKind::Internal, None).cost(0, 0);
    // Who only looks on breaks nothing but himself.
    let trial = plain().environment(|environment| environment.observer(Broken).interceptor(Clumsy { before: false })).canned();
    trial.script([Reply::status(503), Reply::ok("")]);
    trial.get().await.succeeded().cost(2, 0);
    // A value whose writing panics does so before there is a request.
    let trial = Arc::new(plain().canned());
    trial.always(Reply::ok(""));
    let panicking = Arc::clone(&trial);
    let task = tokio::spawn(async move {
        let request = Request::post(panicking.http.target("/")).json(&Broken)?;
        panicking.http.send(&panicking.cx(&POST, CallOptions::new()), &POST, request).await
    });
    assert!(task.await.is_err_and(|error| error.is_panic()) && trial.hits() == 0);
    trial.assert_at_rest();
    trial.get().await.succeeded().cost(1, 0);
}

#[test]
fn t51_a_crowd_on_two_threads_is_served_and_leaves_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(soak::crowd(1_000)).assert_kept();
}

#[test]
fn t52_what_calls_take_of_memory_they_give_back() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let calls = Calls::new().expect("a client");
    // Buffers, buckets of maps and names of metrics are made once.
    runtime.block_on(calls.make(1_000));
    let mut made = None;
    let kept = heap::kept_by(async || made = Some(calls.make(20_000).await));
    let made = made.expect("made");
    assert!(made.succeeded > 19_000 && made.failed > 300, "{made:?}");
    assert!(kept.abs() < 1024 && calls.in_flight() == 0, "{kept} bytes for {made:?}");
}

#[test]
fn t53_a_runtime_that_ends_takes_its_calls_along() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let (first, second) = (runtime(), runtime());
    // The server has to outlive the first runtime, so it lives in the second.
    let trial = Arc::new(second.block_on(plain().on_a_server()));
    trial.at("/slow").always(Reply::silent());
    trial.always(Reply::ok(""));
    for number in 0..20 {
        let trial = Arc::clone(&trial);
        first.spawn(async move {
            let cx = trial.cx(&GET, CallOptions::new());
            let path = if number % 2 == 0 { "/slow" } else { "/a" };
            let _ = trial.http.send(&cx, &GET, trial.to(path)).await;
        });
    }
    second.block_on(async {
        while trial.at_path("/slow") < 10 {
            tokio::time::sleep(5 * MILLI).await;
        }
    });
    assert!(trial.state().in_flight >= 10);
    let began = std::time::Instant::now();
    first.shutdown_timeout(60 * SECOND);
    assert!(began.elapsed() < 60 * SECOND, "its calls do not keep it");
    trial.assert_at_rest();
    // Who was dropped has cost the service nothing in the eyes of the policies.
    assert_eq!((trial.state().retry_tokens, trial.breaker()), (500, BreakerState::Closed));
    second.block_on(trial.together(async {})).cost(0, 0);
    // The policies are those of before; connections belong to a runtime, so that a transport is made for each.
    let transport = circle_core_common::http::HttpTransport::builder().build();
    let environment = trial.environment.to_builder().transport(transport).build();
    let build = circle_core_common::BuildContext::new(environment, "acme").allow_loopback(true);
    second.block_on(async {
        let http = build.http(build.origin(&trial.server().origin()).expect("an origin")).build();
        let cx = trial.cx(&GET, CallOptions::new());
        assert!(http.send(&cx, &GET, Request::get(http.target("/a"))).await.is_ok());
    });
}

#[test]
fn t54_every_kind_of_runtime_will_do() {
    let story = async || {
        let trial = plain().canned();
        trial.script([Reply::status(503), Reply::ok("").after(100 * MILLI)]);
        trial.get().await.succeeded().cost(2, 0);
        trial.script([Reply::silent()]);
        let options = CallOptions::new().timeout(SECOND);
        trial.call(&GET, options, trial.to("/a")).await.failed(ErrorKind::Timeout, None).cost(1, 0);
    };
    let current = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    current().block_on(story());
    let several = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    several.block_on(story());
    let paused = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    paused.block_on(story());
    // Several threads share one client, too.
    let trial = Arc::new(plain().canned());
    trial.always(Reply::ok(""));
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let trial = Arc::clone(&trial);
            several.spawn(async move {
                let cx = trial.cx(&GET, CallOptions::new());
                trial.http.send(&cx, &GET, trial.to("/a")).await.is_ok()
            })
        })
        .collect();
    assert!(calls.into_iter().all(|call| several.block_on(call).is_ok_and(|ok| ok)));
    assert_eq!((trial.hits(), trial.state().retry_tokens), (100, 500));
    trial.assert_at_rest();
}

/// Counts distinct series: names with their labels.
#[derive(Clone, Default)]
struct Series(Arc<Mutex<BTreeSet<String>>>);

impl Series {
    fn seen(&self, key: &Key) {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        self.0.lock().expect("no panic").insert(format!("{}{labels:?}", key.name()));
    }
}

impl Recorder for Series {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.seen(key);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.seen(key);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.seen(key);
        Histogram::noop()
    }
}

#[test]
fn t59_a_hundred_thousand_addresses_are_few_series() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let (series, trial) = (Series::default(), runtime.block_on(async { plain().canned() }));
    trial.always(Reply::status(404));
    metrics::with_local_recorder(&series.clone(), || {
        runtime.block_on(async {
            for number in 0..100_000 {
                let cx = trial.cx(&GET, CallOptions::new().tenant(format!("tenant-{number}")));
                let request = Request::get(trial.http.target(format!("/users/{number}?q={number}")));
                let error = trial.http.send(&cx, &GET, request).await.expect_err("nobody is there");
                assert!(error.is(ErrorKind::NotFound));
            }
            trial.assert_at_rest();
            assert_eq!((trial.hits(), trial.state().retry_tokens), (100_000, 500));
            // And endpoints, whose breakers open and tell.
            for number in 0..500 {
                trial.build.policy().endpoint(&format!("https://host-{number}.test")).isolate();
            }
        });
    });
    let series = series.0.lock().expect("no panic");
    assert!(series.len() <= 64, "{} series, such as {:?}", series.len(), series.iter().take(5).collect::<Vec<_>>());
    assert!(!series.iter().any(|series| series.contains("/users/") || series.contains("tenant-9")));
    assert!(!series.iter().any(|series| trial.secret.is_in(series)));
}

impl Trial {
    /// How many requests of this path arrived.
    fn at_path(&self, path: &str) -> usize {
        self.received().iter().filter(|hit| hit.path() == path).count()
    }
}
