//! The log file: `.circle/kv/log`.
//!
//! *Writing.* Under the lock `.circle/locks/kv`, which holds between processes, one record is appended in one piece and
//! synchronised; then it is acknowledged. A crash before that leaves a record that is not whole at the end. It counts as
//! not written, and the next writer cuts it off.
//!
//! *Reading* takes no lock. A reader asks for the file's number and size, which every writer changes, and reads what was
//! appended since. So whoever reads after an acknowledgement, in any process, sees what was acknowledged. A reader can
//! see a write whose acknowledgement is still on its way.
//!
//! *Compaction.* When more than half of a log is history, a writer puts what is present into a new file and renames it
//! over the old one. Readers see that the file is another one and read it from its beginning; values that they are still
//! reading stay in the old one.
//!
//! Records are damaged in the middle only by the device. That is told as `Corrupt`, and nothing is cut off.

use std::fs::File;
use std::sync::Arc;

use circle_core_common::{Error, ErrorKind, Result, Sent};

use super::record::{self, HEAD, Operation};
use super::state::{Event, Place, State, corrupt};
use crate::disk::{Disk, Stat};
use crate::error::{At, failed, present};
use crate::root::Root;

const NAME: &str = "log";
const MAGIC: &[u8; 8] = b"circlekv";
const FORMAT: u32 = 1;
/// The bytes in front of the first record: magic, format, the store's number.
const BEGIN: u64 = 20;

/// An open log, as far as it has been read.
pub(super) struct Log {
    pub(super) file: Arc<File>,
    device: u64,
    inode: u64,
    /// The store's number.
    pub(super) store: u64,
    /// Where the last whole record ends.
    pub(super) end: u64,
    /// Where the last whole record begins, and with what.
    last: Option<(u64, [u8; HEAD])>,
}

/// What has become of the log since it was read last.
pub(super) enum Since {
    /// Records were appended, or nothing has changed.
    Appended,
    /// It is another log, or shorter.
    Replaced,
}

/// What stands at a place of the log.
enum Record {
    /// The head and payload of a whole record.
    Whole([u8; HEAD], Vec<u8>),
    /// Less than a record; how long its payload should be.
    Torn(u64),
}

impl Log {
    /// The log, if there is one.
    pub(super) fn open(root: &Root) -> Result<Option<Self>> {
        let dir = &root.kv;
        let Some(file) = present(root.disk.open_for_writing(dir, NAME)).at("opening", dir, NAME)? else { return Ok(None) };
        let stat = root.disk.stat_file(&file).at("asking for", dir, NAME)?;
        let mut begin = [0; BEGIN as usize];
        let read = root.disk.read_full_at(&file, 0, &mut begin).at("reading", dir, NAME)?;
        let (magic, rest) = begin.split_at(MAGIC.len());
        let (format, store) = rest.split_at(4);
        if read < begin.len() || magic != MAGIC || format != FORMAT.to_le_bytes() {
            return Err(corrupt("has another format than this version knows"));
        }
        let store = store.try_into().map(u64::from_le_bytes).unwrap_or_default();
        Ok(Some(Self { file: Arc::new(file), device: stat.device, inode: stat.inode, store, end: BEGIN, last: None }))
    }

    /// Makes the log, of the payloads that `fill` writes. The caller holds the lock.
    pub(super) fn make(
        root: &Root,
        store: u64,
        fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>,
    ) -> Result<()> {
        let mut staged = root.stage()?;
        staged.write(&[MAGIC.as_slice(), &FORMAT.to_le_bytes(), &store.to_le_bytes()].concat())?;
        fill(&mut |payload| staged.write(&record(payload)?))?;
        staged.sync()?;
        staged.place(&root.kv, NAME)?;
        root.sync_dir(&root.kv)
    }

    /// Whether the file that has the name now is this one, and goes on from where it was read.
    pub(super) fn since(&self, root: &Root) -> Result<Since> {
        let stat = present(root.disk.stat(&root.kv, NAME)).at("asking for", &root.kv, NAME)?;
        let same = |stat: &Stat| (stat.device, stat.inode) == (self.device, self.inode) && stat.size >= self.end;
        if !stat.as_ref().is_some_and(same) {
            return Ok(Since::Replaced);
        }
        // A writer whose record could not be synchronised takes it back, and another may stand in its place.
        let mut head = [0; HEAD];
        Ok(match self.last {
            Some((offset, last)) if self.read(&*root.disk, offset, &mut head)? < HEAD || head != last => Since::Replaced,
            _ => Since::Appended,
        })
    }

