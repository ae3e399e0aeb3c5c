//! What the public suite cannot see: the log itself, other processes, and what a crash leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use circle_core_common::interfaces::key_value_store::{Change, KeyValueStore, PutOptions, Write};
use circle_core_common::{ErrorKind, Fence, Reason, Version};
use tempfile::TempDir;

use crate::Filesystem;

fn store() -> (TempDir, KeyValueStore) {
    let directory = tempfile::tempdir().unwrap();
    let kv = open(directory.path());
    (directory, kv)
}

fn open(path: &Path) -> KeyValueStore {
    KeyValueStore::new(Filesystem::open(path).unwrap())
}

fn log(directory: &TempDir) -> PathBuf {
    directory.path().join(".circle/kv/log")
}

async fn text(kv: &KeyValueStore, key: &str) -> Option<String> {
    kv.get(key).await.unwrap().map(|entry| String::from_utf8(entry.value.to_vec()).unwrap())
}

#[tokio::test]
async fn another_process_reads_what_was_written_last() {
    let (directory, one) = store();
    let two = open(directory.path());
    assert_eq!(text(&two, "k").await, None);
    let version = one.put("k", "1").await.unwrap().version.unwrap();
    assert_eq!(text(&two, "k").await.as_deref(), Some("1"));
    two.replace("k", "2", &version).await.unwrap();
    assert_eq!(text(&one, "k").await.as_deref(), Some("2"));
    assert!(one.replace("k", "3", &version).await.unwrap_err().is(ErrorKind::Conflict));
    two.delete("k").await.unwrap();
    assert_eq!(text(&one, "k").await, None);
    one.put("kept", "over a restart").await.unwrap();
    drop((one, two));
    assert_eq!(text(&open(directory.path()), "kept").await.as_deref(), Some("over a restart"));
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_by_two_stores_are_all_there() {
    let (directory, one) = store();
    let two = open(directory.path());
    let tasks: Vec<_> = (0..16_u32)
        .map(|n| {
            let kv = if n.is_multiple_of(2) { one.clone() } else { two.clone() };
            tokio::spawn(async move {
                for _ in 0..50 {
                    kv.increment("hits", 1).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(text(&one, "hits").await.as_deref(), Some("800"));
    assert_eq!(two.increment("hits", 0).await.unwrap(), 800);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_half_a_transaction() {
    let (directory, one) = store();
    let two = open(directory.path());
    let writer = tokio::spawn(async move {
        for n in 0..200 {
            one.transaction([Write::put("a", n.to_string()), Write::put("b", n.to_string())]).await.unwrap();
        }
    });
    while !writer.is_finished() {
        let both = two.get_many(["a", "b"]).await.unwrap().all().unwrap();
        let values: Vec<_> = both.into_iter().map(|entry| entry.map(|entry| entry.value)).collect();
        assert_eq!(values[0], values[1]);
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn a_failed_transaction_leaves_no_trace_for_those_that_are_committed_with_it() {
    let (_directory, kv) = store();
    kv.put("a", "1").await.unwrap();
    let failed = kv.transaction([
        Write::put("a", "2"),
        Write::put("b", "2").fence(Fence::new(9)),
        Write::delete("c").if_match(kv.put("d", "").await.unwrap().version.unwrap()),
    ]);
    let (failed, other) = tokio::join!(failed, kv.put("e", "1"));
    assert_eq!(failed.unwrap_err().reason(), Some(Reason::VersionMismatch));
    other.unwrap();
    assert_eq!((text(&kv, "a").await.as_deref(), text(&kv, "b").await), (Some("1"), None));
    kv.put_with("b", "", PutOptions::new().fence(Fence::new(1))).await.unwrap();
}

#[tokio::test]
async fn a_write_that_was_cut_off_never_was() {
    let (directory, kv) = store();
    kv.put("old", "1").await.unwrap();
    let safe = fs::metadata(log(&directory)).unwrap().len();
    kv.put("new", "value").await.unwrap();
    drop(kv);
    let whole = fs::read(log(&directory)).unwrap();
    for length in usize::try_from(safe).unwrap()..whole.len() {
        for zeros in [0, 5, whole.len() - length] {
            let torn = [&whole[..length], &vec![0; zeros][..]].concat();
            fs::write(log(&directory), torn).unwrap();
            let kv = open(directory.path());
            assert_eq!((text(&kv, "old").await.as_deref(), text(&kv, "new").await), (Some("1"), None), "{length} {zeros}");
            kv.put("next", "2").await.unwrap();
            let kv = open(directory.path());
            assert_eq!((text(&kv, "next").await.as_deref(), text(&kv, "new").await), (Some("2"), None));
        }
    }
}

#[tokio::test]
async fn damage_in_the_middle_is_told_and_nothing_is_cut_off() {
    let (directory, kv) = store();
    kv.put("a", "1").await.unwrap();
    kv.put("b", "2").await.unwrap();
    drop(kv);
    let mut bytes = fs::read(log(&directory)).unwrap();
    // Behind the beginning of the log, the head of the record, and what says that it is a put of a key of one byte.
    let at = 20 + 12 + 5;
    assert_eq!(bytes[at], b'a');
    bytes[at] ^= 1;
    fs::write(log(&directory), &bytes).unwrap();
    let kv = open(directory.path());
    assert!(kv.get("b").await.unwrap_err().is(ErrorKind::Corrupt));
    assert!(kv.put("c", "3").await.unwrap_err().is(ErrorKind::Corrupt));
    assert_eq!(fs::read(log(&directory)).unwrap(), bytes);
    fs::write(log(&directory), "something else").unwrap();
    assert!(open(directory.path()).get("b").await.unwrap_err().is(ErrorKind::Corrupt));
}

#[tokio::test]
async fn a_log_that_is_mostly_history_is_compacted() {
    let (directory, kv) = store();
    let other = open(directory.path());
    let version = kv.put("stays", "put").await.unwrap().version.unwrap();
    kv.put_with("fenced", "", PutOptions::new().fence(Fence::new(7))).await.unwrap();
    kv.delete("fenced").await.unwrap();
    kv.put_with("short", "lived", PutOptions::new().ttl(Duration::from_millis(1))).await.unwrap();
    let life = kv.put_with("long", "lived", PutOptions::new().ttl(Duration::from_secs(900))).await.unwrap();
    let mut changes = kv.watch("stays").await.unwrap();
    assert_eq!(text(&other, "stays").await.as_deref(), Some("put"));
    for n in 0..60_u8 {
        kv.put("large", vec![n; 64 << 10]).await.unwrap();
    }
    assert!(fs::metadata(log(&directory)).unwrap().len() < 2 << 20);
    for kv in [&kv, &other, &open(directory.path())] {
        assert_eq!(kv.get("stays").await.unwrap().unwrap().version, version);
        assert_eq!(kv.get("large").await.unwrap().unwrap().value, vec![59; 64 << 10]);
        assert_eq!(kv.get("long").await.unwrap().unwrap().expires_at, life.expires_at);
        assert!(kv.get("short").await.unwrap().is_none());
        let fenced = kv.put_with("fenced", "", PutOptions::new().fence(Fence::new(6))).await.unwrap_err();
        assert_eq!(fenced.reason(), Some(Reason::Fenced));
    }
    // Versions go on from where they were, and the watch has missed nothing.
    assert_ne!(other.put("large", "").await.unwrap().version, kv.get("stays").await.unwrap().map(|entry| entry.version));
    kv.replace("stays", "again", &version).await.unwrap();
    assert!(matches!(changes.try_next().await.unwrap(), Some(Change::Put(entry)) if entry.value == "again"));
}

#[tokio::test]
async fn a_watch_learns_of_other_processes_when_its_own_reads() {
    let (directory, one) = store();
    let two = open(directory.path());
    let mut changes = one.watch("w/").await.unwrap();
    two.put("w/a", "1").await.unwrap();
    two.put("x", "1").await.unwrap();
    two.put_with("w/b", "2", PutOptions::new().ttl(Duration::from_millis(50))).await.unwrap();
    one.get("anything").await.unwrap();
    for expected in [("w/a", "1"), ("w/b", "2")] {
        let Some(Change::Put(entry)) = changes.try_next().await.unwrap() else { panic!("{expected:?}") };
        assert_eq!((entry.key.as_str(), &entry.value[..]), (expected.0, expected.1.as_bytes()));
    }
    assert_eq!(changes.try_next().await.unwrap(), Some(Change::Deleted("w/b".into())));
}

#[tokio::test]
async fn a_touch_in_the_last_moment_counts_for_everybody() {
    let (directory, one) = store();
    let two = open(directory.path());
    one.put_with("k", "v", PutOptions::new().ttl(Duration::from_millis(300))).await.unwrap();
    let mut changes = two.watch("").await.unwrap();
    one.touch("k", Duration::from_secs(900)).await.unwrap();
    // The second process has not read the touch, and tells of an expiry that did not happen; then it learns.
    assert_eq!(changes.try_next().await.unwrap(), Some(Change::Deleted("k".into())));
    assert_eq!(text(&two, "k").await.as_deref(), Some("v"));
    assert!(matches!(changes.try_next().await.unwrap(), Some(Change::Put(_))));
}

#[tokio::test]
async fn versions_of_another_store_are_refused() {
    let (_one, kv) = store();
    let (_two, other) = store();
    let version = other.put("k", "1").await.unwrap().version.unwrap();
    kv.put("k", "1").await.unwrap();
    assert!(kv.replace("k", "2", &version).await.unwrap_err().is(ErrorKind::Conflict));
    for nonsense in [Version::generation("7"), Version::etag("x"), Version::generation("zz-1")] {
        assert!(kv.replace("k", "2", &nonsense).await.unwrap_err().is(ErrorKind::InvalidInput));
    }
}
