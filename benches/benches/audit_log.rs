//! What an audit log of a million records costs to open and to verify. Writes 360 MB into the folder for temporary files.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::expect_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::sync::Arc;

use circle_core::audit::{AuditLog, AuditMode, Verifier};
use circle_core::memory::Memory;
use circle_core::{CallOptions, Environment, Handle, ObjectStore};
use criterion::{Criterion, criterion_group, criterion_main};

const RECORDS: u64 = 1_000_000;

fn audit_log(c: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("circle-core-bench-audit-{}", std::process::id()));
    let path = folder.join("audit.jsonl");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let log = Arc::new(AuditLog::open(&path).expect("an audit log"));
    let key = log.verifying_key().clone();
    let environment = Environment::builder().audit_arc(log.clone(), AuditMode::BestEffort).build();
    // In one: a handle that is shadowed would hold the log open.
    let store = ObjectStore::new(Memory::new())
        .rebind(environment, "documents")
        .with(CallOptions::new().principal("ana@example.com").tenant("acme"));
    runtime.block_on(async {
        store.put("reports/2026/q3.md", "…").await.expect("a put");
        for call in 1..RECORDS / 2 {
            store.head("reports/2026/q3.md").await.expect("an answer");
            // The log takes no more than it can hold.
            if call % 10_000 == 0 {
                log.seal().await.expect("a checkpoint");
            }
        }
        log.seal().await.expect("a checkpoint");
    });
    drop((store, log));

    let mut group = c.benchmark_group("audit_log_of_1_000_000_records");
    group.sample_size(10);
    group.bench_function("open", |b| b.iter(|| AuditLog::open(black_box(&path)).expect("the audit log")));
    group.bench_function("verify", |b| {
        b.iter(|| {
            let found = Verifier::new([key.clone()]).verify(black_box(&path)).expect("the audit log");
            assert_eq!((found.records, found.signed, found.integrity.code()), (RECORDS, RECORDS, "unanchored"));
        });
    });
    group.finish();
    std::fs::remove_dir_all(folder).expect("the audit log");
}

criterion_group!(benches, audit_log);
criterion_main!(benches);
