//! The scope around every call: access control, audit, metrics, deadline, cancellation.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circle_core_common::access::{AccessControl, AccessRequest, AccessRule, AccessRules, Decision, Verdict};
use circle_core_common::audit::{AuditEvent, AuditMode, AuditQueue, AuditRecord, AuditSink, FileAudit, Recording};
use circle_core_common::interfaces::object_store::{MockObjectStoreProvider, ObjectMeta, ObjectStore};
use circle_core_common::{CallOptions, CallReport, Cancel, Class, Error, ErrorKind, Reason, Result, Sent, Timestamp};

/// Keeps records, or refuses them.
#[derive(Clone, Default)]
struct Sink {
    records: Arc<Mutex<Vec<AuditRecord>>>,
    broken: bool,
    /// Refuses outcomes only.
    forgetful: bool,
}

/// Takes records and never says that they are durable.
#[derive(Clone, Default)]
struct Slow(Sink);

impl AuditSink for Slow {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        match self.0.record(record) {
            Recording::Done(Ok(())) => Recording::Pending(Box::pin(std::future::pending())),
            refused => refused,
        }
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

impl Sink {
    fn events(&self) -> Vec<String> {
        let name = |record: &AuditRecord| match &record.event {
            AuditEvent::Intent => "intent".to_owned(),
            AuditEvent::Refused => "refused".to_owned(),
            AuditEvent::Outcome { outcome, .. } => (*outcome).to_owned(),
        };
        self.records.lock().unwrap().iter().map(name).collect()
    }
}

impl AuditSink for Sink {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        if self.broken || self.forgetful && matches!(record.event, AuditEvent::Outcome { .. }) {
            return Recording::Done(Err(Error::new(ErrorKind::QuotaExceeded, "the disk is full")));
        }
        self.records.lock().unwrap().push(record);
        Recording::Done(Ok(()))
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }
}

fn meta(key: &str) -> ObjectMeta {
    ObjectMeta::new(key.into(), 0, Timestamp::UNIX_EPOCH)
}

/// A store whose `head` succeeds so many times.
fn answering(times: usize) -> MockObjectStoreProvider {
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_head().times(times).returning(|_, request| Ok(meta(request.key.as_str())));
    mock
}

/// A provider that never answers.
struct Waiting(MockObjectStoreProvider);

fn silent() -> ObjectStore {
    ObjectStore::new(Waiting(MockObjectStoreProvider::ready()))
}

mod waiting {
    use super::*;
    use async_trait::async_trait;
    use circle_core_common::interfaces::object_store::*;
    use circle_core_common::{Bulk, CallContext, Environment, Health, Page, Provider, ProviderInfo};

    #[async_trait]
    impl Provider for Waiting {
        fn info(&self) -> &ProviderInfo {
            self.0.info()
        }
        fn environment(&self) -> &Environment {
            self.0.environment()
        }
        async fn health(&self, cx: &CallContext) -> Result<Health> {
            self.0.health(cx).await
        }
        async fn close(&self, cx: &CallContext) -> Result<()> {
            self.0.close(cx).await
        }
    }

    #[async_trait]
    impl ObjectStoreProvider for Waiting {
        fn capabilities(&self) -> &ObjectStoreCapabilities {
            self.0.capabilities()
        }
        async fn head(&self, _: &CallContext, _: HeadRequest) -> Result<ObjectMeta> {
            std::future::pending().await
        }
        async fn get(&self, _: &CallContext, _: GetRequest) -> Result<Object> {
            std::future::pending().await
        }
        async fn put(&self, _: &CallContext, _: PutRequest) -> Result<ObjectMeta> {
            std::future::pending().await
        }
        async fn list(&self, _: &CallContext, _: ListRequest) -> Result<Page<Entry>> {
            std::future::pending().await
        }
        async fn delete(&self, _: &CallContext, _: DeleteRequest) -> Result<Bulk<Deleted>> {
            std::future::pending().await
        }
        async fn copy(&self, _: &CallContext, _: CopyRequest) -> Result<ObjectMeta> {
            std::future::pending().await
        }
        async fn presign(&self, _: &CallContext, _: PresignRequest) -> Result<PresignedRequest> {
            std::future::pending().await
        }
        async fn start_upload(&self, _: &CallContext, _: StartUploadRequest) -> Result<UploadId> {
            std::future::pending().await
        }
        async fn upload_part(&self, _: &CallContext, _: UploadPartRequest) -> Result<PartTag> {
            std::future::pending().await
        }
        async fn end_upload(&self, _: &CallContext, _: EndUploadRequest) -> Result<Option<ObjectMeta>> {
            std::future::pending().await
        }
    }
}

