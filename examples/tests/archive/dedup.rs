//! What the archive has is not stored again, and what has not changed is not read again.

use std::fs;
use std::time::Duration;

use circle_core_examples::archive::restore::restore;

use crate::tree::{Store, assert_same, make, noise};

#[tokio::test]
async fn a_byte_in_front_of_64_mib_adds_at_most_4_chunks_and_a_second_run_none() {
    let (store, source) = (Store::new().await, tempfile::tempdir().unwrap());
    let mut content = noise(64, 64 << 20);
    let path = source.path().join("large");
    fs::write(&path, &content).unwrap();
    let (_, first) = store.run(source.path()).await;
    assert!(first.added.bytes == 64 << 20 && first.added.chunks > 16, "{first:?}");

    let keys = store.keys("").await;
    let (_, second) = store.run(source.path()).await;
    assert_eq!((second.added.chunks, second.added.bytes), (0, 0));
    assert_eq!(store.keys("chunks/").await.len() as u64, first.added.chunks);
    assert_eq!(store.keys("").await.len(), keys.len() + 1, "a second run adds its record and nothing else");

    content.insert(0, b'x');
    fs::write(&path, &content).unwrap();
    let before = store.keys("").await.len();
    let (record, third) = store.run(source.path()).await;
    assert!((1..=4).contains(&third.added.chunks), "{third:?}");
    let objects = store.keys("").await.len() - before;
    assert!(objects <= 4 + 1, "{objects} new objects, the record included");

    let target = tempfile::tempdir().unwrap();
    restore(&store.archive, &record, target.path(), false, &()).await.unwrap();
    assert_same(source.path(), target.path());
}

#[tokio::test]
async fn content_is_shared_by_all_files_and_folders() {
    let (store, one, other) = (Store::new().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let content = noise(5, 3 << 20);
    fs::write(one.path().join("a"), &content).unwrap();
    fs::write(one.path().join("b"), &content).unwrap();
    fs::write(other.path().join("c"), &content).unwrap();
    let (_, first) = store.run(one.path()).await;
    assert_eq!(first.added.bytes, content.len() as u64);
    let (_, second) = store.run(other.path()).await;
    assert_eq!(second.added.bytes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_side_by_side_share_what_they_store() {
    let (store, source) = (Store::new().await, tempfile::tempdir().unwrap());
    for number in 0..100 {
        fs::write(source.path().join(number.to_string()), noise(number, 30_000)).unwrap();
    }
    let (one, other) = tokio::join!(store.run(source.path()), store.run(source.path()));
    assert_eq!(one.1.added.chunks + other.1.added.chunks, 100);
    assert_eq!(store.keys("chunks/").await.len(), 100);
    for (record, _) in [one, other] {
        let target = tempfile::tempdir().unwrap();
        restore(&store.archive, &record, target.path(), false, &()).await.unwrap();
        assert_same(source.path(), target.path());
    }
}

/// Waits until files that were just written are old enough for their times to be believed.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(3100)).await;
}

#[tokio::test]
async fn an_unchanged_file_is_not_read_again_and_a_changed_one_is() {
    let (store, source, target) = (Store::new().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    settle().await;
    let (_, first) = store.run(source.path()).await;
    assert_eq!((first.stored, first.unchanged), (first.files, 0));
    let (_, second) = store.run(source.path()).await;
    assert_eq!((second.stored, second.unchanged), (0, first.files));

    // Same length, and its time set back to what it was: the time of the change cannot be set.
    let path = source.path().join("readme.txt");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "olleh\n").unwrap();
    crate::tree::set_time(&path, modified);
    fs::remove_file(source.path().join("link")).unwrap();
    let (record, third) = store.run(source.path()).await;
    // `readme.txt` has a second name.
    assert_eq!((third.stored, third.unchanged), (2, first.files - 2));
    restore(&store.archive, &record, target.path(), false, &()).await.unwrap();
    assert_same(source.path(), target.path());
}

#[tokio::test]
async fn a_lost_or_stale_index_costs_time_only() {
    let (store, source, target) = (Store::new().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    settle().await;
    store.run(source.path()).await;
    assert!(store.index.delete_prefix("archive:").await.unwrap() > 0);
    let (_, second) = store.run(source.path()).await;
    assert_eq!((second.unchanged, second.added.chunks), (0, 0));

    // The index knows every file, but a chunk is gone.
    let chunk = store.keys("chunks/").await.swap_remove(0);
    store.files.delete(&chunk).await.unwrap();
    let (record, third) = store.run(source.path()).await;
    assert!(third.added.chunks == 1 && third.stored >= 1 && third.unchanged >= 1, "{third:?}");
    restore(&store.archive, &record, target.path(), false, &()).await.unwrap();
    assert_same(source.path(), target.path());
}

#[tokio::test]
async fn content_of_more_chunks_than_a_list_holds_comes_back() {
    use circle_core_examples::archive::chunk::{Area, Chunk, Chunks};
    use circle_core_examples::archive::content::{ContentWriter, Pieces};

    let store = Store::new().await;
    let chunks = Chunks::new(store.files.clone(), Area::Files);
    for (count, depth) in [(0_u32, 0), (1, 0), (1024, 0), (1025, 1), (2048, 1), (2049, 1), (3000, 1)] {
        let mut writer = ContentWriter::new(chunks.clone());
        for number in 0..count {
            writer.push(Chunk::new((number % 700).to_le_bytes().to_vec()), None).await.unwrap();
        }
        let (content, _) = writer.finish().await.unwrap();
        assert_eq!((content.size, content.depth), (u64::from(count) * 4, depth), "{count}");
        let mut pieces = Pieces::new(chunks.clone(), &content).unwrap();
        for number in 0..count {
            assert_eq!(pieces.read_next().await.unwrap().unwrap(), (number % 700).to_le_bytes()[..], "{count}");
        }
        assert!(pieces.read_next().await.unwrap().is_none());
    }
}
