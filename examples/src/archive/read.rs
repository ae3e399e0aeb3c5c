//! Stores one file: not at all if the index knows it, otherwise in pieces as they are read.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use circle_core::{Clock, Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::chunk::{Area, Chunk, Chunks};
use super::content::{Added, Content, ContentWriter, Pieces};
use super::cutter::Cutter;
use super::entry::{Entry, Kind, Stat};
use super::index::{Known, SourceIndex};
use super::tree_path::TreePath;

/// How many files are read at once. Each has a buffer of at most 4 MiB.
const FILES: usize = 6;

/// How many pieces are on their way to the store at once, of all files together; each has at most 4 MiB.
const PIECES: usize = 6;

/// What became of a file.
#[derive(Debug)]
pub enum Outcome {
    /// It is in the archive as it was; the index knows.
    Unchanged(Entry),
    /// It was read and is in the archive; the index has yet to learn.
    Stored(Entry, Known, Added),
    /// It changed while it was read; what was read is in the archive.
    Torn(Entry, Added),
    /// It could not be read.
    Unreadable(TreePath, String),
}

/// What every file of a run needs to be stored.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    chunks: Chunks,
    index: SourceIndex,
    clock: Clock,
    files: Semaphore,
    pieces: Arc<Semaphore>,
}

impl Reader {
    /// A reader of the files in `root`.
    #[must_use]
    pub fn new(root: PathBuf, chunks: Chunks, index: SourceIndex, clock: Clock) -> Self {
        debug_assert_eq!(chunks.area(), Area::Files);
        let (files, pieces) = (Semaphore::new(FILES), Arc::new(Semaphore::new(PIECES)));
        Self { root, chunks, index, clock, files, pieces }
    }

    /// Stores a file.
    ///
    /// # Errors
    /// What the stores say; what is wrong with the file itself is an [`Outcome`].
    pub async fn store(self: Arc<Self>, path: TreePath, stat: Stat) -> Result<Outcome> {
        let _permit = self.files.acquire().await.map_err(|_| Error::new(ErrorKind::Closed, "the reader is closed"))?;
        if let Some(known) = self.index.get(&path).await?
            && known.covers(&stat)
            && self.has_all(&known.content).await?
        {
            return Ok(Outcome::Unchanged(stat.entry(path, Kind::File { content: known.content, torn: false })));
        }
        let read_at = self.clock.timestamp().unix_seconds();
        let (sender, mut receiver) = mpsc::channel(1);
        let reading = tokio::task::spawn_blocking({
            let (absolute, pieces) = (self.root.join(path.as_path()), Arc::clone(&self.pieces));
            move || read(&absolute, &pieces, &sender)
        });
        let mut writer = ContentWriter::new(self.chunks.clone());
        while let Some((piece, permit)) = receiver.recv().await {
            writer.push(piece, Some(permit)).await?;
        }
        let (before, after) = match reading.await {
            Ok(Ok(stats)) => stats,
            Ok(Err(error)) => return Ok(Outcome::Unreadable(path, format!("cannot be read: {error}"))),
            Err(error) => return Err(Error::new(ErrorKind::Internal, "a file could not be read").with_source(error)),
        };
        let (content, added) = writer.finish().await?;
        let torn = before != after || content.size != after.size;
        let known = Known { stat: after, read_at, content: content.clone() };
        let entry = after.entry(path, Kind::File { content, torn });
        Ok(if torn { Outcome::Torn(entry, added) } else { Outcome::Stored(entry, known, added) })
    }

    /// Whether the archive has every chunk of a content: an index that says so may be older than a prune.
    async fn has_all(&self, content: &Content) -> Result<bool> {
        let Ok(mut pieces) = Pieces::new(self.chunks.clone(), content) else { return Ok(false) };
        loop {
            match pieces.try_next().await {
                Ok(Some(piece)) if self.chunks.contains(&piece.id()) => {}
                Ok(Some(_)) => return Ok(false),
                Ok(None) => return Ok(true),
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads a file and cuts it; gives its stats before and after.
fn read(path: &Path, pieces: &Arc<Semaphore>, sender: &mpsc::Sender<(Chunk, OwnedSemaphorePermit)>) -> io::Result<(Stat, Stat)> {
    // What was a file a moment ago may be a link or a pipe by now, and must neither be followed nor waited for.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut file = File::options().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file any more"));
    }
    let mut cutter = Cutter::new(Area::Files.sizes());
    loop {
        let ended = cutter.fill(&mut file)?;
        // The permit comes first: pieces that wait for their turn would take memory.
        while let Ok(permit) = Handle::current().block_on(Arc::clone(pieces).acquire_owned()) {
            let Some(piece) = cutter.cut(ended) else { break };
            if sender.blocking_send((Chunk::new(piece), permit)).is_err() {
                return Err(io::Error::other("the run has ended"));
            }
        }
        if ended {
            break;
        }
    }
    // By path as well: a file that was replaced while it was read is not the one that is there now.
    let after = fs::symlink_metadata(path).or_else(|_| file.metadata())?;
    Ok((Stat::from(&metadata), Stat::from(&after)))
}