#[tokio::test]
async fn a_refused_call_reaches_nobody_and_is_recorded() {
    let sink = Sink::default();
    let rules = AccessRules::new().rule(AccessRule::allow().principal("ana").class(Class::Read).resource("open/*"));
    let files =
        ObjectStore::builder(answering(1)).name("documents").access(rules).audit(sink.clone(), AuditMode::BestEffort).build();
    let ana = files.with(CallOptions::new().principal("ana"));

    assert!(ana.head("open/a").await.is_ok());
    let error = ana.head("secret/a").await.unwrap_err();
    assert_eq!((error.kind(), error.reason(), error.sent()), (ErrorKind::PermissionDenied, Some(Reason::AccessRules), Sent::No));
    let expected = "object_store.head on documents (mock): permission denied: ana may not read `secret/a`: no rule allows it";
    assert_eq!(error.to_string(), expected);
    assert!(files.head("open/a").await.is_err(), "a caller without principal matches no rule about principals");
    assert_eq!(sink.events(), ["intent", "ok", "refused", "refused"]);
    assert_eq!(sink.records.lock().unwrap()[2].resource.as_deref(), Some("secret/a"));
}

#[tokio::test]
async fn every_key_of_a_bulk_call_and_both_of_a_copy_are_asked_for() {
    let rules = AccessRules::new().rule(AccessRule::allow()).rule(AccessRule::deny().resource("secret/*"));
    let files = ObjectStore::builder(answering(0)).access(rules).build();
    let results = files.delete_many(["a", "secret/b"]).await.unwrap();
    assert!(results.iter().all(|result| result.as_ref().is_err_and(|error| error.is(ErrorKind::PermissionDenied))));
    for (from, to) in [("secret/a", "b"), ("a", "secret/b")] {
        assert!(files.copy(from, to).await.unwrap_err().is(ErrorKind::PermissionDenied));
    }
}

#[tokio::test]
async fn a_policy_engine_is_waited_for_and_its_failure_denies() {
    struct Engine;
    impl AccessControl for Engine {
        fn decide<'a>(&'a self, request: &'a AccessRequest<'a>) -> Verdict<'a> {
            Verdict::Ask(Box::pin(async move {
                tokio::task::yield_now().await;
                match request.resource {
                    "yes" => Ok(Decision::Allow),
                    "no" => Ok(Decision::Deny("policy 7".to_owned())),
                    _ => Err(Error::new(ErrorKind::Unavailable, "the engine is down")),
                }
            }))
        }
    }
    let files = ObjectStore::builder(answering(1)).access(Engine).build();
    assert!(files.head("yes").await.is_ok());
    assert!(files.head("no").await.unwrap_err().is(ErrorKind::PermissionDenied));
    assert!(files.head("else").await.unwrap_err().is(ErrorKind::Unavailable));
}

#[tokio::test]
async fn required_audit_stops_a_call_that_cannot_be_recorded() {
    let broken = Sink { broken: true, ..Sink::default() };
    let strict = ObjectStore::builder(answering(0)).audit(broken.clone(), AuditMode::Required).build();
    let error = strict.head("a").await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Some(Reason::AuditUnavailable)));
    let lenient = ObjectStore::builder(answering(1)).audit(broken, AuditMode::BestEffort).build();
    assert!(lenient.head("a").await.is_ok());
}

