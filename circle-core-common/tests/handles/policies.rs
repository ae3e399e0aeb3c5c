//! A call through a handle and the policies of its service: what the caller is told of both.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{
    Change, Entry, GetRequest, IncrementRequest, KeyValueStore, KeyValueStoreCapabilities, KeyValueStoreProvider, ListRequest,
    MockKeyValueStoreProvider, TransactionRequest, WatchRequest, WriteRequest, Written,
};
use circle_core_common::interfaces::object_store::{ByteRange, MockObjectStoreProvider, Object, ObjectMeta, ObjectStore};
use circle_core_common::resilience::{Idempotency, Policy, RemoteOperation, Retry};
use circle_core_common::{
    BuildContext, Bulk, ByteStream, CallContext, CallOptions, CallReport, Cancel, Environment, Error, ErrorKind, Health, Page,
    Provider, ProviderInfo, Reason, Result, Sent, Timestamp, Version, Watch,
};

static ADD: RemoteOperation = RemoteOperation::new("remote.Add", Idempotency::NonIdempotent, "/add");
static LIST: RemoteOperation = RemoteOperation::new("remote.List", Idempotency::Safe, "/list");

/// A service behind policies that answers as the test says: it takes so long, and listing fails so often.
struct Remote {
    ready: MockKeyValueStoreProvider,
    policy: Policy,
    takes: Duration,
    fails: AtomicU32,
}

impl Remote {
    fn store(takes: Duration, fails: u32) -> (KeyValueStore, Policy) {
        let cx = BuildContext::new(Environment::default(), "remote");
        let policy = cx.policy();
        let ready = MockKeyValueStoreProvider::ready();
        let remote = Self { ready, policy: policy.clone(), takes, fails: AtomicU32::new(fails) };
        (KeyValueStore::new(remote), policy)
    }
}

#[async_trait]
impl Provider for Remote {
    fn info(&self) -> &ProviderInfo {
        self.ready.info()
    }

    fn environment(&self) -> &Environment {
        self.ready.environment()
    }

    async fn health(&self, _: &CallContext) -> Result<Health> {
        Ok(Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl KeyValueStoreProvider for Remote {
    fn capabilities(&self) -> &KeyValueStoreCapabilities {
        self.ready.capabilities()
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        self.ready.get(cx, request).await
    }

    async fn write(&self, cx: &CallContext, request: WriteRequest) -> Result<Bulk<Written>> {
        self.ready.write(cx, request).await
    }

    async fn transaction(&self, cx: &CallContext, request: TransactionRequest) -> Result<Vec<Written>> {
        self.ready.transaction(cx, request).await
    }

    async fn increment(&self, cx: &CallContext, request: IncrementRequest) -> Result<i64> {
        let adding = |_| async {
            tokio::time::sleep(self.takes).await;
            Ok(request.by)
        };
        self.policy.run(cx, &ADD, adding).await
    }

    async fn list(&self, cx: &CallContext, _: ListRequest) -> Result<Page<Entry>> {
        let listing = |_| async {
            tokio::time::sleep(self.takes).await;
            let fails = |left: u32| left.checked_sub(1);
            match self.fails.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fails) {
                Ok(_) => Err(Error::new(ErrorKind::Unavailable, "try again").with_sent(Sent::Yes)),
                Err(_) => Ok(Page::new(Vec::new(), None)),
            }
        };
        self.policy.run(cx, &LIST, listing).await
    }

    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<Change>> {
        self.ready.watch(cx, request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_cut_off_by_the_callers_deadline_is_unknown_not_just_late() {
    let (store, _) = Remote::store(Duration::from_secs(60), 0);
    for options in [
        CallOptions::new().timeout(Duration::from_secs(1)),
        CallOptions::new().attempt_timeout(Duration::from_secs(1)),
        CallOptions::new(),
    ] {
        let error = store.with(options).increment("n", 1).await.unwrap_err();
        assert!(error.is(ErrorKind::OutcomeUnknown), "{error}");
        // The machine's word, which the handle passes on: its own would be the bare timeout.
        let machine = error.provider_error::<Error>().unwrap();
        assert!(machine.is(ErrorKind::OutcomeUnknown) && machine.operation_id().is_some(), "{machine}");
        assert!(machine.provider_error::<Error>().is_some_and(|cause| cause.is(ErrorKind::Timeout)), "{machine}");
        assert_eq!(
            (error.operation().map(|operation| operation.name()), error.attempts()),
            (Some("key_value_store.increment"), 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_and_waits_reach_the_callers_report() {
    let (store, _) = Remote::store(Duration::ZERO, 2);
    let report = CallReport::new();
    store.with(CallOptions::new().report(&report)).list("").page().await.unwrap();
    assert_eq!((report.get().calls, report.get().attempts, report.get().waits.len()), (1, 3, 2));

    let (store, policy) = Remote::store(Duration::ZERO, 9);
    let error = store.with(CallOptions::new().retry(Retry::off())).list("").page().await.unwrap_err();
    assert_eq!((error.attempts(), error.kind()), (1, ErrorKind::Unavailable));
    policy.endpoint("").isolate();
    let error = store.list("").page().await.unwrap_err();
    assert_eq!((error.reason(), error.sent(), error.provider()), (Some(Reason::BreakerOpen), Sent::No, Some("mock")));
}

/// A download that breaks off after its first byte, each time anew.
#[tokio::test(start_paused = true)]
async fn a_resumed_download_draws_from_the_budget_of_the_policies() {
    let (cx, opened) = (BuildContext::new(Environment::default(), "remote"), Arc::new(AtomicU32::new(0)));
    let policy = cx.policy();
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_get().returning({
        let (policy, opened) = (policy.clone(), Arc::clone(&opened));
        move |cx, request| {
            opened.fetch_add(1, Ordering::Relaxed);
            let mut asked = pin!(policy.run(cx, &LIST, |_| std::future::ready(Ok(()))));
            assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
            let start = match request.options.range {
                Some(ByteRange::Bounded(from, _)) => from,
                _ => 0,
            };
            let chunks = [Ok("x"), Err(Error::new(ErrorKind::Connection, "cut").with_sent(Sent::Maybe))];
            let body = ByteStream::unfold(chunks.into_iter(), |mut chunks| async move {
                chunks.next().transpose().map(|chunk| chunk.map(|chunk| (chunk.into(), chunks)))
            });
            let mut meta = ObjectMeta::new("a".into(), 1000, Timestamp::UNIX_EPOCH);
            meta.version = Some(Version::etag("1"));
            Ok(Object::new(meta, start..1000, body))
        }
    });
    let error = ObjectStore::new(mock).get("a").await.unwrap().bytes().await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::RetryBudget)), "{error}");
    // 500 tokens are 35 resumes, and each opening that succeeds puts one back.
    let opened = opened.load(Ordering::Relaxed);
    assert!((36..=40).contains(&opened), "{opened}");
    assert!(policy.endpoints()[0].retry_tokens < 14);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_leaves_its_endpoint_at_rest() {
    let (store, policy) = Remote::store(Duration::from_secs(5), 0);
    let (store, cancel) = (Arc::new(store), Cancel::new());
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let store = store.with(CallOptions::new().cancel(&cancel));
            tokio::spawn(async move { store.list("").page().await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(policy.endpoints()[0].in_flight, 20);
    cancel.cancel();
    for call in calls {
        assert!(call.await.unwrap().unwrap_err().is(ErrorKind::Cancelled));
    }
    assert_eq!(policy.endpoints()[0].in_flight, 0);
}