    fn read(&self, disk: &dyn Disk, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        disk.read_full_at(&self.file, offset, buffer).map_err(|error| failed("reading", "the log of the key-value store", error))
    }

    /// The record at an offset of a log of this size.
    fn record(&self, disk: &dyn Disk, offset: u64, size: u64) -> Result<Record> {
        let mut head = [0; HEAD];
        if self.read(disk, offset, &mut head)? < HEAD {
            return Ok(Record::Torn(0));
        }
        let length = record::length(&head);
        if offset + HEAD as u64 + length > size {
            return Ok(Record::Torn(length));
        }
        let mut payload = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let read = self.read(disk, offset + HEAD as u64, &mut payload)?;
        let whole = read == payload.len() && record::is_whole(&head, &payload);
        Ok(if whole { Record::Whole(head, payload) } else { Record::Torn(length) })
    }

    /// Replays what was appended, and tells what it changed.
    pub(super) fn replay(&mut self, root: &Root, state: &mut State, mut tell: impl FnMut(Event)) -> Result<()> {
        let disk = &*root.disk;
        let size = disk.stat_file(&self.file).at("asking for", &root.kv, NAME)?.size;
        while self.end < size {
            let (head, payload) = match self.record(disk, self.end, size)? {
                Record::Whole(head, payload) => (head, payload),
                // A record that is not whole was the last when its writer died. One that others follow was whole once.
                Record::Torn(length) if length > 0 => {
                    return match self.record(disk, self.end + HEAD as u64 + length, size)? {
                        Record::Whole(..) => Err(corrupt(&format!("is damaged at byte {}", self.end))),
                        Record::Torn(_) => Ok(()),
                    };
                }
                Record::Torn(_) => return Ok(()),
            };
            let base = self.end + HEAD as u64;
            let operations = record::operations(&payload);
            let operations = operations.ok_or_else(|| corrupt("holds operations that this version does not know"))?;
            for operation in operations {
                state.apply(self.placed(operation, base)).into_iter().for_each(&mut tell);
            }
            self.last = Some((self.end, head));
            self.end = base + payload.len() as u64;
        }
        Ok(())
    }

    fn placed(&self, operation: Operation<std::ops::Range<usize>>, base: u64) -> Operation<Place> {
        match operation {
            Operation::Put(key, stamp, at) => {
                let place = Place { log: Arc::clone(&self.file), offset: base + at.start as u64, length: at.len() };
                Operation::Put(key, stamp, place)
            }
            Operation::Touch(key, stamp) => Operation::Touch(key, stamp),
            Operation::Delete(key) => Operation::Delete(key),
            Operation::Fence(key, fence) => Operation::Fence(key, fence),
            Operation::Next(sequence) => Operation::Next(sequence),
        }
    }
}

fn record(payload: &[u8]) -> Result<Vec<u8>> {
    record::record(payload).ok_or_else(|| Error::new(ErrorKind::InvalidInput, "what is written at once has more than 4 GiB"))
}

/// Appends a record behind `end`, over what a dead writer left there. The caller holds the lock.
///
/// # Errors
/// What the disk says; nothing of the record is in the log then, unless the error says that it may be.
pub(super) fn append(root: &Root, file: &File, end: u64, payload: &[u8]) -> Result<()> {
    let (disk, dir) = (&*root.disk, &root.kv);
    let record = record(payload)?;
    let size = disk.stat_file(file).at("asking for", dir, NAME)?.size;
    if size > end {
        tracing::warn!(target: "circle", bytes = size - end, "a write that was never acknowledged is cut off the key-value log");
        disk.truncate(file, end).at("cutting", dir, NAME)?;
        root.sync(file, dir, NAME)?;
    }
    let written = disk.write_all_at(file, end, &record).at("writing", dir, NAME);
    let Err(error) = written.and_then(|()| root.sync(file, dir, NAME)) else { return Ok(()) };
    match disk.truncate(file, end) {
        Ok(()) => Err(error),
        Err(_) => Err(error.with_sent(Sent::Maybe)),
    }
}
