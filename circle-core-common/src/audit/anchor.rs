//! Anchors: second places that keep checkpoints, which whoever can rewrite the log cannot rewrite too.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::checkpoint::{SignedCheckpoint, notes};
use super::files::{io_error, sync_folder};
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::interfaces::object_store::{ObjectStore, PutOptions};

/// What an anchor answers.
pub type Anchoring<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// A second place for checkpoints: a bucket with object lock, a timestamp authority, a witness, a mailbox.
pub trait AnchorSink: Send + Sync + 'static {
    /// Keeps a checkpoint, which may be there already. What has failed is tried again.
    fn anchor<'a>(&'a self, checkpoint: &'a SignedCheckpoint) -> Anchoring<'a>;
}

/// Appends checkpoints to a file: on another disk, another machine, a mailbox of somebody else's.
#[derive(Debug)]
pub struct FileAnchor {
    path: PathBuf,
}

impl FileAnchor {
    /// An anchor in this file, which is made when the first checkpoint comes.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned() }
    }

    /// The checkpoints in the file; one that was torn by a crash is left out.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(&self.path).map_err(|error| io_error(&self.path, error))?;
        Ok(notes(&text).0.into_iter().map(str::to_owned).collect())
    }

    fn append(path: &Path, note: &str) -> std::io::Result<()> {
        use std::io::{Read, Write};
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let (there, whole) = notes(&text);
        if there.last() == Some(&note) {
            return Ok(());
        }
        if whole < text.len() {
            file.set_len(whole as u64)?;
        }
        file.write_all(format!("{note}\n").as_bytes())?;
        file.sync_data()?;
        if text.is_empty() { sync_folder(path) } else { Ok(()) }
    }
}

impl AnchorSink for FileAnchor {
    fn anchor<'a>(&'a self, checkpoint: &'a SignedCheckpoint) -> Anchoring<'a> {
        Box::pin(async move {
            let (path, note) = (self.path.clone(), checkpoint.note().to_owned());
            let written = tokio::task::spawn_blocking(move || Self::append(&path, &note)).await;
            let written =
                written.map_err(|error| Error::new(ErrorKind::Internal, "the anchor could not be written").with_source(error))?;
            written.map_err(|error| io_error(&self.path, error))
        })
    }
}

/// Puts each checkpoint into an object of its own, which is written once: `<prefix><origin>/<size>`.
///
/// With the bucket's object lock, or rights to create and not to delete, whoever runs the log cannot take back what it has said.
#[derive(Debug)]
pub struct ObjectStoreAnchor {
    store: ObjectStore,
    prefix: String,
}

impl ObjectStoreAnchor {
    /// An anchor below this prefix; calls to the store are not audited, as each would make another checkpoint.
    #[must_use]
    pub fn new(store: &ObjectStore, prefix: impl Into<String>) -> Self {
        let environment = store.environment().to_builder().without_audit().own_lifetime().build();
        Self { store: store.rebind(environment, store.service()), prefix: prefix.into() }
    }

    /// The checkpoints of a log that are in the store, in the order of their sizes.
    ///
    /// # Errors
    /// The store's.
    pub async fn checkpoints(&self, origin: &str) -> Result<Vec<String>> {
        let folder = self.folder(origin);
        let mut found = self.store.list(folder.as_str()).all().await?;
        found.sort_by(|one, other| one.key.as_str().cmp(other.key.as_str()));
        let mut notes = Vec::with_capacity(found.len());
        for meta in found {
            notes.push(self.store.get(&meta.key).await?.text().await?);
        }
        Ok(notes)
    }

    fn folder(&self, origin: &str) -> String {
        // An origin is free text; a key is not.
        let plain = |one: char| if one.is_ascii_alphanumeric() || "-_./".contains(one) { one } else { '_' };
        format!("{}{}/", self.prefix, origin.chars().map(plain).collect::<String>())
    }
}

impl AnchorSink for ObjectStoreAnchor {
    fn anchor<'a>(&'a self, checkpoint: &'a SignedCheckpoint) -> Anchoring<'a> {
        Box::pin(async move {
            let what = checkpoint.checkpoint();
            // As many digits as the largest size has, so that names sort as sizes do.
            let key = format!("{}{:020}", self.folder(&what.origin), what.size);
            let options = PutOptions::new().if_absent().content_type("text/plain; charset=utf-8");
            match self.store.put_with(key.as_str(), checkpoint.note().to_owned(), options).await {
                Ok(_) => Ok(()),
                Err(error) if error.is(ErrorKind::AlreadyExists) => {
                    let there = self.store.get(key.as_str()).await?.text().await?;
                    if there == checkpoint.note() {
                        return Ok(());
                    }
                    let text = format!("the anchor {key} holds another checkpoint of this size: the log has been written anew");
                    Err(Error::new(ErrorKind::Conflict, text))
                }
                Err(error) => Err(error),
            }
        })
    }
}

/// How far an anchor is.
#[derive(Clone, Debug, Default)]
struct Reached {
    size: Option<u64>,
    /// The last failure, and what it was about; cleared by a success.
    failed: Option<(u64, Error)>,
}

/// The anchors of a log.
#[derive(Debug, Default)]
pub(super) struct Anchors(Mutex<Vec<watch::Receiver<Reached>>>);

const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

impl Anchors {
    pub(super) fn add(&self, sink: Arc<dyn AnchorSink>, latest: watch::Receiver<Arc<SignedCheckpoint>>) {
        let (reached, seen) = watch::channel(Reached::default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        drop(tokio::spawn(keep(sink, latest, reached)));
    }

    /// Waits until every anchor has a checkpoint of this size, or has failed at one.
    pub(super) async fn reached(&self, size: u64) -> Result<()> {
        let anchors = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for mut anchor in anchors {
            let done = anchor.wait_for(|reached| {
                reached.size.is_some_and(|at| at >= size) || reached.failed.as_ref().is_some_and(|(at, _)| *at >= size)
            });
            match done.await.map(|reached| reached.failed.clone()) {
                Ok(Some((_, error))) => return Err(error.context("anchoring a checkpoint of the audit log")),
                Ok(None) => {}
                Err(_) => return Err(Error::new(ErrorKind::Internal, "an anchor of the audit log has ended")),
            }
        }
        Ok(())
    }
}

/// Anchors the newest checkpoint, until the log is gone and its last one is kept or refused.
async fn keep(sink: Arc<dyn AnchorSink>, mut latest: watch::Receiver<Arc<SignedCheckpoint>>, reached: watch::Sender<Reached>) {
    let mut pause = PAUSE_MIN;
    loop {
        let checkpoint = Arc::clone(&latest.borrow_and_update());
        let size = checkpoint.checkpoint().size;
        match sink.anchor(&checkpoint).await {
            Ok(()) => {
                reached.send_replace(Reached { size: Some(size), failed: None });
                pause = PAUSE_MIN;
                if latest.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(target: "circle::audit", %error, size, "a checkpoint of the audit log could not be anchored");
                reached.send_modify(|reached| reached.failed = Some((size, error)));
                match tokio::time::timeout(pause, latest.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => pause = (pause * 2).min(PAUSE_MAX),
                }
            }
        }
    }
}
