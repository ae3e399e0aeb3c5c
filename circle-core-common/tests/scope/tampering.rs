//! What somebody can do to a log, and what the verifier says of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use circle_core_common::audit::merkle::{verify_consistency, verify_inclusion};
use circle_core_common::audit::note::{SigningKey, VerifyingKey};
use circle_core_common::audit::{
    AuditLog, AuditMode, Checkpoint, FileAnchor, Integrity, Leaves, ObjectStoreAnchor, SubjectKeys, Verification, Verifier,
};
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::{CallOptions, ErrorKind};

use super::answering;

const NEVER: Duration = Duration::from_secs(1_000_000);

/// A log of 11 calls: 22 records with checkpoints at 0, 4, 8 … 20 and 22, all of them anchored.
struct Log {
    folder: tempfile::TempDir,
    key: VerifyingKey,
    origin: String,
    anchored: Vec<String>,
}

const COUNT: u64 = 22;

async fn call(log: AuditLog, principal: &str, keys: impl IntoIterator<Item = String>) {
    let keys: Vec<String> = keys.into_iter().collect();
    let files = ObjectStore::builder(answering(keys.len())).name("documents").audit(log, AuditMode::Required).build();
    let files = files.with(CallOptions::new().principal(principal));
    for key in keys {
        files.head(key).await.unwrap();
    }
}

impl Log {
    async fn write(signing: &SigningKey, prefix: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = AuditLog::builder(folder.path().join("audit.jsonl"))
            .key(signing.clone())
            .origin("logs.example/1")
            .checkpoint_every(4, NEVER)
            .open()
            .unwrap();
        let (key, origin) = (log.verifying_key().clone(), log.origin().to_owned());
        call(log, "ana", (0..COUNT / 2).map(|at| format!("{prefix}{at}"))).await;
        // The checkpoints are those that an anchor would have had.
        let anchored = FileAnchor::new(folder.path().join("audit.jsonl.checkpoints")).checkpoints().unwrap();
        Self { folder, key, origin, anchored }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.path()).unwrap().lines().map(str::to_owned).collect()
    }

    /// This log's files with other records, and the files beside it that are kept.
    fn with(&self, lines: &[String], kept: &[&str], anchored: &[String]) -> Verification {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        for suffix in kept {
            fs::copy(beside(&self.path(), suffix), beside(&path, suffix)).unwrap();
        }
        Verifier::new([self.key.clone()]).anchored(anchored.to_vec()).verify(&path).unwrap()
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    format!("{}{suffix}", path.display()).into()
}

const ALL: &[&str] = &[".checkpoints", ".index"];

#[tokio::test]
async fn a_log_is_intact_as_far_as_it_is_anchored() {
    let log = Log::write(&SigningKey::generate("logs.example").unwrap(), "k").await;
    let lines = log.lines();
    let sizes = [0, 4, 8, 12, 16, 20, 22];
    let keys = [log.key.clone()];
    let said: Vec<u64> = log.anchored.iter().map(|note| Checkpoint::open(note, &keys).unwrap().size).collect();
    assert_eq!(said, sizes);
    for (kept, index) in [(ALL, true), (&[".checkpoints"], false), (&[".index"], true), (&[], false)] {
        let found = log.with(&lines, kept, &log.anchored);
        assert_eq!((found.records, found.anchored, found.torn_bytes), (COUNT, COUNT, 0), "{index}");
        assert_eq!(found.integrity, Integrity::Intact);
    }
    for (anchored, size) in
        sizes.iter().enumerate().map(|(at, size)| (&log.anchored[..at], at.checked_sub(1).map_or(0, |at| sizes[at]).min(*size)))
    {
        let found = log.with(&lines, ALL, anchored);
        assert_eq!((found.integrity, found.anchored, found.signed), (Integrity::Unanchored { first: size }, size, COUNT));
    }
    // The anchors of another log say nothing of this one; that they are not of this one does.
    let other = Log::write(&SigningKey::generate("other.example").unwrap(), "o").await;
    assert_eq!(log.with(&lines, ALL, &other.anchored).integrity.code(), "rewritten");
    // A record that is being written, or was torn by a crash.
    fs::write(log.path(), format!("{}\n{{\"at\":", lines.join("\n"))).unwrap();
    let found = Verifier::new([log.key.clone()]).origin(&log.origin).anchored(log.anchored.clone()).verify(log.path()).unwrap();
    assert_eq!((found.integrity, found.torn_bytes), (Integrity::Intact, 6));
    let nothing = Verifier::new([log.key.clone()]).verify(log.folder.path().join("none")).unwrap_err();
    assert!(nothing.is(ErrorKind::NotFound));
}

