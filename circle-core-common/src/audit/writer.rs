//! The thread that writes a log: batches, checkpoints, pseudonyms.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::files::{Files, LINE_MAX};
use super::merkle::{Frontier, leaf_hash};
use super::note::SigningKey;
use super::record::{self, Kept};
use super::subjects::SubjectKeys;
use super::{AuditRecord, Losses};
use crate::error::{Error, ErrorKind, Result};

/// What the writer is asked for.
pub(super) enum Entry {
    Record { record: AuditRecord, done: oneshot::Sender<Result<()>> },
    Seal { done: oneshot::Sender<Result<Arc<SignedCheckpoint>>> },
    Pseudonym { subject: String, done: oneshot::Sender<Result<Option<String>>> },
    Erase { subject: String, done: oneshot::Sender<Result<bool>> },
}

/// When checkpoints are signed, and what is kept of a record.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) records: u64,
    pub(super) time: Duration,
    pub(super) pseudonyms: bool,
    pub(super) named: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { records: 4096, time: Duration::from_secs(60), pseudonyms: true, named: true }
    }
}

/// Records that share one sync.
const BATCH_MAX: usize = 1024;

pub(super) struct Writer {
    pub(super) files: Files,
    pub(super) key: SigningKey,
    pub(super) subjects: Option<SubjectKeys>,
    pub(super) policy: Policy,
    pub(super) frontier: Frontier,
    pub(super) latest: watch::Sender<Arc<SignedCheckpoint>>,
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) lost: Arc<Losses>,
}

type Waiting = (AuditRecord, oneshot::Sender<Result<()>>);

impl Writer {
    /// Writes until nobody can ask any more.
    pub(super) fn run(mut self, entries: &Receiver<Entry>) {
        let mut records = Vec::new();
        // What a crash left unsigned is signed as what comes is.
        let mut due = self.unsigned().then(|| Instant::now() + self.policy.time);
        loop {
            let next = match due {
                None => entries.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => entries.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            let mut next = match next {
                Ok(entry) => Some(entry),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut command = None;
            while let Some(entry) = next {
                match entry {
                    Entry::Record { record, done } => records.push((record, done)),
                    other => command = Some(other),
                }
                // A command sees what was taken before it, and nothing later.
                next = if command.is_some() || records.len() == BATCH_MAX { None } else { entries.try_recv().ok() };
            }
            self.write(&mut records);
            if let Some(command) = command {
                self.obey(command);
            }
            let passed = due.is_some_and(|due| due <= Instant::now());
            let full = self.frontier.size() - self.latest.borrow().checkpoint().size >= self.policy.records;
            if self.unsigned() && (passed || full) {
                self.try_checkpoint();
                due = None;
            }
            if !self.unsigned() {
                due = None;
            } else if due.is_none() {
                due = Some(Instant::now() + self.policy.time);
            }
        }
        if self.unsigned() {
            self.try_checkpoint();
        }
    }

    fn unsigned(&self) -> bool {
        self.frontier.size() > self.latest.borrow().checkpoint().size
    }

    fn obey(&mut self, command: Entry) {
        // Who asked and went away wants no answer.
        match command {
            Entry::Record { .. } => {}
            Entry::Seal { done } => {
                let sealed = if self.unsigned() { self.checkpoint() } else { Ok(()) };
                let _ = done.send(sealed.map(|()| Arc::clone(&self.latest.borrow())));
            }
            Entry::Pseudonym { subject, done } => {
                let _ = done.send(self.keys().map(|keys| keys.pseudonym(&subject)));
            }
            Entry::Erase { subject, done } => {
                let _ = done.send(self.keys().and_then(|keys| keys.erase(&subject)));
            }
        }
    }

    fn keys(&mut self) -> Result<&mut SubjectKeys> {
        let none = || Error::new(ErrorKind::Unsupported, "this log writes principals as they are");
        self.subjects.as_mut().ok_or_else(none)
    }

    /// Writes a batch and tells those who wait; one that cannot be written at all stops no other.
    fn write(&mut self, records: &mut Vec<Waiting>) {
        if records.is_empty() {
            return;
        }
        let count = records.len();
        let (mut lines, mut leaves, mut written) = (Vec::new(), Vec::with_capacity(count), Vec::with_capacity(count));
        let mut frontier = self.frontier.clone();
        for (record, done) in records.drain(..) {
            match self.line(&record, frontier.size()) {
                Ok(line) => {
                    let leaf = leaf_hash(&line);
                    frontier.push(leaf);
                    lines.extend_from_slice(&line);
                    lines.push(b'\n');
                    leaves.push((lines.len() as u64, leaf));
                    written.push(done);
                }
                Err(error) => {
                    self.lost.note(1, &error);
                    let _ = done.send(Err(error));
                }
            }
        }
        // A key must outlive a crash that the records under it outlive.
        let keys = self.subjects.as_mut().map_or(Ok(()), SubjectKeys::sync);
        let result = match keys {
            Ok(()) if leaves.is_empty() => Ok(()),
            Ok(()) => self.files.append(&lines, &leaves),
            Err(error) => Err(error),
        };
        match &result {
            Ok(()) => self.frontier = frontier,
            Err(error) => self.lost.note(written.len() as u64, error),
        }
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        for done in written {
            // Nobody has to wait: the loss is counted already.
            let _ = done.send(result.clone());
        }
    }

    fn line(&mut self, record: &AuditRecord, seq: u64) -> Result<Vec<u8>> {
        let pseudonym = match (&mut self.subjects, record.parties.principal.as_deref()) {
            (Some(keys), Some(principal)) => Some(keys.pseudonym_of(principal)?),
            _ => None,
        };
        let principal = pseudonym.as_deref().or(record.parties.principal.as_deref());
        let line = record::encode(record, seq, Kept { principal, named: self.policy.named })
            .map_err(|error| Error::new(ErrorKind::Internal, "an audit record cannot be written as JSON").with_source(error))?;
        if line.len() >= LINE_MAX {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("an audit record has {} bytes, too many to be read again", line.len()),
            ));
        }
        Ok(line)
    }

    fn try_checkpoint(&mut self) {
        if let Err(error) = self.checkpoint() {
            tracing::error!(target: "circle::audit", %error, "no checkpoint of the audit log could be written");
        }
    }

    fn checkpoint(&mut self) -> Result<()> {
        let origin = self.latest.borrow().checkpoint().origin.clone();
        let checkpoint = Checkpoint { origin, size: self.frontier.size(), root: self.frontier.root() }.sign(&self.key)?;
        self.files.checkpoint(&checkpoint)?;
        self.latest.send_replace(Arc::new(checkpoint));
        Ok(())
    }
}
