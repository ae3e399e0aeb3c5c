//! The command line: what it prints and the codes that it ends with.

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::program::{args, command, run};
use crate::tree::{assert_same, make, noise, snapshot};

#[test]
fn a_folder_goes_in_and_comes_out() {
    let (source, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    let (archive, target) = (work.path().join("deep/archive"), work.path().join("target"));
    let done = run(args!["run", source.path(), archive, "--verbose"]).ok();
    assert!(done.out.contains("stored readme.txt\n") && done.out.contains("stored new\\nline\n"), "{}", done.out);
    let summary = done.out.lines().last().unwrap();
    assert!(summary.starts_with("run ") && summary.contains("15 files") && summary.contains("15 stored"), "{summary}");
    let done = run(args!["run", source.path(), archive]).ok();
    assert!(done.out.ends_with("0 problems; 0 new chunks, 0 B\n"), "{}", done.out);

    let list = run(args!["list", archive]).ok().out;
    assert_eq!(list.lines().filter(|line| line.contains("complete") && line.contains("15 files")).count(), 2, "{list}");
    let id = list.split_whitespace().next().unwrap();
    let entries = run(args!["list", archive, "--run", id]).ok().out;
    assert!(entries.lines().any(|line| line.starts_with("-6755") && line.ends_with("bin/set-id")), "{entries}");
    assert!(entries.lines().any(|line| line.starts_with('l') && line.ends_with("a/dangling -> /nowhere/at all")), "{entries}");

    let done = run(args!["verify", archive]).ok();
    assert!(done.out.starts_with("verified 2 runs and ") && done.out.ends_with("no damage\n"), "{}", done.out);
    run(args!["restore", archive, target, "--quiet"]).ok();
    assert_same(source.path(), &target);
    run(args!["restore", archive, target]).failed(3, &["not empty", "--force"]);
    run(args!["restore", archive, target, "--force", "--run", id]).ok();
    assert_same(source.path(), &target);
    let done = run(args!["prune", archive, "--keep", "1"]).ok();
    assert!(done.out.starts_with("removed 1 run and 0 chunks"), "{}", done.out);
}

#[test]
fn wrong_usage_ends_with_2_and_one_line() {
    run::<&str>([]).failed(2, &["command is missing", "--help"]);
    run(["fly"]).failed(2, &["`fly` is no command"]);
    run(["run"]).failed(2, &["the folder is missing"]);
    run(["run", "a"]).failed(2, &["the archive is missing"]);
    run(["list", "a", "b"]).failed(2, &["`b` is one argument too many"]);
    run(["list", "a", "--force"]).failed(2, &["--force"]);
    run(["prune", "a", "--keep", "0"]).failed(2, &["at least 1"]);
    run(["prune", "a", "--keep", "x"]).failed(2, &["x"]);
    run(["restore", "a", "b", "--run", "../x"]).failed(2, &["../x"]);
    run(["list", "a", "--index", "b"]).failed(2, &["service:<name>"]);
}

#[test]
fn help_says_what_is_kept_and_how_it_ends() {
    let general = run(["--help"]).ok().out;
    for text in ["owners", "hard links", "extended attributes", "Exit code", "service:<name>"] {
        assert!(general.contains(text), "{text}");
    }
    for (name, text) in
        [("run", "--exclude"), ("list", "--run"), ("verify", "SHA-256"), ("restore", "--force"), ("prune", "--keep")]
    {
        let help = run([name, "--help"]).ok().out;
        assert!(help.starts_with(&format!("archive {name} ")) && help.contains(text) && help.contains("Exit code"), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
    }
}

#[test]
fn failures_end_with_3_and_one_line() {
    let work = tempfile::tempdir().unwrap();
    let at = |name: &str| work.path().join(name);
    fs::write(at("file"), "x").unwrap();
    fs::create_dir(at("empty")).unwrap();
    for name in ["list", "verify", "prune"] {
        run(args![name, at("absent")]).failed(3, &["no archive", "absent"]);
        run(args![name, at("file")]).failed(3, &["no archive", "file"]);
    }
    assert!(!at("absent").exists(), "only a run begins an archive");
    run(args!["verify", at("empty")]).failed(3, &["no archive"]);
    run(args!["run", at("absent"), at("archive")]).failed(3, &["absent", "No such file"]);
    run(args!["run", at("file"), at("archive")]).failed(3, &["file", "Not a directory"]);
    run(args!["run", at("empty"), at("file/archive")]).failed(3, &["file"]);
    run(args!["run", at("empty"), "/proc/archive"]).failed(3, &["/proc"]);
    run(args!["restore", at("archive"), at("target")]).failed(3, &["no complete run"]);
    run(args!["list", "service:x"]).failed(3, &["--config"]);
    run(args!["list", "service:x", "--config", at("none.toml")]).failed(3, &["none.toml"]);
}

#[test]
fn problems_end_with_1() {
    let (source, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (archive, target) = (work.path().join("archive"), work.path().join("target"));
    fs::write(source.path().join("small"), "small").unwrap();
    fs::write(source.path().join("file"), noise(4, 700_000)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(source.path().join("socket")).unwrap();
    let done = run(args!["run", source.path(), archive, "-q"]);
    assert_eq!((done.code, &*done.out, &*done.err), (1, "", "archive: socket: skipped: a socket is not archived\n"));

    // One bit of one chunk.
    let chunk = find(&archive.join("chunks"), 700_000 / 4);
    let mut content = fs::read(&chunk).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&chunk, content).unwrap();
    let done = run(args!["verify", archive]);
    assert_eq!((done.code, done.err.lines().count()), (1, 2), "{done:?}");
    assert!(done.err.lines().nth(1).unwrap().starts_with("archive: file: run "), "{done:?}");
    let done = run(args!["restore", archive, target]);
    assert_eq!((done.code, done.err.lines().count()), (1, 1), "{done:?}");
    assert!(done.err.contains("file: is damaged in the archive"), "{done:?}");
    assert_eq!(fs::read_to_string(target.join("small")).unwrap(), "small");
    assert!(!target.join("file").exists());
}

/// A file of at least this size.
fn find(folder: &Path, size: u64) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.len() >= size {
                return entry.path();
            }
        }
    }
    panic!("no file of {size} bytes");
}

