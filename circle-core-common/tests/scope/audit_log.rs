//! The audit in a file: what it keeps over a crash, a rush and a full disk.

use std::sync::Arc;

use circle_core_common::ErrorKind;
use circle_core_common::audit::{AuditLog, AuditMode, AuditSink};
use circle_core_common::interfaces::object_store::ObjectStore;

use super::answering;

#[tokio::test]
async fn the_file_keeps_whole_lines_over_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/audit.jsonl");
    {
        let files = ObjectStore::builder(answering(200))
            .name("documents")
            .audit(AuditLog::open(&path).unwrap(), AuditMode::Required)
            .build();
        let mut calls = tokio::task::JoinSet::new();
        for at in 0..200 {
            let files = files.clone();
            calls.spawn(async move { files.head(format!("k{at}")).await.map(drop) });
        }
        assert!(calls.join_all().await.into_iter().all(|result| result.is_ok()));
    }
    let whole = std::fs::read_to_string(&path).unwrap();
    assert_eq!(whole.lines().count(), 400, "an intent and an outcome of each call");
    for line in whole.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["operation"], "object_store.head");
        assert_eq!(record["service"], "documents");
    }
    // A crash tore the last line; opening cuts it off and goes on behind the last whole one.
    std::fs::write(&path, format!("{whole}{{\"at\":\"2026")).unwrap();
    let files = ObjectStore::builder(answering(1)).audit(AuditLog::open(&path).unwrap(), AuditMode::Required).build();
    files.head("later").await.unwrap();
    let mended = std::fs::read_to_string(&path).unwrap();
    assert!(mended.starts_with(&whole) && mended.lines().count() == 402);
    assert!(mended.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[tokio::test]
async fn somebody_elses_file_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for foreign in [b"{\"call\":1}\n{\"call\":2}\n".to_vec(), vec![b'x'; 2 << 20], b"x".to_vec()] {
        std::fs::write(&path, &foreign).unwrap();
        let error = AuditLog::open(&path).unwrap_err();
        assert!(error.is(ErrorKind::Corrupt) && error.to_string().contains("audit.jsonl"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), foreign);
    }
}

#[tokio::test]
async fn a_log_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let first = AuditLog::open(&path).unwrap();
    let error = AuditLog::open(&path).unwrap_err();
    assert!(error.is(ErrorKind::Unavailable) && error.to_string().contains("another process"), "{error}");
    let origin = first.origin().to_owned();
    drop(first);
    assert_eq!(AuditLog::open(&path).unwrap().origin(), origin);
}

#[tokio::test]
async fn what_another_writes_into_the_log_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::open(&path).unwrap();
    let files = ObjectStore::builder(answering(1)).audit(log, AuditMode::Required).build();
    files.head("a").await.unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{whole}{{}}\n")).unwrap();
    let error = files.head("b").await.unwrap_err();
    assert_eq!(error.reason(), Some(circle_core_common::Reason::AuditUnavailable), "{error}");
}

#[tokio::test]
async fn best_effort_records_reach_the_file_however_many_come_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit: Arc<AuditLog> = Arc::new(AuditLog::open(&path).unwrap());
    let files = ObjectStore::new(answering(4000));
    let environment = circle_core_common::Environment::builder().audit_arc(audit.clone(), AuditMode::BestEffort).build();
    let files = circle_core_common::Handle::rebind(&files, environment, "documents");
    for at in 0..4000 {
        files.head(format!("k{at}")).await.unwrap();
    }
    audit.flush().await.unwrap();
    assert_eq!((std::fs::read_to_string(&path).unwrap().lines().count(), audit.dropped()), (8000, 0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn records_that_a_full_disk_loses_are_counted_though_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let audit: Arc<AuditLog> = Arc::new(AuditLog::open(&path).unwrap());
    let environment = circle_core_common::Environment::builder().audit_arc(audit.clone(), AuditMode::BestEffort).build();
    let files = circle_core_common::Handle::rebind(&ObjectStore::new(answering(1)), environment, "documents");
    files.head("a").await.unwrap();
    // What waits behind them in the queue is answered after them; it has nothing to write itself.
    let _ = audit.flush().await;
    assert_eq!(audit.dropped(), 2);
}

#[tokio::test]
async fn an_audit_file_that_cannot_be_made_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = AuditLog::open(folder.path().join("file/audit.jsonl")).unwrap_err();
    assert!(error.is(ErrorKind::Unavailable) && error.to_string().contains("file/audit.jsonl"), "{error}");
}
