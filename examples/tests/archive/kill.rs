//! Killed at any moment, an archive is whole, and what was acknowledged is in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::program::{args, command, run};
use crate::tree::{assert_same, noise};

/// A folder that changes from round to round.
struct Source {
    folder: PathBuf,
    random: Box<dyn Iterator<Item = u8>>,
}

impl Source {
    fn new(folder: PathBuf, seed: u64) -> Self {
        Self { folder, random: Box::new((seed..).flat_map(|seed| noise(seed, 4096))) }
    }

    fn below(&mut self, end: u64) -> u64 {
        let bytes: Vec<u8> = self.random.by_ref().take(8).collect();
        u64::from_le_bytes(bytes.try_into().unwrap()) % end
    }

    /// New and changed files of all sizes, and some deleted.
    fn change(&mut self) {
        for _ in 0..150 {
            let name = format!("{}/{}", self.below(6), self.below(40));
            let path = self.folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let length = match self.below(40) {
                0 => self.below(6 << 20),
                1 => 0,
                2 => {
                    let _ = fs::remove_file(&path);
                    continue;
                }
                _ => self.below(20_000),
            };
            fs::write(path, noise(self.below(u64::MAX), length as usize)).unwrap();
        }
    }
}

/// Starts the program and kills it after a while; gives the lines that it had printed, and whether it had ended.
fn killed(args: &[std::ffi::OsString], after: Duration) -> (Vec<String>, bool) {
    let started = Instant::now();
    let mut child = command(args).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut reader = BufReader::new(out);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            // A line without its end was cut by the kill: nobody could have read it.
            if reader.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
                return lines;
            }
            lines.push(line.trim_end().to_owned());
        }
    });
    std::thread::sleep(after.saturating_sub(started.elapsed()));
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(ended.is_none_or(|ended| ended.success()), "{status}");
    (reading.join().unwrap(), ended.is_some())
}

fn stored(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.strip_prefix("stored ")).collect()
}

/// The latest run of any state.
fn latest(archive: &Path) -> Option<String> {
    run(args!["list", archive]).ok().out.lines().last().map(|line| line.split_whitespace().next().unwrap().to_owned())
}

/// That this run has these files as the folder has them.
fn assert_restorable(work: &Path, archive: &Path, id: &str, source: &Path, paths: &[&str]) {
    let target = work.join("restored");
    run(args!["restore", archive, target, "--run", id, "-q"]).ok();
    for path in paths {
        assert_eq!(fs::read(target.join(path)).ok(), fs::read(source.join(path)).ok(), "{path} of run {id}");
        let time = |folder: &Path| fs::metadata(folder.join(path)).unwrap().modified().unwrap();
        assert_eq!(time(&target), time(source), "{path}");
    }
    fs::remove_dir_all(target).unwrap();
}

fn rounds() -> u32 {
    if std::env::var_os("CIRCLE_FULL").is_some() { 200 } else { 10 }
}

#[test]
fn a_run_killed_at_random_moments_loses_nothing_acknowledged() {
    let work = tempfile::tempdir().unwrap();
    let (folder, archive) = (work.path().join("source"), work.path().join("archive"));
    let mut source = Source::new(folder.clone(), 42);
    let args = args!["run", folder, archive, "--verbose"];
    source.change();
    // How long a run takes: what a kill must come before. It is learnt anew from every run that was faster than its kill.
    let mut whole = {
        let started = Instant::now();
        run(&args).ok();
        started.elapsed().as_micros() as u64
    };
    let (mut unfinished, mut acknowledged) = (0, 0);
    for round in 0..rounds() {
        source.change();
        let after = source.below(whole);
        let (lines, ended) = killed(&args, Duration::from_micros(after));
        whole = if ended { after.max(1) } else { whole + whole / 10 };
        let stored = stored(&lines);
        if !stored.is_empty() {
            assert_restorable(work.path(), &archive, &latest(&archive).unwrap(), &folder, &stored);
        }
        unfinished += u32::from(!ended);
        acknowledged += u32::from(!ended && !stored.is_empty());
        if round % 10 == 9 {
            let verified = run(args!["verify", archive]).ok();
            assert!(verified.out.ends_with("no damage\n"), "{}", verified.out);
        }
    }
    assert!(unfinished > 0, "no kill came in time");
    assert!(acknowledged > 0 || rounds() < 100, "no run was killed after it had acknowledged something");
    // The runs that were killed cannot keep a later one from anything.
    run(&args).ok();
    let target = work.path().join("target");
    run(args!["restore", archive, target, "-q"]).ok();
    assert_same(&folder, &target);
}

#[test]
fn a_killed_run_is_completed_without_storing_again_what_it_acknowledged() {
    let work = tempfile::tempdir().unwrap();
    let (folder, archive) = (work.path().join("source"), work.path().join("archive"));
    fs::create_dir(&folder).unwrap();
    for number in 0..600_u64 {
        fs::write(folder.join(format!("{number:04}")), noise(number, 60_000)).unwrap();
    }
    let args = args!["run", folder, archive, "--verbose"];
    // As soon as something is acknowledged.
    let mut child = command(&args).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.starts_with("stored "), "{first}");

    let chunks = |archive: &Path| -> BTreeMap<PathBuf, std::time::SystemTime> {
        let folders = fs::read_dir(archive.join("chunks")).unwrap().map(|entry| entry.unwrap().path());
        let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()));
        files.map(|file| (file.path(), file.metadata().unwrap().modified().unwrap())).collect()
    };
    let before = chunks(&archive);
    let done = run(&args).ok();
    let after = chunks(&archive);
    assert!(!before.is_empty() && before.len() < 600, "{}", before.len());
    assert_eq!(after.len(), 600);
    assert!(before.iter().all(|(path, time)| after.get(path) == Some(time)), "chunks were written again");
    let summary = done.out.lines().last().unwrap();
    assert!(summary.contains(&format!("; {} new chunk", 600 - before.len())), "{summary} {}", before.len());
    assert_eq!(run(args!["list", archive]).ok().out.lines().filter(|line| line.contains("unfinished")).count(), 1);
}

#[test]
fn a_prune_killed_at_random_moments_leaves_every_run_whole() {
    let work = tempfile::tempdir().unwrap();
    let (folder, archive) = (work.path().join("source"), work.path().join("archive"));
    let mut source = Source::new(folder.clone(), 7);
    let prune = args!["prune", archive, "--keep", "2", "--patience", "0"];
    for round in 0..rounds() / 3 {
        source.change();
        run(args!["run", folder, archive, "--patience", "0", "-q"]);
        // A run that is killed in between leaves chunks that nobody names.
        source.change();
        killed(&args!["run", folder, archive, "--patience", "0"], Duration::from_millis(source.below(400)));
        killed(&prune, Duration::from_millis(source.below(if round == 0 { 1000 } else { 120 })));
        let verified = run(args!["verify", archive]).ok();
        assert!(verified.out.ends_with("no damage\n"), "{}", verified.out);
    }
    run(args!["run", folder, archive, "--patience", "0", "-q"]);
    let pruned = run(&prune);
    assert_eq!(pruned.code, 0, "{pruned:?}");
    let pruned = run(&prune);
    assert_eq!(pruned.out, "removed 0 runs and 0 chunks, 0 B\n", "{pruned:?}");
    let target = work.path().join("target");
    run(args!["restore", archive, target, "-q"]).ok();
    assert_same(&folder, &target);
}
