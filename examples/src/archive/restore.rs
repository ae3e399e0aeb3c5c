//! Restores a run into a folder.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use circle_core::{Error, ErrorKind, Reason, Result};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::Archive;
use super::chunk::{Area, Chunks};
use super::content::{Content, Pieces, joined};
use super::entry::{Entry, FileTime, Kind};
use super::observe::{Event, Observer};
use super::record::{RunRecord, State};
use super::target::{Place, Target, finish_file};
use super::tree_path::TreePath;

/// How many files are restored at once; each has a chunk of at most 4 MiB in memory.
const FILES: usize = 6;

/// How many things are on their way; folders among them are finished in order.
const QUEUE: usize = 256;

/// What was restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Files.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Symbolic links.
    pub links: u64,
    /// Bytes in the files.
    pub bytes: u64,
    /// What could not be restored, or not as it was.
    pub problems: u64,
}

/// Restores a run into a folder, which must be absent or empty unless `replace` is set.
///
/// Every piece is checked against its hash. A file that is damaged in the archive is told to the observer and left out;
/// the rest is restored.
///
/// # Errors
/// `InvalidInput` when the folder cannot be used; `QuotaExceeded` when the disk is full; `Corrupt` when the list of the
/// run is damaged; what the store says.
pub async fn restore(
    archive: &Archive,
    record: &RunRecord,
    folder: &Path,
    replace: bool,
    observer: &dyn Observer,
) -> Result<Restored> {
    let target = Target::open(folder, replace).map_err(|error| {
        let text = format!("the folder {} cannot be restored into: {error}", folder.display());
        Error::new(ErrorKind::InvalidInput, text).with_source(error)
    })?;
    if let State::Finished(finished) = &record.state {
        observer.event(Event::Total { items: finished.summary.files, bytes: finished.summary.bytes });
    }
    let files = Files { chunks: archive.chunks(Area::Files), turn: Semaphore::new(FILES) };
    let restored = Restored::default();
    let mut work = Work { files: Arc::new(files), target, observer, queue: VecDeque::new(), open: Vec::new(), restored };
    let mut entries = archive.entries(record)?;
    while let Some(entry) = entries.try_next().await? {
        work.entry(entry).await?;
    }
    work.leave(None);
    while !work.queue.is_empty() {
        work.front().await?;
    }
    Ok(work.restored)
}

/// Something on its way. They end in order, so a folder is finished when all that is in it is.
enum Pending {
    File(TreePath, JoinHandle<Result<std::result::Result<u64, Failure>>>),
    Folder(Entry),
}

struct Work<'a> {
    files: Arc<Files>,
    target: Target,
    observer: &'a dyn Observer,
    queue: VecDeque<Pending>,
    /// The folders on the way to the entry at hand.
    open: Vec<Entry>,
    restored: Restored,
}

