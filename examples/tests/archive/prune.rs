//! What is pruned is what nobody needs.

use std::fs;
use std::time::Duration;

use circle_core::ErrorKind;
use circle_core_examples::archive::prune::{PruneOptions, prune};
use circle_core_examples::archive::record::{RunRecord, State};
use circle_core_examples::archive::restore::restore;
use circle_core_examples::archive::run::{RunOptions, run};
use circle_core_examples::archive::verify::verify;

use crate::tree::{Heard, Store, assert_same, noise};

fn quick() -> PruneOptions {
    PruneOptions::new().patience(Duration::from_millis(50))
}

#[tokio::test]
async fn old_runs_go_with_what_only_they_needed() {
    let (store, source, other, target) = (Store::new().await, folder(), folder(), folder());
    let path = source.path().join("file");
    fs::write(source.path().join("shared"), noise(1, 100_000)).unwrap();
    fs::write(other.path().join("other"), noise(2, 100_000)).unwrap();
    store.run(other.path()).await;
    for seed in 10..14 {
        fs::write(&path, noise(seed, 100_000)).unwrap();
        store.run(source.path()).await;
    }
    assert_eq!(store.keys("chunks/").await.len(), 6);
    assert_eq!(prune(&store.archive, &quick(), &()).await.unwrap().runs, 0);

    let pruned = prune(&store.archive, &quick().keep(2), &()).await.unwrap();
    assert_eq!((pruned.runs, pruned.chunks), (2, 2));
    assert!(pruned.bytes > 200_000);
    assert_eq!(verify(&store.archive, false, &()).await.unwrap().damaged, 0);
    assert_eq!(store.archive.runs().await.unwrap().len(), 3, "two of one folder and the only one of the other");
    let latest = store.archive.run_or_latest(None).await.unwrap();
    restore(&store.archive, &latest, target.path(), false, &()).await.unwrap();
    assert_same(source.path(), target.path());
    assert_eq!(prune(&store.archive, &quick().keep(2), &()).await.unwrap(), Default::default());
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// What a killed run leaves: its record as it was, perhaps a journal, chunks that nobody names.
async fn killed(store: &Store, id: &str) -> RunRecord {
    let id = id.parse().unwrap();
    let started = circle_core::Timestamp::UNIX_EPOCH;
    let record = RunRecord { id, source: b"/src".to_vec(), started, state: State::Running { beat: 3 } };
    store.files.create(record.id.key(), record.to_bytes().unwrap()).await.unwrap();
    record
}

#[tokio::test]
async fn a_killed_run_is_found_dead_and_its_leftovers_go() {
    let (store, source) = (Store::new().await, folder());
    fs::write(source.path().join("file"), "x").unwrap();
    let (finished, _) = store.run(source.path()).await;
    let dead = killed(&store, "20200101T000000000-00000000").await;
    let orphan = circle_core_examples::archive::chunk::Chunk::new(&b"orphan"[..]);
    let key = circle_core_examples::archive::chunk::Area::Files.key(&orphan.id);
    store.files.put(&key, orphan.bytes).await.unwrap();
    store.files.put("chunks/not a chunk", "left alone").await.unwrap();
    let pruned = prune(&store.archive, &quick(), &()).await.unwrap();
    assert_eq!((pruned.runs, pruned.chunks, pruned.bytes), (0, 1, 6));
    let found = store.archive.run_or_latest(Some(&dead.id)).await.unwrap();
    assert_eq!(found.state, State::Abandoned);
    assert!(store.files.head("chunks/not a chunk").await.is_ok());

    let pruned = prune(&store.archive, &quick().forget(dead.id), &()).await.unwrap();
    assert_eq!((pruned.runs, pruned.chunks), (1, 0));
    let left = store.archive.runs().await.unwrap();
    assert_eq!(left.iter().map(|run| &run.id).collect::<Vec<_>>(), [&finished.id]);
}

#[tokio::test]
async fn a_prune_gives_up_before_a_living_run() {
    let (store, source) = (Store::new().await, folder());
    fs::write(source.path().join("file"), "x").unwrap();
    store.run(source.path()).await;
    let record = killed(&store, "29990101T000000000-00000000").await;
    let beating = tokio::spawn({
        let files = store.files.clone();
        async move {
            for beat in 4.. {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let next = RunRecord { state: State::Running { beat }, ..record.clone() };
                files.put(next.id.key(), next.to_bytes().unwrap()).await.unwrap();
            }
        }
    });
    let orphan = circle_core_examples::archive::chunk::Chunk::new(&b"not named yet"[..]);
    let key = circle_core_examples::archive::chunk::Area::Files.key(&orphan.id);
    store.files.put(&key, orphan.bytes).await.unwrap();
    let patient = PruneOptions::new().patience(Duration::from_secs(5)).keep(1);
    let error = prune(&store.archive, &patient, &()).await.unwrap_err();
    assert!(error.is(ErrorKind::Conflict) && error.message().contains("is at work"), "{error}");
    assert!(store.files.head(&key).await.is_ok());
    beating.abort();
    let _ = beating.await;
    assert_eq!(prune(&store.archive, &quick(), &()).await.unwrap().chunks, 1, "the lock of the first was freed");
}

#[tokio::test]
async fn a_run_that_was_taken_for_dead_does_not_finish() {
    let (store, source) = (Store::new().await, folder());
    for number in 0..200 {
        fs::write(source.path().join(number.to_string()), noise(number, 20_000)).unwrap();
    }
    // The run stands still at its first event, as a machine that sleeps does, until a prune has ended it.
    struct Sleeper(std::sync::mpsc::Sender<()>, std::sync::Mutex<Option<std::sync::mpsc::Receiver<()>>>);
    impl circle_core_examples::archive::observe::Observer for Sleeper {
        fn event(&self, _: circle_core_examples::archive::observe::Event<'_>) {
            if let Some(wake) = self.1.lock().unwrap().take() {
                self.0.send(()).unwrap();
                wake.recv().unwrap();
            }
        }
    }
    let (asleep, fell_asleep) = std::sync::mpsc::channel();
    let (wake, awake) = std::sync::mpsc::channel();
    let (archive, path) = (store.archive.clone(), source.path().to_owned());
    let running = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sleeper = Sleeper(asleep, std::sync::Mutex::new(Some(awake)));
        runtime.block_on(async { run(&archive, &path, RunOptions::new(), &sleeper).await })
    });
    fell_asleep.recv().unwrap();
    prune(&store.archive, &quick(), &()).await.unwrap();
    wake.send(()).unwrap();
    let error = running.join().unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(circle_core::Reason::LeaseLost), "{error}");
    let runs = store.archive.runs().await.unwrap();
    assert!(runs.iter().all(|run| run.record.as_ref().unwrap().state == State::Abandoned));
    assert_eq!(verify(&store.archive, false, &()).await.unwrap().damaged, 0);
}

