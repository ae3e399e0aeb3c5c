use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::*;

/// Keeps what is counted and set, with its labels.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

struct Instrument(Seen, String);

impl Instrument {
    fn of(seen: &Seen, key: &Key) -> Arc<Self> {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect::<String>();
        Arc::new(Self(seen.clone(), format!("{}{labels}", key.name())))
    }

    fn note(&self, value: impl std::fmt::Display) {
        self.0.0.lock().unwrap().push(format!("{} {value}", self.1));
    }
}

impl CounterFn for Instrument {
    fn increment(&self, value: u64) {
        self.note(value);
    }

    fn absolute(&self, _: u64) {}
}

impl GaugeFn for Instrument {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        self.note(value);
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Instrument::of(self, key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Instrument::of(self, key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn retries_refusals_and_breakers_are_measured_with_bounded_labels() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let seen = Seen::default();
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
    let expected = [
        format!("circle.retries {operation} error.type=unavailable 1"),
        format!("circle.retries {operation} error.type=unavailable 1"),
        format!("{breaker} 2"),
        format!("circle.rejected {operation} circle.rejected_by=breaker 1"),
        format!("{breaker} 0"),
    ];
    assert_eq!(*seen.0.lock().unwrap(), expected);
}

#[test]
fn endpoints_without_end_are_one_label() {
    let seen = Seen::default();
    let policy = Policy::new(&Environment::default(), "hooks", &Resilience::new());
    metrics::with_local_recorder(&seen, || (0..1000).for_each(|host| policy.endpoint(&format!("https://{host}")).isolate()));
    let keys: std::collections::BTreeSet<_> = seen.0.lock().unwrap().iter().cloned().collect();
    assert_eq!(keys.len(), 33);
    assert!(keys.contains("circle.breaker.state circle.service=hooks circle.endpoint=_OTHER 3"));
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
