//! Stores behind one another.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::Arc;

use circle_core_common::interfaces::key_value_store::{GetOptions, KeyValueStore};
use circle_core_common::interfaces::object_store::{GetOptions as ObjectGetOptions, ObjectStore, ObjectStoreProvider};
use circle_core_common::interfaces::secret_store::{GetOptions as SecretGetOptions, SecretChange, SecretFields, SecretStore};
use circle_core_common::interfaces::vector_store::{CollectionSpec, Record, VectorQuery, VectorStore};
use circle_core_common::secret::ExposeSecret as _;
use circle_core_common::service::{Deferred, Service};
use circle_core_common::suite::{Decorated, Plan};
use circle_core_common::{CallOptions, Environment, Error, ErrorKind, Reason, Resolution, Sent};
use circle_core_embedded::EmbeddedVectors;
use circle_core_memory::Memory;
use circle_core_testkit::drop_sweep;
use futures_core::Stream as _;

use super::super::super::outage::Outage;
use super::super::super::{Cooldown, Fallback, Leg, LegErrors, MoveOn};

/// Two stores, what happens to the first, and both as one.
struct Two {
    first: Memory,
    second: Memory,
    outage: Outage,
}

impl Two {
    fn new() -> Self {
        Self { first: Memory::with_versions(), second: Memory::with_versions(), outage: Outage::new() }
    }

    fn objects(&self) -> Fallback<ObjectStore> {
        let first = Decorated::new(self.first.clone(), self.outage.clone());
        let legs =
            [Leg::new(ObjectStore::new(first)).name("first"), Leg::new(ObjectStore::new(self.second.clone())).name("second")];
        Fallback::new(legs).cooldown(Cooldown::off())
    }

    fn entries(&self) -> Fallback<KeyValueStore> {
        let first = Decorated::new(self.first.clone(), self.outage.clone());
        let legs =
            [Leg::new(KeyValueStore::new(first)).name("first"), Leg::new(KeyValueStore::new(self.second.clone())).name("second")];
        Fallback::new(legs).cooldown(Cooldown::off())
    }

    fn secrets(&self) -> Fallback<SecretStore> {
        let first = Decorated::new(self.first.clone(), self.outage.clone());
        let legs =
            [Leg::new(SecretStore::new(first)).name("first"), Leg::new(SecretStore::new(self.second.clone())).name("second")];
        Fallback::new(legs).cooldown(Cooldown::off())
    }
}

async fn value(store: &SecretStore, name: &str) -> String {
    store.get(name).await.unwrap().value().unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn secrets_are_read_from_the_copy_and_written_where_they_belong() {
    let two = Two::new();
    let (both, copy) = (SecretStore::new(two.secrets()), SecretStore::new(two.second.clone()));
    let here = both.put("token", SecretFields::single("here")).await.unwrap();
    copy.put("token", SecretFields::single("there")).await.unwrap();
    assert_eq!(value(&both, "token").await, "here");
    two.outage.begins();
    let read = both.get("token").await.unwrap();
    assert_eq!(read.value().unwrap().expose_secret(), "there");
    assert_eq!(both.list("").all().await.unwrap().len(), 1);
    // The version of a copy is asked of that copy, and no condition of a write at another.
    let again = both.get_with("token", SecretGetOptions::new().version(read.version.clone())).await.unwrap();
    assert_eq!(again.value().unwrap().expose_secret(), "there");
    let elsewhere = both.get_with("token", SecretGetOptions::new().version(here.clone())).await.unwrap_err();
    assert_eq!((elsewhere.kind(), elsewhere.service()), (ErrorKind::Unavailable, Some("first")), "{elsewhere}");
    for error in [both.put("token", SecretFields::single("lost")).await.unwrap_err(), both.delete("token").await.unwrap_err()] {
        assert_eq!((error.kind(), error.service()), (ErrorKind::Unavailable, Some("first")), "{error}");
    }
    two.outage.ends();
    let error = both.replace("token", SecretFields::single("newer"), &read.version).await.unwrap_err();
    assert!(error.is(ErrorKind::Unavailable) && error.message().contains("read it anew"), "{error}");
    both.replace("token", SecretFields::single("newer"), &here).await.unwrap();
    assert_eq!((value(&both, "token").await, value(&copy, "token").await), ("newer".to_owned(), "there".to_owned()));
}

#[tokio::test]
async fn a_watch_tells_versions_that_can_be_asked_for() {
    let two = Two::new();
    let both = SecretStore::new(two.secrets());
    let mut changes = both.watch("").await.unwrap();
    both.put("token", SecretFields::single("here")).await.unwrap();
    let Some(Ok(SecretChange::Put(name, version))) = std::future::poll_fn(|cx| Pin::new(&mut changes).poll_next(cx)).await else {
        panic!("a change")
    };
    let read = both.get_with(name, SecretGetOptions::new().version(version)).await.unwrap();
    assert_eq!(read.value().unwrap().expose_secret(), "here");
}

async fn text(store: &ObjectStore, key: &str) -> String {
    store.get(key).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn reads_fall_over_and_writes_do_not() {
    let two = Two::new();
    let (files, state) = (ObjectStore::new(two.objects()), KeyValueStore::new(two.entries()));
    ObjectStore::new(two.second.clone()).put("a", "the copy").await.unwrap();
    KeyValueStore::new(two.second.clone()).put("a", "the copy").await.unwrap();
    files.put("a", "first").await.unwrap();
    state.put("a", "first").await.unwrap();
    assert_eq!(text(&files, "a").await, "first");
    two.outage.begins();
    assert_eq!(text(&files, "a").await, "the copy");
    assert_eq!(files.head("a").await.unwrap().size, 8);
    assert_eq!(files.list("").all().await.unwrap().len(), 1);
    assert_eq!(state.get("a").await.unwrap().unwrap().value, "the copy");
    assert_eq!(state.list("").all().await.unwrap().len(), 1);
    for error in [
        files.put("a", "lost").await.unwrap_err(),
        files.delete("a").await.unwrap_err(),
        files.copy("a", "b").await.unwrap_err(),
        state.put("a", "lost").await.unwrap_err(),
        state.delete("a").await.unwrap_err(),
        state.increment("n", 1).await.unwrap_err(),
        state.get_with("a", GetOptions::new().strong()).await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.service()), (ErrorKind::Unavailable, Some("first")), "{error}");
    }
    assert_eq!(text(&ObjectStore::new(two.second.clone()), "a").await, "the copy");
}

