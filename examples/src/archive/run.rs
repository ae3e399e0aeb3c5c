//! Archives a folder.

use std::collections::VecDeque;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use circle_core::{Error, ErrorKind, Result};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Archive;
use super::chunk::Area;
use super::content::joined;
use super::entry::{Entry, Kind};
use super::index::{Known, SourceIndex};
use super::lease::{DEAD_AFTER, Lease};
use super::manifest::{Journal, ManifestWriter, line};
use super::observe::{Event, Observer};
use super::read::{Outcome, Reader};
use super::record::{self, Finished, RunId, RunRecord, State, Summary};
use super::tree_path::TreePath;
use super::walk::{Exclude, Found, Walk};

/// How many things are on their way between the walk and the manifest, which keeps the order of the walk.
const QUEUE: usize = 64;

/// How long a stored file waits at most for others to be acknowledged with it: two writes to disk serve them all.
const ACKNOWLEDGE_AFTER: Duration = Duration::from_millis(250);

/// How many files are acknowledged at once at most.
const BATCH_FILES: usize = 64;

/// How large a part of the journal grows, in bytes.
const BATCH_BYTES: usize = 1 << 20;

/// How to archive.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunOptions {
    /// What is left out.
    pub exclude: Exclude,
    /// How long a prune must be silent to count as dead.
    pub patience: Duration,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { exclude: Exclude::new(), patience: DEAD_AFTER }
    }
}

impl RunOptions {
    /// Leaves nothing out.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves this out.
    #[must_use]
    pub fn exclude(mut self, exclude: Exclude) -> Self {
        self.exclude = exclude;
        self
    }

    /// Counts a prune as dead after so much silence.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// Archives a folder and gives the record of the run.
///
/// Files that cannot be read are told to the observer and left out; the run goes on. Killed at any moment, everything
/// that was told as [`Event::Stored`] can be restored, and the next run stores nothing of it again.
///
/// # Errors
/// `InvalidInput` when the folder cannot be archived; `Conflict`, reason `LeaseLost`, when a prune has taken the run for
/// dead; what the stores say.
pub async fn run(archive: &Archive, folder: &Path, options: RunOptions, observer: &dyn Observer) -> Result<RunRecord> {
    let root = open_root(archive, folder)?;
    let latest = record::ids(&archive.files).await?.pop();
    let record = RunRecord {
        id: RunId::new(&archive.environment, latest.as_ref())?,
        source: std::os::unix::ffi::OsStrExt::as_bytes(root.as_os_str()).to_vec(),
        started: archive.environment.clock().timestamp(),
        state: State::Running { beat: 0 },
    };
    // The record first, then the look at prunes; a prune does it the other way round, so one sees the other.
    let version = archive.files.create(record.id.key(), record.to_bytes()?).await?.version()?.clone();
    let lease = Lease::hold(archive.files.clone(), record.id.key(), version, {
        let record = record.clone();
        move |beat| RunRecord { state: State::Running { beat }, ..record.clone() }.to_bytes()
    });
    let exclude = archive.folder.iter().fold(options.exclude, |exclude, folder| exclude.folder(folder.clone()));
    let worked = async {
        super::prune::wait_for_prune(archive, options.patience, observer).await?;
        Work::begin(archive, &record, &root, &lease, observer).await?.all(Walk::new(root.clone(), exclude)).await
    };
    let worked = tokio::select! {
        worked = worked => worked,
        error = lease.lost() => Err(error),
    };
    let (state, result) = match worked {
        Ok(finished) => (State::Finished(finished), Ok(())),
        Err(error) => (State::Abandoned, Err(error)),
    };
    let record = RunRecord { state, ..record };
    let ended = lease.end(record.to_bytes()?).await;
    // Why the run failed says more than that its record could not be closed after that.
    result.and(ended)?;
    Journal::new(archive.files.clone(), &record.id).delete().await?;
    Ok(record)
}

fn open_root(archive: &Archive, folder: &Path) -> Result<std::path::PathBuf> {
    let unusable = |why: &dyn std::fmt::Display| {
        Error::new(ErrorKind::InvalidInput, format!("the folder {} cannot be archived: {why}", folder.display()))
    };
    let root = std::fs::canonicalize(folder).map_err(|error| unusable(&error))?;
    std::fs::read_dir(&root).map_err(|error| unusable(&error))?;
    if archive.folder.as_deref() == Some(&root) {
        return Err(unusable(&"it is the archive itself"));
    }
    Ok(root)
}

/// What was counted. Cancelled, it goes on counting.
async fn counted(counting: &mut Option<JoinHandle<(u64, u64)>>) -> std::result::Result<(u64, u64), tokio::task::JoinError> {
    match counting {
        Some(counting) => counting.await,
        None => pending().await,
    }
}

/// The files of a walk and their bytes.
fn count(walk: Walk) -> (u64, u64) {
    walk.fold((0, 0), |(items, bytes), found| match found {
        Found::File(_, stat) => (items + 1, bytes + stat.size),
        _ => (items, bytes),
    })
}

/// Something on its way from the walk to the manifest.
enum Pending {
    Ready(Box<Step>),
    Reading(JoinHandle<Result<Outcome>>),
}

/// Something that has come to the front.
enum Step {
    File(Outcome),
    Entry(Entry),
}

/// The next step in the order of the walk. Cancelled, it takes nothing away.
async fn front(queue: &mut VecDeque<Pending>) -> Result<Step> {
    let read = match queue.front_mut() {
        None => return pending().await,
        Some(Pending::Ready(_)) => None,
        Some(Pending::Reading(task)) => Some(Step::File(joined(task.await)?)),
    };
    match (queue.pop_front(), read) {
        (Some(Pending::Ready(step)), _) => Ok(*step),
        (_, Some(step)) => Ok(step),
        _ => pending().await,
    }
}

/// A run at work.
struct Work<'a> {
    archive: &'a Archive,
    lease: &'a Lease,
    observer: &'a dyn Observer,
    reader: Arc<Reader>,
    index: SourceIndex,
    manifest: ManifestWriter,
    journal: Journal,
    /// Lines for the journal, and the files among them that are not acknowledged yet.
    lines: Vec<u8>,
    batch: Vec<(TreePath, Known)>,
    batch_since: Instant,
    summary: Summary,
}

