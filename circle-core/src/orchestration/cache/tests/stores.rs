//! What is kept of stores, for how long, and what writes do to it.

use std::time::Duration;

use circle_core_common::interfaces::key_value_store::{GetOptions, KeyValueStore, PutOptions};
use circle_core_common::interfaces::object_store::{GetOptions as ObjectGetOptions, ObjectStore, ObjectStoreCapabilities};
use circle_core_common::interfaces::vector_store::{CollectionSpec, Record, VectorQuery, VectorStore};
use circle_core_common::suite::{Decorated, Plan};
use circle_core_common::{BuildContext, ByteSize, CallOptions, CallReport, Environment, ErrorKind, Resolution};
use circle_core_embedded::EmbeddedVectors;
use circle_core_memory::{Memory, MemoryConfig};
use circle_core_testkit::{ManualClock, drop_sweep};

use crate::orchestration::Cached;
use crate::orchestration::outage::Outage;

const SECOND: Duration = Duration::from_secs(1);

/// A store on a clock of the test's, and what happens to its calls.
struct Store {
    memory: Memory,
    outage: Outage,
    clock: ManualClock,
}

impl Store {
    fn new() -> Self {
        Self::on(ManualClock::new())
    }

    fn on(clock: ManualClock) -> Self {
        let environment = Environment::builder().clock(clock.clock()).build();
        let memory = Memory::with(MemoryConfig::new(), BuildContext::from(&environment));
        Self { memory, outage: Outage::new(), clock }
    }

    fn objects(&self) -> Cached<ObjectStore> {
        Cached::new(ObjectStore::new(Decorated::new(self.memory.clone(), self.outage.clone())))
    }

    fn entries(&self) -> Cached<KeyValueStore> {
        Cached::new(KeyValueStore::new(Decorated::new(self.memory.clone(), self.outage.clone())))
    }

    /// The same store, from elsewhere.
    fn elsewhere(&self) -> (ObjectStore, KeyValueStore) {
        (ObjectStore::new(self.memory.clone()), KeyValueStore::new(self.memory.clone()))
    }
}

async fn text(store: &ObjectStore, key: &str) -> String {
    store.get(key).await.unwrap().text().await.unwrap()
}

async fn value(store: &KeyValueStore, key: &str) -> Option<bytes::Bytes> {
    store.get(key).await.unwrap().map(|entry| entry.value)
}

#[tokio::test]
async fn an_object_is_read_once_in_its_time() {
    let store = Store::new();
    let files = ObjectStore::new(store.objects());
    files.put("a", "0123456789").await.unwrap();
    let report = CallReport::new();
    let files = files.with(CallOptions::new().report(&report));
    assert_eq!(text(&files, "a").await, "0123456789");
    let before = store.outage.calls();
    assert_eq!(text(&files, "a").await, "0123456789");
    assert_eq!(files.head("a").await.unwrap().size, 10);
    for (range, expected) in [(2..5, "234"), (7..99, "789"), (10..12, "")] {
        let part = files.get_with("a", ObjectGetOptions::new().range(range.clone())).await.unwrap();
        assert_eq!((part.range.start, part.text().await.unwrap().as_str()), (range.start, expected));
    }
    let beyond = files.get_with("a", ObjectGetOptions::new().range(11..)).await.unwrap_err();
    assert!(beyond.is(ErrorKind::InvalidInput));
    assert_eq!((store.outage.calls(), report.get().cached), (before, 6));
}

#[tokio::test]
async fn what_is_too_old_is_asked_for_again_and_sent_again_only_where_it_has_changed() {
    let store = Store::new();
    let (files, (elsewhere, _)) = (ObjectStore::new(store.objects().ttl(SECOND * 10)), store.elsewhere());
    elsewhere.put("a", "old").await.unwrap();
    assert_eq!(text(&files, "a").await, "old");
    elsewhere.put("a", "new").await.unwrap();
    store.clock.advance(SECOND * 9);
    assert_eq!(text(&files, "a").await, "old", "a write from elsewhere is seen after the ttl");
    store.clock.advance(SECOND);
    assert_eq!(text(&files, "a").await, "new");
    store.clock.advance(SECOND * 10);
    let (report, before) = (CallReport::new(), store.outage.calls());
    assert_eq!(text(&files.with(CallOptions::new().report(&report)), "a").await, "new");
    assert_eq!((store.outage.calls() - before, report.get().cached), (1, 1), "asked, and not sent again");
    assert_eq!(text(&files, "a").await, "new");
    assert_eq!(store.outage.calls() - before, 1, "it is young again");
    // A store that cannot tell sends it.
    let plain = store.memory.clone().without(ObjectStoreCapabilities::GET_IF_NONE_MATCH);
    let plain = ObjectStore::new(Cached::new(ObjectStore::new(plain)).ttl(SECOND));
    assert_eq!(text(&plain, "a").await, "new");
    store.clock.advance(SECOND);
    assert_eq!(text(&plain, "a").await, "new");
}

