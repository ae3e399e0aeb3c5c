use std::task::{Context, Waker};

use super::limits::together;
use super::*;

/// The work of a call may itself go through policies: what these refuse is said of another endpoint.
#[tokio::test(start_paused = true)]
async fn what_a_policy_within_the_attempt_refused_is_not_the_services_word() {
    let bench = Bench::new(Resilience::new().retry(Retry::off()).breaker(BreakerSettings::new().min_calls(1)));
    for (kind, reason) in [
        (ErrorKind::RateLimited, Reason::LocalRateLimit),
        (ErrorKind::RateLimited, Reason::BulkheadFull),
        (ErrorKind::Unavailable, Reason::BreakerOpen),
    ] {
        let detail = Detail { retry_after: Some(5 * SECOND), ..Detail::default() };
        let error = Error::new(kind, "refused within").with_reason(reason).with_detail(detail);
        bench.plain(&SAFE, &Script::new([Answer::Fail(error)])).await.result.unwrap_err();
        assert!(bench.endpoint.state().held.is_zero() && !bench.endpoint.slow_start.is_on(), "{reason:?}");
        assert_eq!(bench.plain(&SAFE, &Script::new([])).await.took, Duration::ZERO);
    }
    assert_eq!(bench.endpoint.state().breaker, Some(BreakerState::Closed));
    // The service's own word closes the gate.
    bench.plain(&SAFE, &Script::new([Answer::Fail(throttled(Some(5 * SECOND)))])).await.result.unwrap_err();
    assert!(bench.endpoint.slow_start.is_on());
    assert_eq!(bench.endpoint.state().held, 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn behind_a_refusal_callers_begin_slowly_and_who_is_dropped_leaves_his_turn() {
    let bench = Bench::new(Resilience::new().retry(Retry::off()));
    bench.plain(&SAFE, &Script::new([Answer::Fail(throttled(Some(SECOND)))])).await.result.unwrap_err();
    let busy = Script::always(|| Answer::after(100 * MILLI, Answer::Ok));
    for polls in 0..3 {
        let mut dropped: Vec<_> = (0..4).map(|_| Box::pin(bench.plain(&SAFE, &busy))).collect();
        for _ in 0..polls {
            for call in &mut dropped {
                assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            tokio::time::sleep(10 * MILLI).await;
        }
    }
    let began = tokio::time::Instant::now();
    let came = together((0..8).map(|_| bench.plain(&SAFE, &busy))).await;
    assert!(came.iter().all(|came| came.result.is_ok()));
    // Behind the gate one, two, four, and the last: 100 ms each.
    let took = began.elapsed();
    assert!(took > 1300 * MILLI && took < 1600 * MILLI, "{took:?}");
    // Taken, and nobody waits: all at once again.
    let began = tokio::time::Instant::now();
    together((0..50).map(|_| bench.plain(&SAFE, &busy))).await;
    assert!(began.elapsed() < 450 * MILLI, "{:?}", began.elapsed());
    bench.assert_at_rest();
}
