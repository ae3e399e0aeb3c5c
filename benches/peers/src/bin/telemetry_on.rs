//! What telemetry costs that somebody hears: a `tracing` subscriber that keeps spans, and a recorder of metrics.
//!
//! Run it pinned to one core: `taskset -c 1 cargo run --release --bin telemetry_on`. Subscriber and recorder are those of the process,
//! as in an application, so that they cannot be taken away again: the calls that nobody hears are measured first.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use circle_core::key_value_store::KeyValueStore;
use circle_core::memory::Memory;
use circle_core_benches::typed_call::{GET, GET_ISSUE, SHORT, Typed};
use circle_core_benches::{at_once, get, plain};
use circle_core_common::{CallContext, Environment};
use circle_core_peers::call_path::policy;
use circle_core_peers::{Contest, Contestant};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit, counter, histogram,
};

/// Counts in fixed buckets, as exporters do.
#[derive(Default)]
struct Buckets {
    counts: [AtomicU64; 15],
    sum: AtomicU64,
}

const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let at = BOUNDS.iter().position(|bound| value <= *bound).unwrap_or(BOUNDS.len());
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add((value * 1e9) as u64, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct InMemory {
    counters: Mutex<HashMap<Key, Arc<Count>>>,
    histograms: Mutex<HashMap<Key, Arc<Buckets>>>,
}

impl Recorder for InMemory {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(self.counters.lock().expect("no panic before").entry(key.clone()).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::clone(self.histograms.lock().expect("no panic before").entry(key.clone()).or_default()))
    }
}

/// The calls that are measured, with telemetry as it is.
fn contestants<'a>() -> Vec<Contestant<'a>> {
    let (files, typed, environment) = (plain(), Typed::canned(SHORT), Environment::default());
    let values = KeyValueStore::new(Memory::new());
    at_once(values.put("a", "b")).expect("a put in memory");
    let policy = policy(&environment);
    vec![
        Contestant::each("a leaf behind every policy: one span", move || {
            let cx = CallContext::new(&environment, &GET, None);
            assert_eq!(at_once(policy.run(&cx, &GET_ISSUE, |_| async { Ok(black_box(7)) })).ok(), Some(7));
        }),
        Contestant::each("typed call over HTTP, from memory: one span, one histogram, one counter", move || {
            assert_eq!(at_once(typed.issue()).expect("an issue").number, 7);
        }),
        Contestant::each("get of an object from memory: one span, one histogram, one counter", move || {
            assert_eq!(get(&files), 4096);
        }),
        Contestant::each("get of a value from memory: one span, two histograms, one counter", move || {
            assert!(at_once(values.get("a")).expect("a get from memory").is_some());
        }),
    ]
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    let contest = |title| Contest { title, rounds: 41, calls: 20_000 };
    contest("`telemetry_on`: nobody listens").run(contestants());

    tracing::subscriber::set_global_default(tracing_subscriber::registry()).expect("no subscriber before");
    contest("`telemetry_on`: a registry of spans").run(contestants());

    metrics::set_global_recorder(InMemory::default()).map_err(|_| "no recorder before").expect("no recorder before");
    contest("`telemetry_on`: a registry of spans and a recorder of metrics").run(contestants());

    // What the macros cost that look an instrument up each time; the label's text is made for each.
    let service = String::from("documents");
    let macros = Contestant::each("`histogram!` and `counter!` with three labels each, looked up every time", || {
        histogram!("a", "service" => service.clone(), "operation" => "get", "provider" => "memory").record(0.001);
        counter!("b", "service" => service.clone(), "operation" => "get", "provider" => "memory").increment(1);
    });
    contest("`telemetry_on`: instruments without a place of their own").run(vec![macros]);
}
