//! What no suite can see: the objects of the index, and what happens to them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod suites;

use std::sync::Arc;
use std::time::Duration;

use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreCapabilities};
use circle_core_common::interfaces::vector_store::{Collection, CollectionSpec, GET, Record, VectorQuery, VectorStore};
use circle_core_common::{CallContext, Environment, ErrorKind, Filter};
use circle_core_testkit::{Fault, Faults, ManualClock, Mask, Masked, Scripted};

use super::files::Files;
use super::index::Index;
use super::segment::Draft;
use super::*;
use crate::volatile::Volatile;

fn over(store: &Volatile) -> Collection {
    VectorStore::new(EmbeddedVectors::over(ObjectStore::new(store.clone())).unwrap()).collection("notes")
}

fn record(number: usize) -> Record {
    Record::new(format!("{number:04}"), [number as f32, 1.0]).field("number", number)
}

async fn keys(store: &Volatile) -> Vec<String> {
    let listed = ObjectStore::new(store.clone()).list("").all().await.unwrap();
    listed.into_iter().map(|meta| meta.key.to_string()).collect()
}

async fn filled(store: &Volatile, count: usize) -> Collection {
    let notes = over(store);
    notes.ensure(CollectionSpec::new(2)).await.unwrap();
    for number in 0..count {
        notes.put(record(number)).await.unwrap();
    }
    notes
}

#[tokio::test]
async fn segments_are_merged_and_nothing_that_is_not_needed_stays() {
    let store = Volatile::new(Environment::default());
    let notes = filled(&store, 100).await;
    assert!(keys(&store).await.len() <= 9, "{:?}", keys(&store).await);
    assert_eq!(notes.count().await.unwrap(), 100);
    notes.delete_many((0..100).map(|number| format!("{number:04}"))).await.unwrap();
    for number in 0..20 {
        notes.put(record(number)).await.unwrap();
        notes.delete(format!("{number:04}")).await.unwrap();
    }
    assert_eq!((notes.count().await.unwrap(), over(&store).count().await.unwrap()), (0, 0));
    notes.store().drop_collection("notes").await.unwrap();
    assert_eq!(keys(&store).await, [""; 0]);
}

