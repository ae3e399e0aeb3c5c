use std::sync::atomic::AtomicBool;

use async_trait::async_trait;

use super::limits::together;
use super::*;

/// A store that takes so long for each answer, and gives whatever is asked for.
struct Slow {
    answer: Duration,
    answers: AtomicBool,
    asked: AtomicU32,
}

#[async_trait]
impl RateLimitStore for Slow {
    async fn take(&self, _: TakeRequest<'_>) -> Result<Taken> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if !self.answers.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
        tokio::time::sleep(self.answer).await;
        Ok(Taken::Granted)
    }
}

/// A policy over such a store; a slice of the rate is one request, so that each call asks for itself.
fn over(answer: Duration, on_failure: StoreFailure) -> (Bench, Arc<Slow>) {
    let store = Arc::new(Slow { answer, answers: AtomicBool::new(true), asked: AtomicU32::new(0) });
    let rate = RateLimitSettings::new().per_second(1.0).burst(1).on_store_failure(on_failure);
    let mut bench = Bench::new(Resilience::new().rate_limit(rate).retry(Retry::off()));
    let resilience = Resilience::new().rate_limit(RateLimitSettings::new().per_second(1.0).burst(1).on_store_failure(on_failure));
    bench.policy = Policy::sharing(&bench.environment, "test", &resilience.retry(Retry::off()), store.clone());
    bench.endpoint = bench.policy.endpoint("https://example.test");
    (bench, store)
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_line_for_the_store_says_nothing_of_it() {
    let (bench, store) = over(600 * MILLI, StoreFailure::Refuse);
    let script = Script::new([]);
    let came = together((0..4).map(|_| bench.plain(&SAFE, &script))).await;
    // The last one waits for longer than the store may take, and is served by it all the same.
    assert_eq!(came.iter().map(|came| came.took.as_millis()).collect::<Vec<_>>(), [600, 1200, 1800, 2400]);
    assert!(came.iter().all(|came| came.result.is_ok()));
    assert_eq!((script.hits(), store.asked.load(Ordering::Relaxed)), (4, 4));
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn who_has_no_time_for_the_store_does_not_make_it_fail() {
    let (bench, store) = over(600 * MILLI, StoreFailure::Refuse);
    let script = Script::new([]);
    let hurried = bench.call(&SAFE, &script, CallOptions::new().timeout(500 * MILLI)).await;
    let error = hurried.result.unwrap_err();
    assert_eq!((error.kind(), error.sent(), hurried.took, hurried.hits), (ErrorKind::Timeout, Sent::No, 500 * MILLI, 0));
    let next = bench.plain(&SAFE, &script).await;
    assert_eq!((next.result.is_ok(), next.took, store.asked.load(Ordering::Relaxed)), (true, 600 * MILLI, 2));
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_rests_for_all_who_wait() {
    let (bench, store) = over(MILLI, StoreFailure::Refuse);
    store.answers.store(false, Ordering::Relaxed);
    let script = Script::new([]);
    let came = together((0..4).map(|_| bench.plain(&SAFE, &script))).await;
    for came in came {
        let error = came.result.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::RateLimited, Some(Reason::LocalRateLimit)));
        assert_eq!(came.took, SECOND);
    }
    assert_eq!((script.hits(), store.asked.load(Ordering::Relaxed)), (0, 1), "one asks for all");
    store.answers.store(true, Ordering::Relaxed);
    // Rested, it is asked again.
    tokio::time::sleep(SECOND).await;
    bench.plain(&SAFE, &script).await.result.unwrap();
    assert_eq!(store.asked.load(Ordering::Relaxed), 2);
    // Where this process has a share of its own, it goes on with that.
    let (bench, store) = over(MILLI, StoreFailure::Share);
    store.answers.store(false, Ordering::Relaxed);
    let came = bench.plain(&SAFE, &script).await;
    assert_eq!((came.result.is_ok(), came.took), (true, SECOND));
    bench.assert_at_rest();
}

/// Once for each outage: neither for every call of one, nor only for the first there ever was.
#[cfg(feature = "testkit")]
#[tokio::test(start_paused = true)]
async fn an_outage_of_the_store_is_told_once() {
    use crate::suite::Telemetry;
    crate::suite::telemetry::listen();
    let (bench, store) = over(MILLI, StoreFailure::Refuse);
    store.answers.store(false, Ordering::Relaxed);
    let (telemetry, script) = (Telemetry::new(), Script::new([]));
    let told = || telemetry.records().iter().filter(|record| record.level == tracing::Level::WARN).count();
    for (after, expected) in [(Duration::ZERO, 1), (2 * SECOND, 1), (30 * SECOND, 1), (120 * SECOND, 2)] {
        tokio::time::sleep(after).await;
        telemetry.within(bench.plain(&SAFE, &script)).await.result.unwrap_err();
        assert_eq!(told(), expected, "{after:?}");
    }
}
