//! Crashes between any two steps, full disks and short writes.
//!
//! Every scenario is run once to count its steps on the disk. Then it is run again for every number of steps, from the
//! same beginning, and the power is cut after them. Whoever opens the root afterwards must find the old state or the new
//! one, whole, with its metadata — and the new one, if the call had answered.

#![allow(clippy::expect_used, reason = "what is not tested here must not fail")]

use std::fmt::Debug;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use circle_core_common::interfaces::key_value_store::{KeyValueStore, Write};
use circle_core_common::interfaces::object_store::{ObjectStore, PutOptions, UploadId};
use circle_core_common::{Environment, ErrorKind, Fence, Reason};
use circle_core_filesystem::disk::FaultyDisk;
use circle_core_filesystem::{Filesystem, FilesystemConfig};

fn faulty(root: &Path, disk: &Arc<FaultyDisk>) -> Filesystem {
    let disk = Arc::clone(disk);
    Filesystem::with_disk(FilesystemConfig::new(root), &Environment::default(), disk).expect("the root opens")
}

fn open(root: &Path) -> (ObjectStore, KeyValueStore) {
    let filesystem = Filesystem::open(root).expect("the root opens after a crash");
    (ObjectStore::new(filesystem.clone()), KeyValueStore::new(filesystem))
}

/// Every object: key, content, content type, metadata.
type Objects = Vec<(String, Bytes, Option<String>, Vec<(String, String)>)>;

async fn objects(root: &Path) -> Objects {
    let (files, _) = open(root);
    let mut all = Objects::new();
    for meta in files.list("").all().await.expect("the list") {
        let object = files.get(meta.key.clone()).await.expect("what is listed is there");
        let meta = (*object.meta).clone();
        let content = object.bytes().await.expect("the content is whole");
        all.push((meta.key.to_string(), content, meta.content_type, meta.metadata.into_iter().collect()));
    }
    all
}

async fn entries(root: &Path) -> Vec<(String, Bytes)> {
    let (_, kv) = open(root);
    let all = kv.list("").all().await.expect("the list");
    all.into_iter().map(|entry| (entry.key.to_string(), entry.value)).collect()
}

/// Nothing but what belongs to objects and uploads is left in the store's own directories.
fn assert_tidy(root: &Path) {
    let (files, _) = open(root);
    let tmp: Vec<_> = std::fs::read_dir(root.join(".circle/tmp")).expect("tmp").map(|entry| entry.expect("entry")).collect();
    let litter: Vec<_> = tmp.iter().filter(|entry| entry.path().extension().is_none()).collect();
    assert!(litter.is_empty(), "{litter:?}");
    drop(files);
}