impl<'a> Work<'a> {
    async fn begin(
        archive: &'a Archive,
        record: &RunRecord,
        root: &Path,
        lease: &'a Lease,
        observer: &'a dyn Observer,
    ) -> Result<Self> {
        let chunks = archive.chunks(Area::Files);
        let manifests = archive.chunks(Area::Manifests);
        chunks.learn().await?;
        manifests.learn().await?;
        let index = archive.index.of_source(&record.source);
        let clock = archive.environment.clock().clone();
        Ok(Self {
            archive,
            lease,
            observer,
            reader: Arc::new(Reader::new(root.to_owned(), chunks, index.clone(), clock)),
            index,
            manifest: ManifestWriter::new(manifests),
            journal: Journal::new(archive.files.clone(), &record.id),
            lines: Vec::new(),
            batch: Vec::new(),
            batch_since: Instant::now(),
            summary: Summary::default(),
        })
    }

    async fn all(mut self, walk: Walk) -> Result<Finished> {
        let mut counting = self.observer.wants_total().then(|| {
            let walk = walk.clone();
            tokio::task::spawn_blocking(|| count(walk))
        });
        let (sender, mut found) = mpsc::channel(QUEUE);
        tokio::task::spawn_blocking(move || walk.into_iter().try_for_each(|found| sender.blocking_send(found).ok()));
        let mut queue = VecDeque::new();
        let mut walking = true;
        while walking || !queue.is_empty() {
            let due = (self.batch_since + ACKNOWLEDGE_AFTER).into();
            tokio::select! {
                next = found.recv(), if walking && queue.len() < QUEUE => match next {
                    Some(found) => queue.push_back(self.begin_one(found)),
                    None => walking = false,
                },
                step = front(&mut queue), if !queue.is_empty() => self.end_one(step?).await?,
                counted = counted(&mut counting), if counting.is_some() => {
                    counting = None;
                    if let Ok((items, bytes)) = counted {
                        self.observer.event(Event::Total { items, bytes });
                    }
                }
                () = tokio::time::sleep_until(due), if !self.batch.is_empty() => self.acknowledge().await?,
            }
        }
        self.acknowledge().await?;
        let manifest = self.manifest.finish().await?;
        Ok(Finished { finished: self.archive.environment.clock().timestamp(), summary: self.summary, manifest })
    }