#[tokio::test]
async fn a_lost_outcome_record_says_that_the_call_was_made() {
    let sink = Sink { forgetful: true, ..Sink::default() };
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_head().returning(|_, request| match request.key.as_str() {
        "a" => Ok(meta("a")),
        _ => Err(Error::new(ErrorKind::NotFound, "absent").with_sent(Sent::Yes)),
    });
    let files = ObjectStore::builder(mock).name("documents").audit(sink, AuditMode::Required).build();
    let error = files.head("a").await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Some(Reason::AuditUnavailable)));
    assert_eq!((error.sent(), error.is_retryable()), (Sent::Yes, false));
    assert_eq!((error.operation().map(|one| one.name()), error.service()), (Some("object_store.head"), Some("documents")));
    assert_eq!((error.provider(), error.resource()), (Some("mock"), Some("a")));
    // What the call itself says is not hidden behind the loss of its record.
    assert!(files.head("b").await.unwrap_err().is(ErrorKind::NotFound));
}

#[tokio::test(start_paused = true)]
async fn the_engine_and_the_intent_are_bounded_by_the_deadline() {
    struct Asleep;
    impl AccessControl for Asleep {
        fn decide<'a>(&'a self, _: &'a AccessRequest<'a>) -> Verdict<'a> {
            Verdict::Ask(Box::pin(std::future::pending()))
        }
    }
    let started = tokio::time::Instant::now();
    let limit = || CallOptions::new().timeout(Duration::from_secs(3));
    let asked = ObjectStore::builder(answering(0)).access(Asleep).build().with(limit()).head("a").await.unwrap_err();
    assert_eq!((asked.kind(), asked.sent()), (ErrorKind::Timeout, Sent::No));
    let sink = Slow::default();
    let files = ObjectStore::builder(answering(0)).audit(sink.clone(), AuditMode::Required).build();
    let intended = files.with(limit()).head("a").await.unwrap_err();
    assert_eq!((intended.kind(), intended.sent()), (ErrorKind::Timeout, Sent::No));
    assert_eq!(started.elapsed().as_secs(), 6);
    assert_eq!(sink.0.events(), ["intent", "timeout"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_its_intent_is_written_leaves_an_outcome() {
    let sink = Slow::default();
    let files = ObjectStore::builder(answering(0)).audit(sink.clone(), AuditMode::Required).build();
    assert!(tokio::time::timeout(Duration::from_secs(1), files.head("a")).await.is_err());
    assert_eq!(sink.0.events(), ["intent", "cancelled"]);
}

#[tokio::test]
async fn a_call_whose_deadline_has_passed_is_not_made() {
    let files = ObjectStore::new(answering(0)).with(CallOptions::new().timeout(Duration::ZERO));
    let error = files.head("a").await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Timeout, Sent::No));
    assert_eq!(error.message(), "the deadline had passed before it started");
}

#[tokio::test]
async fn a_repetition_of_what_has_no_id_is_refused() {
    let lost = Error::new(ErrorKind::OutcomeUnknown, "lost");
    let files = ObjectStore::new(answering(0));
    let error = files.with(CallOptions::repeat(&lost)).head("a").await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::InvalidInput, Sent::No));
}

#[tokio::test]
async fn the_record_of_a_copy_names_its_source_and_calls_have_ids_of_their_own() {
    let sink = Sink::default();
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_copy().returning(|_, request| Ok(meta(request.to.as_str())));
    let files = ObjectStore::builder(mock).audit(sink.clone(), AuditMode::BestEffort).build();
    files.copy("from", "to").await.unwrap();
    files.copy("from", "to").await.unwrap();
    let records = sink.records.lock().unwrap();
    assert!(records.iter().all(|one| one.source.as_deref() == Some("from") && one.resource.as_deref() == Some("to")));
    assert!(records[0].call == records[1].call && records[1].call != records[2].call);
    assert!(records[0].call < 1 << 54 && records[0].call > 1 << 20, "a random start: {}", records[0].call);
}

