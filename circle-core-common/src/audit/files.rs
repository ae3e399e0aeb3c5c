//! The files of a log: where they are, how they are opened, mended after a crash, and written.
//!
//! Records are synced before the index and the checkpoint say that they are there, so that after a crash the other files
//! may be behind the records and never ahead of them.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind as IoKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, SignedCheckpoint, notes};
use super::merkle::{Frontier, Hash, leaf_hash};
use super::note::{SigningKey, VerifyingKey};
use super::record::seq_of;
use crate::error::{Error, ErrorKind, Reason, Result};

/// An entry of the index: where a record's line ends, and its leaf.
pub(super) const ENTRY: usize = 40;

/// The longest line that is taken for a record; a file with a longer one is somebody else's.
pub(super) const LINE_MAX: usize = 1024 * 1024;

/// The file beside a log: `audit.jsonl.key`.
pub(super) fn beside(log: &Path, suffix: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The checkpoints of a log.
pub(super) const CHECKPOINTS: &str = ".checkpoints";
/// Where its records end, and their leaves: derived from the records, and made again where it is missing.
pub(super) const INDEX: &str = ".index";
/// The key that signs its checkpoints, where none was given.
pub(super) const KEY: &str = ".key";
/// The keys of its subjects.
pub(super) const SUBJECTS: &str = ".subjects";

pub(super) fn io_error(path: &Path, error: std::io::Error) -> Error {
    let full = error.kind() == IoKind::StorageFull;
    let kind = if full { ErrorKind::QuotaExceeded } else { ErrorKind::Unavailable };
    let said = Error::new(kind, format!("audit file {}: {error}", path.display())).with_source(error);
    if full { said.with_reason(Reason::DiskFull) } else { said }
}

fn corrupt(path: &Path, text: impl std::fmt::Display) -> Error {
    let advice = "verify it with `circle-audit verify`, keep it, and name another file";
    Error::new(ErrorKind::Corrupt, format!("audit log {}: {text}; {advice}", path.display()))
}

/// Opens or creates a file that only its owner may read, to read and append.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Puts another content in the place of a private file; after a crash there is the one or the other.
pub(super) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let beside = beside(path, ".new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != IoKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private_file(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    sync_folder(path)
}

/// A new file is there after a crash only once its folder is synced.
#[cfg(unix)]
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Opens or creates the records, and keeps every other process from writing into them.
fn exclusive(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    // FILE_SHARE_READ: nobody else opens it to write.
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 1);
    let file = options.open(path)?;
    lock(&file)?;
    Ok(file)
}

#[cfg(unix)]
fn lock(file: &File) -> std::io::Result<()> {
    rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        let error = std::io::Error::from(error);
        let text = "another process, or another log of this one, writes into it";
        if error.kind() == IoKind::WouldBlock { std::io::Error::new(IoKind::ResourceBusy, text) } else { error }
    })
}

#[cfg(not(unix))]
fn lock(_: &File) -> std::io::Result<()> {
    Ok(())
}

/// Opens or creates a file that only its owner may read, and keeps every other process from writing into it.
pub(super) fn private_exclusive(path: &Path) -> std::io::Result<File> {
    let file = private_file(path)?;
    lock(&file)?;
    Ok(file)
}

/// An open log on disk.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    records: Appended,
    /// `None` once it could not be written: it is made again when the log is opened the next time.
    index: Option<Appended>,
    checkpoints: Appended,
}

/// What is known of a log when it is opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) files: Files,
    pub(super) key: SigningKey,
    pub(super) frontier: Frontier,
    /// The last checkpoint; `None` of a new log.
    pub(super) last: Option<SignedCheckpoint>,
}

