//! The audit log: an append-only file under a Merkle tree, with signed checkpoints.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::anchor::{self, AnchorSink};
use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::files::{Files, SUBJECTS, beside, io_error};
use super::note::{SigningKey, VerifyingKey};
use super::subjects::SubjectKeys;
use super::writer::{Entry, Policy, Writer};
use super::{AuditRecord, AuditSink, Losses, Recording};
use crate::error::{Error, ErrorKind, Result};

/// Appends records to a file, one line of canonical JSON each, under the Merkle tree of RFC 6962 with signed checkpoints, so that
/// [`Verifier`](super::Verifier) tells whether somebody has changed or cut it.
///
/// Beside `audit.jsonl` lie `.checkpoints` (signed notes), `.index` (the leaves of the tree; made again where it is missing),
/// `.subjects` (the keys of the pseudonyms of principals) and, where no key was given, `.key`. Whoever has the key can write
/// the log anew: what is to stand against that is anchored in a second place, by [`AuditLog::anchor`].
///
/// One process writes a log, through one value. A record is acknowledged once it is synced; records that arrive during a sync
/// share the next one. After a crash, or `kill -9` at any point, opening cuts off what was half-written and never acknowledged. A
/// record is refused, `QuotaExceeded`, while 65,536 others wait for the disk; one that was taken and then could not be written is
/// counted by [`AuditLog::dropped`] and logged, whether or not somebody waits for it.
///
/// Dropped, it writes what it has taken and a last checkpoint, and waits for that.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    key: VerifyingKey,
    origin: Arc<str>,
    /// `None` while it is dropped: the writer ends when nobody can send any more.
    entries: Option<Sender<Entry>>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<Losses>,
    latest: watch::Receiver<Arc<SignedCheckpoint>>,
    anchors: anchor::Anchors,
    writer: Option<JoinHandle<()>>,
}

/// Records waiting for the disk. Calls with required audit wait for their own, so that only as many at the same time
/// can fill it.
const WAITING_MAX: usize = 65_536;

/// How an [`AuditLog`] is kept.
#[derive(Debug)]
#[must_use]
pub struct AuditLogBuilder {
    path: PathBuf,
    key: Option<SigningKey>,
    origin: Option<String>,
    subjects: Option<PathBuf>,
    policy: Policy,
}

impl AuditLogBuilder {
    /// Signs checkpoints with this key, in place of one that is made beside the log. A key that replaces another has
    /// another name.
    pub fn key(mut self, key: SigningKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Calls the log so in its checkpoints, when it is new; otherwise it is called by its key's name and a random number.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Signs a checkpoint behind so many records, and so long after the first unsigned one; otherwise 4096 and one minute.
    pub const fn checkpoint_every(mut self, records: u64, time: Duration) -> Self {
        self.policy.records = records;
        self.policy.time = time;
        self
    }

    /// Keeps the keys of pseudonyms in this file.
    pub fn subjects(mut self, path: impl Into<PathBuf>) -> Self {
        self.subjects = Some(path.into());
        self
    }

    /// Writes principals as they are, and not by pseudonym: nothing can be erased then.
    pub const fn clear_principals(mut self) -> Self {
        self.policy.pseudonyms = false;
        self
    }

    /// Counts the things that a call names and leaves out their names, where these would say something of a person.
    pub const fn without_resources(mut self) -> Self {
        self.policy.named = false;
        self
    }

    /// Opens or creates the log and starts its writer thread, which ends with the value.
    ///
    /// # Errors
    /// `Unavailable` when a file or its folder cannot be made, opened or read, or another process writes the log; `Corrupt` when
    /// the file is no log or does not match its own last checkpoint: such a log is not continued. `InvalidInput` for a key or an
    /// origin that is none.
    pub fn open(self) -> Result<AuditLog> {
        let Self { path, key, origin, subjects, policy } = self;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| io_error(&path, error))?;
        }
        let opened = Files::open(&path, key)?;
        let (mut files, key) = (opened.files, opened.key);
        let last = match opened.last {
            Some(last) => last,
            None => {
                let origin = origin.map_or_else(|| new_origin(key.verifying_key().name()), Ok)?;
                let first = Checkpoint { origin, size: 0, root: opened.frontier.root() }.sign(&key)?;
                files.checkpoint(&first)?;
                first
            }
        };
        let subjects = match policy.pseudonyms {
            true => Some(SubjectKeys::open(subjects.unwrap_or_else(|| beside(&path, SUBJECTS)))?),
            false => None,
        };
        let public = key.verifying_key().clone();
        let origin: Arc<str> = last.checkpoint().origin.as_str().into();
        let (latest, seen) = watch::channel(Arc::new(last));
        let (entries, taken) = mpsc::channel();
        let (waiting, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(Losses::new()));
        let writer = Writer {
            files,
            key,
            subjects,
            policy,
            frontier: opened.frontier,
            latest,
            waiting: Arc::clone(&waiting),
            lost: Arc::clone(&lost),
        };
        let thread = std::thread::Builder::new().name("circle-audit".to_owned()).spawn(move || writer.run(&taken));
        let thread = thread.map_err(|error| io_error(&path, error))?;
        Ok(AuditLog {
            path,
            key: public,
            origin,
            entries: Some(entries),
            waiting,
            lost,
            latest: seen,
            anchors: anchor::Anchors::default(),
            writer: Some(thread),
        })
    }
}