#[tokio::test]
async fn absent_is_an_answer_unless_it_is_said_to_move_on() {
    let two = Two::new();
    ObjectStore::new(two.second.clone()).put("a", "the copy").await.unwrap();
    assert!(ObjectStore::new(two.objects()).get("a").await.unwrap_err().is(ErrorKind::NotFound));
    let through = ObjectStore::new(two.objects().move_on(MoveOn::new().at(ErrorKind::NotFound)));
    assert_eq!(text(&through, "a").await, "the copy");
}

#[tokio::test]
async fn split_writes_fall_over_where_they_were_certainly_not_made() {
    let two = Two::new();
    let (files, state) = (ObjectStore::new(two.objects().split_writes()), KeyValueStore::new(two.entries().split_writes()));
    two.outage.begins();
    files.put("a", "second").await.unwrap();
    state.put("a", "second").await.unwrap();
    assert_eq!(text(&ObjectStore::new(two.second.clone()), "a").await, "second");
    let conditional = [
        files.create("b", "x").await.unwrap_err(),
        state.create("b", "x").await.unwrap_err(),
        state.increment("n", 1).await.unwrap_err(),
    ];
    assert!(conditional.iter().all(|error| error.is(ErrorKind::Unavailable)), "{conditional:?}");
    two.outage.is_unsure();
    let error = files.put("c", "x").await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Connection, Sent::Maybe));
    assert!(ObjectStore::new(two.second.clone()).get("c").await.unwrap_err().is(ErrorKind::NotFound));
    let body =
        circle_core_common::Body::from_stream(circle_core_common::ByteStream::from(bytes::Bytes::from_static(b"x")), Some(1));
    two.outage.begins();
    assert!(files.put("d", body).await.is_err(), "a stream cannot be sent to two");
}

#[tokio::test]
async fn an_upload_goes_on_at_the_leg_that_it_was_started_at() {
    let two = Two::new();
    let files = ObjectStore::new(two.objects().split_writes());
    two.outage.begins();
    let upload = files.upload("a").await.unwrap();
    two.outage.ends();
    let id = upload.id().clone();
    let resumed = files.resume(&id);
    let part = resumed.part(0, "the content").await.unwrap();
    resumed.complete(vec![part]).await.unwrap();
    assert_eq!(text(&ObjectStore::new(two.second.clone()), "a").await, "the content");
    assert!(files.get("a").await.unwrap_err().is(ErrorKind::NotFound), "the first one does not know of it");
}