/// T14: every record is changed, left out, exchanged and repeated, and the end is cut off everywhere; with and without the files
/// beside the records, which whoever does that may change too.
#[tokio::test]
async fn no_record_can_be_changed_unnoticed() {
    let log = Log::write(&SigningKey::generate("logs.example").unwrap(), "k").await;
    let lines = log.lines();
    let last = lines.len() - 1;
    for kept in [ALL, &[".checkpoints"], &[".index"], &[]] {
        let exact = kept.contains(&".index");
        let rewritten = |lines: &[String], at: usize, what: &str| {
            let found = log.with(lines, kept, &log.anchored);
            let Integrity::Rewritten { first, last, .. } = found.integrity else { panic!("{what} {at}: {found}, {kept:?}") };
            let at = at as u64;
            assert!(if exact { (first, last) == (at, at) } else { first <= at && at <= last }, "{what} {at}: {found}, {kept:?}");
        };
        for at in 0..lines.len() {
            let mut changed = lines.clone();
            changed[at] = changed[at].replace("object_store.head", "object_store.hear");
            rewritten(&changed, at, "changed");
            changed[at] = String::new();
            rewritten(&changed, at, "blanked");

            let mut repeated = lines.clone();
            repeated.insert(at, lines[at].clone());
            // Behind the last one, it is beyond every checkpoint, and its own number is not its place.
            rewritten(&repeated, at + 1, "repeated");

            let mut less = lines.clone();
            less.remove(at);
            if at < last {
                rewritten(&less, at, "left out");
                let mut exchanged = lines.clone();
                exchanged.swap(at, at + 1);
                rewritten(&exchanged, at, "exchanged");
            }

            let found = log.with(&lines[..at], kept, &log.anchored);
            let proven = if exact { at as u64 } else { at as u64 / 4 * 4 };
            assert_eq!(found.integrity, Integrity::Truncated { expected: COUNT, proven }, "cut at {at}, {kept:?}");
        }
    }
    fs::remove_file(log.path()).unwrap();
    let found = Verifier::new([log.key.clone()]).anchored(log.anchored.clone()).verify(log.path()).unwrap();
    assert_eq!(found.integrity, Integrity::Truncated { expected: COUNT, proven: 0 });
}

#[tokio::test]
async fn a_log_that_is_written_anew_is_told_by_its_key_and_with_it_by_its_anchors() {
    let key = SigningKey::generate("logs.example").unwrap();
    let log = Log::write(&key, "k").await;
    let again = Log::write(&key, "x").await;
    let forged = Log::write(&SigningKey::generate("logs.example").unwrap(), "x").await;
    let verify = |path: &Path, anchored: &[String]| {
        Verifier::new([log.key.clone()]).anchored(anchored.to_vec()).verify(path).unwrap().integrity
    };
    // Without the key: the checkpoints are not signed, anchors or none.
    for anchored in [[].as_slice(), &log.anchored] {
        assert_eq!(verify(&forged.path(), anchored).code(), "rewritten");
    }
    // With the checkpoints thrown away, nothing speaks for the log, or the anchors against it.
    fs::remove_file(beside(&forged.path(), ".checkpoints")).unwrap();
    assert_eq!(verify(&forged.path(), &[]), Integrity::Unanchored { first: 0 });
    assert_eq!(verify(&forged.path(), &log.anchored).code(), "rewritten");
    // With the key: only what is anchored elsewhere speaks against it, from the first record on.
    assert_eq!(verify(&again.path(), &[]), Integrity::Unanchored { first: 0 });
    for anchored in 2..=log.anchored.len() {
        let found = verify(&again.path(), &log.anchored[..anchored]);
        assert!(matches!(found, Integrity::Rewritten { first: 0, last: 3, .. }), "{found:?}");
    }
    // The log's own anchors later on show a fork.
    let both = [log.anchored.as_slice(), &again.anchored].concat();
    assert!(matches!(verify(&log.path(), &both), Integrity::Rewritten { first: 0, .. }));
}

