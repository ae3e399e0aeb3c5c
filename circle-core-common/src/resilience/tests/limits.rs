use std::task::{Context, Poll, Waker};

use super::*;

#[tokio::test(start_paused = true)]
async fn deadlines_bound_attempts_waits_and_the_whole() {
    let seconds = |count| CallOptions::new().timeout(count * SECOND);
    for (resilience, options, hits, took, text) in [
        // Three attempts of 10 s, and the total of 30 s ends the third.
        (Resilience::new(), CallOptions::new(), 3, 30, "within 30s"),
        (Resilience::new(), seconds(4), 1, 4, "within 4s"),
        (Resilience::new(), seconds(15), 2, 15, "within 15s"),
        // The caller's deadline takes the place of the policy's.
        (Resilience::new().total_timeout(2 * SECOND), seconds(60), 3, 30, "within 10s"),
        (Resilience::new().total_timeout(2 * SECOND), CallOptions::new(), 1, 2, "within 2s"),
        (Resilience::new().attempt_timeout(SECOND), CallOptions::new(), 3, 3, "within 1s"),
        (Resilience::new(), CallOptions::new().attempt_timeout(2 * SECOND), 3, 6, "within 2s"),
        (Resilience::new(), seconds(7).attempt_timeout(Duration::ZERO), 1, 7, "within 7s"),
    ] {
        let bench = Bench::new(resilience);
        let came = bench.call(&SAFE, &Script::always(|| Answer::Never), options).await;
        let error = came.result.unwrap_err();
        assert!(error.is(ErrorKind::Timeout) && error.sent() == Sent::Maybe && error.message().contains(text), "{error}");
        assert_eq!(came.hits, hits, "{error}");
        assert!(came.took.abs_diff(took * SECOND) <= 5 * MILLI, "{error}: {:?}", came.took);
        bench.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_the_deadline() {
    let bench = Bench::new(Resilience::new());
    let cx = bench.cx(CallOptions::new().timeout(SECOND));
    tokio::time::sleep(2 * SECOND).await;
    let script = Script::new([]);
    let error = bench.policy.execute(&cx, &SAFE, &bench.endpoint, &script).await.unwrap_err();
    assert_eq!((error.kind(), error.sent(), script.hits()), (ErrorKind::Timeout, Sent::No, 0));
}

/// Outside a runtime, a timer would panic.
#[test]
fn an_answer_that_is_there_at_once_needs_no_timer() {
    let (bench, script) = (Bench::new(Resilience::new()), Script::new([]));
    let mut call = std::pin::pin!(bench.plain(&SAFE, &script));
    match call.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(came) => assert_eq!(came.result.ok(), Some(1)),
        std::task::Poll::Pending => panic!("the answer is there"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_fails_fast_probes_and_closes() {
    let bench = Bench::new(Resilience::new().retry(Retry::off()));
    let down = Script::always(|| Answer::Fail(unavailable()));
    for call in 1..=20 {
        assert_eq!(bench.plain(&SAFE, &down).await.hits, 1, "{call}");
    }
    let came = bench.plain(&SAFE, &down).await;
    let error = came.result.unwrap_err();
    assert_eq!((came.hits, error.kind(), error.reason()), (0, ErrorKind::Unavailable, Some(Reason::BreakerOpen)));
    assert_eq!((error.retry_after(), error.sent()), (Some(5 * SECOND), Sent::No));
    assert_eq!(bench.endpoint.state().breaker, Some(BreakerState::Open { remaining: 5 * SECOND }));
    // Another endpoint is another breaker.
    let other = bench.policy.endpoint("https://other.test");
    let cx = bench.cx(CallOptions::new());
    assert!(bench.policy.execute(&cx, &SAFE, &other, &Script::new([])).await.is_ok());

    tokio::time::sleep(5 * SECOND).await;
    // One probe among ten thousand.
    let up = Script::new((0..1).map(|_| Answer::after(SECOND, Answer::Ok)));
    let calls: Vec<_> = (0..10_000).map(|_| Box::pin(bench.plain(&SAFE, &up))).collect();
    let mut calls: Vec<_> = calls;
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    let pending = calls.iter_mut().filter_map(|call| call.as_mut().poll(context).is_pending().then_some(())).count();
    assert_eq!((pending, up.hits()), (1, 1));
    // Cancelled, it makes room for the next.
    drop(calls);
    assert_eq!(bench.endpoint.state().in_flight, 0);
    for _ in 0..3 {
        assert!(bench.plain(&SAFE, &Script::new([])).await.result.is_ok());
    }
    assert_eq!(bench.endpoint.state().breaker, Some(BreakerState::Closed));
    let states: Vec<String> = bench.notes.take().into_iter().filter(|note| note.starts_with("breaker")).collect();
    assert_eq!(states, ["breaker open for 5.0 s", "breaker half open", "breaker closed"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_speak_of_the_service_does_not_open_the_breaker() {
    let error = |kind, status, sent| {
        Error::new(kind, "").with_sent(sent).with_detail(Detail { status, ..Detail::default() }).with_retryable(false)
    };
    for (failed, opens) in [
        (error(ErrorKind::Unavailable, Some(503), Sent::Yes), true),
        (error(ErrorKind::Internal, Some(500), Sent::Yes), true),
        (refused(), true),
        (cut(), true),
        (error(ErrorKind::RateLimited, Some(429), Sent::Yes), false),
        (error(ErrorKind::NotFound, Some(404), Sent::Yes), false),
        (error(ErrorKind::PermissionDenied, Some(403), Sent::Yes), false),
        (error(ErrorKind::Decode, Some(200), Sent::Yes), false),
        (error(ErrorKind::Internal, None, Sent::No), false),
        (error(ErrorKind::Unavailable, None, Sent::No).with_reason(Reason::BreakerOpen), false),
        (error(ErrorKind::Cancelled, None, Sent::Maybe), false),
    ] {
        let bench = Bench::new(Resilience::new().retry(Retry::off()));
        for _ in 0..40 {
            let _ = bench.plain(&SAFE, &Script::new([Answer::Fail(failed.clone())])).await;
        }
        let open = matches!(bench.endpoint.state().breaker, Some(BreakerState::Open { .. }));
        assert_eq!(open, opens, "{failed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_soon_is_waited_for() {
    let settings = BreakerSettings::new().min_calls(1).open(10 * MILLI);
    for (dice, hits) in [(255, 2), (0, 1)] {
        // The next wait is almost 50 ms with high dice, and nothing with low ones.
        let bench = Bench::with_dice(Resilience::new().breaker(settings.clone()), dice);
        let came = bench.plain(&SAFE, &Script::new([Answer::Fail(unavailable())])).await;
        assert_eq!(came.hits, hits);
        if let Err(error) = came.result {
            assert_eq!((error.reason(), error.sent()), (Some(Reason::BreakerOpen), Sent::No));
            assert!(error.provider_error::<Error>().is_some_and(|last| last.message() == "503"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_can_be_isolated_and_reset() {
    let bench = Bench::new(Resilience::new());
    bench.endpoint.isolate();
    assert_eq!(bench.plain(&SAFE, &Script::new([])).await.hits, 0);
    bench.endpoint.reset();
    assert_eq!(bench.plain(&SAFE, &Script::new([])).await.hits, 1);
}

#[tokio::test(start_paused = true)]
async fn one_throttled_answer_holds_every_caller_back() {
    let bench = Bench::new(Resilience::new());
    let script = Script::new([Answer::Fail(throttled(Some(5 * SECOND)))]);
    let came = bench.call(&SAFE, &script, CallOptions::new().retry(Retry::off())).await;
    assert!(came.result.unwrap_err().is(ErrorKind::RateLimited));
    // Who has time waits; who has none learns how long, and nothing is sent.
    let came = bench.call(&SAFE, &Script::new([]), CallOptions::new().timeout(3 * SECOND)).await;
    let error = came.result.unwrap_err();
    assert_eq!((came.hits, error.kind(), error.reason()), (0, ErrorKind::RateLimited, Some(Reason::LocalRateLimit)));
    assert_eq!((error.retry_after(), came.took), (Some(5 * SECOND), Duration::ZERO));
    let came = bench.plain(&SAFE, &Script::new([])).await;
    assert_eq!((came.hits, came.took.as_secs()), (1, 5));
    // What an answer's headers tell of a quota does the same.
    bench.endpoint.hold(2 * SECOND);
    assert_eq!(bench.plain(&SAFE, &Script::new([])).await.took.as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_local_rate_limit_spreads_calls_and_refuses_what_cannot_wait() {
    let bench = Bench::new(Resilience::new().rate_limit(RateLimitSettings::new().per_second(10.0).burst(2)));
    let mut took = Vec::new();
    for _ in 0..4 {
        took.push(bench.plain(&SAFE, &Script::new([])).await.took.as_millis());
    }
    assert!(took[..2] == [0, 0] && took[2..].iter().all(|took| (100..=101).contains(took)), "{took:?}");
    let came = bench.call(&SAFE, &Script::new([]), CallOptions::new().timeout(50 * MILLI)).await;
    let error = came.result.unwrap_err();
    assert_eq!((came.hits, error.reason()), (0, Some(Reason::LocalRateLimit)));
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn the_bulkhead_refuses_and_with_a_queue_it_waits_until_the_deadline() {
    let slow = || Answer::after(4 * SECOND, Answer::Ok);
    let bench = Bench::new(Resilience::new().bulkhead(BulkheadSettings::new().max_in_flight(1)));
    let (first, second) = (Script::new([slow()]), Script::new([]));
    let (first, second) = tokio::join!(bench.plain(&SAFE, &first), bench.plain(&SAFE, &second));
    assert!(first.result.is_ok());
    let error = second.result.unwrap_err();
    assert_eq!((second.hits, error.kind(), error.reason()), (0, ErrorKind::RateLimited, Some(Reason::BulkheadFull)));

    let bench = Bench::new(Resilience::new().bulkhead(BulkheadSettings::new().max_in_flight(1).max_queued(2)));
    let scripts = [Script::new([slow()]), Script::new([]), Script::new([]), Script::new([])];
    let [running, waiting, hasty, fourth] = &scripts;
    let hurry = CallOptions::new().timeout(SECOND);
    let (running, waiting, hasty, fourth) = tokio::join!(
        bench.plain(&SAFE, running),
        bench.plain(&SAFE, waiting),
        bench.call(&SAFE, hasty, hurry),
        bench.plain(&SAFE, fourth)
    );
    assert!(running.result.is_ok() && waiting.result.is_ok());
    assert_eq!(waiting.took.as_secs(), 4);
    assert_eq!((hasty.hits, hasty.took.as_secs()), (0, 1));
    assert_eq!(hasty.result.unwrap_err().reason(), Some(Reason::BulkheadFull));
    assert_eq!((fourth.took, fourth.hits), (Duration::ZERO, 0), "the queue is full");
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_place_is_not_held_between_attempts_and_rides_with_the_answer() {
    let bench = Bench::with_dice(Resilience::new().bulkhead(BulkheadSettings::new().max_in_flight(1)), 128);
    let (failing, quick) = (Script::new([Answer::Fail(throttled(None))]), Script::new([]));
    let quick_call = async {
        tokio::time::sleep(100 * MILLI).await;
        bench.plain(&SAFE, &quick).await
    };
    let (failing, quick) = tokio::join!(bench.plain(&SAFE, &failing), quick_call);
    assert!(failing.result.is_ok() && quick.result.is_ok() && failing.took > quick.took);

    let cx = bench.cx(CallOptions::new());
    let done = bench.policy.execute(&cx, &SAFE, &bench.endpoint, &Script::new([])).await.unwrap();
    let permit = done.permit.into_owned();
    assert_eq!(bench.endpoint.state().in_flight, 1);
    drop(permit);
    bench.assert_at_rest();
}

/// A timer is up to a millisecond late: a wait that ends with the deadline leaves no time for an attempt.
#[tokio::test(start_paused = true)]
async fn no_attempt_starts_behind_the_deadline() {
    let timeout = Duration::from_micros(20_500);
    for operation in [&SAFE, &ONCE] {
        let bench = Bench::with_dice(Resilience::new(), 255);
        bench.endpoint.hold(20 * MILLI);
        let came = bench.call(operation, &Script::new([]), CallOptions::new().timeout(timeout)).await;
        let error = came.result.unwrap_err();
        assert_eq!((error.kind(), error.sent(), came.hits), (ErrorKind::Timeout, Sent::No, 0), "{error}");
        bench.assert_at_rest();
    }
}

/// Calls that wait for the service must not go together when it has waited enough: their own limit still holds.
#[tokio::test(start_paused = true)]
async fn the_local_rate_limit_holds_behind_the_gate() {
    for held_before in [true, false] {
        let bench = Bench::with_dice(Resilience::new().rate_limit(RateLimitSettings::new().per_second(10.0).burst(1)), 128);
        let (bench, began) = (&bench, bench.now());
        if held_before {
            bench.endpoint.hold(2 * SECOND);
        }
        let calls = (0..30).map(|_| async {
            let came = bench.plain(&SAFE, &Script::new([])).await;
            came.result.unwrap();
            came.took
        });
        let mut calls: Vec<_> = calls.map(Box::pin).collect();
        let mut took = Vec::new();
        let context = &mut Context::from_waker(Waker::noop());
        let first = calls.iter_mut().map(|call| call.as_mut().poll(context).is_ready()).filter(|ready| *ready).count();
        if !held_before {
            assert_eq!(first, 1);
            drop(calls.remove(0));
            bench.endpoint.hold(2 * SECOND);
        }
        let start = bench.now();
        while !calls.is_empty() {
            tokio::time::sleep(10 * MILLI).await;
            calls.retain_mut(|call| match call.as_mut().poll(context) {
                Poll::Ready(_) => {
                    took.push(bench.now().since(start));
                    false
                }
                Poll::Pending => true,
            });
        }
        took.sort();
        assert!(took[0] >= 2 * SECOND, "{took:?}");
        let soon = took.iter().filter(|took| **took < 3 * SECOND).count();
        assert!(soon <= 12 && took[took.len() - 1] < 6 * SECOND, "{held_before} {:?}: {took:?}", bench.now().since(began));
        bench.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn the_breaker_hears_of_attempts_that_had_their_time_and_not_of_callers_that_have_none() {
    let timeout = |seconds| CallOptions::new().timeout(seconds * SECOND);
    for (resilience, options, opens) in [
        // What a caller allows, and what the policy allows.
        (Resilience::new(), timeout(1), false),
        (Resilience::new(), timeout(9), false),
        (Resilience::new(), timeout(10), true),
        (Resilience::new(), timeout(11), true),
        (Resilience::new(), CallOptions::new(), true),
        (Resilience::new(), CallOptions::new().attempt_timeout(SECOND), true),
        (Resilience::new().attempt_timeout(Duration::ZERO), timeout(1), false),
        (Resilience::new().attempt_timeout(Duration::ZERO), CallOptions::new(), true),
        (Resilience::new().total_timeout(2 * SECOND), CallOptions::new(), true),
        (Resilience::new().total_timeout(2 * SECOND), timeout(1), false),
    ] {
        let bench = Bench::new(resilience.retry(Retry::off()).breaker(BreakerSettings::new().window(1000 * SECOND)));
        for _ in 0..20 {
            let error = bench.call(&SAFE, &Script::always(|| Answer::Never), options.clone()).await.result.unwrap_err();
            assert_eq!((error.kind(), error.sent()), (ErrorKind::Timeout, Sent::Maybe));
        }
        let open = matches!(bench.endpoint.state().breaker, Some(BreakerState::Open { .. }));
        assert_eq!(open, opens, "{options:?} {:?}", bench.policy.resolved());
    }
    // An attempt that a total timeout ends, which others have used up, had no time of its own.
    let bench = Bench::new(Resilience::new().total_timeout(15 * SECOND).breaker(BreakerSettings::new().min_calls(2)));
    assert_eq!(bench.plain(&SAFE, &Script::always(|| Answer::Never)).await.hits, 2);
    assert_eq!(bench.endpoint.state().breaker, Some(BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn slow_answers_open_the_breaker_where_it_is_told_what_slow_is() {
    let slow = || Script::always(|| Answer::after(3 * SECOND, Answer::Ok));
    let breaker = || BreakerSettings::new().window(1000 * SECOND);
    for (settings, opens) in
        [(breaker(), false), (breaker().slow_after(3 * SECOND), true), (breaker().slow_after(4 * SECOND), false)]
    {
        let bench = Bench::new(Resilience::new().breaker(settings));
        for _ in 0..20 {
            assert!(bench.plain(&SAFE, &slow()).await.result.is_ok());
        }
        assert_eq!(matches!(bench.endpoint.state().breaker, Some(BreakerState::Open { .. })), opens);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_can_pass_a_breaker_that_stops_the_others() {
    let bench = Bench::new(Resilience::new());
    bench.endpoint.isolate();
    let anyway = || CallOptions::new().ignore_breaker();
    assert_eq!(bench.plain(&SAFE, &Script::new([])).await.hits, 0);
    assert!(bench.call(&SAFE, &Script::new([]), anyway()).await.result.is_ok());
    assert_eq!(bench.endpoint.state().breaker, Some(BreakerState::Isolated));
    // Nor does it take the place of a probe.
    let bench = Bench::new(Resilience::new().breaker(BreakerSettings::new().min_calls(1)).retry(Retry::off()));
    bench.plain(&SAFE, &Script::new([Answer::Fail(unavailable())])).await.result.unwrap_err();
    assert!(bench.call(&SAFE, &Script::new([]), anyway()).await.result.is_ok());
    assert_eq!(bench.endpoint.state().breaker, Some(BreakerState::Open { remaining: 5 * SECOND }));
    bench.assert_at_rest();
}

/// All of them at the same time.
pub(super) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(ready) = future.as_mut().poll(context) {
                *output = Some(ready);
            }
        }
        if futures.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_adapts_falls_under_overload_and_comes_back() {
    let bulkhead = BulkheadSettings::new().max_in_flight(20).adaptive(true);
    let bench = Bench::new(Resilience::new().bulkhead(bulkhead).breaker(BreakerSettings::off()).retry(Retry::off()));
    let limit = || bench.endpoint.state().max_in_flight;
    let mut limits = vec![limit()];
    let overloaded = || Error::new(ErrorKind::Timeout, "408").with_sent(Sent::Yes);
    for error in
        [unavailable, overloaded, cut, || throttled(None), || Error::new(ErrorKind::NotFound, "404").with_sent(Sent::Yes)]
    {
        tokio::time::sleep(SECOND).await;
        bench.plain(&SAFE, &Script::new([Answer::Fail(error())])).await.result.unwrap_err();
        limits.push(limit());
    }
    // A cut connection and too many requests in a while are no sign of too many at the same time; nor is one call alone a sign
    // that more can be borne.
    assert_eq!(limits, [20, 18, 16, 16, 16, 16]);
    let busy = Script::always(|| Answer::after(SECOND, Answer::Ok));
    let came = together((0..40).map(|_| bench.plain(&SAFE, &busy))).await;
    assert_eq!(came.iter().filter(|came| came.result.is_ok()).count(), 16);
    assert!(came.iter().filter_map(|came| came.result.as_ref().err()).all(|error| error.reason() == Some(Reason::BulkheadFull)));
    for _ in 0..20 {
        together((0..20).map(|_| bench.plain(&SAFE, &busy))).await;
    }
    assert_eq!(limit(), 20);
    // Attempts that run into their timeout together lower it once.
    tokio::time::sleep(SECOND).await;
    let (silent, hurry) = (Script::always(|| Answer::Never), CallOptions::new().attempt_timeout(SECOND));
    together((0..20).map(|_| bench.call(&SAFE, &silent, hurry.clone()))).await;
    assert_eq!(limit(), 18);
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_crowded_queue_serves_the_last_come_first_and_nobody_beyond_the_deadline() {
    // One place, and a second for each call: of six that wait, three come in time.
    let bench = Bench::new(Resilience::new().bulkhead(BulkheadSettings::new().max_in_flight(1).max_queued(6)));
    let busy = Script::always(|| Answer::after(SECOND, Answer::Ok));
    let patience = CallOptions::new().timeout(4500 * MILLI);
    let came = together((0..8).map(|_| bench.call(&SAFE, &busy, patience.clone()))).await;
    let took: Vec<_> = came.iter().map(|came| came.result.is_ok().then_some(came.took.as_secs())).collect();
    assert_eq!(took, [Some(1), None, None, None, Some(4), Some(3), Some(2), None]);
    assert!(came.iter().all(|came| came.took <= 4500 * MILLI + MILLI));
    bench.assert_at_rest();
}

/// What an answer tells bounds the callers that come after it, however many they are.
#[tokio::test(start_paused = true)]
async fn no_more_calls_start_than_the_service_says_remain() {
    let bench = Bench::new(Resilience::new().rate_limit(RateLimitSettings::new().pace(0.0)));
    let told = |remaining| RateLimit {
        limit: Some(5),
        remaining: Some(remaining),
        reset_after: Some(10 * SECOND),
        ..RateLimit::default()
    };
    bench.endpoint.told(&SAFE, &[told(3)]);
    assert_eq!(bench.endpoint.state().quota_left, Some(3));
    let script = Script::new([]);
    let came = together((0..10).map(|_| bench.plain(&SAFE, &script))).await;
    let mut took: Vec<u64> = came.iter().map(|came| came.took.as_secs()).collect();
    took.sort_unstable();
    // Three at once, five in the next window, and the rest in the one behind it.
    assert_eq!(took, [0, 0, 0, 10, 10, 10, 10, 10, 20, 20]);
    assert_eq!(script.hits(), 10);
    // Who has no time for it learns how long it would be.
    bench.endpoint.told(&SAFE, &[told(0)]);
    let came = bench.call(&SAFE, &Script::new([]), CallOptions::new().timeout(SECOND)).await;
    let error = came.result.unwrap_err();
    assert_eq!((came.hits, error.kind(), error.reason()), (0, ErrorKind::RateLimited, Some(Reason::LocalRateLimit)));
    assert!(error.retry_after().is_some_and(|wait| wait > SECOND), "{error:?}");
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_quota_of_one_operation_does_not_stop_another() {
    let bench = Bench::new(Resilience::new());
    let search = RateLimit {
        scope: LimitScope::Named("search".to_owned()),
        limit: Some(30),
        remaining: Some(0),
        reset_after: Some(10 * SECOND),
        ..RateLimit::default()
    };
    bench.endpoint.told(&SAFE, &[search]);
    assert_eq!(bench.plain(&IDEMPOTENT, &Script::new([])).await.took, Duration::ZERO);
    assert_eq!(bench.plain(&SAFE, &Script::new([])).await.took.as_secs(), 10);
    // A refusal of it closes nothing else either, and one of everything does.
    let mut detail = Detail { status: Some(429), retry_after: Some(5 * SECOND), ..Detail::default() };
    detail.limited_apart = true;
    let refused = Error::new(ErrorKind::RateLimited, "429").with_sent(Sent::Yes).with_detail(detail);
    let came = bench.call(&SAFE, &Script::new([Answer::Fail(refused)]), CallOptions::new().retry(Retry::off())).await;
    assert!(came.result.is_err());
    assert!(bench.endpoint.state().held.is_zero());
}

#[tokio::test(start_paused = true)]
async fn a_call_may_count_for_several_and_tenants_have_their_own() {
    let limit = || RateLimitSettings::new().per_second(1.0).burst(3);
    let bench = Bench::new(Resilience::new().rate_limit(limit()));
    let took = async |options| bench.call(&SAFE, &Script::new([]), options).await.took.as_secs();
    assert_eq!(took(CallOptions::new().rate_cost(3)).await, 0);
    assert_eq!(took(CallOptions::new().rate_cost(2)).await, 2);
    // More than can be counted are as many as can be.
    let bench = Bench::new(Resilience::new().rate_limit(RateLimitSettings::new().per_second(65_535.0).burst(65_535)));
    for expected in [0, 1] {
        let came = bench.call(&SAFE, &Script::new([]), CallOptions::new().rate_cost(u32::MAX)).await;
        assert_eq!((came.result.is_ok(), came.took.as_secs()), (true, expected));
    }
    let bench = Bench::new(Resilience::new().rate_limit(limit().burst(1).by(LimitBy::Tenant)));
    let took = async |tenant: &str| bench.call(&SAFE, &Script::new([]), CallOptions::new().tenant(tenant)).await.took.as_secs();
    assert_eq!([took("a").await, took("b").await, took("a").await, took("b").await], [0, 0, 1, 0]);
}