#[tokio::test]
async fn a_version_is_of_the_leg_that_gave_it() {
    let two = Two::new();
    let files = ObjectStore::new(two.objects());
    let mine = files.put("a", "first").await.unwrap().version().unwrap().clone();
    ObjectStore::new(two.second.clone()).put("a", "the copy").await.unwrap();
    two.outage.begins();
    let theirs = files.head("a").await.unwrap().version().unwrap().clone();
    assert_ne!(mine, theirs, "although each store counts from one");
    let if_match = |version| ObjectGetOptions::new().if_match(version);
    assert_eq!(files.get_with("a", if_match(&theirs)).await.unwrap().text().await.unwrap(), "the copy");
    let error = files.get_with("a", if_match(&mine)).await.unwrap_err();
    assert!(error.is(ErrorKind::Unavailable), "the other leg cannot tell: {error}");
    let if_none = |version| ObjectGetOptions::new().if_none_match(version);
    let error = files.get_with("a", if_none(&theirs)).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NotModified));
    assert_eq!(files.get_with("a", if_none(&mine)).await.unwrap().text().await.unwrap(), "the copy", "it is another version");
    two.outage.ends();
    let error = files.replace("a", "next", &theirs).await.unwrap_err();
    assert!(error.is(ErrorKind::Unavailable) && error.message().contains("copy at `second`"), "{error}");
    files.replace("a", "next", &mine).await.unwrap();
    // What was known before there was a fallback is the first leg's.
    let bare = ObjectStore::new(two.first.clone()).head("a").await.unwrap().version().unwrap().clone();
    files.replace("a", "after", &bare).await.unwrap();
}

#[tokio::test]
async fn a_list_goes_on_at_the_leg_that_began_it() {
    let two = Two::new();
    let files = ObjectStore::new(two.objects());
    for (store, keys) in [(&two.first, ["a", "b", "c"]), (&two.second, ["a", "x", "y"])] {
        for key in keys {
            ObjectStore::new(store.clone()).put(key, "").await.unwrap();
        }
    }
    two.outage.begins();
    let page = files.list("").page_size(1).page().await.unwrap();
    two.outage.ends();
    let rest = files.list("").starting_at(page.next).all().await.unwrap();
    let names: Vec<&str> = rest.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(names, ["x", "y"]);
    let page = files.list("").page_size(1).page().await.unwrap();
    two.outage.begins();
    assert!(files.list("").starting_at(page.next).all().await.is_err(), "the other leg does not know where it was");
}

#[tokio::test]
async fn a_content_falls_over_until_its_first_byte() {
    let two = Two::new();
    let files = ObjectStore::new(two.objects());
    files.put("a", "of the first").await.unwrap();
    ObjectStore::new(two.second.clone()).put("a", "the copy").await.unwrap();
    let cut = |after| Plan::Cut { after, error: Some(Error::new(ErrorKind::Connection, "cut").with_sent(Sent::Yes)) };
    two.outage.plans(cut(0));
    assert_eq!(text(&files, "a").await, "the copy");
    two.outage.plans(cut(4));
    let mut stream = files.get("a").await.unwrap().into_stream();
    assert_eq!(stream.try_next().await.unwrap().unwrap(), "of t");
    // It is resumed where it stopped, at its own leg and version.
    two.outage.ends();
    let mut rest = Vec::new();
    while let Some(chunk) = stream.try_next().await.unwrap() {
        rest.extend_from_slice(&chunk);
    }
    assert_eq!(rest, b"he first");
}

#[tokio::test]
async fn what_became_of_a_write_only_its_own_leg_can_tell() {
    let two = Two::new();
    let files = ObjectStore::new(two.objects());
    two.outage.is_unsure();
    let error = files.create("a", "mine").await.unwrap_err();
    assert!(error.is(ErrorKind::OutcomeUnknown), "{error}");
    let unresolved = files.resolve(&error).await.unwrap_err();
    assert!(unresolved.is(ErrorKind::Connection), "that a copy has nothing says nothing: {unresolved}");
    two.outage.ends();
    assert_eq!(files.resolve(&error).await.unwrap(), Resolution::NotApplied);
    files.with(CallOptions::repeat(&error)).create("a", "mine").await.unwrap();
    let state = KeyValueStore::new(two.entries());
    two.outage.is_unsure();
    let error = state.create("a", "mine").await.unwrap_err();
    assert!(state.resolve(&error).await.unwrap_err().is(ErrorKind::Connection));
}

/// Failure test 43: a fallback sees the final error of each leg, and every one of them is in the end of the chain.
#[tokio::test]
async fn t43_the_errors_of_all_legs_are_kept() {
    let (first, second) = (Outage::new(), Outage::new());
    first.fails(Error::new(ErrorKind::Unauthenticated, "the key is not known").with_attempts(3), &[]);
    second.begins();
    let leg = |outage: &Outage, name: &'static str| {
        Leg::new(ObjectStore::new(Decorated::new(Memory::new(), outage.clone()))).name(name)
    };
    let files = ObjectStore::new(Fallback::new([leg(&first, "first"), leg(&second, "second")]));
    let error = files.get("a").await.unwrap_err();
    assert_eq!((first.calls(), second.calls(), error.attempts()), (1, 1, 4));
    let said: Vec<_> = LegErrors::of(&error).unwrap().iter().map(|(leg, error)| (leg, error.kind())).collect();
    assert_eq!(said, [("first", ErrorKind::Unauthenticated), ("second", ErrorKind::Unavailable)]);
    let (mut chain, mut next) = (Vec::new(), error.source());
    while let Some(cause) = next {
        chain.push(cause.to_string());
        next = cause.source();
    }
    assert!(chain.iter().any(|cause| cause.contains("nobody is there")), "the one that the whole error is like: {chain:?}");
    let first = LegErrors::of(&error).unwrap().iter().next().unwrap().1;
    assert!(first.message().contains("the key is not known"));
}

