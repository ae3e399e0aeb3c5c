//! Other tools beside the store.

use super::*;

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