    fn begin_one(&self, found: Found) -> Pending {
        match found {
            Found::Folder(path, stat) => Pending::Ready(Box::new(Step::Entry(stat.entry(path, Kind::Folder)))),
            Found::Link(path, stat, target) => Pending::Ready(Box::new(Step::Entry(stat.entry(path, Kind::Link { target })))),
            Found::File(path, stat) => Pending::Reading(tokio::spawn(Arc::clone(&self.reader).store(path, stat))),
            Found::Problem(path, text) => Pending::Ready(Box::new(Step::File(Outcome::Unreadable(path, text)))),
        }
    }

    async fn end_one(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Entry(entry) => {
                match entry.kind {
                    Kind::Folder => self.summary.folders += 1,
                    _ => self.summary.links += 1,
                }
                let line = line(&entry)?;
                self.journal_line(&line).await?;
                self.manifest.push(&line).await
            }
            Step::File(Outcome::Unreadable(path, text)) => {
                self.problem(&path, &text);
                Ok(())
            }
            Step::File(Outcome::Unchanged(entry)) => {
                self.summary.unchanged += 1;
                self.observer.event(Event::Unchanged(&entry.path));
                let line = line(&entry)?;
                self.file(&entry, &line).await
            }
            Step::File(Outcome::Torn(entry, added)) => {
                self.problem(&entry.path, "changed while it was read; stored as it was read");
                self.summary.added += added;
                let line = line(&entry)?;
                self.journal_line(&line).await?;
                self.file(&entry, &line).await
            }
            Step::File(Outcome::Stored(entry, known, added)) => {
                self.summary.stored += 1;
                self.summary.added += added;
                if self.batch.is_empty() {
                    self.batch_since = Instant::now();
                }
                self.batch.push((entry.path.clone(), known));
                let line = line(&entry)?;
                self.journal_line(&line).await?;
                self.file(&entry, &line).await
            }
        }
    }

    fn problem(&mut self, path: &TreePath, text: &str) {
        self.summary.problems += 1;
        self.observer.event(Event::Problem { path: Some(path), text });
    }

    async fn file(&mut self, entry: &Entry, line: &[u8]) -> Result<()> {
        let Kind::File { content, .. } = &entry.kind else { return Ok(()) };
        self.summary.files += 1;
        self.summary.bytes += content.size;
        self.observer.event(Event::Done { items: 1, bytes: content.size });
        self.manifest.push(line).await
    }

    async fn journal_line(&mut self, line: &[u8]) -> Result<()> {
        self.lines.extend_from_slice(line);
        if self.batch.len() >= BATCH_FILES || self.lines.len() >= BATCH_BYTES {
            self.acknowledge().await?;
        }
        Ok(())
    }

    /// Makes what is stored last beyond this run, and only then says so.
    async fn acknowledge(&mut self) -> Result<()> {
        if !self.lines.is_empty() {
            self.journal.append(&std::mem::take(&mut self.lines)).await?;
            // A prune that takes over from now on reads the journal first. One that has done so before did not see it,
            // and may have deleted what it names.
            if let Err(error) = self.lease.check().await {
                self.journal.take_back().await?;
                return Err(error);
            }
        }
        if !self.batch.is_empty() {
            self.index.put(&self.batch).await?;
        }
        for (path, _) in self.batch.drain(..) {
            self.observer.event(Event::Stored(&path));
        }
        Ok(())
    }
}