#[test]
fn an_archive_in_the_folder_does_not_archive_itself() {
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("file"), "x").unwrap();
    let archive = source.path().join(".circle/archive");
    for _ in 0..2 {
        let done = run(args!["run", source.path(), archive]).ok();
        assert!(done.out.contains(": 1 file, 1 B;"), "{}", done.out);
    }
}

#[test]
fn an_archive_can_be_a_configured_service() {
    let (source, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    let (config, target) = (work.path().join("circle.toml"), work.path().join("target"));
    let write = |text: &str| fs::write(&config, text).unwrap();
    let root = work.path().join("store");
    let service = format!("version = 1\n[services.backup]\nprovider = \"filesystem\"\nroot = {root:?}\n");
    write(&service);
    run(args!["run", source.path(), "service:backup", "--config", config]).ok();
    run(args!["restore", root, target]).ok();
    assert_same(source.path(), &target);
    write(&format!("{service}[services.index]\nprovider = \"memory\"\n"));
    run(args!["run", source.path(), "service:backup", "--index", "service:index", "--config", config]).ok();

    run(args!["list", "service:other", "--config", config]).failed(3, &["other", "backup"]);
    write(&format!("{service}rooot = \"x\"\n"));
    run(args!["list", "service:backup", "--config", config]).failed(3, &["circle.toml", "rooot", "root"]);
    write("version = 1\n[services.backup]\nprovider = \"filesytem\"\nroot = \"x\"\n");
    run(args!["list", "service:backup", "--config", config]).failed(3, &["circle.toml", "filesytem", "filesystem"]);
}

#[test]
fn a_reader_that_leaves_early_is_no_failure_to_report() {
    let (source, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let archive = work.path().join("archive");
    for number in 0..3000 {
        fs::write(source.path().join(format!("{number:0100}")), "").unwrap();
    }
    run(args!["run", source.path(), archive]).ok();
    let id = run(args!["list", archive]).ok().out.split_whitespace().next().unwrap().to_owned();
    let mut child = command(args!["list", archive, "--run", id]).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*errors), (Some(3), ""));
}

#[test]
fn what_is_archived_is_not_touched() {
    let (source, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    let before = snapshot(source.path());
    run(args!["run", source.path(), work.path().join("archive")]).ok();
    assert_eq!(snapshot(source.path()), before);
}
