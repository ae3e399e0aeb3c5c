//! Who makes a call, who waits for it, and what they are told.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use circle_core_common::interfaces::embedding_model::{EmbedOptions, EmbeddingModel};
use circle_core_common::interfaces::key_value_store::{GetOptions, KeyValueStore, KeyValueStoreProvider};
use circle_core_common::interfaces::object_store::{GetOptions as ObjectGetOptions, ObjectStore, ObjectStoreProvider};
use circle_core_common::interfaces::secret_store::{SecretFields, SecretStore};
use circle_core_common::interfaces::vector_store::{CollectionSpec, Record, VectorQuery, VectorStore};
use circle_core_common::resilience::{HedgeSettings, Retry, StallSettings};
use circle_core_common::suite::Decorated;
use circle_core_common::{ByteSize, CacheUse, CallOptions, CallReport, Cancel, Error, ErrorKind, Limit, Reason, RetryOn};
use circle_core_embedded::{EmbeddedEmbeddings, EmbeddedVectors};
use circle_core_memory::Memory;
use circle_core_testkit::drop_sweep;

use super::Coalesced;
use crate::orchestration::outage::Outage;

fn objects() -> (Memory, Outage, ObjectStore) {
    let (memory, outage) = (Memory::new(), Outage::new());
    let inner = ObjectStore::new(Decorated::new(memory.clone(), outage.clone()));
    (memory, outage, ObjectStore::new(Coalesced::new(inner)))
}

fn entries() -> (Memory, Outage, KeyValueStore) {
    let (memory, outage) = (Memory::new(), Outage::new());
    let inner = KeyValueStore::new(Decorated::new(memory.clone(), outage.clone()));
    (memory, outage, KeyValueStore::new(Coalesced::new(inner)))
}

/// Polls once.
async fn begin<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}