/// Runs `call` after `prepare`, cuts the power after every number of steps, and compares what `look` sees.
async fn crash_everywhere<S, P, F, L>(
    name: &str,
    prepare: impl Fn(Filesystem) -> P,
    call: impl Fn(Filesystem) -> F,
    look: impl Fn(std::path::PathBuf) -> L,
) where
    S: PartialEq + Debug,
    P: Future<Output = ()>,
    F: Future<Output = circle_core_common::Result<()>>,
    L: Future<Output = S>,
{
    let begin = || async {
        let directory = tempfile::tempdir().expect("a directory");
        prepare(Filesystem::open(directory.path()).expect("the root opens")).await;
        directory
    };
    let directory = begin().await;
    let old = look(directory.path().to_owned()).await;
    let disk = Arc::new(FaultyDisk::new());
    let filesystem = faulty(directory.path(), &disk);
    let opened = disk.steps().len();
    call(filesystem.clone()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let steps = disk.steps()[opened..].to_vec();
    drop(filesystem);
    let new = look(directory.path().to_owned()).await;
    assert_ne!(old, new, "{name} changes something");
    assert!(steps.len() >= 2, "{name}: {steps:?}");
    let mut seen = [0, 0];
    for crash in 0..=steps.len() {
        let directory = begin().await;
        let disk = Arc::new(FaultyDisk::new());
        let filesystem = faulty(directory.path(), &disk);
        disk.crash_after(crash);
        let answer = call(filesystem.clone()).await;
        drop(filesystem);
        let state = look(directory.path().to_owned()).await;
        let which = usize::from(state != old);
        assert!(state == old || state == new, "{name}, cut after {crash} of {steps:?}: {state:?}");
        assert!(answer.is_err() || which == 1, "{name}: acknowledged after {crash} of {steps:?}, and lost");
        seen[which] += 1;
        assert_tidy(directory.path());
        // The store goes on: the same call succeeds now, or finds its own work done.
        let (files, kv) = open(directory.path());
        files.put("after", "1").await.expect("objects can be put after a crash");
        kv.put("after", "1").await.expect("values can be put after a crash");
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{name}: both states were seen: {seen:?} over {steps:?}");
}

fn with(n: &str) -> PutOptions {
    PutOptions::new().content_type(format!("text/x-{n}")).metadata("n", n)
}

async fn put_old(filesystem: Filesystem) {
    let files = ObjectStore::new(filesystem);
    files.put_with("dir/k", "old", with("old")).await.expect("put");
    files.put_with("other", "other", with("other")).await.expect("put");
}

#[tokio::test]
async fn a_put_is_old_or_new() {
    let look = |root: std::path::PathBuf| async move { objects(&root).await };
    for key in ["new", "deep/er/new", "dir/k/below", "dir", "a//b", &"x".repeat(600)] {
        let put = |filesystem| async move {
            let content = vec![7; 300_000];
            ObjectStore::new(filesystem).put_with(key, content, with("new")).await.map(drop)
        };
        crash_everywhere(&format!("put {:.20}", key), put_old, put, look).await;
    }
    let replace = |filesystem| async move {
        let files = ObjectStore::new(filesystem);
        files.put_with("dir/k", "new!", with("new")).await.map(drop)
    };
    crash_everywhere("replace", put_old, replace, look).await;
    let same_bytes = |filesystem| async move {
        let files = ObjectStore::new(filesystem);
        let version = files.head("dir/k").await?.version()?.clone();
        files.put_with("dir/k", "old", with("new").if_match(version)).await.map(drop)
    };
    crash_everywhere("replace if match", put_old, same_bytes, look).await;
    let plain = |filesystem| async move { ObjectStore::new(filesystem).put("dir/k", "old").await.map(drop) };
    crash_everywhere("replace without metadata", put_old, plain, look).await;
    let create = |filesystem| async move { ObjectStore::new(filesystem).create("created", "").await.map(drop) };
    crash_everywhere("create", put_old, create, look).await;
}

#[tokio::test]
async fn a_delete_and_a_copy_are_old_or_new() {
    let look = |root: std::path::PathBuf| async move { objects(&root).await };
    let delete = |filesystem| async move { ObjectStore::new(filesystem).delete("dir/k").await.map(drop) };
    crash_everywhere("delete", put_old, delete, look).await;
    for to in ["other", "new/k", "dir/k/below"] {
        let copy = |filesystem| async move { ObjectStore::new(filesystem).copy("dir/k", to).await.map(drop) };
        crash_everywhere("copy", put_old, copy, look).await;
    }
}

#[tokio::test]
async fn an_upload_completes_or_goes_on() {
    const ID: &str = "upload.json";
    let prepare = |filesystem: Filesystem| async move {
        put_old(filesystem.clone()).await;
        let root = filesystem.root_path().to_owned();
        let upload = ObjectStore::new(filesystem).upload_with("dir/k", with("parts")).await.expect("upload");
        let parts = [upload.part(0, "first ").await.expect("part"), upload.part(1, "second").await.expect("part")];
        let id = serde_json::to_vec(&(upload.id(), parts)).expect("JSON");
        std::fs::write(root.join(".circle").join(ID), id).expect("the id is kept");
    };
    let complete = |filesystem: Filesystem| async move {
        let id = std::fs::read(filesystem.root_path().join(".circle").join(ID)).expect("the id was kept");
        let (id, parts): (UploadId, Vec<_>) = serde_json::from_slice(&id).expect("JSON");
        ObjectStore::new(filesystem).resume(id).complete(parts).await.map(drop)
    };
    let look = |root: std::path::PathBuf| async move { objects(&root).await };
    crash_everywhere("complete", prepare, complete, look).await;
    // What was not completed can be, and what was has ended or is completed once more.
    for crash in 0.. {
        let directory = tempfile::tempdir().expect("a directory");
        prepare(Filesystem::open(directory.path()).expect("open")).await;
        let disk = Arc::new(FaultyDisk::new());
        let filesystem = faulty(directory.path(), &disk);
        disk.crash_after(crash);
        let answer = complete(filesystem).await;
        let again = complete(Filesystem::open(directory.path()).expect("open")).await;
        assert!(again.is_ok() || again.is_err_and(|error| error.reason() == Some(Reason::UploadEnded)), "{crash}");
        let content = objects(directory.path()).await.into_iter().find(|object| object.0 == "dir/k").map(|object| object.1);
        assert_eq!(content.as_deref(), Some(&b"first second"[..]), "{crash}");
        if answer.is_ok() {
            break;
        }
    }
}

#[tokio::test]
async fn writes_of_keys_and_values_are_old_or_new() {
    let prepare = |filesystem| async move {
        let kv = KeyValueStore::new(filesystem);
        kv.transaction([Write::put("a", "1"), Write::put("b", "1"), Write::put("c", "1")]).await.expect("transaction");
    };
    let look = |root: std::path::PathBuf| async move { entries(&root).await };
    let put = |filesystem| async move { KeyValueStore::new(filesystem).put("a", vec![2; 100_000]).await.map(drop) };
    crash_everywhere("put", prepare, put, look).await;
    let transaction = |filesystem| async move {
        let writes = [Write::put("a", "2"), Write::delete("b"), Write::put("d", "2").fence(Fence::new(3))];
        KeyValueStore::new(filesystem).transaction(writes).await.map(drop)
    };
    crash_everywhere("transaction", prepare, transaction, look).await;
    let increment = |filesystem| async move { KeyValueStore::new(filesystem).increment("c", 1).await.map(drop) };
    crash_everywhere("increment", prepare, increment, look).await;
    let delete = |filesystem| async move { KeyValueStore::new(filesystem).delete("c").await.map(drop) };
    crash_everywhere("delete", prepare, delete, look).await;
    let first = |filesystem| async move { KeyValueStore::new(filesystem).put("first", "1").await.map(drop) };
    crash_everywhere("the first write", |_| async {}, first, look).await;
}

#[tokio::test]
async fn a_compaction_loses_nothing() {
    let prepare = |filesystem| async move {
        let kv = KeyValueStore::new(filesystem);
        kv.put("stays", "1").await.expect("put");
        // With what is put next, this is just more than what is compacted.
        for _ in 0..2 {
            kv.put("large", vec![1; 500_000]).await.expect("put");
        }
    };
    let put =
        |filesystem: Filesystem| async move { KeyValueStore::new(filesystem).put("large", vec![2; 100_000]).await.map(drop) };
    let directory = tempfile::tempdir().expect("a directory");
    let filesystem = Filesystem::open(directory.path()).expect("open");
    prepare(filesystem.clone()).await;
    put(filesystem).await.expect("put");
    let log = std::fs::metadata(directory.path().join(".circle/kv/log")).expect("the log");
    assert!(log.len() < 200_000, "the log is compacted");
    let look = |root: std::path::PathBuf| async move { entries(&root).await };
    crash_everywhere("compaction", prepare, put, look).await;
}

#[tokio::test]
async fn opening_a_root_can_be_cut_off_anywhere() {
    let count = {
        let directory = tempfile::tempdir().expect("a directory");
        let disk = Arc::new(FaultyDisk::new());
        faulty(&directory.path().join("root"), &disk);
        disk.steps().len()
    };
    for crash in 0..count {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("root");
        let disk = Arc::new(FaultyDisk::new());
        disk.crash_after(crash);
        // The last steps are those of the end of the session, which nobody waits for.
        drop(Filesystem::with_disk(FilesystemConfig::new(&root), &Environment::default(), disk));
        assert!(objects(&root).await.is_empty());
        open(&root).0.put("k", "v").await.expect("put");
        assert_tidy(&root);
    }
}

#[tokio::test]
async fn a_full_disk_is_one_clear_line_and_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    put_old(Filesystem::open(directory.path()).expect("open")).await;
    let before = objects(directory.path()).await;
    let disk = Arc::new(FaultyDisk::new());
    let filesystem = faulty(directory.path(), &disk);
    let (files, kv) = (ObjectStore::new(filesystem.clone()), KeyValueStore::new(filesystem));
    kv.put("k", "old").await.expect("put");
    let mut full = Vec::new();
    // Full at every byte: within the content, within the metadata, within the log.
    for space in 0..60 {
        disk.space(space);
        full.extend(files.put_with("dir/k", "new content", with("new")).await.err());
        disk.space(space);
        full.extend(kv.put("k", "new".repeat(20)).await.err());
        disk.space(space);
        full.extend(files.upload("u").await.err());
    }
    assert_eq!(full.len(), 180);
    for error in full {
        assert_eq!((error.kind(), error.reason()), (ErrorKind::QuotaExceeded, Some(Reason::DiskFull)), "{error}");
        let line = error.to_string();
        assert!(!line.contains('\n') && line.contains("No space left on device") && line.contains(".circle"), "{line}");
    }
    disk.space(None);
    assert_eq!(objects(directory.path()).await, before);
    assert_eq!(entries(directory.path()).await, [("k".to_owned(), Bytes::from_static(b"old"))]);
    files.put("dir/k", "new").await.expect("there is space again");
    kv.put("k", "new").await.expect("there is space again");
}

#[tokio::test]
async fn a_root_that_may_not_be_written_is_one_clear_line() {
    const EACCES: i32 = 13;
    const EROFS: i32 = 30;
    let directory = tempfile::tempdir().expect("a directory");
    for code in [EACCES, EROFS] {
        let disk = Arc::new(FaultyDisk::new());
        disk.fail(("make_dir", code));
        let opened = Filesystem::with_disk(FilesystemConfig::new(directory.path()), &Environment::default(), disk);
        let error = opened.expect_err("nothing can be made there");
        let line = error.to_string();
        assert!(error.is(ErrorKind::PermissionDenied) && !line.contains('\n'), "{line}");
        assert!(line.contains(directory.path().join(".circle").to_str().expect("text")), "{line}");
    }
}

#[tokio::test]
async fn short_writes_are_gone_on_with() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(FaultyDisk::new());
    let filesystem = faulty(directory.path(), &disk);
    disk.longest_write(3);
    let (files, kv) = (ObjectStore::new(filesystem.clone()), KeyValueStore::new(filesystem));
    files.put_with("k", "a longer content", with("new")).await.expect("put");
    kv.put("k", "a longer value").await.expect("put");
    disk.longest_write(None);
    let all = objects(directory.path()).await;
    assert_eq!((&all[0].1[..], all[0].2.as_deref()), (&b"a longer content"[..], Some("text/x-new")));
    assert_eq!(entries(directory.path()).await[0].1, "a longer value");
}