impl Files {
    /// Opens or creates the files, and cuts off what a crash left half-written. Without a key, the one beside the log signs.
    pub(super) fn open(path: &Path, key: Option<SigningKey>) -> Result<Opened> {
        let failed = |error: std::io::Error| io_error(path, error);
        let mut records = exclusive(path).map_err(failed)?;
        let key = key.map_or_else(|| own_key(path), Ok)?;
        let length = records.metadata().map_err(failed)?.len();

        let place = beside(path, CHECKPOINTS);
        let failed_there = |error: std::io::Error| io_error(&place, error);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&place).map_err(failed_there)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed_there)?;
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            // Torn within a character, which is cut off with the rest of its note.
            Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
            Err(_) => return Err(corrupt(path, "its checkpoints are not text")),
        };
        let (notes, whole) = notes(text);
        let last = notes.last().map(|note| last_checkpoint(path, note, key.verifying_key())).transpose()?;
        if last.is_none() && length > 0 {
            return Err(corrupt(path, "it has no checkpoint, so it is no audit log, or one that somebody has changed"));
        }
        if whole < bytes.len() {
            file.set_len(whole as u64).and_then(|()| file.sync_data()).map_err(failed_there)?;
        }
        let checkpoints = Appended { file, length: whole as u64, torn: false };

        let signed = last.as_ref().map(|last| (last.checkpoint().size, last.checkpoint().root));
        let place = beside(path, INDEX);
        let failed_there = |error: std::io::Error| io_error(&place, error);
        let index = OpenOptions::new().read(true).append(true).create(true).open(&place).map_err(failed_there)?;
        let entries = read_index(&index).map_err(failed_there)?;
        let entries = if ends_at_a_line(&mut records, &entries, length).map_err(failed)? { entries } else { Vec::new() };
        index.set_len((entries.len() * ENTRY) as u64).map_err(failed_there)?;
        let mut index = Appended { file: index, length: (entries.len() * ENTRY) as u64, torn: false };

        let mut tree = Growing::new(signed);
        let start = entries.last().map_or(0, |(end, _)| *end);
        for (_, leaf) in entries {
            tree.push(leaf);
        }
        let (added, end) =
            read_records(&mut records, start..length, &mut tree).map_err(failed)?.map_err(|text| corrupt(path, text))?;
        index.append(&added).map_err(failed_there)?;
        if !tree.matches() {
            let text = if tree.frontier.size() < signed.map_or(0, |(size, _)| size) {
                "records are missing that a checkpoint speaks of"
            } else {
                "it does not match its last checkpoint"
            };
            return Err(corrupt(path, text));
        }
        if end < length {
            records.set_len(end).and_then(|()| records.sync_data()).map_err(failed)?;
        }
        let records = Appended { file: records, length: end, torn: false };
        if length == 0 {
            sync_folder(path).map_err(failed)?;
        }
        let files = Self { path: path.to_owned(), records, index: Some(index), checkpoints };
        Ok(Opened { files, key, frontier: tree.frontier, last })
    }

    /// Appends lines, each with its leaf, and makes them durable; none is there where it fails.
    pub(super) fn append(&mut self, lines: &[u8], leaves: &[(u64, Hash)]) -> Result<()> {
        let start = self.records.length;
        self.records
            .append(lines)
            .and_then(|()| {
                self.records.file.sync_data().inspect_err(|_| {
                    self.records.cut(start);
                })
            })
            .map_err(|error| io_error(&self.path, error))?;
        let mut entries = Vec::with_capacity(leaves.len() * ENTRY);
        for (end, leaf) in leaves {
            entries.extend_from_slice(&(start + end).to_be_bytes());
            entries.extend_from_slice(leaf);
        }
        if let Some(Err(error)) = self.index.as_mut().map(|index| index.append(&entries)) {
            self.index = None;
            tracing::warn!(target: "circle::audit", %error, "the index of the audit log is no longer written");
        }
        Ok(())
    }

    /// Appends a checkpoint and makes it durable.
    pub(super) fn checkpoint(&mut self, checkpoint: &SignedCheckpoint) -> Result<()> {
        let start = self.checkpoints.length;
        let written = self.checkpoints.append(format!("{checkpoint}\n").as_bytes());
        written
            .and_then(|()| self.checkpoints.file.sync_data().inspect_err(|_| self.checkpoints.cut(start)))
            .map_err(|error| io_error(&beside(&self.path, CHECKPOINTS), error))
    }
}

/// A file that one process appends to.
#[derive(Debug)]
struct Appended {
    file: File,
    /// What of it is whole.
    length: u64,
    /// Whether there may be more behind that.
    torn: bool,
}

