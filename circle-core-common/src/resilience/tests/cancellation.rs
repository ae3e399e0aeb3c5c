use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::context::Cancel;

/// Everything that can wait at once: a rate limit, a queue, a hedge, a schedule of waits.
fn everything() -> Resilience {
    Resilience::new()
        .hedge(HedgeSettings::on().delay(10 * MILLI))
        .rate_limit(RateLimitSettings::new().per_second(100.0).burst(1).slow_start(false))
        .bulkhead(BulkheadSettings::new().max_in_flight(4).max_queued(4))
        .breaker(BreakerSettings::new().min_calls(1000))
}

/// Each poll is followed by a little time, so that every wait is seen at its beginning, in it and at its end.
#[tokio::test(start_paused = true)]
async fn dropped_at_any_await_nothing_is_held() {
    let answers = || {
        [
            Answer::after(30 * MILLI, Answer::Fail(unavailable())),
            Answer::after(5 * MILLI, Answer::Fail(throttled(Some(20 * MILLI)))),
            Answer::after(3 * MILLI, Answer::Fail(cut())),
            Answer::after(15 * MILLI, Answer::Ok),
        ]
    };
    let (mut finished, mut furthest) = (false, 0);
    let bench = Bench::with_dice(everything(), 128);
    for polls in 0..400 {
        let script = Script::new(answers());
        {
            let mut call = pin!(bench.plain(&SAFE, &script));
            for poll in 0..polls {
                let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                if let Poll::Ready(came) = polled {
                    assert!(came.result.is_ok(), "{:?}", came.result);
                    (finished, furthest) = (true, poll);
                    break;
                }
                tokio::time::sleep(MILLI).await;
            }
        }
        bench.assert_at_rest();
        if finished {
            break;
        }
        // What was drawn and held is back before the next.
        tokio::time::sleep(100 * SECOND).await;
    }
    assert!(finished && furthest > 40, "{furthest}");
    // A full service again: every place, and the rate limit owes nothing.
    let scripts: Vec<Script> = (0..4).map(|_| Script::new([Answer::Never])).collect();
    let mut calls: Vec<_> = scripts.iter().map(|script| Box::pin(bench.plain(&ONCE, script))).collect();
    for call in &mut calls {
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        tokio::time::sleep(20 * MILLI).await;
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(bench.endpoint.state().in_flight, 4);
    drop(calls);
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_at_any_await_leaves_its_place_to_the_next() {
    for polls in 1..30 {
        let settings = BreakerSettings::new().min_calls(1).open(SECOND);
        let bench = Bench::new(everything().breaker(settings));
        bench.call(&SAFE, &Script::new([Answer::Fail(unavailable())]), CallOptions::new().retry(Retry::off())).await;
        assert!(matches!(bench.endpoint.state().breaker, Some(BreakerState::Open { .. })));
        tokio::time::sleep(SECOND).await;
        {
            let script = Script::new([Answer::after(20 * MILLI, Answer::Never)]);
            let mut call = pin!(bench.plain(&SAFE, &script));
            for _ in 0..polls {
                assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                tokio::time::sleep(MILLI).await;
            }
        }
        let came = bench.plain(&SAFE, &Script::new([])).await;
        assert!(came.result.is_ok(), "{polls}: {:?}", came.result);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_stops_waiting() {
    let full = Resilience::new().bulkhead(BulkheadSettings::new().max_in_flight(1).max_queued(1));
    let slow_limit = Resilience::new().rate_limit(RateLimitSettings::new().per_second(0.1).burst(1));
    for (resilience, answer, hits) in
        [(Resilience::new(), Answer::Fail(throttled(Some(10 * SECOND))), 1), (full, Answer::Ok, 0), (slow_limit, Answer::Ok, 0)]
    {
        let bench = Bench::new(resilience);
        let holding = Script::new([Answer::after(20 * SECOND, Answer::Ok)]);
        let cancel = Cancel::new();
        let script = Script::new([answer]);
        let first = async {
            if hits == 0 {
                bench.call(&SAFE, &holding, CallOptions::new().attempt_timeout(60 * SECOND)).await.result.unwrap();
            }
        };
        let cancelling = async {
            tokio::time::sleep(SECOND).await;
            cancel.cancel();
        };
        let waiting = bench.call(&SAFE, &script, CallOptions::new().cancel(&cancel));
        let ((), came, ()) = tokio::join!(first, waiting, cancelling);
        let error = came.result.unwrap_err();
        assert_eq!((error.kind(), came.hits, came.took.as_secs()), (ErrorKind::Cancelled, hits, 1), "{error}");
        bench.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_gives_everything_back() {
    struct Panics;
    impl Attempts for Panics {
        type Output = ();

        async fn attempt(&self, _: Attempt) -> Result<()> {
            panic!("in the provider");
        }
    }
    let bench = Arc::new(Bench::new(Resilience::new()));
    let task = tokio::spawn({
        let bench = Arc::clone(&bench);
        async move {
            let cx = bench.cx(CallOptions::new());
            bench.policy.execute(&cx, &SAFE, &bench.endpoint, &Panics).await.map(drop)
        }
    });
    assert!(task.await.unwrap_err().is_panic());
    bench.assert_at_rest();
}

#[tokio::test]
async fn an_observer_that_panics_breaks_no_call() {
    struct Panics;
    impl Observer for Panics {
        fn event(&self, _: &PolicyEvent<'_>) {
            panic!("in the observer");
        }
    }
    let environment = Environment::builder().observer(Panics).build();
    let policy = Policy::new(&environment, "test", &Resilience::new());
    let cx = CallContext::new(&environment, &WRITE, None);
    assert_eq!(policy.run(&cx, &SAFE, |_| async { Ok(1) }).await.unwrap(), 1);
}

#[test]
fn two_threads_leave_the_counters_right() {
    const CALLS: u32 = 3000;
    let policy =
        Policy::new(&Environment::default(), "test", &Resilience::new().breaker(BreakerSettings::new().failure_ratio(0.9)));
    let endpoint = policy.endpoint("");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(async {
                    for call in 0..CALLS {
                        let cx = CallContext::new(
                            &Environment::default(),
                            &WRITE,
                            Some(CallOptions::new().retry(Retry::off()).into()),
                        );
                        let script = Script::new((call % 3 == 0).then(|| Answer::Fail(unavailable())));
                        let done = policy.execute(&cx, &SAFE, &endpoint, &script).await;
                        assert_eq!(done.is_err(), call % 3 == 0);
                    }
                });
            });
        }
    });
    let state = endpoint.state();
    assert_eq!((state.in_flight, state.breaker, state.retry_tokens), (0, Some(BreakerState::Closed), 500));
    assert_eq!(
        endpoint.breaker.as_ref().map(|breaker| breaker.counted(endpoint.telemetry().now().since_start())),
        Some((2 * u64::from(CALLS), 2 * u64::from(CALLS / 3)))
    );
}

#[tokio::test(start_paused = true)]
async fn the_price_of_a_retry_that_is_not_made_comes_back() {
    for dropped in [true, false] {
        let bench = Bench::with_dice(Resilience::new(), 128);
        let cancel = Cancel::new();
        let script = Script::new([Answer::Fail(throttled(Some(10 * SECOND)))]);
        {
            let mut call = pin!(bench.call(&SAFE, &script, CallOptions::new().cancel(&cancel)));
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(bench.endpoint.state().retry_tokens, 495);
            if !dropped {
                cancel.cancel();
                assert!(call.await.result.unwrap_err().is(ErrorKind::Cancelled));
            }
        }
        assert_eq!((script.hits(), bench.endpoint.state().retry_tokens), (1, 500), "dropped: {dropped}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_gets_the_retry_back_that_is_not_made() {
    let share = BudgetSettings::new().ratio(0.5).min_per_second(1);
    let bench = Bench::with_dice(Resilience::new().retry(Retry::new().budget(share)), 128);
    let left = || bench.endpoint.state().retry_tokens;
    for calls in 1..=10 {
        let script = Script::new([Answer::Fail(unavailable())]);
        {
            let mut call = pin!(bench.plain(&SAFE, &script));
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            // Ten that may always be and half of the calls, less the one that is waited for.
            assert_eq!(left(), 10 + calls / 2 - 1);
        }
        assert_eq!((script.hits(), left()), (1, 10 + calls / 2));
    }
    // One that is made counts.
    bench.plain(&SAFE, &Script::new([Answer::Fail(unavailable())])).await.result.unwrap();
    assert_eq!(left(), 10 + 11 / 2 - 1);
}