#[tokio::test]
async fn that_there_is_nothing_is_believed_for_a_moment() {
    let store = Store::new();
    let (files, state, elsewhere) = (ObjectStore::new(store.objects()), KeyValueStore::new(store.entries()), store.elsewhere());
    assert!(files.get("a").await.unwrap_err().is(ErrorKind::NotFound));
    assert!(value(&state, "a").await.is_none());
    let before = store.outage.calls();
    let error = files.head("a").await.unwrap_err();
    assert!(error.is(ErrorKind::NotFound) && error.resource() == Some("a"), "{error}");
    assert!(value(&state, "a").await.is_none());
    assert_eq!(store.outage.calls(), before);
    elsewhere.0.put("a", "there").await.unwrap();
    elsewhere.1.put("a", "there").await.unwrap();
    store.clock.advance(SECOND);
    assert_eq!((text(&files, "a").await.as_str(), value(&state, "a").await.unwrap()), ("there", "there".into()));
    let asks = ObjectStore::new(store.objects().missing_ttl(Duration::ZERO));
    assert!(asks.get("b").await.is_err());
    elsewhere.0.put("b", "there").await.unwrap();
    assert_eq!(text(&asks, "b").await, "there");
}

#[tokio::test]
async fn a_write_through_it_is_seen_at_once_by_everybody() {
    let store = Store::new();
    let (files, state) = (ObjectStore::new(store.objects()), KeyValueStore::new(store.entries()));
    let tenant = files.with(CallOptions::new().tenant("other"));
    for round in 0..3 {
        let content = format!("round {round}");
        files.put("a", content.clone()).await.unwrap();
        state.put("a", content.clone()).await.unwrap();
        assert_eq!((text(&files, "a").await, text(&tenant, "a").await), (content.clone(), content.clone()));
        assert_eq!(value(&state, "a").await.unwrap(), content);
    }
    files.copy("a", "b").await.unwrap();
    assert_eq!(text(&files, "b").await, "round 2");
    files.delete_many(["a", "b"]).await.unwrap().all().unwrap();
    assert!(files.get("a").await.is_err() && tenant.get("b").await.is_err());
    let upload = files.upload("a").await.unwrap();
    let part = upload.part(0, "in parts").await.unwrap();
    upload.complete(vec![part]).await.unwrap();
    assert_eq!(text(&files, "a").await, "in parts");
    state.transaction([circle_core_common::interfaces::key_value_store::Write::put("a", "7")]).await.unwrap();
    assert_eq!(value(&state, "a").await.unwrap(), "7");
    state.increment("a", 1).await.unwrap();
    assert_eq!(value(&state, "a").await.unwrap(), "8");
    state.delete("a").await.unwrap();
    assert!(value(&state, "a").await.is_none());
}

#[tokio::test]
async fn a_write_that_failed_is_asked_about_too() {
    let store = Store::new();
    let state = KeyValueStore::new(store.entries());
    state.put("a", "before").await.unwrap();
    assert_eq!(value(&state, "a").await.unwrap(), "before");
    let lost = circle_core_common::Error::new(ErrorKind::Connection, "lost").with_sent(circle_core_common::Sent::Maybe);
    store.outage.plans(Plan::Lose(lost));
    assert!(state.put("a", "after").await.is_err());
    store.outage.ends();
    assert_eq!(value(&state, "a").await.unwrap(), "after", "it was made, although nobody said so");
}

#[tokio::test]
async fn what_was_read_before_a_write_is_not_kept_after_it() {
    let store = Store::new();
    let files = ObjectStore::new(store.objects());
    files.put("a", "old").await.unwrap();
    // As it comes over a network: in pieces.
    store.outage.plans(Plan::Cut { after: u64::MAX, error: None });
    let reading = files.get("a").await.unwrap();
    files.put("a", "new").await.unwrap();
    assert_eq!(reading.text().await.unwrap(), "old");
    assert_eq!(text(&files, "a").await, "new");
}