impl Appended {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.torn = false;
        }
        if self.file.metadata()?.len() != self.length {
            return Err(std::io::Error::new(IoKind::InvalidData, "somebody else has written into it"));
        }
        match self.file.write_all(bytes) {
            Ok(()) => self.length += bytes.len() as u64,
            Err(error) => {
                self.cut(self.length);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Cuts off what nobody was told of: half a line would make the next one unreadable.
    fn cut(&mut self, length: u64) {
        self.length = length;
        self.torn = self.file.set_len(length).is_err();
    }
}

/// A tree that grows over the size of a checkpoint, and sees whether it has its root there.
struct Growing {
    frontier: Frontier,
    signed: Option<(u64, Hash)>,
    seen: bool,
}

impl Growing {
    fn new(signed: Option<(u64, Hash)>) -> Self {
        let mut tree = Self { frontier: Frontier::new(), signed, seen: signed.is_none() };
        tree.look();
        tree
    }

    fn push(&mut self, leaf: Hash) {
        self.frontier.push(leaf);
        self.look();
    }

    fn look(&mut self) {
        if let Some((size, root)) = self.signed {
            self.seen |= self.frontier.size() == size && self.frontier.root() == root;
        }
    }

    const fn matches(&self) -> bool {
        self.seen
    }
}

fn last_checkpoint(path: &Path, note: &str, key: &VerifyingKey) -> Result<SignedCheckpoint> {
    // One of another key is of a time before this one; the verifier, which has the keys, looks at all.
    let checkpoint = match Checkpoint::open(note, std::slice::from_ref(key)) {
        Ok(checkpoint) => Ok(checkpoint),
        Err(_) if !note.contains(&format!("\n— {} ", key.name())) => Checkpoint::unverified(note),
        Err(error) => Err(error),
    };
    let checkpoint = checkpoint.map_err(|error| corrupt(path, format_args!("its last checkpoint: {}", error.message())))?;
    Ok(SignedCheckpoint::from_note(checkpoint, note))
}

/// The whole entries of an index.
pub(super) fn read_index(mut file: &File) -> std::io::Result<Vec<(u64, Hash)>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let entry = |entry: &[u8]| {
        let (mut end, mut leaf) = ([0; 8], [0; 32]);
        end.copy_from_slice(&entry[..8]);
        leaf.copy_from_slice(&entry[8..]);
        (u64::from_be_bytes(end), leaf)
    };
    Ok(bytes.chunks_exact(ENTRY).map(entry).collect())
}

/// Whether the last entry of an index is one of these records.
fn ends_at_a_line(records: &mut File, entries: &[(u64, Hash)], length: u64) -> std::io::Result<bool> {
    let Some((end, _)) = entries.last() else { return Ok(true) };
    if *end == 0 || *end > length {
        return Ok(false);
    }
    let mut byte = [0];
    records.seek(SeekFrom::Start(end - 1))?;
    records.read_exact(&mut byte)?;
    Ok(byte == *b"\n")
}

/// Adds the whole lines in this range to the tree: the entries for the index, and where the last line ends.
fn read_records(
    records: &mut File,
    range: std::ops::Range<u64>,
    tree: &mut Growing,
) -> std::io::Result<std::result::Result<(Vec<u8>, u64), &'static str>> {
    records.seek(SeekFrom::Start(range.start))?;
    let (mut entries, mut end) = (Vec::new(), range.start);
    let mut reader = BufReader::with_capacity(1 << 16, (&*records).take(range.end - range.start));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(LINE_MAX as u64).read_until(b'\n', &mut line)?;
        if read == LINE_MAX && line.last() != Some(&b'\n') {
            return Ok(Err("a line of it is too long for a record"));
        }
        // What has no end was torn by a crash, and never acknowledged.
        let Some(record) = line.strip_suffix(b"\n") else { return Ok(Ok((entries, end))) };
        if seq_of(record) != Some(tree.frontier.size()) {
            return Ok(Err("a line of it is not the record that belongs there"));
        }
        end += read as u64;
        let leaf = leaf_hash(record);
        tree.push(leaf);
        entries.extend_from_slice(&end.to_be_bytes());
        entries.extend_from_slice(&leaf);
    }
}

/// The key beside a log, made where there is none.
fn own_key(log: &Path) -> Result<SigningKey> {
    let path = beside(log, KEY);
    match read_key(&path) {
        Err(error) if error.is(ErrorKind::NotFound) => {}
        found => return found,
    }
    let key = SigningKey::generate("circle-core-audit")?;
    let secret = key.to_secret();
    let text = secrecy::ExposeSecret::expose_secret(&secret);
    replace(&path, format!("{text}\n").as_bytes()).map_err(|error| io_error(&path, error))?;
    Ok(key)
}

/// The private key in a file.
pub(super) fn read_key(path: &Path) -> Result<SigningKey> {
    match std::fs::read_to_string(path) {
        Ok(text) => SigningKey::parse(&text.into()).map_err(|error| error.context(path.display())),
        Err(error) if error.kind() == IoKind::NotFound => {
            Err(Error::new(ErrorKind::NotFound, format!("there is no key {}", path.display())))
        }
        Err(error) => Err(io_error(path, error)),
    }
}
