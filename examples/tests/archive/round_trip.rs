//! What is restored is what was archived.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use circle_core::ErrorKind;
use circle_core_examples::archive::Archive;
use circle_core_examples::archive::restore::restore;
use circle_core_examples::archive::run::{RunOptions, run};
use circle_core_examples::archive::verify::verify;
use circle_core_examples::archive::walk::Exclude;

use crate::tree::{Heard, Store, assert_same, make, make_unreachable, summary};

#[tokio::test]
async fn a_restored_folder_is_identical() {
    let (store, source, target) = (Store::new().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    let (record, done) = store.run(source.path()).await;
    assert_eq!((done.files, done.links, done.problems), (15, 4, 0));
    let heard = Heard::default();
    let restored = restore(&store.archive, &record, target.path(), false, &heard).await.unwrap();
    assert_eq!((restored.files, restored.folders, restored.links, restored.problems), (done.files, done.folders, done.links, 0));
    assert_same(source.path(), target.path());
    assert_eq!(heard.of("total"), [format!("{} {}", done.files, done.bytes)]);

    let verified = verify(&store.archive, false, &()).await.unwrap();
    assert_eq!((verified.runs, verified.damaged), (1, 0));
}

#[tokio::test]
async fn a_folder_is_restored_over_only_if_asked() {
    let (store, source, target) = (Store::new().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    let (record, _) = store.run(source.path()).await;
    fs::write(target.path().join("mine"), "mine").unwrap();
    fs::write(target.path().join("readme.txt"), "older").unwrap();
    std::os::unix::fs::symlink("/tmp", target.path().join("bin")).unwrap();
    let error = restore(&store.archive, &record, target.path(), false, &()).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput) && error.message().contains("not empty"), "{error}");
    assert_eq!(fs::read_to_string(target.path().join("readme.txt")).unwrap(), "older");

    let restored = restore(&store.archive, &record, target.path(), true, &()).await.unwrap();
    assert_eq!(restored.problems, 0);
    assert_eq!(fs::read_to_string(target.path().join("mine")).unwrap(), "mine");
    fs::remove_file(target.path().join("mine")).unwrap();
    crate::tree::set_time(target.path(), fs::metadata(source.path()).unwrap().modified().unwrap());
    assert_same(source.path(), target.path());
}

#[tokio::test]
async fn what_cannot_be_archived_is_reported_and_the_rest_is_stored() {
    let (store, source, target) = (Store::new().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(source.path().join("file"), "x").unwrap();
    let _socket = UnixListener::bind(source.path().join("socket")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, source.path().join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    make_unreachable(source.path());
    let heard = Heard::default();
    let record = run(&store.archive, source.path(), RunOptions::new(), &heard).await.unwrap();
    let problems = heard.problems();
    assert_eq!(summary(&record).problems, 3);
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().any(|text| text == "socket: skipped: a socket is not archived"), "{problems:?}");
    assert!(problems.iter().any(|text| text == "pipe: skipped: a pipe is not archived"), "{problems:?}");
    assert!(problems.iter().any(|text| text.contains("ddd") && text.contains("too long")), "{problems:?}");
    let restored = restore(&store.archive, &record, target.path(), false, &()).await.unwrap();
    assert_eq!((restored.files, restored.problems), (1, 0));
    assert_eq!(fs::read_to_string(target.path().join("file")).unwrap(), "x");
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_reported_and_read_again_next_time() {
    let (store, source) = (Store::new().await, tempfile::tempdir().unwrap());
    let path = source.path().join("log");
    fs::write(&path, crate::tree::noise(3, 8 << 20)).unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (stop, path) = (stop.clone(), path.clone());
        move || {
            let mut file = fs::File::options().append(true).open(path).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                std::io::Write::write_all(&mut file, b"line\n").unwrap();
            }
        }
    });
    let heard = Heard::default();
    let record = run(&store.archive, source.path(), RunOptions::new(), &heard).await.unwrap();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
    assert_eq!(heard.problems(), ["log: changed while it was read; stored as it was read"]);
    assert_eq!((summary(&record).files, summary(&record).problems), (1, 1));
    assert!(heard.of("stored").is_empty());
    assert_eq!(verify(&store.archive, false, &()).await.unwrap().damaged, 0);
    let (_, again) = store.run(source.path()).await;
    assert_eq!((again.stored, again.unchanged), (1, 0));
}

#[tokio::test]
async fn patterns_leave_out_what_they_match() {
    let (store, source) = (Store::new().await, tempfile::tempdir().unwrap());
    for path in ["keep", "a.o", "x/b.o", "x/target/deep/file", "target/file", "x/y/tmp", "x/tmp", "tmp"] {
        let path = source.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let exclude = Exclude::new().pattern("*.o").unwrap().pattern("**/target/").unwrap().pattern("x/tmp").unwrap();
    let exclude = exclude.pattern("/tmp").unwrap();
    let heard = Heard::default();
    run(&store.archive, source.path(), RunOptions::new().exclude(exclude), &heard).await.unwrap();
    assert_eq!(heard.of("stored"), ["keep", "x/y/tmp"]);
    assert!(Exclude::new().pattern("a[").unwrap_err().is(ErrorKind::InvalidInput));
}

#[tokio::test]
async fn the_archives_own_folder_is_left_out() {
    let (store, source) = (Store::new().await, tempfile::tempdir().unwrap());
    let root = source.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("sub/archive/chunks")).unwrap();
    fs::write(root.join("sub/archive/chunks/x"), "x").unwrap();
    let archive = store.archive.clone().in_folder(Some(root.join("sub/archive")));
    let record = run(&archive, &root, RunOptions::new(), &()).await.unwrap();
    assert_eq!((summary(&record).files, summary(&record).folders), (0, 2));
    let error = run(&archive, &root.join("sub/archive"), RunOptions::new(), &()).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput), "{error}");
}

#[tokio::test]
async fn folders_and_archives_that_are_not_there_are_said_so() {
    let store = Store::new().await;
    let error = run(&store.archive, "/nowhere/at/all".as_ref(), RunOptions::new(), &()).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    let empty = circle_core::memory::Memory::new();
    let (files, index) = (circle_core::ObjectStore::new(empty.clone()), circle_core::KeyValueStore::new(empty));
    assert!(Archive::open(files, index).await.unwrap_err().is(ErrorKind::NotFound));
    assert!(store.archive.run_or_latest(None).await.unwrap_err().is(ErrorKind::NotFound));
}

#[tokio::test]
async fn an_abandoned_run_gives_what_it_had_stored() {
    let (store, source, target) = (Store::new().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    let (files, archive, folder) = (store.files.clone(), store.archive.clone(), source.path().to_owned());
    let heard = std::sync::Arc::new(Heard::default());
    let running = tokio::spawn({
        let heard = heard.clone();
        async move { run(&archive, &folder, RunOptions::new(), &*heard).await }
    });
    // As a kill does: nothing of the run goes on, and nobody closes its record.
    while heard.of("stored").is_empty() && !running.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    running.abort();
    let _ = running.await;
    let runs = store.archive.runs().await.unwrap();
    let record = runs[0].record.as_ref().unwrap();
    let stored = heard.of("stored");
    if let circle_core_examples::archive::record::State::Finished(_) = record.state {
        return; // faster than the abort
    }
    restore(&store.archive, record, target.path(), false, &()).await.unwrap();
    for path in stored {
        let back = fs::read(target.path().join(&path)).ok();
        assert!(back.is_none() || back == fs::read(source.path().join(&path)).ok(), "{path}");
    }
    assert_eq!(verify(&store.archive, false, &()).await.unwrap().damaged, 0);
    drop(files);
}