#[tokio::test]
async fn what_cannot_be_synchronised_is_not_acknowledged() {
    const EIO: i32 = 5;
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(FaultyDisk::new());
    let filesystem = faulty(directory.path(), &disk);
    let (files, kv) = (ObjectStore::new(filesystem.clone()), KeyValueStore::new(filesystem));
    kv.put("k", "old").await.expect("put");
    let other = open(directory.path()).1;
    assert_eq!(other.get("k").await.expect("get").expect("an entry").value, "old");
    disk.fail(("sync", EIO));
    assert!(files.put("k", "1").await.is_err());
    assert!(kv.put("k", "new").await.is_err());
    disk.fail(None);
    assert!(objects(directory.path()).await.is_empty());
    // The record was taken back; one of the same length in its place is not taken for it.
    for kv in [&kv, &other] {
        assert_eq!(kv.get("k").await.expect("get").expect("an entry").value, "old");
    }
    kv.put("k", "two").await.expect("put");
    assert_eq!(other.get("k").await.expect("get").expect("an entry").value, "two");
}

#[tokio::test]
async fn a_put_takes_its_steps_in_the_order_that_makes_it_safe() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(FaultyDisk::new());
    let files = ObjectStore::new(faulty(directory.path(), &disk));
    files.put_with("k", "1", with("old")).await.expect("put");
    let before = disk.steps().len();
    files.put_with("k", "2", with("new")).await.expect("put");
    // Content, attributes, name; the old attributes go last.
    let steps = disk.steps()[before..].join(" ");
    assert_eq!(steps, "create write set_modified sync unlink create write sync sync_dir rename sync_dir unlink");
    let kv = KeyValueStore::new(faulty(directory.path(), &disk));
    kv.put("k", "1").await.expect("put");
    let before = disk.steps().len();
    kv.put("k", "2").await.expect("put");
    assert_eq!(disk.steps()[before..].join(" "), "write sync");
}