fn new_origin(name: &str) -> Result<String> {
    Ok(format!("{name}/{:016x}", crate::random::Random::System.bits()? as u64))
}

impl AuditLog {
    /// Opens or creates a log with all defaults.
    ///
    /// # Errors
    /// As [`AuditLogBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).open()
    }

    /// How the log at this path is to be kept.
    pub fn builder(path: impl AsRef<Path>) -> AuditLogBuilder {
        AuditLogBuilder { path: path.as_ref().to_owned(), key: None, origin: None, subjects: None, policy: Policy::default() }
    }

    /// The key that checks the log's checkpoints; keep a copy where the log's keeper cannot change it.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.key
    }

    /// What the log's checkpoints call it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The last checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        Arc::clone(&self.latest.borrow())
    }

    /// How many records were lost: refused because too many waited, or not written because the disk failed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lost.count()
    }

    /// Leaves every checkpoint in this second place too, in the background and from the present one on. While the place cannot be
    /// written, it is tried again with longer and longer pauses, and gets the newest then; calls do not wait for it.
    ///
    /// Runs on the runtime that it is called in.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn anchor(&self, sink: impl AnchorSink) {
        self.anchors.add(Arc::new(sink), self.latest.clone());
    }

    /// Writes what was taken, signs it with a checkpoint, and waits until every anchor has that.
    ///
    /// # Errors
    /// What the disk or an anchor says.
    pub async fn seal(&self) -> Result<Arc<SignedCheckpoint>> {
        let checkpoint = self.ask(|done| Entry::Seal { done }).await?;
        self.anchors.reached(checkpoint.checkpoint().size).await?;
        Ok(checkpoint)
    }

    /// The pseudonym of a principal that has one.
    ///
    /// # Errors
    /// `Unsupported` where principals are written as they are.
    pub async fn pseudonym(&self, principal: &str) -> Result<Option<String>> {
        let subject = principal.to_owned();
        self.ask(|done| Entry::Pseudonym { subject, done }).await
    }

    /// Destroys the key of a principal's pseudonym: see [`SubjectKeys::erase`]. The log verifies as before.
    ///
    /// # Errors
    /// `Unsupported` where principals are written as they are; what the disk says, with the key still there.
    pub async fn erase(&self, principal: &str) -> Result<bool> {
        let subject = principal.to_owned();
        self.ask(|done| Entry::Erase { subject, done }).await
    }

    async fn ask<T>(&self, entry: impl FnOnce(oneshot::Sender<Result<T>>) -> Entry) -> Result<T> {
        let (done, answer) = oneshot::channel();
        self.send(entry(done))?;
        answer.await.unwrap_or_else(|_| Err(writer_gone()))
    }

    fn send(&self, entry: Entry) -> Result<()> {
        self.entries.as_ref().and_then(|entries| entries.send(entry).ok()).ok_or_else(writer_gone)
    }
}

fn writer_gone() -> Error {
    Error::new(ErrorKind::Internal, "the audit writer has ended")
}

impl AuditSink for AuditLog {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        let (done, written) = oneshot::channel();
        let sent = if self.waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX {
            self.send(Entry::Record { record, done })
        } else {
            Err(Error::new(ErrorKind::QuotaExceeded, format!("{WAITING_MAX} audit records wait for the disk")))
        };
        match sent {
            Ok(()) => Recording::Pending(Box::pin(async move { written.await.unwrap_or_else(|_| Err(writer_gone())) })),
            Err(refused) => {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                self.lost.note(1, &refused);
                Recording::Done(Err(refused))
            }
        }
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async { self.seal().await.map(drop) })
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.entries = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so; there is nobody else to tell.
            let _ = writer.join();
        }
    }
}

impl std::fmt::Display for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

impl From<AuditLog> for Arc<dyn AuditSink> {
    fn from(log: AuditLog) -> Self {
        Arc::new(log)
    }
}
