//! What the public suite cannot see: the files themselves, other tools beside the store, and other processes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use circle_core_common::interfaces::object_store::{
    DeleteOptions, Deleted, Entry, GetOptions, ListOptions, ObjectStore, PutOptions, UploadId,
};
use circle_core_common::{Body, ByteStream, CallContext, Environment, Error, ErrorKind, Provider, Reason};
use tempfile::TempDir;

use crate::{Filesystem, FilesystemConfig};

fn store() -> (TempDir, ObjectStore) {
    let directory = tempfile::tempdir().unwrap();
    let files = open(directory.path());
    (directory, files)
}

fn open(path: &Path) -> ObjectStore {
    ObjectStore::new(Filesystem::open(path).unwrap())
}

async fn text(files: &ObjectStore, key: &str) -> String {
    files.get(key).await.unwrap().text().await.unwrap()
}

async fn keys(files: &ObjectStore, prefix: &str) -> Vec<String> {
    let listed = files.list(prefix).page_size(2).stream();
    let mut keys = Vec::new();
    let mut listed = listed;
    while let Some(meta) = listed.try_next().await.unwrap() {
        keys.push(meta.key.to_string());
    }
    keys
}

/// The files in a directory of the store's own.
fn own(directory: &TempDir, part: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![directory.path().join(".circle").join(part)];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else if entry.path().extension().is_none_or(|extension| extension != "lock") {
                names.push(entry.file_name().into_string().unwrap());
            }
        }
    }
    names
}

/// Keys that are hard to keep on a disk.
fn nasty() -> Vec<String> {
    let mut keys: Vec<String> = [
        "a//b",
        "a/",
        "/",
        "/x",
        "//",
        "..",
        "../x",
        ".",
        "./x",
        "x/../y",
        "%2F",
        "%=x",
        "%~x/y",
        "%_x",
        "%",
        "a\nb",
        "a\\b",
        "CON",
        " ",
        "ünïcode/€",
        "Case",
        "case",
        "CASE",
        ".circle",
        ".circle/format",
        ".circle/tmp/x",
        "x/.circle",
        "a\0b",
        "\u{1}",
        "-",
        "a-",
        "a0",
        "a",
        "a/b",
        "a/b/c",
        "a/b/c/d",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.extend(["x".repeat(255), "x".repeat(256), "x".repeat(1024), "é".repeat(512), "y/".repeat(512), "/".repeat(1024)]);
    keys
}

#[tokio::test]
async fn every_key_comes_back() {
    let (directory, files) = store();
    for key in nasty() {
        files.create(&key, key.as_str()).await.unwrap();
    }
    for key in nasty() {
        assert_eq!(text(&files, &key).await, key);
    }
    let mut expected = nasty();
    expected.sort();
    assert_eq!(keys(&files, "").await, expected);
    assert_eq!(keys(&open(directory.path()), "").await, expected);
    assert!(!directory.path().parent().unwrap().join("x").exists());
    for key in nasty() {
        assert_eq!(files.delete(&key).await.unwrap(), Deleted::Removed, "{key:?}");
    }
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".circle"]);
    assert_eq!((own(&directory, "meta").len(), own(&directory, "tmp").len()), (0, 0));
}