#[tokio::test]
async fn nothing_is_removed_while_a_run_is_damaged() {
    let (store, source) = (Store::new().await, folder());
    for content in ["one", "two", "three"] {
        fs::write(source.path().join("file"), content).unwrap();
        store.run(source.path()).await;
    }
    let ids: Vec<_> = store.archive.runs().await.unwrap().into_iter().map(|run| run.id).collect();
    store.flip(ids[2].key().as_str()).await;
    let before = store.keys("").await;
    let error = prune(&store.archive, &quick().keep(1), &()).await.unwrap_err();
    assert!(error.is(ErrorKind::Corrupt) && error.message().contains("nothing is removed"), "{error}");
    let after: Vec<_> = store.keys("").await.into_iter().filter(|key| key != "prune.json").collect();
    assert_eq!(after, before);
    let heard = Heard::default();
    let pruned = prune(&store.archive, &quick().forget(ids[2].clone()).keep(1), &heard).await.unwrap();
    assert_eq!(pruned.runs, 2);
    assert_eq!(store.archive.run_or_latest(None).await.unwrap().id, ids[1]);
}

#[tokio::test]
async fn a_run_waits_for_a_prune_and_two_prunes_do_not_work_at_once() {
    let (store, source) = (Store::new().await, folder());
    fs::write(source.path().join("file"), "x").unwrap();
    prune(&store.archive, &quick(), &()).await.unwrap();
    // Its lock, taken by another that lives for a while.
    let free = store.files.get("prune.json").await.unwrap().bytes().await.unwrap();
    let holding = tokio::spawn({
        let (files, free) = (store.files.clone(), free.clone());
        async move {
            for beat in 0_u32..15 {
                files.put("prune.json", format!("held {beat}")).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            files.put("prune.json", free).await.unwrap();
        }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let patient = PruneOptions::new().patience(Duration::from_secs(5));
    let error = prune(&store.archive, &patient, &()).await.unwrap_err();
    assert!(error.is(ErrorKind::Conflict) && error.message().contains("another prune"), "{error}");
    assert!(!holding.is_finished());
    store.run(source.path()).await;
    assert!(holding.is_finished());
}