#[tokio::test]
async fn a_content_is_kept_once_all_of_it_has_come() {
    let store = Store::new();
    let files = ObjectStore::new(store.objects());
    files.put("a", "the content").await.unwrap();
    store.outage.plans(Plan::Cut { after: u64::MAX, error: None });
    drop(files.get("a").await.unwrap());
    let before = store.outage.calls();
    assert_eq!(text(&files, "a").await, "the content");
    assert_eq!(store.outage.calls(), before + 1, "the first one was dropped before its end");
    assert_eq!(text(&files, "a").await, "the content");
    assert_eq!(store.outage.calls(), before + 1);
    let small = ObjectStore::new(store.objects().object_max(ByteSize::bytes(10)));
    for _ in 0..2 {
        assert_eq!(text(&small, "a").await, "the content");
    }
    assert_eq!(store.outage.calls(), before + 3, "eleven bytes are too many");
}

#[tokio::test]
async fn conditions_and_the_outcome_of_writes_are_asked_of_the_store() {
    // An update waits before it tries again.
    let store = Store::on(ManualClock::jumping());
    let (files, state, elsewhere) = (ObjectStore::new(store.objects()), KeyValueStore::new(store.entries()), store.elsewhere());
    let old = files.put("a", "old").await.unwrap().version().unwrap().clone();
    assert_eq!(text(&files, "a").await, "old");
    elsewhere.0.put("a", "new").await.unwrap();
    let error = files.get_with("a", ObjectGetOptions::new().if_match(&old)).await.unwrap_err();
    assert!(error.is(ErrorKind::Conflict));
    let changed = files.get_with("a", ObjectGetOptions::new().if_none_match(&old)).await.unwrap();
    assert_eq!(changed.text().await.unwrap(), "new");
    assert_eq!(text(&files, "a").await, "old", "that was an answer to another question");
    // An update that reads what is old is told so by the store, and reads again.
    let appended = |old: Option<bytes::Bytes>| Ok([&old.unwrap_or_default()[..], b"+"].concat());
    files.update("a", appended).await.unwrap();
    assert_eq!(text(&files, "a").await, "new+");
    state.put("n", "1").await.unwrap();
    assert_eq!(value(&state, "n").await.unwrap(), "1");
    elsewhere.1.put("n", "2").await.unwrap();
    assert_eq!(state.get_with("n", GetOptions::new().strong()).await.unwrap().unwrap().value, "2");
    // Believed to be absent, and there.
    assert!(files.head("b").await.is_err());
    let lost = circle_core_common::Error::new(ErrorKind::Connection, "lost").with_sent(circle_core_common::Sent::Maybe);
    store.outage.fails(lost, &["put", "head"]);
    let error = files.create("b", "mine").await.unwrap_err();
    store.outage.ends();
    assert!(error.is(ErrorKind::OutcomeUnknown), "{error}");
    assert!(files.head("b").await.is_err());
    let id = error.operation_id().unwrap().clone();
    elsewhere.0.with(CallOptions::new().idempotency_key(id)).create("b", "mine").await.unwrap();
    assert_eq!(files.resolve(&error).await.unwrap(), Resolution::Applied, "what is believed is no answer to that");
}

#[tokio::test]
async fn an_entry_is_gone_when_it_expires() {
    let store = Store::new();
    let state = KeyValueStore::new(store.entries().ttl(SECOND * 60));
    state.put_with("a", "1", PutOptions::new().ttl(SECOND * 5)).await.unwrap();
    assert_eq!(value(&state, "a").await.unwrap(), "1");
    store.clock.advance(SECOND * 4);
    let before = store.outage.calls();
    assert_eq!(value(&state, "a").await.unwrap(), "1");
    assert_eq!(store.outage.calls(), before);
    store.clock.advance(SECOND);
    assert!(value(&state, "a").await.is_none());
}

#[tokio::test]
async fn of_many_entries_only_those_that_are_not_known_are_asked_for() {
    let store = Store::new();
    let state = KeyValueStore::new(store.entries());
    for key in ["a", "b", "c"] {
        state.put(key, key).await.unwrap();
    }
    value(&state, "b").await.unwrap();
    let report = CallReport::new();
    let counted = state.with(CallOptions::new().report(&report));
    let all = counted.get_many(["c", "b", "x", "a"]).await.unwrap().all().unwrap();
    let values: Vec<_> = all.into_iter().map(|entry| entry.map(|entry| entry.value)).collect();
    assert_eq!(values, [Some("c".into()), Some("b".into()), None, Some("a".into())]);
    let before = store.outage.calls();
    counted.get_many(["a", "b", "c", "x"]).await.unwrap().all().unwrap();
    assert_eq!((store.outage.calls(), report.get().cached), (before, 1));
}