#[tokio::test]
async fn records_name_the_parties_of_their_own_handle() {
    let sink = Sink::default();
    let files = ObjectStore::builder(answering(3)).name("documents").audit(sink.clone(), AuditMode::BestEffort).build();
    let ana = files.with(CallOptions::new().principal("ana").tenant("acme"));
    // The handle has made its parties by then, and the one made from it must not have taken them over.
    files.head("a").await.unwrap();
    ana.head("a").await.unwrap();
    ana.with(CallOptions::new().principal("bo").timeout(Duration::from_secs(9))).head("a").await.unwrap();
    let records = sink.records.lock().unwrap();
    let lines: Vec<_> = records.iter().map(|record| serde_json::to_value(record).unwrap()).collect();
    for (at, principal, tenant) in [(0, None, None), (2, Some("ana"), Some("acme")), (4, Some("bo"), Some("acme"))] {
        for line in &lines[at..at + 2] {
            assert_eq!((line["principal"].as_str(), line["tenant"].as_str()), (principal, tenant), "{line}");
            assert_eq!((line["service"].as_str(), line["provider"].as_str()), (Some("documents"), Some("mock")), "{line}");
            assert_eq!(line.get("principal").is_some(), principal.is_some(), "{line}");
        }
    }
}

#[tokio::test]
async fn attempts_of_a_success_are_reported() {
    let (report, sink) = (CallReport::new(), Sink::default());
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_head().returning(|cx, _| {
        cx.note_attempts(3);
        Ok(meta("a"))
    });
    let files = ObjectStore::builder(mock).audit(sink.clone(), AuditMode::BestEffort).build();
    files.with(CallOptions::new().report(&report)).head("a").await.unwrap();
    assert_eq!((report.get().calls, report.get().attempts), (1, 3));
    assert!(matches!(sink.records.lock().unwrap()[1].event, AuditEvent::Outcome { attempts: 3, .. }));
}

#[tokio::test]
async fn a_dropped_call_is_recorded_as_cancelled() {
    let sink = Sink::default();
    let files = ObjectStore::builder(Waiting(MockObjectStoreProvider::ready())).audit(sink.clone(), AuditMode::Required).build();
    let dropped = tokio::time::timeout(Duration::from_millis(20), files.head("a")).await;
    assert!(dropped.is_err());
    assert_eq!(sink.events(), ["intent", "cancelled"]);
}

#[tokio::test(start_paused = true)]
async fn deadlines_and_cancellation_end_a_call_that_never_answers() {
    let started = tokio::time::Instant::now();
    let error = silent().with(CallOptions::new().timeout(Duration::from_secs(3))).head("a").await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Timeout, Sent::Maybe));
    assert_eq!(started.elapsed().as_secs(), 3);
    assert_eq!(error.message(), "no answer within 3s");

    let cancel = Cancel::new();
    let files = silent().with(CallOptions::new().cancel(&cancel));
    let calls = tokio::spawn(async move { (files.head("a").await.unwrap_err(), files.head("b").await.unwrap_err()) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    cancel.cancel();
    let (running, next) = calls.await.unwrap();
    assert_eq!((running.kind(), running.sent()), (ErrorKind::Cancelled, Sent::Maybe));
    assert_eq!((next.kind(), next.sent()), (ErrorKind::Cancelled, Sent::No));
}

#[tokio::test]
async fn reports_add_up() {
    let report = CallReport::new();
    let files = ObjectStore::new(answering(2)).with(CallOptions::new().report(&report));
    files.head("a").await.unwrap();
    files.head("b").await.unwrap();
    assert_eq!((report.get().calls, report.get().attempts), (2, 2));
}

#[test]
fn call_durations_are_measured_with_bounded_labels() {
    use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<String>>>);
    struct Count(Seen, String);
    impl HistogramFn for Count {
        fn record(&self, seconds: f64) {
            assert!((0.0..60.0).contains(&seconds));
            self.0.0.lock().unwrap().push(self.1.clone());
        }
    }
    impl Recorder for Seen {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect::<String>();
            Histogram::from_arc(Arc::new(Count(self.clone(), format!("{}{labels}", key.name()))))
        }
    }

    let seen = Seen::default();
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_head().returning(|_, request| match request.key.as_str() {
        "a" => Ok(meta("a")),
        _ => Err(Error::new(ErrorKind::NotFound, "absent")),
    });
    let rules = AccessRules::new().rule(AccessRule::allow()).rule(AccessRule::deny().resource("secret"));
    let files = ObjectStore::builder(mock).name("documents").access(rules).build();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    metrics::with_local_recorder(&seen, || {
        runtime.block_on(async {
            files.head("a").await.unwrap();
            files.head("b").await.unwrap_err();
            files.head("secret").await.unwrap_err();
        });
    });
    let common = "circle.call.duration circle.operation=object_store.head circle.service=documents circle.provider=mock";
    let expected = ["", " error.type=not_found", " error.type=permission_denied"].map(|end| format!("{common}{end}"));
    assert_eq!(*seen.0.lock().unwrap(), expected);
}

