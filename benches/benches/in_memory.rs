//! What a call through a handle costs, over a provider that answers from memory.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::expect_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use circle_core::audit::{AuditLog, AuditMode};
use circle_core::memory::Memory;
use circle_core::{CallOptions, ObjectStore};
use circle_core_benches::credentials::Cached;
use circle_core_benches::typed_call::{DOCUMENT, Typed};
use circle_core_benches::{CONTENT, Leaf, at_once, get, guarded, plain};
use criterion::{Criterion, criterion_group, criterion_main};

fn object_store(c: &mut Criterion) {
    let mut group = c.benchmark_group("object_store_in_memory");
    let store = plain();
    group.bench_function("get", |b| b.iter(|| get(black_box(&store))));
    group.bench_function("head", |b| b.iter(|| at_once(store.head("reports/q3.md")).is_ok()));
    group.bench_function("put", |b| b.iter(|| at_once(store.put("reports/q4.md", CONTENT.as_slice())).is_ok()));
    group.bench_function("with_options", |b| b.iter(|| store.with(CallOptions::new().tenant("acme"))));
    let store = guarded();
    group.bench_function("get_with_16_rules_and_audit_queue", |b| b.iter(|| get(black_box(&store))));
    group.finish();
}

/// Every policy around an answer that is there.
fn policies(c: &mut Criterion) {
    let mut group = c.benchmark_group("policy_stack");
    for (name, leaf) in [("usual", Leaf::usual()), ("rate_limit", Leaf::limited()), ("hedge_armed", Leaf::hedged())] {
        group.bench_function(name, |b| b.iter(|| black_box(&leaf).call()));
    }
    let leaf = Leaf::usual();
    group.bench_function("two_threads_on_one_endpoint", |b| b.iter_custom(|calls| on_two_threads(&leaf, calls)));
    group.finish();
}

/// A request, every policy, a credential, and an answer that is there.
fn typed_call(c: &mut Criterion) {
    let client = Typed::canned(DOCUMENT);
    c.bench_function("typed_call", |b| b.iter(|| at_once(black_box(&client).issue()).is_ok()));
}

/// A look into a cache that has the credential.
fn cached_credential(c: &mut Criterion) {
    let mut group = c.benchmark_group("cached_credential");
    for (name, cached) in [("secret", Cached::secret()), ("token", Cached::token()), ("tenant", Cached::token_of_a_tenant())] {
        group.bench_function(name, |b| b.iter(|| black_box(&cached).get()));
    }
    group.finish();
}

/// How long two threads take that make so many calls each.
fn on_two_threads(leaf: &Leaf, calls: u64) -> Duration {
    let start = Barrier::new(2);
    let run = || {
        start.wait();
        let began = Instant::now();
        (0..calls).for_each(|_| _ = black_box(leaf).call());
        began.elapsed()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(run);
        run().max(other.join().expect("a thread that calls"))
    })
}

/// Waits for the disk: reported, not bounded.
fn audited(c: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("circle-core-bench-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let audit = AuditLog::open(folder.join("audit.jsonl")).expect("an audit log");
    let store = ObjectStore::builder(Memory::new()).name("documents").audit(audit, AuditMode::Required).build();
    runtime.block_on(store.put("reports/q3.md", CONTENT.as_slice())).expect("a put");
    let mut group = c.benchmark_group("object_store_in_memory");
    group.sample_size(20);
    group.bench_function("get_with_audit_required", |b| b.iter(|| runtime.block_on(store.get("reports/q3.md")).is_ok()));
    group.finish();
    drop(store);
    std::fs::remove_dir_all(folder).expect("the audit log");
}

criterion_group!(benches, object_store, policies, typed_call, cached_credential, audited);
criterion_main!(benches);
