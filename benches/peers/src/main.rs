//! Getting 4 KiB from memory: a handle of Circle Core beside object_store and OpenDAL, in one run.
//!
//! `cargo run --release` prints a table: nanoseconds and allocations per call, and the ratio to Circle Core's plain
//! handle. All are measured in turn within every round; a figure is the median of the rounds, a ratio the median of the
//! rounds' own ratios with the interval that holds it with a probability of 95 %.

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use circle_core_benches::{CONTENT, at_once, get, guarded, plain};
use object_store::{ObjectStoreExt as _, PutPayload};
use opendal::layers::{MetricsLayer, RetryLayer, TimeoutLayer, TracingLayer};

/// Rounds; the interval of the median below is for this number.
const ROUNDS: usize = 41;
/// Calls of each contestant in a round.
const CALLS: u32 = 20_000;
/// The order statistics that hold the median of 41 values with a probability of 95 % (binomial, p = ½).
const INTERVAL: (usize, usize) = (13, 27);

type Call = Box<dyn Fn() -> usize>;

fn contestants() -> Vec<(&'static str, Call)> {
    let (plain, guarded) = (plain(), guarded());
    let path = object_store::path::Path::from("reports/q3.md");
    let object_store = object_store::memory::InMemory::new();
    at_once(object_store.put(&path, PutPayload::from_static(&CONTENT))).expect("a put");
    let bare = opendal::Operator::new(opendal::services::Memory::default()).expect("an operator");
    at_once(bare.write("reports/q3.md", Bytes::from_static(&CONTENT))).expect("a write");
    let layered = bare
        .clone()
        .layer(TimeoutLayer::new())
        .layer(RetryLayer::new())
        .layer(TracingLayer::new())
        .layer(MetricsLayer::default());
    let opendal = |operator: opendal::Operator| -> Call {
        Box::new(move || at_once(operator.read("reports/q3.md")).expect("a read").to_bytes().len())
    };
    vec![
        ("Circle Core, access control and audit off", Box::new(move || get(&plain)) as Call),
        ("Circle Core, 16 access rules and a bounded audit queue", Box::new(move || get(&guarded))),
        (
            "object_store 0.14 InMemory, no layers",
            Box::new(move || at_once(async { object_store.get(&path).await?.bytes().await }).expect("a get").len()),
        ),
        ("OpenDAL 0.59 Memory, no layers", opendal(bare)),
        ("OpenDAL 0.59 Memory, timeout, retry, tracing, metrics layers", opendal(layered)),
    ]
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    let contestants = contestants();
    let mut rounds: Vec<Vec<f64>> = vec![Vec::with_capacity(ROUNDS); contestants.len()];
    // One round more than is counted: the first warms up.
    for round in 0..=ROUNDS {
        for ((_, call), times) in contestants.iter().zip(&mut rounds) {
            let start = Instant::now();
            for _ in 0..CALLS {
                assert_eq!(black_box(call()), CONTENT.len());
            }
            if round > 0 {
                times.push(start.elapsed().as_nanos() as f64 / f64::from(CALLS));
            }
        }
    }
    println!("| get of 4 KiB from memory | ns | allocations | × plain handle (95 %) |\n|---|---:|---:|---:|");
    for ((name, call), times) in contestants.iter().zip(&rounds) {
        let allocations = allocation_counter::measure(|| assert_eq!(call(), CONTENT.len())).count_total;
        let ratios = sorted(times.iter().zip(&rounds[0]).map(|(time, plain)| time / plain).collect());
        let (low, high) = (ratios[INTERVAL.0], ratios[INTERVAL.1]);
        let (time, ratio) = (sorted(times.clone())[ROUNDS / 2], ratios[ROUNDS / 2]);
        println!("| {name} | {time:.0} | {allocations} | {ratio:.2} ({low:.2} to {high:.2}) |");
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}
