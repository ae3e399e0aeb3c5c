//! A process that is killed: what was acknowledged is there, and nothing looks as if somebody had changed it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use circle_core_common::audit::{AuditLog, AuditMode, Integrity, Verification, Verifier};
use circle_core_common::interfaces::object_store::ObjectStore;

use super::answering;

const NEVER: Duration = Duration::from_secs(1_000_000);

fn open(path: &Path, every: u64) -> AuditLog {
    AuditLog::builder(path).checkpoint_every(every, NEVER).open().unwrap()
}

fn verify(path: &Path) -> Verification {
    let key = fs::read_to_string(format!("{}.key", path.display())).unwrap();
    let key = circle_core_common::audit::note::SigningKey::parse(&key.into()).unwrap();
    Verifier::new([key.verifying_key().clone()]).verify(path).unwrap()
}

const PATH: &str = "CIRCLE_TEST_AUDIT_CHILD";

/// The process that the other test kills.
#[tokio::test]
async fn the_child_that_is_killed() {
    let Some(path) = std::env::var_os(PATH).map(PathBuf::from) else { return };
    let files = ObjectStore::builder(answering(1 << 60)).audit(open(&path, 3), AuditMode::Required).build();
    loop {
        let mut calls = tokio::task::JoinSet::new();
        for at in 0..4 {
            let files = files.clone();
            calls.spawn(async move { files.head(format!("k{at}")).await.unwrap() });
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap();
            // Past the capture of the test runner, at once.
            use std::io::Write as _;
            let mut out = std::io::stdout().lock();
            out.write_all(b"acknowledged\n").and_then(|()| out.flush()).unwrap();
        }
    }
}

/// T14: `kill -9` at 200 points, one process after the other on one log.
#[cfg(unix)]
#[test]
fn a_log_survives_being_killed() {
    let mut random = {
        let mut seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
        move |below: u64| {
            // xorshift64
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        }
    };
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut acknowledged = 0;
        for _ in 0..10 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "crash::the_child_that_is_killed", "--nocapture"])
                .env(PATH, &path)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            let (wait, pause) = (random(24), random(3000));
            let mut line = String::new();
            let mut seen = 0;
            while seen < wait && out.read_line(&mut line).unwrap() > 0 {
                seen += u64::from(line.ends_with("acknowledged\n"));
                line.clear();
            }
            std::thread::sleep(Duration::from_micros(pause));
            child.kill().unwrap();
            child.wait().unwrap();
            let mut rest = String::new();
            out.read_to_string(&mut rest).unwrap();
            acknowledged += seen + rest.matches("acknowledged\n").count() as u64;
            if acknowledged == 0 {
                // It may not have come to write anything, its key included.
                continue;
            }
            let found = verify(&path);
            assert_eq!(found.integrity, Integrity::Unanchored { first: 0 }, "{found}");
            assert!(found.records >= 2 * acknowledged, "{found}: {acknowledged} calls were acknowledged");
        }
        assert!(acknowledged > 0, "no child has done anything");
        let records = verify(&path).records;
        drop(open(&path, 3));
        let found = verify(&path);
        assert_eq!((found.records, found.signed, found.torn_bytes), (records, records, 0));
    }
}

/// What a log writes, cut off after every byte: in the order in which it is written, as a crash may leave it.
#[tokio::test]
async fn a_log_survives_being_cut_at_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let read = |suffix: &str| fs::read(format!("{}{suffix}", path.display())).unwrap_or_default();
    let files = ["", ".index", ".checkpoints"];
    // Every call waits for its record, so that each is written alone; all that is new behind one is one step.
    let log = open(&path, 2);
    let mut steps: Vec<(usize, Vec<u8>)> = vec![(2, read(".checkpoints"))];
    {
        let store = ObjectStore::builder(answering(2)).audit(log, AuditMode::Required).build();
        for key in ["a", "b"] {
            store.head(key).await.unwrap();
        }
    }
    let (records, index, checkpoints) = (read(""), read(".index"), read(".checkpoints"));
    let notes: Vec<&[u8]> = {
        let text = std::str::from_utf8(&checkpoints).unwrap();
        let middle = text[steps[0].1.len()..].find("\n\n").map(|at| at + steps[0].1.len()).unwrap();
        let end = text[middle + 2..].find("\n\n").map(|at| at + middle + 4).unwrap();
        vec![&checkpoints[steps[0].1.len()..end], &checkpoints[end..]]
    };
    for (at, line) in records.split_inclusive(|&byte| byte == b'\n').enumerate() {
        steps.push((0, line.to_vec()));
        steps.push((1, index[at * 40..][..40].to_vec()));
        if at % 2 == 1 {
            steps.push((2, notes[at / 2].to_vec()));
        }
    }
    let written =
        |which: usize| steps.iter().filter(|(at, _)| *at == which).flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<u8>>();
    assert_eq!((written(0), written(1), written(2)), (records, index, checkpoints), "the steps are all that is written");

    let stream: Vec<(usize, u8)> = steps.iter().flat_map(|(at, bytes)| bytes.iter().map(|byte| (*at, *byte))).collect();
    for cut in 0..=stream.len() {
        let again = tempfile::tempdir().unwrap();
        let path = again.path().join("audit.jsonl");
        fs::write(format!("{}.key", path.display()), read(".key")).unwrap();
        for (which, suffix) in files.iter().enumerate() {
            let content: Vec<u8> = stream[..cut].iter().filter(|(at, _)| *at == which).map(|(_, byte)| *byte).collect();
            fs::write(format!("{}{suffix}", path.display()), content).unwrap();
        }
        let whole = stream[..cut].iter().filter(|(at, byte)| *at == 0 && *byte == b'\n').count() as u64;
        let before = verify(&path);
        assert_eq!((before.integrity, before.records), (Integrity::Unanchored { first: 0 }, whole), "cut at {cut}");
        let log = open(&path, 2);
        if cut % 16 == 0 {
            let store = ObjectStore::builder(answering(1)).audit(log, AuditMode::Required).build();
            store.head("later").await.unwrap();
        } else {
            drop(log);
        }
        let after = verify(&path);
        let records = if cut % 16 == 0 { whole + 2 } else { whole };
        assert_eq!(
            (after.integrity, after.records, after.signed),
            (Integrity::Unanchored { first: 0 }, records, records),
            "cut at {cut}"
        );
        assert_eq!(after.torn_bytes, 0);
    }
}
