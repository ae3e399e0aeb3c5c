//! Damage is found, and hostile archives do no harm.

use std::fs;

use circle_core::ErrorKind;
use circle_core_examples::archive::chunk::{Area, Chunk, Chunks};
use circle_core_examples::archive::content::ContentWriter;
use circle_core_examples::archive::manifest::ManifestWriter;
use circle_core_examples::archive::record::{Finished, RunRecord, State, Summary};
use circle_core_examples::archive::restore::restore;
use circle_core_examples::archive::verify::verify;
use serde_json::json;

use crate::tree::{Heard, Store, make, noise};

#[tokio::test]
async fn one_flipped_bit_is_found_wherever_it_is() {
    let (store, source) = (Store::new().await, tempfile::tempdir().unwrap());
    fs::write(source.path().join("small"), "small").unwrap();
    fs::write(source.path().join("large"), noise(9, 3 << 20)).unwrap();
    let (record, _) = store.run(source.path()).await;
    let keys = store.keys("").await;
    assert!(["chunks/", "manifests/", "runs/"].iter().all(|prefix| keys.iter().any(|key| key.starts_with(prefix))));
    for key in keys.iter().filter(|key| *key != "archive.json" && *key != "prune.json") {
        let whole = store.files.get(key).await.unwrap().bytes().await.unwrap();
        store.flip(key).await;
        let heard = Heard::default();
        let verified = verify(&store.archive, false, &heard).await.unwrap();
        assert!(verified.damaged > 0, "{key}");
        if key.starts_with("chunks/") {
            let problems = heard.problems();
            let file = if whole.len() < 100 { "small" } else { "large" };
            let id = key.rsplit('/').next().unwrap();
            let expected = format!("{file}: run {}: chunk {id} is damaged", record.id);
            assert!(problems.contains(&expected), "{problems:?}");
        }
        store.files.put(key, whole.clone()).await.unwrap();

        store.files.delete(key).await.unwrap();
        if !key.starts_with("runs/") {
            assert!(verify(&store.archive, false, &()).await.unwrap().damaged > 0, "{key}");
        }
        store.files.put(key, whole).await.unwrap();
    }
    assert_eq!(verify(&store.archive, false, &()).await.unwrap().damaged, 0);

    store.flip("archive.json").await;
    let opened = circle_core_examples::archive::Archive::open(store.files.clone(), store.index.clone()).await;
    assert!(opened.unwrap_err().is(ErrorKind::Corrupt));
}

