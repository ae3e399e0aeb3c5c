//! 32 to 42: breaker, bulkhead, rate limit, hedging. Answers from memory, under a paused clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use circle_core_common::http::{Request, Target, Transport, TransportRequest, TransportResponse};
use circle_core_common::resilience::{
    BreakerSettings, BreakerState, BulkheadSettings, HedgeSettings, RateLimitSettings, Resilience, Retry,
};
use circle_core_common::{CallOptions, Cancel, Clock, ErrorKind, Reason, Result, Sent};
use circle_core_testkit::{CannedTransport, Reply, soak};

use crate::trial::*;

const OPEN: Duration = Duration::from_secs(5);

fn once() -> Setting {
    with(Resilience::new().retry(Retry::off()))
}

/// A trial whose path `/down` fails and whose path `/a` does not.
fn half_broken(setting: Setting) -> Trial {
    let trial = setting.dice(0).canned();
    trial.at("/down").always(Reply::status(503));
    trial.always(Reply::ok(""));
    trial
}

#[tokio::test(start_paused = true)]
async fn t32_the_breaker_opens_at_its_threshold_and_not_before() {
    // Not before there are enough calls to judge by.
    let trial = half_broken(once());
    trial.fail(19).await;
    assert_eq!(trial.breaker(), BreakerState::Closed);
    trial.fail(1).await;
    assert_eq!(trial.breaker(), BreakerState::Open { remaining: OPEN });
    let error = trial.get().await.failed(ErrorKind::Unavailable, Reason::BreakerOpen).cost(0, 0).took(Duration::ZERO).error();
    assert_eq!((error.retry_after(), error.sent()), (Some(OPEN), Sent::No));
    // Not before half of them have failed.
    let trial = half_broken(once());
    for _ in 0..15 {
        trial.get().await.succeeded().cost(1, 0);
    }
    trial.fail(14).await;
    assert_eq!(trial.breaker(), BreakerState::Closed);
    trial.fail(1).await;
    assert!(matches!(trial.breaker(), BreakerState::Open { .. }));
    // What is long ago counts no more.
    let trial = half_broken(once());
    trial.fail(19).await;
    tokio::time::sleep(31 * SECOND).await;
    trial.fail(19).await;
    assert_eq!(trial.breaker(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn t33_one_host_that_fails_stops_no_other() {
    let trial = half_broken(once());
    trial.fail(20).await;
    trial.get().await.failed(ErrorKind::Unavailable, Reason::BreakerOpen).cost(0, 0);
    let other = Arc::new(trial.build.origin("https://other.test").expect("an origin"));
    let request = Request::get(Target::new(&other, "/a")).anonymous();
    trial.send(&GET, request).await.succeeded().cost(1, 0);
    let states: Vec<_> = trial.build.policy().endpoints().into_iter().map(|state| (state.key, state.breaker)).collect();
    assert!(states.contains(&("https://other.test".to_owned(), Some(BreakerState::Closed))), "{states:?}");
}

#[tokio::test(start_paused = true)]
async fn t34_of_ten_thousand_callers_one_probes() {
    soak::half_open_storm(10_000).await.assert_kept();
}

#[tokio::test(start_paused = true)]
async fn t35_a_probe_that_is_cancelled_leaves_its_place() {
    for how in ["dropped", "cancelled", "hurried", "timed out"] {
        let trial = half_broken(once());
        trial.fail(20).await;
        tokio::time::sleep(OPEN).await;
        trial.at("/slow").always(Reply::silent());
        let cancel = Cancel::new();
        let options = match how {
            "cancelled" => CallOptions::new().cancel(cancel.clone()),
            // Less time than the service's own values give it, which says nothing of the service.
            "hurried" => CallOptions::new().timeout(SECOND),
            _ => CallOptions::new(),
        };
        let cx = trial.cx(&GET, options);
        let probe = cx.guard(trial.http.send(&cx, &GET, trial.to("/slow")));
        let ends = async {
            let (ended, expected) = match how {
                "dropped" => (tokio::time::timeout(MILLI, probe).await.ok(), None),
                "cancelled" => {
                    let cancelling = async {
                        tokio::time::sleep(MILLI).await;
                        cancel.cancel();
                    };
                    (Some(tokio::join!(probe, cancelling).0), Some(ErrorKind::Cancelled))
                }
                _ => (Some(probe.await), Some(ErrorKind::Timeout)),
            };
            assert_eq!(ended.map(|ended| ended.map(drop).map_err(|error| error.kind())), expected.map(Err), "{how}");
        };
        trial.together(ends).await.cost(1, 0).within(10 * SECOND + MILLI);
        if how == "timed out" {
            // That is a failed probe: the pause is doubled.
            assert_eq!(trial.breaker(), BreakerState::Open { remaining: 2 * OPEN });
            tokio::time::sleep(2 * OPEN).await;
        }
        for _ in 0..3 {
            trial.get().await.succeeded().cost(1, 0);
        }
        assert_eq!(trial.breaker(), BreakerState::Closed, "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn t36_what_began_before_the_breaker_opened_does_not_close_it() {
    let trial = half_broken(once());
    trial.at("/slow").always(Reply::ok("").after(OPEN + SECOND));
    let cx = trial.cx(&GET, CallOptions::new());
    let stale = async { trial.http.send(&cx, &GET, trial.to("/slow")).await.map(drop) };
    let meanwhile = async {
        tokio::time::sleep(MILLI).await;
        trial_fails(&trial).await;
        tokio::time::sleep(OPEN).await;
        // Half open, with one good probe of three.
        assert!(trial.http.send(&cx, &GET, trial.to("/a")).await.is_ok());
        assert_eq!(trial.breaker(), BreakerState::HalfOpen);
    };
    // Twenty that fail, the probe, and the stale one.
    trial.together(async { assert!(tokio::join!(stale, meanwhile).0.is_ok()) }).await.cost(22, 0).took(OPEN + SECOND);
    trial.get().await.succeeded().cost(1, 0);
    assert_eq!(trial.breaker(), BreakerState::HalfOpen, "the stale success is not one of three");
    trial.get().await.succeeded().cost(1, 0);
    assert_eq!(trial.breaker(), BreakerState::Closed);
}

/// Opens the breaker while something else runs.
async fn trial_fails(trial: &Trial) {
    for _ in 0..20 {
        let cx = trial.cx(&GET, CallOptions::new());
        let error = trial.http.send(&cx, &GET, trial.to("/down")).await.expect_err("it is down");
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, None));
    }
    assert!(matches!(trial.breaker(), BreakerState::Open { .. }));
}

#[tokio::test(start_paused = true)]
async fn t37_what_is_not_the_services_fault_does_not_open_the_breaker() {
    for (status, kind) in [
        (400, ErrorKind::InvalidInput),
        (401, ErrorKind::Unauthenticated),
        (403, ErrorKind::PermissionDenied),
        (404, ErrorKind::NotFound),
        (409, ErrorKind::Conflict),
        (412, ErrorKind::Conflict),
        (422, ErrorKind::InvalidInput),
        (429, ErrorKind::RateLimited),
    ] {
        let trial = once().canned();
        trial.always(Reply::status(status));
        trial.fail_as(40, kind).await;
        assert_eq!(trial.breaker(), BreakerState::Closed, "{status}");
    }
    // Nor what the caller gave up, or a policy refused.
    let trial = with(Resilience::new().bulkhead(BulkheadSettings::new().max_in_flight(1))).canned();
    trial.always(Reply::silent());
    for _ in 0..40 {
        let cx = trial.cx(&GET, CallOptions::new());
        let holding = trial.http.send(&cx, &GET, trial.to("/a"));
        let refused = async {
            let error = trial.http.send(&cx, &GET, trial.to("/a")).await.expect_err("no place");
            assert_eq!((error.kind(), error.reason()), (ErrorKind::RateLimited, Some(Reason::BulkheadFull)));
            std::future::pending::<()>().await;
        };
        let both = async { assert!(tokio::time::timeout(MILLI, async { tokio::join!(holding, refused).0 }).await.is_err()) };
        trial.together(both).await.cost(1, 0).within(2 * MILLI);
    }
    assert_eq!(trial.breaker(), BreakerState::Closed);
    trial.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn t38_slow_answers_open_the_breaker() {
    let slow = |ratio: f64| {
        let breaker = BreakerSettings::new().slow_after(SECOND).slow_ratio(ratio);
        let trial = with(Resilience::new().retry(Retry::off()).breaker(breaker)).dice(0).canned();
        trial.at("/slow").always(Reply::ok("").after(SECOND + MILLI));
        trial.always(Reply::ok(""));
        trial
    };
    // 16 of 20 are 80 %, whoever came last.
    let trial = slow(0.8);
    for call in 0..20 {
        assert_eq!(trial.breaker(), BreakerState::Closed, "{call}");
        let path = if call % 5 == 0 { "/a" } else { "/slow" };
        trial.send(&GET, trial.to(path)).await.succeeded().cost(1, 0);
    }
    assert_eq!(trial.breaker(), BreakerState::Open { remaining: OPEN });
    trial.get().await.failed(ErrorKind::Unavailable, Reason::BreakerOpen).cost(0, 0);
    // A probe that is slow opens it again, though it succeeds.
    tokio::time::sleep(OPEN).await;
    trial.send(&GET, trial.to("/slow")).await.succeeded().cost(1, 0);
    assert!(matches!(trial.breaker(), BreakerState::Open { .. }));
    // Fewer are not enough; and where nobody has said what is slow, nothing is.
    for (trial, calls) in [(slow(0.9), 16), (plain().canned(), 40)] {
        for number in 0..calls + 4 {
            let reply = Reply::ok("").after(if number < calls { SECOND + MILLI } else { Duration::ZERO });
            trial.script([reply]);
            trial.send(&GET, trial.to("/b")).await.succeeded().cost(1, 0);
        }
        assert_eq!(trial.breaker(), BreakerState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn t39_a_wall_clock_that_jumps_has_no_effect() {
    for jump in [86_400 * 365, -86_400 * 365] {
        let wall = Wrong::by(0);
        let clock = Clock::from_source(wall.clone());
        let trial = half_broken(once().environment(|environment| environment.clock(clock)));
        trial.at("/busy").script([Reply::status(429).header("retry-after", "9")]);
        trial.at("/late").always(Reply::silent());
        trial.fail(20).await;
        wall.0.store(jump, Ordering::SeqCst);
        assert_eq!(trial.breaker(), BreakerState::Open { remaining: OPEN });
        tokio::time::sleep(OPEN).await;
        for _ in 0..3 {
            trial.get().await.succeeded().cost(1, 0);
        }
        trial.send(&GET, trial.to("/busy")).await.failed(ErrorKind::RateLimited, None).cost(1, 0);
        wall.0.store(0, Ordering::SeqCst);
        // Up to a tenth longer, so that not everybody comes at once.
        let waited = trial.get().await.succeeded().cost(1, 0).took;
        assert!(waited >= 9 * SECOND && waited <= 10 * SECOND, "{waited:?}");
        wall.0.store(jump, Ordering::SeqCst);
        trial.send(&GET, trial.to("/late")).await.failed(ErrorKind::Timeout, None).cost(1, 0).took(10 * SECOND);
    }
}

/// Panics within an attempt.
struct Panicking;

#[async_trait::async_trait]
impl Transport for Panicking {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
        panic!("in the transport")
    }
}

#[tokio::test(start_paused = true)]
async fn t40_a_place_is_free_again_however_the_call_ends() {
    let single = |queued: u32| Resilience::new().bulkhead(BulkheadSettings::new().max_in_flight(1).max_queued(queued));
    let trial = with(single(0)).canned();
    trial.at("/slow").always(Reply::silent());
    trial.always(Reply::ok(""));
    let cx = trial.cx(&GET, CallOptions::new());
    // Dropped.
    let dropped = async { assert!(tokio::time::timeout(SECOND, trial.http.send(&cx, &GET, trial.to("/slow"))).await.is_err()) };
    trial.together(dropped).await.cost(1, 0).took(SECOND);
    trial.get().await.succeeded().cost(1, 0);
    // Timed out.
    let bounded = CallOptions::new().timeout(SECOND);
    trial.call(&GET, bounded, trial.to("/slow")).await.failed(ErrorKind::Timeout, None).cost(1, 0);
    trial.get().await.succeeded().cost(1, 0);
    // An opened body holds it until it is dropped.
    let holding = async {
        let opened = trial.http.open(&cx, &GET, trial.to("/a")).await.expect("opened");
        let refused = trial.http.send(&cx, &GET, trial.to("/a")).await.expect_err("full");
        assert_eq!((refused.kind(), refused.reason()), (ErrorKind::RateLimited, Some(Reason::BulkheadFull)));
        assert_eq!((refused.sent(), trial.state().in_flight), (Sent::No, 1));
        drop(opened);
    };
    trial.together(holding).await.cost(1, 0).took(Duration::ZERO);
    trial.get().await.succeeded().cost(1, 0);
    // Panicked.
    let trial = Arc::new(with(single(0)).over("https://service.test", Panicking, Service::Canned(CannedTransport::new())));
    for _ in 0..3 {
        let panicking = Arc::clone(&trial);
        let task = tokio::spawn(async move {
            let cx = panicking.cx(&GET, CallOptions::new());
            panicking.http.send(&cx, &GET, panicking.to("/a")).await.map(drop)
        });
        assert!(task.await.is_err_and(|error| error.is_panic()));
        trial.assert_at_rest();
        assert_eq!((trial.state().retry_tokens, trial.breaker()), (500, BreakerState::Closed));
    }

    // So many wait as may, the next is refused at once, and everybody who waits gets a turn.
    let trial = with(single(50)).canned();
    trial.always(Reply::ok("").after(100 * MILLI));
    let full = Some(Reason::BulkheadFull);
    let call = async |number: usize| {
        let cx = trial.cx(&GET, CallOptions::new());
        let result = trial.http.send(&cx, &GET, trial.to(&format!("/{number}"))).await;
        (result.err().and_then(|error| error.reason()), Clock::System.now())
    };
    let mut calls: Vec<_> = (0..52).map(|number| Box::pin(call(number))).collect();
    let mut ends = Vec::new();
    let all = std::future::poll_fn(|context| {
        calls.retain_mut(|call| match call.as_mut().poll(context) {
            std::task::Poll::Ready(end) => {
                ends.push(end);
                false
            }
            std::task::Poll::Pending => true,
        });
        if calls.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    });
    // One after the other, 100 ms each.
    trial.together(all).await.cost(51, 0).within(51 * 102 * MILLI);
    let (refused, served): (Vec<_>, Vec<_>) = ends.iter().map(|(reason, _)| *reason).partition(Option::is_some);
    assert_eq!((ends[0].0, refused, served.len()), (full, vec![full], 51));
}

#[tokio::test(start_paused = true)]
async fn t41_idle_time_saves_up_no_burst_and_endpoints_are_bounded() {
    let trial = with(Resilience::new().rate_limit(RateLimitSettings::new().per_second(10.0).burst(2))).dice(0).canned();
    trial.always(Reply::ok(""));
    for idle in [Duration::ZERO, Duration::from_secs(86_400)] {
        tokio::time::sleep(idle).await;
        let began = Clock::System.now();
        for _ in 0..12 {
            trial.get().await.succeeded().cost(1, 0);
        }
        let took = Clock::System.now().since(began);
        assert!(took >= SECOND && took < SECOND + 50 * MILLI, "{took:?}");
    }
    soak::many_keys(4_000).assert_kept();
}

#[tokio::test(start_paused = true)]
async fn t42_a_hedge_gives_one_result_and_is_bounded() {
    let hedged = || Resilience::new().hedge(HedgeSettings::on().delay(SECOND).max_ratio(1.0));
    // The second wins, and the first is dropped with all that it held.
    let trial = with(hedged()).canned();
    trial.script([Reply::silent(), Reply::ok("second").after(SECOND)]);
    let came = trial.get().await.succeeded().took(2 * SECOND);
    assert_eq!((came.hits, came.spent, came.value().body.as_ref()), (2, RETRY - 1, &b"second"[..]));
    // The first can still win.
    let trial = with(hedged()).canned();
    trial.script([Reply::ok("first").after(SECOND + SECOND / 2), Reply::silent()]);
    assert_eq!(trial.get().await.succeeded().cost(2, RETRY - 1).took(SECOND + SECOND / 2).value().body, "first");
    // What changes something without a key is never sent twice.
    for (operation, hits) in [(&GET, 2), (&PAY, 2), (&PUT, 1), (&POST, 1)] {
        let trial = with(hedged()).canned();
        trial.always(Reply::ok("").after(3 * SECOND));
        let request = if operation.idempotency() == GET.idempotency() { trial.to("/a") } else { trial.write() };
        let came = trial.send(operation, request).await.succeeded().took(3 * SECOND);
        // A hedge is paid for, and a success at the full bucket gives nothing.
        assert_eq!((came.hits, came.spent), (hits, if hits == 2 { RETRY - 1 } else { 0 }), "{operation}");
    }
    // An empty budget keeps the hedge back, and nothing else; and so does the share of calls that may have one.
    for (resilience, hedges) in [(hedged(), 35..=40), (Resilience::new().hedge(HedgeSettings::on().delay(SECOND)), 3..=4)] {
        let trial = with(resilience).canned();
        trial.always(Reply::ok("").after(3 * SECOND));
        let mut hits = Vec::new();
        for _ in 0..60 {
            hits.push(trial.get().await.succeeded().hits);
        }
        let made = hits.iter().filter(|hits| **hits == 2).count();
        assert!(hedges.contains(&made) && hits[0] == 2, "{hits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn t42_of_two_failures_a_hedge_makes_one_error() {
    let trial = with(Resilience::new().hedge(HedgeSettings::on().delay(SECOND)).retry(Retry::off())).canned();
    trial.always(Reply::status(503).after(SECOND + SECOND / 2));
    let error = trial.get().await.failed(ErrorKind::Unavailable, None).cost(2, RETRY).took(2 * SECOND + SECOND / 2).error();
    assert_eq!((error.attempts(), error.failed_attempts().len()), (2, 2));
}