#[tokio::test]
async fn damage_is_corrupt_and_never_another_answer() {
    let store = Volatile::new(Environment::default());
    let files = ObjectStore::new(store.clone());
    filled(&store, 3).await;
    for key in keys(&store).await {
        let content = files.get(&key).await.unwrap().bytes().await.unwrap();
        for at in [0, content.len() / 2, content.len() - 1] {
            let mut damaged = content.to_vec();
            damaged[at] ^= 0x10;
            files.put(&key, damaged).await.unwrap();
            let error = over(&store).query(VectorQuery::near([1.0, 0.0])).await.unwrap_err();
            assert!(error.is(ErrorKind::Corrupt), "{key}, byte {at}: {error}");
        }
        files.put(&key, content.clone()).await.unwrap();
        if key.contains("segments") {
            files.delete(&key).await.unwrap();
            let error = over(&store).count().await.unwrap_err();
            assert!(error.is(ErrorKind::Corrupt) && error.message().contains("missing"), "{error}");
            files.put(&key, content).await.unwrap();
        }
        assert_eq!(over(&store).count().await.unwrap(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_are_never_disturbed_by_another_client_that_compacts() {
    let store = Volatile::new(Environment::default());
    let writer = filled(&store, 1).await;
    let writing = tokio::spawn(async move {
        for number in 1..150 {
            writer.put(record(number)).await.unwrap();
        }
    });
    let (reader, mut before) = (over(&store), 0);
    while before < 150 {
        let now = reader.count().await.unwrap();
        assert!(now >= before, "{now} after {before}");
        let found = reader.query(VectorQuery::near([1.0, 1.0]).filter(Filter::lt("number", 1))).await.unwrap();
        assert_eq!(found.len(), 1);
        before = now;
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn a_write_to_a_collection_that_was_made_again_is_refused_and_leaves_nothing() {
    let store = Volatile::new(Environment::default());
    filled(&store, 1).await;
    let before = keys(&store).await;
    let cx = CallContext::new(&Environment::default(), &GET, None);
    let files = Files::new(&ObjectStore::new(store.clone()), "vectors/", &"notes".into(), &cx);
    let drafts = vec![Draft::of(None, record(7))];
    let error = Index::default().write(&files, &cx, "the one before", drafts).await.unwrap_err();
    assert!(error.is(ErrorKind::NotFound), "{error}");
    assert_eq!(keys(&store).await, before);
}

#[tokio::test]
async fn a_collection_that_is_made_again_while_it_is_dropped_loses_nothing() {
    let clock = ManualClock::new();
    let store = Volatile::new(Environment::builder().clock(clock.clock()).build());
    filled(&store, 3).await;
    let scripted = Scripted::over(store.clone());
    let script = scripted.script();
    (0..4).for_each(|_| script.inject(Fault::Delay { by: Duration::from_secs(1) }));
    let slow = VectorStore::new(EmbeddedVectors::over(ObjectStore::new(scripted)).unwrap());
    let dropping = tokio::spawn(async move { slow.drop_collection("notes").await });
    let again = over(&store);
    let step = || async {
        clock.advance(Duration::from_millis(100));
        tokio::task::yield_now().await;
    };
    while again.count().await.is_ok() {
        step().await;
    }
    again.ensure(CollectionSpec::new(2)).await.unwrap();
    again.put(record(7)).await.unwrap();
    while !dropping.is_finished() {
        step().await;
    }
    dropping.await.unwrap().unwrap();
    assert_eq!(over(&store).count().await.unwrap(), 1);
}

#[tokio::test]
async fn very_long_vectors_do_not_stand_above_all_others() {
    let notes = over(&Volatile::new(Environment::default()));
    notes.ensure(CollectionSpec::new(2)).await.unwrap();
    let records = [("near", [1.0, 0.1]), ("long", [3e38, 3e38]), ("far", [0.0, 1.0])];
    notes.put_many(records.map(|(id, vector)| Record::new(id, vector))).await.unwrap().all().unwrap();
    for (query, score) in [([1.0, 0.0], 0.5_f32.sqrt()), ([3e38, -3e38], 0.0)] {
        let found = notes.query(VectorQuery::near(query)).await.unwrap();
        assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["near", "long", "far"]);
        assert!((found[1].score - score).abs() < 1e-6);
    }
}

#[tokio::test]
async fn lost_answers_and_cuts_of_the_object_store_lose_and_double_nothing() {
    for fault in [Fault::LoseAnswer, Fault::CutBefore, Fault::Unavailable] {
        for call in 0..8 {
            let volatile = Volatile::new(Environment::default());
            filled(&volatile, 2).await;
            let scripted = Scripted::over(volatile.clone());
            let script = scripted.script();
            let notes = VectorStore::new(EmbeddedVectors::over(ObjectStore::new(scripted)).unwrap()).collection("notes");
            for _ in 0..call {
                script.inject(Fault::Delay { by: Duration::ZERO });
            }
            script.inject(fault.clone());
            let put = notes.put(record(9)).await;
            let there = over(&volatile).get("0009").await.unwrap().is_some();
            match put {
                Ok(()) => assert!(there, "{fault:?} at call {call}: acknowledged and lost"),
                Err(error) => assert!(error.is_retryable() || error.is(ErrorKind::OutcomeUnknown), "{error}"),
            }
            notes.put(record(9)).await.ok();
            over(&volatile).put(record(9)).await.unwrap();
            assert_eq!(over(&volatile).count().await.unwrap(), 3, "{fault:?} at call {call}");
        }
    }
}

#[tokio::test]
async fn what_writers_that_died_have_left_is_swept_when_it_is_old() {
    let clock = ManualClock::new();
    let environment = Environment::builder().clock(clock.clock()).build();
    let store = Volatile::new(environment);
    let files = ObjectStore::new(store.clone());
    let notes = filled(&store, 1).await;
    files.put("vectors/notes/segments/old", "litter").await.unwrap();
    clock.advance(Duration::from_secs(3000));
    files.put("vectors/notes/segments/young", "about to be referred to").await.unwrap();
    clock.advance(Duration::from_secs(3000));
    // Enough for a merge of all segments.
    for number in 0..40 {
        notes.put(record(number)).await.unwrap();
    }
    let keys = keys(&store).await;
    assert!(!keys.iter().any(|key| key.ends_with("/old")) && keys.iter().any(|key| key.ends_with("/young")), "{keys:?}");
}

#[tokio::test]
async fn a_store_without_conditions_is_a_mistake_of_the_config() {
    let volatile = Volatile::new(Environment::default());
    let capabilities = ObjectStoreCapabilities::none().with(ObjectStoreCapabilities::PUT_IF_ABSENT);
    let store = ObjectStore::new(Masked::new(volatile, Mask(capabilities)));
    let error = EmbeddedVectors::over(store).unwrap_err();
    assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains("put_if_match"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vectors_of_a_segment_are_rows_of_one_block_and_large_searches_run_aside() {
    let store = Volatile::new(Environment::default());
    let notes = over(&store);
    notes.ensure(CollectionSpec::new(2048)).await.unwrap();
    let put = (0..700_usize).map(|number| {
        let mut vector = vec![0.0; 2048];
        vector[number] = 1.0;
        Record::new(number.to_string(), vector)
    });
    notes.put_many(put).await.unwrap().all().unwrap();
    let mut asked = vec![0.0; 2048];
    (asked[300], asked[500]) = (1.0, 0.5);
    let found = over(&store).query(VectorQuery::near(asked).top_k(2).with_vectors()).await.unwrap();
    assert_eq!(found.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["300", "500"]);
    let blocks: Vec<_> = found.iter().filter_map(|found| found.vector.as_ref()).map(|vector| vector.block()).collect();
    assert!(Arc::ptr_eq(blocks[0], blocks[1]) && blocks[0].len() == 700 * 2048);
}

#[tokio::test]
async fn equal_scores_come_in_the_order_of_ids_however_they_were_written() {
    let (one, other) = (Volatile::new(Environment::default()), Volatile::new(Environment::default()));
    for (store, numbers) in [(&one, [3, 1, 2, 0]), (&other, [0, 2, 1, 3])] {
        let notes = filled(store, 0).await;
        for number in numbers {
            notes.put(Record::new(number.to_string(), [1.0, 0.0]).text("the same words")).await.unwrap();
        }
        let ids = |found: Vec<Match>| found.into_iter().map(|found| found.id.to_string()).collect::<Vec<_>>();
        for query in [VectorQuery::near([1.0, 0.0]), VectorQuery::words("words"), VectorQuery::near([1.0, 0.0]).hybrid("words")] {
            assert_eq!(ids(notes.query(query.top_k(3)).await.unwrap()), ["0", "1", "2"]);
        }
    }
}