/// The recorder of the process is asked for an instrument once; one that is installed after the first call is seen.
#[tokio::test]
async fn an_exporter_may_be_installed_at_any_time_and_gives_each_instrument_once() {
    use std::sync::atomic::{AtomicU64, Ordering};

    use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

    #[derive(Clone, Default)]
    struct Counts(Arc<(AtomicU64, AtomicU64)>);
    impl HistogramFn for Counts {
        fn record(&self, _: f64) {
            self.0.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    impl Recorder for Counts {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            // Other tests of this process make calls too.
            if !key.labels().any(|label| label.value() == "counted") {
                return Histogram::noop();
            }
            self.0.0.fetch_add(1, Ordering::Relaxed);
            Histogram::from_arc(Arc::new(self.clone()))
        }
    }

    let files = ObjectStore::builder(answering(101)).name("counted").build();
    files.head("a").await.unwrap();
    let counts = Counts::default();
    metrics::set_global_recorder(counts.clone()).unwrap_or_else(|_| panic!("another recorder"));
    for _ in 0..100 {
        files.head("a").await.unwrap();
    }
    assert_eq!((counts.0.0.load(Ordering::Relaxed), counts.0.1.load(Ordering::Relaxed)), (1, 100));
}

#[tokio::test]
async fn the_file_keeps_whole_lines_over_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/audit.jsonl");
    {
        let files = ObjectStore::builder(answering(200))
            .name("documents")
            .audit(FileAudit::open(&path).unwrap(), AuditMode::Required)
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
    let files = ObjectStore::builder(answering(1)).audit(FileAudit::open(&path).unwrap(), AuditMode::Required).build();
    files.head("later").await.unwrap();
    let mended = std::fs::read_to_string(&path).unwrap();
    assert!(mended.starts_with(&whole) && mended.lines().count() == 402);
    assert!(mended.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[tokio::test]
async fn a_whole_last_record_without_its_end_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::fs::write(&path, "{\"call\":1}\n{\"call\":2}").unwrap();
    FileAudit::open(&path).unwrap().flush().await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"call\":1}\n{\"call\":2}\n");
    let foreign = vec![b'x'; 2 << 20];
    std::fs::write(&path, &foreign).unwrap();
    assert!(FileAudit::open(&path).unwrap_err().is(ErrorKind::Unavailable));
    assert_eq!(std::fs::read(&path).unwrap(), foreign, "somebody else's file stays as it is");
}

#[tokio::test]
async fn best_effort_records_reach_the_file_however_many_come_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit: Arc<FileAudit> = Arc::new(FileAudit::open(&path).unwrap());
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
    let audit: Arc<FileAudit> = Arc::new(FileAudit::open("/dev/full").unwrap());
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
    let error = FileAudit::open(folder.path().join("file/audit.jsonl")).unwrap_err();
    assert!(error.is(ErrorKind::Unavailable) && error.to_string().contains("file/audit.jsonl"), "{error}");
}

/// A queue that the test keeps.
struct Queued(Arc<AuditQueue>);

impl AuditSink for Queued {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        self.0.record(record)
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        self.0.flush()
    }
}

