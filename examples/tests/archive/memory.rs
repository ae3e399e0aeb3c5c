//! Memory stays within 128 MiB, whatever is archived. Linux alone tells how much a process used at most.
#![cfg(target_os = "linux")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::program::{args, command};
use crate::tree::{assert_same, noise};

/// Runs the program to its end; gives the most memory that it used, in MiB.
fn peak(args: &[OsString]) -> u64 {
    let mut child = command(args).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0) / 1024);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(child.wait().unwrap().success());
    assert!(peak > 0, "the program ended too soon to be measured");
    peak
}

fn assert_bounded(source: &Path, work: &Path) {
    let (archive, target) = (work.join("archive"), work.join("target"));
    let commands = [
        args!["run", source, archive, "-q"].to_vec(),
        args!["run", source, archive, "-q"].to_vec(),
        args!["verify", archive, "-q"].to_vec(),
        args!["restore", archive, target, "-q"].to_vec(),
    ];
    for args in commands {
        let used = peak(&args);
        assert!(used <= 128, "{args:?} used {used} MiB");
    }
    assert_same(source, &target);
}

#[test]
fn memory_does_not_grow_with_content() {
    let (source, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for number in 0..12 {
        fs::write(source.path().join(number.to_string()), noise(number, 16 << 20)).unwrap();
    }
    assert_bounded(source.path(), work.path());
}

#[test]
#[ignore = "10,000 files and 1 GiB take a minute and 3 GiB of disk; run it with --ignored"]
fn memory_is_bounded_for_10_000_files_and_1_gib() {
    let (source, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut left = 1_usize << 30;
    for number in 0..10_000_u64 {
        let folder = source.path().join(format!("{}/{}", number % 97, number % 13));
        fs::create_dir_all(&folder).unwrap();
        // Nine of ten are small; the others share what is left.
        let size = if number % 1000 == 0 { left / (10 - number as usize / 1000) / 2 } else { (number as usize * 7919) % 90_000 };
        left -= size;
        fs::write(folder.join(number.to_string()), noise(number, size)).unwrap();
    }
    fs::write(source.path().join("rest"), noise(u64::MAX, left)).unwrap();
    assert_bounded(source.path(), work.path());
}
