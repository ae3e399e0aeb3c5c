//! The scope around every call: access control, audit, metrics, deadline, cancellation.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod audit_log;
mod crash;
mod merkle;
mod metrics;
mod queue;
mod tampering;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circle_core_common::access::{
    AccessControl, AccessRequest, AccessRule, AccessRules, Asking, Authorizer, Decision, Grant, Role, Verdict,
};
use circle_core_common::audit::{AuditEvent, AuditMode, AuditRecord, AuditSink, Recording};
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

    fn policies(&self) -> Vec<String> {
        let records = self.records.lock().unwrap();
        records.iter().map(|record| record.policy.as_deref().unwrap_or_default().to_owned()).collect()
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
                    "yes" => Ok(Decision::allow().by("policy 6")),
                    "no" => Ok(Decision::deny("policy 7").by("policy 7")),
                    _ => Err(Error::new(ErrorKind::Unavailable, "the engine is down")),
                }
            }))
        }
    }
    let sink = Sink::default();
    let files = ObjectStore::builder(answering(1)).access(Engine).audit(sink.clone(), AuditMode::BestEffort).build();
    assert!(files.head("yes").await.is_ok());
    assert!(files.head("no").await.unwrap_err().is(ErrorKind::PermissionDenied));
    assert!(files.head("else").await.unwrap_err().is(ErrorKind::Unavailable));
    assert_eq!(sink.events(), ["intent", "ok", "refused", "refused"]);
    assert_eq!(sink.policies(), ["policy 6", "policy 6", "policy 7", ""]);
}

/// P18: what no rule allows is refused, before the provider, and with it any credential, is touched, and the audit says why.
#[tokio::test]
async fn default_deny() {
    struct Engine;
    #[async_trait::async_trait]
    impl Authorizer for Engine {
        async fn authorize(&self, request: &AccessRequest<'_>) -> Result<Decision> {
            let decision = if request.resource == "open/b" { Decision::deny("not this one") } else { Decision::allow() };
            Ok(decision.by("engine"))
        }
    }
    let reader = Role::new("reader").rule(AccessRule::allow().class(Class::Read).resource("open/*"));
    let rules = AccessRules::new().grant(&reader, Grant::to("ana").in_tenant("acme"));
    for (access, allowed, policies) in [
        (Arc::new(AccessRules::new()) as Arc<dyn AccessControl>, 0, ["default-deny"; 5].as_slice()),
        (Arc::new(rules.clone()), 2, &["reader", "reader", "reader", "reader", "default-deny", "default-deny", "default-deny"]),
        (Arc::new((rules, Asking(Engine))), 1, &["engine", "engine", "engine", "default-deny", "default-deny", "default-deny"]),
    ] {
        let sink = Sink::default();
        let loads = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&loads);
        let mut mock = MockObjectStoreProvider::ready();
        // A provider asks for its credential when it is called.
        mock.expect_head().returning(move |_, request| {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(meta(request.key.as_str()))
        });
        let environment =
            circle_core_common::Environment::builder().access_arc(access).audit(sink.clone(), AuditMode::Required).build();
        let files = circle_core_common::Handle::rebind(&ObjectStore::new(mock), environment, "documents");
        let ana = files.with(CallOptions::new().principal("ana").tenant("acme"));
        let mut made = 0;
        for (handle, key) in [
            (&ana, "open/a"),
            (&ana, "open/b"),
            (&ana, "secret/a"),
            (&files, "open/a"),
            (&files.with(CallOptions::new().principal("ana")), "open/a"),
        ] {
            match handle.head(key).await {
                Ok(_) => made += 1,
                Err(error) => assert_eq!((error.kind(), error.sent()), (ErrorKind::PermissionDenied, Sent::No), "{key}"),
            }
        }
        assert_eq!((made, loads.load(std::sync::atomic::Ordering::Relaxed)), (allowed, allowed));
        assert_eq!(sink.policies(), policies);
    }
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

/// Every caller's future holds the scope's; growth is paid by every application.
#[test]
fn the_future_of_a_call_stays_small() {
    let files = ObjectStore::new(MockObjectStoreProvider::ready());
    let head = size_of_val(&files.head("a"));
    let get = size_of_val(&files.get("a"));
    assert!(head <= 3000 && get <= 4500, "head {head}, get {get}");
}