#[tokio::test]
async fn tenants_and_principals_have_answers_of_their_own() {
    for across in [false, true] {
        let store = Store::new();
        store.elsewhere().0.put("a", "x").await.unwrap();
        store.elsewhere().1.put("a", "x").await.unwrap();
        let (files, state) = (store.objects(), store.entries());
        let (files, state) = if across { (files.across_tenants(), state.across_tenants()) } else { (files, state) };
        let (files, state) = (ObjectStore::new(files), KeyValueStore::new(state));
        let options = CallOptions::new;
        let callers = [
            options(),
            options().tenant("a"),
            options().tenant("b"),
            options().tenant("a").principal("b"),
            options().principal("a"),
        ];
        for caller in callers.iter().chain(&callers) {
            text(&files.with(caller.clone()), "a").await;
            value(&state.with(caller.clone()), "a").await.unwrap();
        }
        assert_eq!(store.outage.calls(), if across { 2 } else { 10 });
    }
}

#[tokio::test]
async fn a_closed_cache_gives_nothing() {
    let store = Store::new();
    let files = ObjectStore::new(store.objects());
    files.put("a", "x").await.unwrap();
    text(&files, "a").await;
    let provider = files.provider().unwrap();
    let cx =
        circle_core_common::CallContext::new(provider.environment(), &circle_core_common::interfaces::object_store::GET, None);
    provider.close(&cx).await.unwrap();
    assert!(files.get("a").await.unwrap_err().is(ErrorKind::Closed));
    assert!(files.head("a").await.unwrap_err().is(ErrorKind::Closed));
}

#[tokio::test]
async fn matches_are_kept_until_something_is_written() {
    let outage = Outage::new();
    let inner = VectorStore::new(Decorated::new(EmbeddedVectors::in_memory(), outage.clone()));
    let docs = VectorStore::new(Cached::new(inner)).collection("docs");
    docs.ensure(CollectionSpec::new(2)).await.unwrap();
    docs.put(Record::new("a", vec![1.0, 0.0])).await.unwrap();
    let report = CallReport::new();
    let counted = docs.with(CallOptions::new().report(&report));
    let found = async |query: VectorQuery| counted.query(query).await.unwrap().len();
    let near = || VectorQuery::near(vec![1.0, 0.0]);
    assert_eq!(found(near()).await, 1);
    let before = outage.calls();
    assert_eq!(found(near()).await, 1);
    assert_eq!((outage.calls(), report.get().cached), (before, 1));
    assert_eq!((found(near().top_k(3)).await, outage.calls()), (1, before + 1), "another question");
    docs.put(Record::new("b", vec![0.0, 1.0])).await.unwrap();
    assert_eq!(found(near()).await, 2);
    docs.delete("a").await.unwrap();
    assert_eq!(found(near()).await, 1);
    let other = docs.with(CallOptions::new().tenant("other"));
    let before = outage.calls();
    other.query(near()).await.unwrap();
    assert_eq!(outage.calls(), before + 1);
}

#[tokio::test]
async fn dropping_at_every_await_keeps_nothing_that_is_wrong() {
    let store = Store::new();
    let files = ObjectStore::new(store.objects());
    files.put("a", "0").await.unwrap();
    store.outage.plans(Plan::Cut { after: u64::MAX, error: None });
    store.outage.holds();
    store.outage.pass(10_000);
    let round = std::cell::Cell::new(0_u32);
    let dropped = drop_sweep(
        || {
            round.set(round.get() + 1);
            let (files, content) = (files.clone(), round.get().to_string());
            async move {
                let _ = files.get("a").await.unwrap().text().await;
                tokio::task::yield_now().await;
                files.put("a", content).await.unwrap();
                tokio::task::yield_now().await;
                let _ = files.get("a").await.unwrap().text().await;
            }
        },
        async || {
            let there = text(&ObjectStore::new(store.memory.clone()), "a").await;
            let seen = text(&files, "a").await;
            if seen == there { Ok(()) } else { Err(format!("`{seen}` is given where `{there}` is there")) }
        },
    );
    assert!(dropped.await.unwrap() >= 2);
}
