//! Folders to archive, and what the tests share.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use circle_core::memory::Memory;
use circle_core::{KeyValueStore, ObjectStore};
use circle_core_examples::archive::Archive;
use circle_core_examples::archive::observe::{Event, Observer};
use circle_core_examples::archive::record::{RunRecord, Summary};
use circle_core_examples::archive::run::{RunOptions, run};

/// Bytes that look random and are the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A store in memory, and the archive in it.
pub(crate) struct Store {
    pub(crate) files: ObjectStore,
    pub(crate) index: KeyValueStore,
    pub(crate) archive: Archive,
}

impl Store {
    pub(crate) async fn new() -> Self {
        let memory = Memory::new();
        let (files, index) = (ObjectStore::new(memory.clone()), KeyValueStore::new(memory));
        let archive = Archive::create(files.clone(), index.clone()).await.unwrap();
        Self { files, index, archive }
    }

    /// Archives a folder; everything must go well.
    pub(crate) async fn run(&self, folder: &Path) -> (RunRecord, Summary) {
        let heard = Heard::default();
        let record = run(&self.archive, folder, RunOptions::new(), &heard).await.unwrap();
        assert_eq!(heard.problems(), [""; 0]);
        let summary = summary(&record);
        (record, summary)
    }

    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        self.files.list(prefix).all().await.unwrap().into_iter().map(|meta| meta.key.to_string()).collect()
    }

    /// Flips a bit in the middle of an object.
    pub(crate) async fn flip(&self, key: &str) {
        let mut content = self.files.get(key).await.unwrap().bytes().await.unwrap().to_vec();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        self.files.put(key, content).await.unwrap();
    }
}

pub(crate) fn summary(record: &RunRecord) -> Summary {
    match &record.state {
        circle_core_examples::archive::record::State::Finished(finished) => finished.summary,
        state => panic!("the run is not finished: {state:?}"),
    }
}

/// Remembers what happened, one line each.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<(&'static str, String)>>);

impl Heard {
    pub(crate) fn of(&self, what: &str) -> Vec<String> {
        let heard = self.0.lock().unwrap();
        heard.iter().filter(|(kind, _)| *kind == what).map(|(_, text)| text.clone()).collect()
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.of("problem")
    }
}

impl Observer for Heard {
    fn event(&self, event: Event<'_>) {
        let line = match event {
            Event::Stored(path) => ("stored", path.to_string()),
            Event::Unchanged(path) => ("unchanged", path.to_string()),
            Event::Restored(path) => ("restored", path.to_string()),
            Event::Problem { path: Some(path), text } => ("problem", format!("{path}: {text}")),
            Event::Problem { path: None, text } => ("problem", text.to_owned()),
            Event::Total { items, bytes } => ("total", format!("{items} {bytes}")),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }

    fn wants_total(&self) -> bool {
        true
    }
}

/// Makes a folder with everything that an archive keeps.
pub(crate) fn make(root: &Path) {
    let write = |path: &str, content: &[u8], mode: u32| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("readme.txt", b"hello\n", 0o644);
    write("empty", b"", 0o600);
    write("bin/tool", b"#!/bin/sh\n", 0o755);
    write("bin/set-id", b"x", 0o6755);
    write("secret/key", b"key", 0o400);
    write("large", &noise(1, 9 << 20), 0o644);
    write("zeros", &vec![0; 5 << 20], 0o644);
    write("a/b/c/d/deep", &noise(2, 300_000), 0o644);
    write("a.b/sorts between a and a slash", b"1", 0o644);
    write("a b", b"2", 0o644);
    write("Ünï/cödé \u{1F600}", b"3", 0o644);
    write("new\nline", b"4", 0o644);
    write(&format!("long/{}", "n".repeat(255)), b"5", 0o644);
    let raw = OsString::from_vec(b"not utf-8 \xff\xfe".to_vec());
    fs::write(root.join(&raw), b"6").unwrap();
    fs::create_dir_all(root.join("folder").join(&raw)).unwrap();
    fs::create_dir_all(root.join("nothing/in/here")).unwrap();
    symlink("readme.txt", root.join("link")).unwrap();
    symlink("/nowhere/at all", root.join("a/dangling")).unwrap();
    symlink("..", root.join("a/up")).unwrap();
    symlink(&raw, root.join("raw link")).unwrap();
    fs::hard_link(root.join("readme.txt"), root.join("hard link")).unwrap();
    fs::set_permissions(root.join("secret"), fs::Permissions::from_mode(0o500)).unwrap();
    fs::set_permissions(root.join("nothing"), fs::Permissions::from_mode(0o1777)).unwrap();
    let times = [
        ("readme.txt", 1_000_000_000, 123_456_789),
        ("large", 1, 1),
        ("nothing/in", 86_400, 5),
        ("a", 2_000_000_000, 999_999_999),
    ];
    for (path, seconds, nanos) in times {
        set_time(&root.join(path), SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos));
    }
    set_time(&root.join("empty"), SystemTime::UNIX_EPOCH - Duration::new(86_400, 250_000_000));
    set_time(root, SystemTime::UNIX_EPOCH + Duration::new(1_234_567_890, 42));
}

pub(crate) fn set_time(path: &Path, time: SystemTime) {
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// What there is to compare of everything in a folder.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<PathBuf, String> {
    fn visit(root: &Path, path: &Path, all: &mut BTreeMap<PathBuf, String>) {
        let metadata = fs::symlink_metadata(path).unwrap();
        let content = if metadata.is_dir() {
            let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            names.sort();
            names.iter().for_each(|path| visit(root, path, all));
            "folder".to_owned()
        } else if metadata.is_symlink() {
            format!("-> {:?}", fs::read_link(path).unwrap())
        } else {
            let content = fs::read(path).unwrap();
            format!("{} {}", content.len(), circle_core_examples::archive::chunk::ChunkId::of(&content))
        };
        let stat = format!("{:o} {}.{:09} {content}", metadata.mode(), metadata.mtime(), metadata.mtime_nsec());
        all.insert(path.strip_prefix(root).unwrap().to_owned(), stat);
    }
    let mut all = BTreeMap::new();
    visit(root, root, &mut all);
    all
}

/// That two folders are the same to the last nanosecond.
pub(crate) fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (snapshot(one), snapshot(other));
    for (path, stat) in &one {
        assert_eq!(other.get(path), Some(stat), "{}", path.display());
    }
    assert_eq!(one.len(), other.len(), "{:?}", other.keys().filter(|path| !one.contains_key(*path)).collect::<Vec<_>>());
}

/// Makes a folder that cannot be reached by its path, which would be longer than the system takes.
pub(crate) fn make_unreachable(root: &Path) {
    let mut folder = fs::File::open(root).unwrap();
    let name = OsStr::from_bytes(&[b'd'; 250]);
    for _ in 0..20 {
        rustix::fs::mkdirat(&folder, name, rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY;
        folder = rustix::fs::openat(&folder, name, flags, rustix::fs::Mode::empty()).unwrap().into();
    }
}