#[tokio::test]
async fn lists_are_those_of_a_simple_model() {
    let (_directory, files) = store();
    let model: BTreeSet<String> = nasty().into_iter().filter(|key| key.len() < 200).collect();
    for key in &model {
        files.put(key, "").await.unwrap();
    }
    for prefix in ["", "a", "a/", "a/b", "a/b/", ".", "..", "%", "/", "x", "nothing", ".circle/", "C", "a//"] {
        for after in ["", "a", "a/b", "a/c", "x/../", "~"] {
            for delimiter in ["", "/", "b", "//"] {
                let mut expected: Vec<String> = Vec::new();
                for key in model.iter().filter(|key| key.starts_with(prefix) && key.as_str() > after) {
                    let fold = key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty());
                    let name = fold.map_or(key.as_str(), |at| &key[..prefix.len() + at + delimiter.len()]);
                    if expected.last().is_none_or(|last| last != name) {
                        expected.push(name.to_owned());
                    }
                }
                let mut options = ListOptions::new();
                if !after.is_empty() {
                    options = options.start_after(after);
                }
                if !delimiter.is_empty() {
                    options = options.delimiter(delimiter);
                }
                for size in [2, 1000] {
                    let entries = files.entries_with(prefix, options.clone()).page_size(size).all().await.unwrap();
                    let names: Vec<&str> = entries.iter().map(Entry::name).collect();
                    assert_eq!(names, expected, "{prefix:?} behind {after:?} by {delimiter:?}, {size} a page");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_ordinary_key_is_a_file_at_its_path() {
    let (directory, files) = store();
    files.put("reports/2026/q3.md", "# Q3").await.unwrap();
    assert_eq!(fs::read_to_string(directory.path().join("reports/2026/q3.md")).unwrap(), "# Q3");
    files.delete("reports/2026/q3.md").await.unwrap();
    assert!(!directory.path().join("reports").exists());
}

#[tokio::test]
async fn files_of_others_are_objects() {
    let (directory, files) = store();
    fs::create_dir_all(directory.path().join("in/box")).unwrap();
    fs::write(directory.path().join("in/box/new\nline.txt"), "theirs").unwrap();
    fs::create_dir(directory.path().join("empty")).unwrap();
    assert_eq!(keys(&files, "").await, ["in/box/new\nline.txt"]);
    let meta = files.head("in/box/new\nline.txt").await.unwrap();
    assert_eq!((meta.size, meta.content_type.clone()), (6, None));
    let written = fs::metadata(directory.path().join("in/box/new\nline.txt")).unwrap().modified().unwrap();
    assert_eq!(SystemTime::from(meta.modified), written);
    let entries = files.entries("").all().await.unwrap();
    assert_eq!(entries.iter().map(Entry::name).collect::<Vec<_>>(), ["in/"]);
    // A conditional write sees it, and a change by another tool makes a version old.
    assert!(files.create("in/box/new\nline.txt", "").await.unwrap_err().is(ErrorKind::AlreadyExists));
    fs::write(directory.path().join("in/box/new\nline.txt"), "others").unwrap();
    let stale = files.replace("in/box/new\nline.txt", "", meta.version().unwrap()).await.unwrap_err();
    assert_eq!(stale.reason(), Some(Reason::VersionMismatch));
    files.delete("in/box/new\nline.txt").await.unwrap();
    assert!(!directory.path().join("in").exists());
}

#[tokio::test]
async fn a_key_and_keys_below_it_live_together() {
    for [first, second] in [["a", "a/b"], ["a/b", "a"], ["é//", "é/"], ["é/", "é//"]] {
        let (directory, files) = store();
        files.put_with(first, "1", PutOptions::new().metadata("n", "1")).await.unwrap();
        let before = files.head(first).await.unwrap();
        files.put(second, "2").await.unwrap();
        let after = files.head(first).await.unwrap();
        assert_eq!((before.version, before.metadata), (after.version, after.metadata), "what exists does not move");
        assert_eq!((text(&files, first).await, text(&files, second).await), ("1".into(), "2".into()));
        let mut both = [first, second];
        both.sort_unstable();
        assert_eq!(keys(&files, "").await, both);
        // The way back: what is left is still found and replaced where it is.
        files.delete(first).await.unwrap();
        files.put(second, "3").await.unwrap();
        files.put(first, "4").await.unwrap();
        assert_eq!((text(&files, first).await, text(&files, second).await), ("4".into(), "3".into()));
        assert_eq!(keys(&files, "").await, both);
        files.delete(second).await.unwrap();
        files.delete(first).await.unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn directories_of_one_segment_are_listed_as_one() {
    let (directory, files) = store();
    files.put("a", "file").await.unwrap();
    files.put("a/2", "escaped").await.unwrap();
    files.delete("a").await.unwrap();
    fs::create_dir(directory.path().join("a")).unwrap();
    for (name, content) in [("1", "theirs"), ("2", "plain first"), ("3", "theirs")] {
        fs::write(directory.path().join("a").join(name), content).unwrap();
    }
    assert_eq!(keys(&files, "").await, ["a/1", "a/2", "a/3"]);
    assert_eq!(text(&files, "a/2").await, "plain first");
    // Deleting deletes both: the one behind does not come to light.
    assert_eq!(files.delete("a/2").await.unwrap(), Deleted::Removed);
    assert!(files.head("a/2").await.unwrap_err().is(ErrorKind::NotFound));
    assert_eq!(files.entries("").all().await.unwrap().len(), 1);
}

#[tokio::test]
async fn symbolic_links_are_neither_objects_nor_ways() {
    let (directory, files) = store();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    symlink(outside.path(), directory.path().join("dir")).unwrap();
    symlink(outside.path().join("secret"), directory.path().join("file")).unwrap();
    symlink("nowhere", directory.path().join("dangling")).unwrap();
    assert!(keys(&files, "").await.is_empty());
    for key in ["dir/secret", "file", "dangling"] {
        assert!(files.get(key).await.unwrap_err().is(ErrorKind::NotFound));
        assert_eq!(files.delete(key).await.unwrap(), Deleted::Absent);
        files.create(key, "inside").await.unwrap();
        assert_eq!(text(&files, key).await, "inside");
    }
    assert_eq!(keys(&files, "").await, ["dangling", "dir/secret", "file"]);
    // The links are still what they were.
    assert_eq!(fs::read_to_string(directory.path().join("file")).unwrap(), "secret");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn metadata_belongs_to_one_state_of_the_content() {
    let (directory, files) = store();
    let options = PutOptions::new().content_type("text/csv").cache_control("no-store").metadata("Ünit".replace('Ü', "u"), "ä");
    let put = files.put_with("k", "12345", options).await.unwrap();
    let head = files.head("k").await.unwrap();
    assert_eq!((head.content_type.as_deref(), head.cache_control.as_deref()), (Some("text/csv"), Some("no-store")));
    assert_eq!((head.metadata.clone(), head.version.clone()), (put.metadata, put.version));
    // The same bytes again are another version, without what the first one had.
    let again = files.put("k", "12345").await.unwrap();
    assert!(again.version != head.version && files.head("k").await.unwrap().content_type.is_none());
    assert!(own(&directory, "meta").is_empty());
    // Another tool's change has no part of it, in place or by a rename.
    for in_place in [true, false] {
        files.put_with("k", "12345", PutOptions::new().content_type("text/csv")).await.unwrap();
        let path = directory.path().join("k");
        if in_place {
            fs::write(&path, "54321").unwrap();
        } else {
            fs::write(directory.path().join("new"), "54321").unwrap();
            fs::rename(directory.path().join("new"), &path).unwrap();
        }
        assert_eq!(files.head("k").await.unwrap().content_type, None);
    }
    // A copy of the root with its times keeps it.
    files.put_with("k", "12345", PutOptions::new().content_type("text/csv")).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(directory.path().join(".")).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    assert_eq!(open(copy.path()).head("k").await.unwrap().content_type.as_deref(), Some("text/csv"));
}

#[tokio::test]
async fn metadata_of_nothing_is_swept() {
    let (directory, files) = store();
    files.put_with("k", "1", PutOptions::new().content_type("a/b")).await.unwrap();
    fs::remove_file(directory.path().join("k")).unwrap();
    assert_eq!(own(&directory, "meta").len(), 1);
    drop(files);
    let files = open(directory.path());
    files.put("k", "2").await.unwrap();
    assert!(own(&directory, "meta").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_root_have_one_winner() {
    let (directory, one) = store();
    let two = open(directory.path());
    for round in 0..20 {
        let key = format!("race/{round}");
        let tasks: Vec<_> = (0..32)
            .map(|n: u32| {
                let (files, key) = (if n.is_multiple_of(2) { one.clone() } else { two.clone() }, key.clone());
                tokio::spawn(async move { files.create(key, n.to_string()).await.map(|_| n) })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(winner) => winners.push(winner),
                Err(error) => assert!(error.is(ErrorKind::AlreadyExists), "{error}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(text(&one, &key).await, winners[0].to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_by_two_stores_are_all_there() {
    let (directory, one) = store();
    let two = open(directory.path());
    let count = |old: Option<Bytes>| {
        let old = old.map_or(0, |old| std::str::from_utf8(&old).unwrap().parse::<u32>().unwrap());
        Ok((old + 1).to_string())
    };
    let tasks: Vec<_> = (0..8)
        .map(|n: u32| {
            let files = if n.is_multiple_of(2) { one.clone() } else { two.clone() };
            tokio::spawn(async move {
                for _ in 0..10 {
                    files.update("counter", count).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(text(&one, "counter").await, "80");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_whole_states_with_their_metadata() {
    let (_directory, files) = store();
    let put = |n: usize| {
        let files = files.clone();
        async move {
            let options = PutOptions::new().metadata("n", n.to_string());
            files.put_with("k", vec![n as u8; n], options).await.unwrap();
        }
    };
    put(1).await;
    let writer = tokio::spawn({
        let files = files.clone();
        async move {
            for n in (1..=200).cycle().take(600) {
                let options = PutOptions::new().metadata("n", n.to_string());
                files.put_with("k", vec![n as u8; n], options).await.unwrap();
            }
        }
    });
    let mut states = 0;
    while !writer.is_finished() {
        let object = files.get("k").await.unwrap();
        let n: usize = object.meta.metadata.get("n").expect("every state has its metadata").parse().unwrap();
        assert_eq!(object.bytes().await.unwrap(), vec![n as u8; n]);
        let head = files.head("k").await.unwrap();
        assert_eq!(head.metadata["n"], head.size.to_string());
        states += 1;
    }
    writer.await.unwrap();
    assert!(states > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_that_come_and_go_lose_nothing() {
    let (directory, files) = store();
    let tasks: Vec<_> = (0..6)
        .map(|n: u32| {
            let files = files.clone();
            tokio::spawn(async move {
                let key = if n == 0 { "d".to_owned() } else { format!("d/e/{n}") };
                for round in 0..60 {
                    files.put(&key, round.to_string()).await.unwrap();
                    assert_eq!(text(&files, &key).await, round.to_string());
                    assert_eq!(files.delete(&key).await.unwrap(), Deleted::Removed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(keys(&files, "").await.is_empty());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

fn broken() -> Body {
    let mut left = Some(Bytes::from(vec![7; 300_000]));
    let stream = ByteStream::unfold((), move |()| {
        let next = left.take().ok_or_else(|| Error::new(ErrorKind::Connection, "cut"));
        async move { next.map(|chunk| Some((chunk, ()))) }
    });
    Body::from_stream(stream, None)
}

#[tokio::test]
async fn a_broken_or_dropped_body_leaves_nothing() {
    let (directory, files) = store();
    files.put("k", "old").await.unwrap();
    assert!(files.put("k", broken()).await.unwrap_err().is(ErrorKind::Connection));
    assert!(files.put("new", broken()).await.is_err());
    let endless = ByteStream::unfold(0_u8, |n| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Some((Bytes::from(vec![n; 300_000]), n.wrapping_add(1))))
    });
    let put = files.put("k", Body::from_stream(endless, None));
    assert!(tokio::time::timeout(Duration::from_millis(50), put).await.is_err());
    let short = Body::from_stream(ByteStream::from(Bytes::from_static(b"abc")), Some(4));
    assert!(files.put("k", short).await.unwrap_err().is(ErrorKind::Corrupt));
    assert_eq!(keys(&files, "").await, ["k"]);
    assert_eq!(text(&files, "k").await, "old");
    // The last write of the dropped put may still be under way.
    for _ in 0..100 {
        if own(&directory, "tmp").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", own(&directory, "tmp"));
}

#[tokio::test]
async fn content_changed_in_place_while_it_is_read_is_no_content() {
    let (directory, files) = store();
    files.put("k", vec![1; 1 << 20]).await.unwrap();
    let mut stream = files.get("k").await.unwrap().into_stream();
    stream.try_next().await.unwrap().unwrap();
    fs::write(directory.path().join("k"), vec![2; 1 << 20]).unwrap();
    let error = loop {
        match stream.try_next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("two states in one content"),
            Err(error) => break error,
        }
    };
    assert!(error.is(ErrorKind::Conflict));
    // What is replaced by the store stays whole.
    let whole = files.get("k").await.unwrap().into_stream();
    files.delete("k").await.unwrap();
    assert_eq!(whole.collect(None).await.unwrap(), vec![2; 1 << 20]);
}

#[tokio::test]
async fn what_the_dead_left_is_swept_and_the_living_keep_theirs() {
    let (directory, files) = store();
    let tmp = directory.path().join(".circle/tmp");
    fs::write(tmp.join("dead-1"), "half").unwrap();
    fs::write(tmp.join("dead.lock"), "").unwrap();
    fs::write(tmp.join("ownerless-1"), "half").unwrap();
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let mut receiver = Some(receiver);
    let slow = ByteStream::unfold(0_u8, move |n| {
        let receiver = receiver.take();
        async move {
            match receiver {
                Some(receiver) => {
                    receiver.await.ok();
                    Ok(Some((Bytes::from_static(b"whole"), n)))
                }
                None => Ok(None),
            }
        }
    });
    let put = tokio::spawn({
        let files = files.clone();
        async move { files.put("k", Body::from_stream(slow, None)).await }
    });
    while own(&directory, "tmp").len() < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let other = open(directory.path());
    assert_eq!(own(&directory, "tmp").len(), 1);
    sender.send(()).unwrap();
    put.await.unwrap().unwrap();
    assert_eq!(text(&other, "k").await, "whole");
    assert!(own(&directory, "tmp").is_empty());
}

#[tokio::test]
async fn uploads_survive_a_restart_until_they_are_too_old() {
    let (directory, files) = store();
    let upload = files.upload_with("big", PutOptions::new().content_type("a/b").if_absent()).await.unwrap();
    let late = upload.part(7, "late").await.unwrap();
    let id = serde_json::to_string(upload.id()).unwrap();
    drop((upload, files));
    let files = open(directory.path());
    let id: UploadId = serde_json::from_str(&id).unwrap();
    let upload = files.resume(&id);
    let old = upload.part(0, "oops").await.unwrap();
    let first = upload.part(0, "first ").await.unwrap();
    assert!(files.head("big").await.is_err() && keys(&files, "").await.is_empty());
    assert!(upload.clone().complete([old, late.clone()]).await.unwrap_err().is(ErrorKind::InvalidInput));
    let meta = upload.clone().complete([late.clone(), first]).await.unwrap();
    assert_eq!((meta.size, meta.content_type.as_deref()), (10, Some("a/b")));
    assert_eq!(text(&files, "big").await, "first late");
    assert_eq!(upload.part(1, "").await.unwrap_err().reason(), Some(Reason::UploadEnded));
    assert_eq!(upload.clone().complete([late]).await.unwrap_err().reason(), Some(Reason::UploadEnded));
    upload.abort().await.unwrap();
    for token in ["../../meta", "", "00000000000000000000000000000000"] {
        assert!(files.resume(UploadId::new("big", token)).part(0, "").await.unwrap_err().is(ErrorKind::NotFound));
    }
    files.upload("other").await.unwrap();
    let config = FilesystemConfig::new(directory.path());
    Filesystem::new(config.clone(), &Environment::default()).unwrap();
    assert_eq!(own(&directory, "uploads").len(), 1);
    tokio::time::sleep(Duration::from_millis(20)).await;
    Filesystem::new(config.upload_expiry(Duration::from_millis(1)), &Environment::default()).unwrap();
    assert_eq!(own(&directory, "uploads").len(), 0);
}

#[tokio::test]
async fn conditions_and_ranges_hold() {
    let (_directory, files) = store();
    let version = files.put("k", "0123456789").await.unwrap().version.unwrap();
    let get = |options: GetOptions| files.get_with("k", options);
    assert_eq!(get(GetOptions::new().suffix(3)).await.unwrap().text().await.unwrap(), "789");
    assert_eq!(get(GetOptions::new().range(2..4)).await.unwrap().text().await.unwrap(), "23");
    assert_eq!(get(GetOptions::new().range(11..)).await.unwrap_err().reason(), Some(Reason::RangeNotSatisfiable));
    assert!(get(GetOptions::new().if_match(&version)).await.is_ok());
    assert_eq!(get(GetOptions::new().if_none_match(&version)).await.unwrap_err().reason(), Some(Reason::NotModified));
    let newer = files.replace("k", "new", &version).await.unwrap().version.unwrap();
    assert!(files.delete_with("k", DeleteOptions::new().if_match(&version)).await.unwrap_err().is(ErrorKind::Conflict));
    assert_eq!(get(GetOptions::new().if_match(&version)).await.unwrap_err().reason(), Some(Reason::VersionMismatch));
    files.copy("k", "copy").await.unwrap();
    assert_eq!(text(&files, "copy").await, "new");
    assert!(files.copy("absent", "copy").await.unwrap_err().is(ErrorKind::NotFound));
    assert_eq!(files.delete_with("k", DeleteOptions::new().if_match(&newer)).await.unwrap(), Deleted::Removed);
    assert!(files.replace("k", "", &newer).await.unwrap_err().is(ErrorKind::Conflict));
}

#[tokio::test]
async fn roots_that_cannot_be_used_are_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for root in [file.clone(), file.join("below")] {
        let error = Filesystem::open(&root).unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && error.to_string().contains(root.to_str().unwrap()), "{error}");
        assert!(!error.to_string().contains('\n'));
    }
    fs::create_dir(directory.path().join("root")).unwrap();
    fs::write(directory.path().join("root/.circle"), "").unwrap();
    assert!(Filesystem::open(directory.path().join("root")).unwrap_err().is(ErrorKind::ConfigInvalid));
    let newer = directory.path().join("newer");
    Filesystem::open(&newer).unwrap();
    fs::write(newer.join(".circle/format"), r#"{"format":99,"folds":false}"#).unwrap();
    assert!(Filesystem::open(&newer).unwrap_err().message().contains("format 99"));
}

#[tokio::test]
async fn a_closed_store_is_closed_and_a_vanished_root_is_unhealthy() {
    let directory = tempfile::tempdir().unwrap();
    let filesystem = Filesystem::open(directory.path().join("root")).unwrap();
    let cx = CallContext::new(filesystem.environment(), &circle_core_common::interfaces::object_store::HEAD, None);
    filesystem.health(&cx).await.unwrap();
    fs::rename(directory.path().join("root"), directory.path().join("moved")).unwrap();
    assert!(filesystem.health(&cx).await.is_err());
    filesystem.close(&cx).await.unwrap();
    filesystem.close(&cx).await.unwrap();
    let files = ObjectStore::new(filesystem);
    assert!(files.head("k").await.unwrap_err().is(ErrorKind::Closed));
    assert!(files.put("k", "").await.unwrap_err().is(ErrorKind::Closed));
}