#[tokio::test]
async fn a_changed_log_is_not_continued() {
    let key = SigningKey::generate("logs.example").unwrap();
    let log = Log::write(&key, "k").await;
    let whole = fs::read_to_string(log.path()).unwrap();
    let open = || AuditLog::builder(log.path()).key(key.clone()).open();
    let lines = log.lines();
    for (index, content) in [
        (true, lines[..20].iter().map(|line| format!("{line}\n")).collect::<String>()),
        (false, whole.replacen("object_store.head", "object_store.hear", 1)),
        (false, format!("{whole}{}\n", lines[21])),
    ] {
        let copy = fs::read(beside(&log.path(), ".index")).unwrap();
        fs::write(log.path(), &content).unwrap();
        if !index {
            fs::remove_file(beside(&log.path(), ".index")).unwrap();
        }
        let error = open().unwrap_err();
        assert!(error.is(ErrorKind::Corrupt) && error.message().contains("circle-audit verify"), "{error}");
        assert_eq!(fs::read_to_string(log.path()).unwrap(), content, "it stays as it is");
        fs::write(beside(&log.path(), ".index"), copy).unwrap();
        fs::write(log.path(), &whole).unwrap();
    }
    // A log whose checkpoints are thrown away, or signed by somebody else under the key's name.
    let checkpoints = fs::read(beside(&log.path(), ".checkpoints")).unwrap();
    fs::remove_file(beside(&log.path(), ".checkpoints")).unwrap();
    assert!(open().unwrap_err().is(ErrorKind::Corrupt));
    let other = Log::write(&SigningKey::generate("logs.example").unwrap(), "k").await;
    fs::copy(beside(&other.path(), ".checkpoints"), beside(&log.path(), ".checkpoints")).unwrap();
    assert!(open().unwrap_err().is(ErrorKind::Corrupt));
    fs::write(beside(&log.path(), ".checkpoints"), checkpoints).unwrap();
    drop(open().unwrap());
    // A new key under a name of its own goes on; both are to be known to the verifier.
    let newer = SigningKey::generate("logs.example/2").unwrap();
    call(AuditLog::builder(log.path()).key(newer.clone()).open().unwrap(), "ana", ["later".to_owned()]).await;
    let keys = [log.key.clone(), newer.verifying_key().clone()];
    let found = Verifier::new(keys).verify(log.path()).unwrap();
    assert_eq!((found.integrity.code(), found.records, found.signed), ("unanchored", 24, 24));
}

#[tokio::test]
async fn proofs_show_a_record_and_a_growth() {
    let log = Log::write(&SigningKey::generate("logs.example").unwrap(), "k").await;
    let leaves = Leaves::of(log.path()).unwrap();
    let keys = [log.key.clone()];
    let checkpoints: Vec<Checkpoint> = log.anchored.iter().map(|note| Checkpoint::open(note, &keys).unwrap()).collect();
    for checkpoint in &checkpoints[1..] {
        for seq in 0..checkpoint.size {
            let proof = leaves.inclusion(seq, checkpoint.size).unwrap();
            let leaf = leaves.get(seq).unwrap();
            verify_inclusion(seq, checkpoint.size, leaf, &proof, &checkpoint.root).unwrap();
        }
        assert!(leaves.inclusion(checkpoint.size, checkpoint.size).is_err());
        for earlier in checkpoints[1..].iter().filter(|earlier| earlier.size <= checkpoint.size) {
            let proof = leaves.consistency(earlier.size, checkpoint.size).unwrap();
            verify_consistency(earlier.size, checkpoint.size, &proof, &earlier.root, &checkpoint.root).unwrap();
        }
    }
    assert!(leaves.root(COUNT + 1).unwrap_err().is(ErrorKind::InvalidInput));
}