/// What a child process does until it is killed: it says on standard output what was acknowledged.
#[tokio::test]
#[ignore = "run, and killed, by `processes_that_are_killed_lose_nothing_that_was_acknowledged`"]
async fn child() {
    use std::io::Write as _;
    let root = std::path::PathBuf::from(std::env::var_os("CIRCLE_TEST_ROOT").expect("the root"));
    let (files, kv) = open(&root);
    let mut said = std::io::stdout();
    for n in 1_usize.. {
        let options = PutOptions::new().metadata("n", n.to_string());
        files.put_with("shared/k", vec![n as u8; n % 1000], options).await.expect("put");
        let sum = kv.increment("sum", 1).await.expect("increment");
        kv.transaction([Write::put("a", sum.to_string()), Write::put("b", sum.to_string())]).await.expect("transaction");
        files.create(format!("sums/{sum}"), "").await.expect("every sum is given once");
        writeln!(said, "acknowledged {sum}").expect("somebody listens");
    }
}

#[tokio::test]
async fn processes_that_are_killed_lose_nothing_that_was_acknowledged() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    use std::time::Duration;
    let directory = tempfile::tempdir().expect("a directory");
    let spawn = || {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args(["--ignored", "--exact", "--nocapture", "child"]).env("CIRCLE_TEST_ROOT", directory.path());
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a child")
    };
    let mut acknowledged: Vec<i64> = Vec::new();
    for round in 1..=8 {
        let mut children = [spawn(), spawn()];
        let mut said = children.each_mut().map(|child| {
            let said = BufReader::new(child.stdout.take().expect("its output"));
            said.lines().map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<i64>().ok())
        });
        // Both are at work before the clock starts.
        for said in &mut said {
            acknowledged.extend(said.next());
        }
        std::thread::sleep(Duration::from_millis(13 * round));
        for child in &mut children {
            child.kill().expect("the child lives until it is killed");
            child.wait().expect("the child ends");
        }
        acknowledged.extend(said.into_iter().flatten());
        let (files, kv) = open(directory.path());
        if let Ok(object) = files.get("shared/k").await {
            let n: usize = object.meta.metadata["n"].parse().expect("a number");
            assert_eq!(object.bytes().await.expect("content"), vec![n as u8; n % 1000]);
        }
        let both = kv.get_many(["a", "b"]).await.expect("get").all().expect("get");
        let values: Vec<_> = both.into_iter().map(|entry| entry.map(|entry| entry.value)).collect();
        assert_eq!(values[0], values[1]);
        let sum = kv.increment("sum", 0).await.expect("the sum");
        for one in &acknowledged {
            assert!(*one <= sum, "{one} was acknowledged, and the sum is {sum}");
            assert_eq!(files.head(format!("sums/{one}")).await.expect("what was acknowledged").size, 0);
        }
        drop((files, kv));
        assert_tidy(directory.path());
    }
    let count = acknowledged.len();
    acknowledged.sort_unstable();
    acknowledged.dedup();
    assert_eq!(acknowledged.len(), count, "no sum was given twice");
    assert!(count >= 16, "the children were killed at work: {count}");
}