#[tokio::test]
async fn a_full_queue_loses_records_and_counts_them() {
    let queue = Arc::new(AuditQueue::undrained(3));
    let files = ObjectStore::builder(answering(2)).audit(Queued(Arc::clone(&queue)), AuditMode::BestEffort).build();
    files.head("a").await.unwrap();
    files.head("b").await.unwrap();
    assert_eq!(queue.dropped(), 1);
    assert_eq!(std::iter::from_fn(|| queue.take()).count(), 3);
    queue.flush().await.unwrap();
}

#[tokio::test]
async fn all_records_are_taken_in_order_however_full_the_queue_is() {
    let queue = Arc::new(AuditQueue::undrained(4));
    let files = ObjectStore::builder(answering(6)).audit(Queued(Arc::clone(&queue)), AuditMode::BestEffort).build();
    // Full, half full, and full again behind both: what is lost tells that the bound still holds.
    for (calls, taken, lost) in [(2, 4, 0), (1, 2, 0), (3, 4, 2)] {
        for at in 0..calls {
            files.head(format!("k{at}")).await.unwrap();
        }
        let records = queue.take_all();
        let names: Vec<_> = records.iter().filter_map(|record| record.resource.as_deref()).collect();
        assert_eq!(names, ["k0", "k0", "k1", "k1"][..taken]);
        assert_eq!(queue.dropped(), lost);
        queue.flush().await.unwrap();
        assert!(queue.take().is_none());
    }
}

#[tokio::test]
async fn a_flush_waits_for_what_is_taken_out() {
    let queue = Arc::new(AuditQueue::undrained(4));
    let files = ObjectStore::builder(answering(1)).audit(Queued(Arc::clone(&queue)), AuditMode::BestEffort).build();
    files.head("a").await.unwrap();
    let mut flush = queue.flush();
    let mut poll = || flush.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(poll().is_pending());
    assert!(queue.take().is_some());
    assert!(poll().is_pending(), "the outcome is still held");
    assert!(queue.take().is_some());
    assert!(poll().is_ready());
}

#[tokio::test]
async fn a_queue_hands_everything_to_its_sink() {
    let sink = Sink::default();
    let queue = AuditQueue::new(1000, sink.clone());
    let files = ObjectStore::builder(answering(100)).audit(queue, AuditMode::BestEffort).build();
    for at in 0..100 {
        files.head(format!("k{at}")).await.unwrap();
    }
    drop(files);
    for _ in 0..1000 {
        if sink.records.lock().unwrap().len() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("only {} of 200 records arrived", sink.records.lock().unwrap().len());
}

#[tokio::test]
async fn a_queue_hands_its_records_over_together_and_ends_with_a_flush() {
    /// Its records become durable together, once a second one is there.
    #[derive(Clone)]
    struct Pairs {
        records: Arc<tokio::sync::Semaphore>,
        flushed: Arc<tokio::sync::Semaphore>,
    }
    impl AuditSink for Pairs {
        fn record(&self, _: AuditRecord) -> Recording<'_> {
            self.records.add_permits(1);
            Recording::Pending(Box::pin(async {
                drop(self.records.acquire_many(2).await);
                Ok(())
            }))
        }
        fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
            Box::pin(async {
                self.flushed.add_permits(1);
                Ok(())
            })
        }
    }
    for _ in 0..200 {
        let none = || Arc::new(tokio::sync::Semaphore::new(0));
        let sink = Pairs { records: none(), flushed: none() };
        let files = ObjectStore::builder(answering(1)).audit(AuditQueue::new(8, sink.clone()), AuditMode::BestEffort).build();
        files.head("a").await.unwrap();
        drop(files);
        let flushed = tokio::time::timeout(Duration::from_secs(5), sink.flushed.acquire()).await;
        assert!(flushed.is_ok(), "the queue's task never ended");
    }
}

/// Every caller's future holds the scope's; growth is paid by every application.
#[test]
fn the_future_of_a_call_stays_small() {
    let files = ObjectStore::new(MockObjectStoreProvider::ready());
    let head = size_of_val(&files.head("a"));
    let get = size_of_val(&files.get("a"));
    assert!(head <= 3000 && get <= 4500, "head {head}, get {get}");
}