/// P12: records name nobody in clear, and the log verifies as before when nobody can tell any more who they were.
#[tokio::test]
async fn erase_then_verify() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let anchor = FileAnchor::new(folder.path().join("elsewhere/anchor"));
    let verify = |key: &VerifyingKey| {
        let anchor = FileAnchor::new(folder.path().join("elsewhere/anchor"));
        Verifier::new([key.clone()]).anchored(anchor.checkpoints().unwrap()).verify(&path).unwrap()
    };
    let log = std::sync::Arc::new(AuditLog::open(&path).unwrap());
    log.anchor(anchor);
    let environment = circle_core_common::Environment::builder().audit_arc(log.clone(), AuditMode::Required).build();
    let files = circle_core_common::Handle::rebind(&ObjectStore::new(answering(4)), environment, "documents");
    let head = |who: &'static str| files.with(CallOptions::new().principal(who));
    for who in ["ana@example.com", "bo@example.com", "ana@example.com"] {
        head(who).head("a").await.unwrap();
    }
    log.seal().await.unwrap();
    let key = log.verifying_key().clone();
    assert_eq!(verify(&key).integrity, Integrity::Intact);
    let records = |who: &str| {
        let lines = fs::read_to_string(&path).unwrap();
        assert!(!lines.contains("example.com"));
        lines.lines().filter(|line| line.contains(&format!("\"principal\":\"{who}\""))).count()
    };
    let (ana, bo) =
        (log.pseudonym("ana@example.com").await.unwrap().unwrap(), log.pseudonym("bo@example.com").await.unwrap().unwrap());
    assert_eq!((records(&ana), records(&bo)), (4, 2));

    assert!(log.erase("ana@example.com").await.unwrap() && !log.erase("ana@example.com").await.unwrap());
    let keys = fs::read_to_string(beside(&path, ".subjects")).unwrap();
    assert!(!keys.contains("ana") && keys.contains("bo@example.com"));
    assert_eq!((log.pseudonym("ana@example.com").await.unwrap(), records(&ana)), (None, 4));
    assert_eq!(verify(&key).integrity, Integrity::Intact);
    // She comes again, as somebody new.
    head("ana@example.com").head("a").await.unwrap();
    assert_eq!((records(&ana), records(&log.pseudonym("ana@example.com").await.unwrap().unwrap())), (4, 2));
    log.seal().await.unwrap();
    assert_eq!((verify(&key).integrity, verify(&key).records), (Integrity::Intact, 8));
    drop((files, log));
    let keys = SubjectKeys::open(beside(&path, ".subjects")).unwrap();
    assert_eq!((keys.subject(&bo), keys.subject(&ana)), (Some("bo@example.com"), None));
}

#[tokio::test]
async fn principals_in_clear_and_resources_left_out_are_choices() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::builder(&path).clear_principals().without_resources().open().unwrap();
    assert!(log.erase("ana").await.unwrap_err().is(ErrorKind::Unsupported));
    call(log, "ana", ["key-of-somebody".to_owned()]).await;
    let lines = fs::read_to_string(&path).unwrap();
    assert!(lines.contains("\"principal\":\"ana\"") && lines.contains("\"resources\":1") && !lines.contains("key-of-somebody"));
    assert!(!beside(&path, ".subjects").exists());
}

#[tokio::test]
async fn an_object_store_keeps_each_checkpoint_once() {
    use circle_core_common::interfaces::object_store::{MockObjectStoreProvider, ObjectMeta};
    use std::sync::{Arc, Mutex};

    let folder = tempfile::tempdir().unwrap();
    let objects: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut mock = MockObjectStoreProvider::ready();
    let put = Arc::clone(&objects);
    mock.expect_put().returning(move |_, request| {
        let key = request.key.as_str().to_owned();
        let mut objects = put.lock().unwrap();
        // The first answer is lost on the way.
        objects.push(key.clone());
        match objects.len() {
            1 => Err(circle_core_common::Error::new(ErrorKind::Unavailable, "busy")),
            _ => Ok(ObjectMeta::new(key.as_str().into(), 0, circle_core_common::Timestamp::UNIX_EPOCH)),
        }
    });
    let log = AuditLog::builder(folder.path().join("audit.jsonl")).origin("logs.example/ä 1").open().unwrap();
    log.anchor(ObjectStoreAnchor::new(&ObjectStore::new(mock), "anchors/"));
    tokio::time::timeout(Duration::from_secs(60), async {
        while objects.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    call_and_seal(log).await;
    let objects = objects.lock().unwrap().clone();
    assert_eq!(objects.first().map(String::as_str), Some("anchors/logs.example/__1/00000000000000000000"));
    assert_eq!(objects.last().map(String::as_str), Some("anchors/logs.example/__1/00000000000000000002"));
}

async fn call_and_seal(log: AuditLog) {
    let log = std::sync::Arc::new(log);
    let environment = circle_core_common::Environment::builder().audit_arc(log.clone(), AuditMode::Required).build();
    let files = circle_core_common::Handle::rebind(&ObjectStore::new(answering(1)), environment, "documents");
    files.head("a").await.unwrap();
    assert_eq!(log.seal().await.unwrap().checkpoint().size, 2);
}