impl Work<'_> {
    async fn entry(&mut self, entry: Entry) -> Result<()> {
        self.leave(Some(&entry.path));
        while self.queue.len() >= QUEUE {
            self.front().await?;
        }
        match &entry.kind {
            Kind::Folder => match self.target.folder(&entry.path) {
                Ok(_) => self.open.push(entry),
                Err(error) => self.failed(&entry.path, &error.into())?,
            },
            Kind::Link { target } => match self.target.place(&entry.path).and_then(|place| place.link(target, entry.modified)) {
                Ok(()) => {
                    self.restored.links += 1;
                    self.observer.event(Event::Restored(&entry.path));
                }
                Err(error) => self.failed(&entry.path, &error.into())?,
            },
            Kind::File { content, torn } => {
                if *torn {
                    self.problem(&entry.path, "had changed while it was archived; restored as it was read");
                }
                match self.target.place(&entry.path) {
                    Ok(place) => {
                        let task = Arc::clone(&self.files).restore(place, content.clone(), entry.mode, entry.modified);
                        self.queue.push_back(Pending::File(entry.path, tokio::spawn(task)));
                    }
                    Err(error) => self.failed(&entry.path, &error.into())?,
                }
            }
        }
        Ok(())
    }

    /// Leaves the folders that the next entry is not in.
    fn leave(&mut self, next: Option<&TreePath>) {
        while let Some(folder) = self.open.pop_if(|folder| next.is_none_or(|next| !next.is_within(&folder.path))) {
            self.queue.push_back(Pending::Folder(folder));
        }
    }

    async fn front(&mut self) -> Result<()> {
        match self.queue.pop_front() {
            None => {}
            Some(Pending::Folder(entry)) => match self.target.finish_folder(&entry) {
                Ok(()) => self.restored.folders += 1,
                Err(error) => self.failed(&entry.path, &error.into())?,
            },
            Some(Pending::File(path, task)) => match joined(task.await)? {
                Ok(bytes) => {
                    self.restored.files += 1;
                    self.restored.bytes += bytes;
                    self.observer.event(Event::Done { items: 1, bytes });
                    self.observer.event(Event::Restored(&path));
                }
                Err(failure) => self.failed(&path, &failure)?,
            },
        }
        Ok(())
    }

    /// Goes on after what concerns one file, and not after what concerns all.
    fn failed(&mut self, path: &TreePath, failure: &Failure) -> Result<()> {
        match failure {
            Failure::Full => {
                let text = format!("no space is left on the device at {path}");
                return Err(Error::new(ErrorKind::QuotaExceeded, text).with_reason(Reason::DiskFull));
            }
            Failure::Local(text) | Failure::Damaged(text) => self.problem(path, text),
        }
        Ok(())
    }

    fn problem(&mut self, path: &TreePath, text: &str) {
        self.restored.problems += 1;
        self.observer.event(Event::Problem { path: Some(path), text });
    }
}

/// Why a file is not restored.
#[derive(Debug)]
enum Failure {
    Damaged(String),
    Local(String),
    Full,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Local(format!("cannot be restored: {error}")),
        }
    }
}

/// What every file needs to be restored.
struct Files {
    chunks: Chunks,
    turn: Semaphore,
}

impl Files {
    /// Restores a file; a failure of its own is the inner error.
    async fn restore(
        self: Arc<Self>,
        place: Place,
        content: Content,
        mode: u32,
        modified: FileTime,
    ) -> Result<std::result::Result<u64, Failure>> {
        let _turn = self.turn.acquire().await.map_err(|_| Error::new(ErrorKind::Closed, "the restore has ended"))?;
        let file = match place.create() {
            Ok(file) => file,
            Err(error) => return Ok(Err(error.into())),
        };
        let written = match self.write(tokio::fs::File::from_std(file), &content).await {
            Ok(Ok(file)) => finish_file(&file, mode, modified).map(|()| content.size).map_err(Failure::from),
            Ok(Err(failure)) => Err(failure),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => {
                Err(Failure::Damaged(format!("is damaged in the archive: {}", error.message())))
            }
            Err(error) => return Err(error),
        };
        if written.is_err() {
            place.discard();
        }
        Ok(written)
    }

    async fn write(&self, mut file: tokio::fs::File, content: &Content) -> Result<std::result::Result<std::fs::File, Failure>> {
        let mut pieces = Pieces::new(self.chunks.clone(), content)?;
        let mut size = 0;
        while let Some(piece) = pieces.read_next().await? {
            size += piece.len() as u64;
            if let Err(error) = file.write_all(&piece).await {
                return Ok(Err(error.into()));
            }
        }
        if size != content.size {
            let text = format!("it has {size} bytes instead of {}", content.size);
            return Err(Error::new(ErrorKind::Corrupt, text));
        }
        // A file that is dropped before the last write has ended would lose its error.
        if let Err(error) = file.flush().await {
            return Ok(Err(error.into()));
        }
        Ok(Ok(file.into_std().await))
    }
}