/// Runs so many calls of one kind together, of which one is let through.
async fn together<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    outage: &Outage,
    count: usize,
    call: impl Fn() -> F,
) -> Vec<T> {
    let before = outage.calls();
    outage.holds();
    let running: Vec<_> = (0..count).map(|_| tokio::spawn(call())).collect();
    while outage.calls() == before {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    outage.pass(1);
    let mut answers = Vec::with_capacity(count);
    for task in running {
        answers.push(task.await.unwrap());
    }
    outage.ends();
    assert_eq!(outage.calls() - before, 1, "one call for all");
    answers
}

#[tokio::test]
async fn equal_reads_of_a_moment_are_one_call() {
    let (memory, outage, files) = objects();
    ObjectStore::new(memory.clone()).put("a", "0123456789").await.unwrap();
    let report = CallReport::new();
    let counted = files.with(CallOptions::new().report(&report));
    let get = || {
        let files = counted.clone();
        async move { files.get("a").await.unwrap().text().await.unwrap() }
    };
    assert!(together(&outage, 100, get).await.iter().all(|text| text == "0123456789"));
    assert_eq!((report.get().calls, report.get().coalesced), (100, 99));
    let range = || {
        let files = files.clone();
        async move { files.get_with("a", ObjectGetOptions::new().range(2..5)).await.unwrap().text().await.unwrap() }
    };
    assert!(together(&outage, 10, range).await.iter().all(|text| text == "234"));
    let head = || {
        let files = files.clone();
        async move { files.head("a").await.unwrap().size }
    };
    assert_eq!(together(&outage, 10, head).await, [10; 10]);

    let (memory, outage, state) = entries();
    KeyValueStore::new(memory).put("a", "1").await.unwrap();
    let many = || {
        let state = state.clone();
        async move { state.get_many(["a", "b"]).await.unwrap().all().unwrap() }
    };
    assert!(together(&outage, 10, many).await.iter().all(|all| all[0].is_some() && all[1].is_none()));

    let (memory, outage) = (Memory::new(), Outage::new());
    SecretStore::new(memory.clone()).put("token", SecretFields::single("t")).await.unwrap();
    let secrets = SecretStore::new(Coalesced::new(SecretStore::new(Decorated::new(memory, outage.clone()))));
    let read = || {
        let secrets = secrets.clone();
        async move { secrets.get("token").await.unwrap().value().is_ok() }
    };
    assert_eq!(together(&outage, 10, read).await, [true; 10]);

    let outage = Outage::new();
    let inner = EmbeddingModel::new(Decorated::new(EmbeddedEmbeddings::new(), outage.clone()));
    let model = EmbeddingModel::new(Coalesced::new(inner));
    let embed = || {
        let model = model.clone();
        async move { model.embed_all(["one", "two"], EmbedOptions::new()).await.unwrap() }
    };
    let all = together(&outage, 10, embed).await;
    assert!(all.iter().all(|embedded| embedded.embeddings.len() == 2));
    let paid = all.iter().filter(|embedded| embedded.usage.input_tokens != Some(0)).count();
    assert_eq!(paid, 1, "tokens are paid once");

    let outage = Outage::new();
    let inner = VectorStore::new(Decorated::new(EmbeddedVectors::in_memory(), outage.clone()));
    let docs = VectorStore::new(Coalesced::new(inner)).collection("docs");
    docs.ensure(CollectionSpec::new(2)).await.unwrap();
    docs.put(Record::new("a", vec![1.0, 0.0])).await.unwrap();
    let query = || {
        let docs = docs.clone();
        async move { docs.query(VectorQuery::near(vec![1.0, 0.0])).await.unwrap().len() }
    };
    assert_eq!(together(&outage, 10, query).await, [1; 10]);
}

#[tokio::test]
async fn what_is_not_equal_or_not_to_be_shared_is_a_call_of_its_own() {
    let (memory, outage, state) = entries();
    KeyValueStore::new(memory).put("a", "1").await.unwrap();
    let options = CallOptions::new;
    let callers = [
        options(),
        options().tenant("a"),
        options().tenant("b"),
        options().principal("a"),
        options().attempt_timeout(Duration::from_secs(1)),
        options().retry(Retry::off()),
        options().retry_on(RetryOn::new(|_| None)),
        options().hedge(HedgeSettings::off()),
        options().stall(StallSettings::new()),
        options().ignore_breaker(),
        options().cache(CacheUse::Confirmed),
        options().body_limit(ByteSize::mib(1)),
    ];
    let calls = callers.len() + 2;
    outage.holds();
    let mut running: Vec<_> =
        callers.iter().map(|options| Box::pin(async { state.with(options.clone()).get("a").await })).collect();
    let mut strong = Box::pin(state.get_with("a", GetOptions::new().strong()));
    let mut other = Box::pin(state.get("b"));
    for future in &mut running {
        assert!(!begin(future.as_mut()).await);
    }
    assert!(!begin(strong.as_mut()).await && !begin(other.as_mut()).await);
    assert_eq!(outage.calls() as usize, calls);
    outage.pass(calls);
    for future in running {
        assert_eq!(future.await.unwrap().unwrap().value, "1");
    }
    strong.await.unwrap();
    other.await.unwrap();
}

/// Failure test 44, through a handle.
#[tokio::test]
async fn t44_when_the_caller_who_reads_is_cancelled_one_who_waits_reads() {
    let (memory, outage, state) = entries();
    KeyValueStore::new(memory).put("a", "1").await.unwrap();
    outage.holds();
    let cancel = Cancel::new();
    let leader = state.with(CallOptions::new().cancel(&cancel));
    let (mut first, mut second, mut third) = (pin!(leader.get("a")), Box::pin(state.get("a")), pin!(state.get("a")));
    assert!(!begin(first.as_mut()).await && !begin(second.as_mut()).await && !begin(third.as_mut()).await);
    assert_eq!(outage.calls(), 1);
    cancel.cancel();
    assert!(first.await.unwrap_err().is(ErrorKind::Cancelled));
    assert!(!begin(second.as_mut()).await);
    assert_eq!(outage.calls(), 2, "the next one reads, for itself and for the third");
    drop(second);
    assert!(!begin(third.as_mut()).await);
    assert_eq!(outage.calls(), 3);
    outage.pass(1);
    assert_eq!(third.await.unwrap().unwrap().value, "1");
}

#[tokio::test(start_paused = true)]
async fn every_caller_has_its_own_deadline() {
    let (memory, outage, state) = entries();
    KeyValueStore::new(memory).put("a", "1").await.unwrap();
    outage.holds();
    let call = |seconds| {
        let state = state.with(CallOptions::new().timeout(Duration::from_secs(seconds)));
        tokio::spawn(async move { state.get("a").await })
    };
    let started = tokio::time::Instant::now();
    let (short, shorter, long) = (call(2), call(1), call(60));
    assert!(shorter.await.unwrap().unwrap_err().is(ErrorKind::Timeout));
    assert_eq!(started.elapsed().as_secs(), 1, "who waits waits no longer than it may");
    assert!(short.await.unwrap().unwrap_err().is(ErrorKind::Timeout));
    assert_eq!(started.elapsed().as_secs(), 2);
    outage.pass(1);
    assert_eq!(long.await.unwrap().unwrap().unwrap().value, "1", "the time of another was not its own");
    assert_eq!(outage.calls(), 2);
}

#[tokio::test]
async fn t44_an_error_is_told_to_those_who_waited_and_to_nobody_later() {
    let (memory, outage, files) = objects();
    ObjectStore::new(memory).put("a", "x").await.unwrap();
    outage.begins();
    let get = || {
        let files = files.clone();
        async move { files.get("a").await.map(drop).unwrap_err() }
    };
    let errors = together(&outage, 10, get).await;
    assert!(errors.iter().all(|error| error.is(ErrorKind::Unavailable) && error.resource() == Some("a")));
    assert_eq!(files.get("a").await.unwrap().text().await.unwrap(), "x");
}

#[tokio::test]
async fn what_the_caller_chose_is_not_said_of_those_who_waited() {
    let refused = |reason| Error::new(ErrorKind::RateLimited, "no time for it").with_reason(reason);
    for (error, shared) in [
        (refused(Reason::LocalRateLimit), false),
        (refused(Reason::BulkheadFull), false),
        (Error::outside_limit(Limit::at_most("body_limit", 1, "bytes"), 2), false),
        (Error::new(ErrorKind::RateLimited, "429"), true),
        (Error::new(ErrorKind::Timeout, "the service is slow"), true),
    ] {
        let (memory, outage, state) = entries();
        KeyValueStore::new(memory).put("a", "1").await.unwrap();
        outage.holds();
        outage.fails(error.clone(), &[]);
        let (mut first, mut second) = (pin!(state.get("a")), pin!(state.get("a")));
        assert!(!begin(first.as_mut()).await && !begin(second.as_mut()).await);
        assert_eq!(outage.calls(), 1);
        outage.pass(1);
        assert_eq!(first.await.unwrap_err().kind(), error.kind());
        outage.ends();
        let second = second.await;
        assert_eq!((second.is_err(), outage.calls()), (shared, if shared { 1 } else { 2 }), "{error:?}");
    }
}

#[tokio::test]
async fn a_large_content_is_read_by_each() {
    let (memory, outage) = (Memory::new(), Outage::new());
    ObjectStore::new(memory.clone()).put("a", "0123456789").await.unwrap();
    let inner = ObjectStore::new(Decorated::new(memory, outage.clone()));
    let files = ObjectStore::new(Coalesced::new(inner).object_max(ByteSize::bytes(5)));
    outage.holds();
    let (mut first, mut second, mut third) = (pin!(files.get("a")), pin!(files.get("a")), pin!(files.get("a")));
    assert!(!begin(first.as_mut()).await && !begin(second.as_mut()).await && !begin(third.as_mut()).await);
    assert_eq!(outage.calls(), 1);
    outage.pass(3);
    for object in [first.await, second.await, third.await] {
        assert_eq!(object.unwrap().text().await.unwrap(), "0123456789");
    }
    assert_eq!(outage.calls(), 3);
    let part = files.get_with("a", ObjectGetOptions::new().range(0..5));
    outage.ends();
    assert_eq!(part.await.unwrap().text().await.unwrap(), "01234", "a part may be small enough");
}

#[tokio::test]
async fn a_read_after_a_write_does_not_join_one_from_before_it() {
    let (memory, outage, state) = entries();
    KeyValueStore::new(memory).put("a", "old").await.unwrap();
    outage.holds();
    let mut before = pin!(state.get("a"));
    assert!(!begin(before.as_mut()).await);
    outage.ends();
    state.put("a", "new").await.unwrap();
    assert_eq!(state.get("a").await.unwrap().unwrap().value, "new");
    outage.pass(1);
    before.await.unwrap();
    let (memory, outage, files) = objects();
    ObjectStore::new(memory).put("a", "old").await.unwrap();
    outage.holds();
    let mut before = pin!(files.head("a"));
    assert!(!begin(before.as_mut()).await);
    outage.ends();
    files.put("a", "newer").await.unwrap();
    assert_eq!(files.head("a").await.unwrap().size, 5);
    outage.pass(1);
    before.await.unwrap();
}

#[tokio::test]
async fn dropping_at_every_await_leaves_nothing_running() {
    let (memory, outage) = (Memory::new(), Outage::new());
    let objects = Arc::new(Coalesced::new(ObjectStore::new(Decorated::new(memory.clone(), outage.clone()))));
    let entries = Arc::new(Coalesced::new(KeyValueStore::new(Decorated::new(memory, outage.clone()))));
    let files = ObjectStore::from(objects.clone() as Arc<dyn ObjectStoreProvider>);
    let state = KeyValueStore::from(entries.clone() as Arc<dyn KeyValueStoreProvider>);
    files.put("a", "x").await.unwrap();
    outage.fails(Error::new(ErrorKind::Unavailable, "not now"), &[]);
    for (ends, pass) in [(false, 10_000), (true, 0)] {
        if ends {
            outage.ends();
        }
        outage.pass(pass);
        let dropped = drop_sweep(
            || async {
                let (mut one, mut other) = (pin!(files.get("a")), pin!(state.get("a")));
                let _ = (begin(one.as_mut()).await, begin(other.as_mut()).await);
                tokio::task::yield_now().await;
                let _ = (files.head("a").await, files.get("a").await);
            },
            async || match (objects.running(), entries.running()) {
                (0, 0) => Ok(()),
                running => Err(format!("{running:?} are running")),
            },
        );
        dropped.await.unwrap();
    }
}
