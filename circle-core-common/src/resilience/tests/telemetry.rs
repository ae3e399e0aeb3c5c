use super::*;
use crate::telemetry::kept::Kept;

#[test]
fn retries_refusals_and_breakers_are_measured_with_bounded_labels() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let seen = Kept::default();
    metrics::with_local_recorder(&seen, || {
        runtime.block_on(async {
            let settings = BreakerSettings::new().min_calls(3).failure_ratio(1.0);
            let bench = Bench::new(Resilience::new().breaker(settings));
            bench.plain(&SAFE, &Script::always(|| Answer::Fail(unavailable()))).await.result.unwrap_err();
            bench.plain(&SAFE, &Script::new([])).await.result.unwrap_err();
            bench.endpoint.reset();
            bench.plain(&SAFE, &Script::new([])).await.result.unwrap();
        });
    });
    let operation = "circle.service=test circle.remote_operation=test.Safe";
    let breaker = "circle.breaker.state circle.service=test circle.endpoint=https://example.test";
    let all = seen.all();
    assert_eq!(all[&format!("circle.retries {operation} error.type=unavailable")], [1.0, 1.0]);
    assert_eq!(all[breaker], [2.0, 0.0]);
    assert_eq!(all[&format!("circle.rejected {operation} circle.rejected_by=breaker")], [1.0]);
    assert_eq!(all.len(), 3, "{all:?}");
}

#[test]
fn endpoints_without_end_are_one_label() {
    let seen = Kept::default();
    let policy = Policy::new(&Environment::default(), "hooks", &Resilience::new());
    metrics::with_local_recorder(&seen, || (0..1000).for_each(|host| policy.endpoint(&format!("https://{host}")).isolate()));
    let keys = seen.series("circle.breaker.state");
    assert_eq!(keys.len(), 33);
    assert!(keys.contains(&"circle.service=hooks circle.endpoint=_OTHER".to_owned()));
}

#[cfg(feature = "testkit")]
#[tokio::test(start_paused = true)]
async fn each_attempt_of_a_closure_has_a_span() {
    use crate::suite::Telemetry;
    crate::suite::telemetry::listen();
    let bench = Bench::new(Resilience::new());
    let (cx, telemetry, hits) = (bench.cx(CallOptions::new()), Telemetry::new(), AtomicU32::new(0));
    let call = bench.policy.run(&cx, &SAFE, |_| async {
        tracing::info!("inside");
        if hits.fetch_add(1, Ordering::Relaxed) == 0 { Err(unavailable()) } else { Ok(()) }
    });
    telemetry.within(call).await.unwrap();
    let records = telemetry.records();
    let spans: Vec<_> = records.iter().filter(|record| record.is_span && record.name == "attempt").collect();
    let field = |at: usize, name: &str| {
        let found = spans[at].fields.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value.clone())
    };
    assert_eq!(spans.len(), 2);
    assert_eq!((spans[0].level, spans[0].target), (tracing::Level::DEBUG, "circle"));
    assert_eq!((field(0, "otel.name").as_deref(), field(0, "url.template").as_deref()), (Some("test.Safe"), Some("/safe")));
    assert_eq!((field(0, "circle.attempt").as_deref(), field(1, "circle.attempt").as_deref()), (Some("1"), Some("2")));
    assert_eq!((field(0, "error.type").as_deref(), field(1, "error.type")), (Some("unavailable"), None));
}