#[tokio::test]
async fn every_leg_is_called_for_the_tenant_of_the_call() {
    let two = Two::new();
    let second = Outage::new();
    let legs = [
        ObjectStore::new(Decorated::new(two.first.clone(), two.outage.clone())),
        ObjectStore::new(Decorated::new(two.second.clone(), second.clone())),
    ];
    let files = ObjectStore::new(Fallback::new(legs).cooldown(Cooldown::off()));
    two.outage.begins();
    for tenant in ["a", "b"] {
        let _ = files.with(CallOptions::new().tenant(tenant)).get("x").await;
    }
    let both = [Some("a".to_owned()), Some("b".to_owned())];
    assert_eq!((two.outage.tenants(), second.tenants()), (both.to_vec(), both.to_vec()));
}

#[tokio::test]
async fn vector_stores_are_read_at_the_next_and_written_at_the_first() {
    let (first, second, outage) = (EmbeddedVectors::in_memory(), EmbeddedVectors::in_memory(), Outage::new());
    let legs = [VectorStore::new(Decorated::new(first, outage.clone())), VectorStore::new(second.clone())];
    let fallback = Fallback::new(legs).cooldown(Cooldown::off());
    let (docs, copy) = (VectorStore::new(fallback).collection("docs"), VectorStore::new(second).collection("docs"));
    for collection in [&docs, &copy] {
        collection.ensure(CollectionSpec::new(2)).await.unwrap();
    }
    docs.put(Record::new("first", vec![1.0, 0.0])).await.unwrap();
    copy.put(Record::new("copy", vec![1.0, 0.0])).await.unwrap();
    let found = async || docs.query(VectorQuery::near(vec![1.0, 0.0])).await.unwrap()[0].id.as_str().to_owned();
    assert_eq!(found().await, "first");
    outage.begins();
    assert_eq!(found().await, "copy");
    assert_eq!((docs.count().await.unwrap(), docs.get("copy").await.unwrap().is_some()), (1, true));
    assert!(docs.put(Record::new("lost", vec![1.0, 0.0])).await.unwrap_err().is(ErrorKind::Unavailable));
}

#[tokio::test]
async fn what_a_late_leg_can_do_counts_once_it_has_started() {
    let error = Error::new(ErrorKind::Unavailable, "not yet");
    let deferred = Arc::new(Deferred::new("late", "memory", &["ObjectStore"], error));
    let late: ObjectStore = Service::deferred(deferred.clone(), Environment::default()).get("late").unwrap();
    let files = ObjectStore::new(Fallback::new([ObjectStore::new(Memory::with_versions()), late]));
    assert!(files.capabilities().get_version);
    deferred.start(Service::of(ObjectStore::new(Memory::new())).unwrap());
    assert!(!files.capabilities().get_version, "a plain memory keeps no versions");
}

#[tokio::test]
async fn nobody_to_ask_is_a_mistake_of_the_configuration() {
    let files = ObjectStore::new(Fallback::<ObjectStore>::new(Vec::<ObjectStore>::new()));
    let version = ObjectStore::new(Memory::new()).put("a", "x").await.unwrap().version().unwrap().clone();
    for error in [
        files.put("a", "x").await.unwrap_err(),
        files.get_with("a", ObjectGetOptions::new().if_match(version)).await.unwrap_err(),
        files.list("").all().await.unwrap_err(),
    ] {
        assert!(error.is(ErrorKind::ConfigInvalid), "{error}");
    }
}

#[tokio::test]
async fn dropping_at_every_await_leaves_every_leg_as_it_was() {
    let two = Two::new();
    let fallback = Arc::new(two.objects().cooldown(Cooldown::new()));
    let files = ObjectStore::from(fallback.clone() as Arc<dyn ObjectStoreProvider>);
    ObjectStore::new(two.second.clone()).put("a", "the copy").await.unwrap();
    two.outage.begins();
    two.outage.holds();
    two.outage.pass(1_000);
    let now = || Environment::default().clock().now();
    let dropped = drop_sweep(
        || files.get("a"),
        async || match fallback.legs().nth(1).is_some_and(|leg| leg.health.is_resting(now())) {
            true => Err("the second leg rests"),
            false => Ok(()),
        },
    );
    dropped.await.unwrap();
}