#[tokio::test]
async fn a_damaged_file_is_left_out_and_the_rest_is_restored() {
    let (store, source, target) = (Store::new().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    let (record, done) = store.run(source.path()).await;
    let id = circle_core_examples::archive::chunk::ChunkId::of(b"#!/bin/sh\n");
    store.flip(Area::Files.key(&id).as_str()).await;
    let heard = Heard::default();
    let restored = restore(&store.archive, &record, target.path(), false, &heard).await.unwrap();
    assert_eq!((restored.files, restored.problems), (done.files - 1, 1));
    assert_eq!(heard.problems(), [format!("bin/tool: is damaged in the archive: chunk {id} is not what was stored")]);
    assert!(!target.path().join("bin/tool").exists() && target.path().join("bin/set-id").exists());
}

#[tokio::test]
async fn repaired_and_run_again_an_archive_is_whole() {
    let (store, source, target) = (Store::new().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    let (first, _) = store.run(source.path()).await;
    let damaged = [store.keys("chunks/").await.swap_remove(2), store.keys("manifests/").await.swap_remove(0)];
    for key in &damaged {
        store.flip(key).await;
    }
    // As long as they are there, a run takes them for what they were.
    store.run(source.path()).await;
    assert!(verify(&store.archive, false, &()).await.unwrap().damaged > 0);
    assert!(verify(&store.archive, true, &()).await.unwrap().damaged > 0);
    for key in &damaged {
        assert!(store.files.head(key).await.unwrap_err().is(ErrorKind::NotFound));
    }
    store.run(source.path()).await;
    assert_eq!(verify(&store.archive, false, &()).await.unwrap().damaged, 0);
    restore(&store.archive, &first, target.path(), false, &()).await.unwrap();
    crate::tree::assert_same(source.path(), target.path());
}

/// A complete run with these entries, as somebody could forge it.
async fn forge(store: &Store, entries: &[serde_json::Value]) -> RunRecord {
    let mut manifest = ManifestWriter::new(Chunks::new(store.files.clone(), Area::Manifests));
    for entry in entries {
        manifest.push(format!("{entry}\n").as_bytes()).await.unwrap();
    }
    let finished = circle_core::Timestamp::UNIX_EPOCH;
    let finished = Finished { finished, summary: Summary::default(), manifest: manifest.finish().await.unwrap() };
    RunRecord {
        id: "20261121T000000000-00000000".parse().unwrap(),
        source: b"/".to_vec(),
        started: circle_core::Timestamp::UNIX_EPOCH,
        state: State::Finished(finished),
    }
}

#[tokio::test]
async fn a_forged_run_writes_nothing_outside_of_the_folder() {
    let store = Store::new().await;
    let mut writer = ContentWriter::new(Chunks::new(store.files.clone(), Area::Files));
    writer.push(Chunk::new(&b"evil"[..]), None).await.unwrap();
    let (content, _) = writer.finish().await.unwrap();
    let file = |path: serde_json::Value| json!({"path": path, "mode": 0o644, "modified": [0, 0], "kind": "file", "size": content.size, "chunks": content.chunks});
    let folder = |path: &str| json!({"path": path, "mode": 0o755, "modified": [0, 0], "kind": "folder"});
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().to_str().unwrap();
    let link = |path: &str, to: &str| json!({"path": path, "mode": 0o777, "modified": [0, 0], "kind": "link", "target": to});
    let attacks = [
        vec![file(json!("../evil"))],
        vec![folder("a"), file(json!("a/../../evil"))],
        vec![file(json!(format!("{out}/evil")))],
        vec![file(json!({"hex": "2e2e2f6576696c"}))],
        vec![link("a", out), file(json!("a/evil"))],
        vec![link("a", ".."), folder("a/b"), file(json!("a/b/evil"))],
        vec![link("a", out), folder("a"), file(json!("a/evil"))],
        vec![folder("a"), link("a/b", out), link("a/b/evil", "x")],
        vec![link("evil", &format!("{out}/evil")), file(json!("evil"))],
        vec![file(json!(""))],
        vec![link("", out)],
    ];
    for (number, attack) in attacks.iter().enumerate() {
        let record = forge(&store, attack).await;
        for replace in [false, true] {
            let parent = tempfile::tempdir().unwrap();
            let target = parent.path().join("target");
            let heard = Heard::default();
            let result = restore(&store.archive, &record, &target, replace, &heard).await;
            let harmless = replace && number != 9 && number != 10;
            assert!(result.is_err() || !heard.problems().is_empty() || harmless, "attack {number} was not noticed");
            let beside: Vec<_> = fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(beside, ["target"], "attack {number}");
            assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "attack {number}");
        }
    }
}

#[tokio::test]
async fn a_forged_content_is_corrupt_and_fills_no_memory() {
    let (store, target) = (Store::new().await, tempfile::tempdir().unwrap());
    let huge = Chunk::new(vec![0; (4 << 20) + 1]);
    store.files.put(Area::Files.key(&huge.id), huge.bytes.clone()).await.unwrap();
    let entry = |path: &str, size: u64, depth: u8, chunks: Vec<_>| json!({"path": path, "mode": 0o644, "modified": [0, 0], "kind": "file", "size": size, "depth": depth, "chunks": chunks});
    let small = Chunk::new(&b"not a list of chunks"[..]);
    store.files.put(Area::Files.key(&small.id), small.bytes.clone()).await.unwrap();
    let record = forge(
        &store,
        &[
            entry("1 too large a chunk", (4 << 20) + 1, 0, vec![huge.id]),
            entry("2 no list", 1, 1, vec![small.id]),
            entry("3 too deep", 1, 200, vec![small.id]),
            entry("4 another size", 7, 0, vec![small.id]),
            entry("5 too many", 1, 0, vec![small.id; 1025]),
        ],
    )
    .await;
    let heard = Heard::default();
    let restored = restore(&store.archive, &record, target.path(), false, &heard).await.unwrap();
    assert_eq!((restored.files, restored.problems), (0, 5), "{:?}", heard.problems());
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
}
