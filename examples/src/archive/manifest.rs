//! The entries of a run: one line of JSON each. A complete run has them as content, cut and stored as files are, so that
//! an unchanged folder costs nothing; an unfinished one has a journal of what it had stored so far.

use bytes::Bytes;
use circle_core::object_store::{ObjectKey, ObjectMeta, ObjectStore};
use circle_core::{Error, ErrorKind, Items, Result};

use super::chunk::{Area, Chunk, Chunks};
use super::content::{Content, ContentWriter, Pieces};
use super::cutter::Cutter;
use super::entry::Entry;
use super::record::{Finished, RunId, RunRecord, State, seal_bytes, unseal_bytes};
use super::tree_path::TreePath;

/// The longest line: a path of 4 KiB and 1,024 chunks take less than a tenth.
const LINE_MAX: usize = 1 << 20;

/// An entry as a line.
///
/// # Errors
/// `Internal` when it cannot be written as JSON.
pub fn line(entry: &Entry) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("an entry cannot be written: {error}")).with_source(error))?;
    line.push(b'\n');
    Ok(line)
}

/// Writes the manifest of a run.
#[derive(Debug)]
pub struct ManifestWriter {
    cutter: Cutter,
    content: ContentWriter,
}

impl ManifestWriter {
    /// A manifest without entries.
    #[must_use]
    pub fn new(chunks: Chunks) -> Self {
        Self { cutter: Cutter::new(chunks.area().sizes()), content: ContentWriter::new(chunks) }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// What the store says.
    pub async fn push(&mut self, line: &[u8]) -> Result<()> {
        self.cutter.push(line);
        self.drain(false).await
    }

    async fn drain(&mut self, ended: bool) -> Result<()> {
        while let Some(piece) = self.cutter.cut(ended) {
            self.content.push(Chunk::new(piece), None).await?;
        }
        Ok(())
    }

    /// The manifest, once it is stored.
    ///
    /// # Errors
    /// What the store says.
    pub async fn finish(mut self) -> Result<Content> {
        self.drain(true).await?;
        Ok(self.content.finish().await?.0)
    }
}

/// The journal of a run: what it has stored so far, so that nothing acknowledged is lost if the run is.
#[derive(Debug)]
pub struct Journal {
    files: ObjectStore,
    prefix: String,
    segments: u64,
}

impl Journal {
    /// The journal of this run.
    #[must_use]
    pub fn new(files: ObjectStore, run: &RunId) -> Self {
        Self { files, prefix: format!("{}{run}/", Self::PREFIX), segments: 0 }
    }

    /// What the keys of all journals begin with.
    pub const PREFIX: &'static str = "journal/";

    /// The run of a segment.
    #[must_use]
    pub fn run_of(key: &ObjectKey) -> Option<RunId> {
        key.as_str().strip_prefix(Self::PREFIX)?.split_once('/')?.0.parse().ok()
    }

    /// Appends lines; they are in the archive for good when this returns.
    ///
    /// # Errors
    /// What the store says.
    pub async fn append(&mut self, lines: &[u8]) -> Result<()> {
        self.segments += 1;
        self.files.create(self.last(), seal_bytes(lines)).await?;
        Ok(())
    }

    /// Takes back what was appended last.
    ///
    /// # Errors
    /// What the store says.
    pub async fn take_back(&mut self) -> Result<()> {
        self.files.delete(self.last()).await?;
        self.segments -= 1;
        Ok(())
    }

    fn last(&self) -> String {
        format!("{}{:08}", self.prefix, self.segments)
    }

    /// Deletes the journal, once the manifest has taken its place.
    ///
    /// # Errors
    /// What the store says.
    pub async fn delete(self) -> Result<()> {
        let mut keys = Vec::new();
        let mut segments = self.files.list(&self.prefix).stream();
        while let Some(segment) = segments.try_next().await? {
            keys.push(segment.key);
        }
        self.files.delete_many(keys).await?.all()?;
        Ok(())
    }
}

/// The entries of a run, read as they are asked for.
#[derive(Debug)]
pub struct Entries {
    source: Source,
    buffer: Vec<u8>,
    /// How much of the buffer has been given.
    given: usize,
    previous: Option<TreePath>,
}

#[derive(Debug)]
enum Source {
    Manifest(Pieces),
    Journal(ObjectStore, Items<ObjectMeta>),
}

impl Entries {
    /// The entries of a run: of its manifest where it is complete, of its journal where it is not.
    ///
    /// # Errors
    /// `Corrupt` for a record that no archive writes.
    pub fn of(files: &ObjectStore, record: &RunRecord) -> Result<Self> {
        let source = match &record.state {
            State::Finished(Finished { manifest, .. }) => {
                Source::Manifest(Pieces::new(Chunks::new(files.clone(), Area::Manifests), manifest)?)
            }
            State::Running { .. } | State::Abandoned => {
                let journal = Journal::new(files.clone(), &record.id);
                Source::Journal(files.clone(), files.list(&journal.prefix).stream())
            }
        };
        Ok(Self { source, buffer: Vec::new(), given: 0, previous: None })
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// `NotFound` or `Corrupt` when a part of the list is; what the store says.
    pub async fn try_next(&mut self) -> Result<Option<Entry>> {
        loop {
            let rest = &self.buffer[self.given..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let entry: Entry = serde_json::from_slice(&rest[..end])
                    .map_err(|error| Error::new(ErrorKind::Corrupt, format!("an entry of the run cannot be read: {error}")))?;
                self.given += end + 1;
                // Whoever restores relies on it: a folder comes before what is in it, and nothing comes twice.
                if self.previous.as_ref().is_some_and(|previous| *previous >= entry.path) {
                    let text = format!("the entries of the run are out of order at {}", entry.path);
                    return Err(Error::new(ErrorKind::Corrupt, text));
                }
                self.previous = Some(entry.path.clone());
                return Ok(Some(entry));
            }
            if rest.len() > LINE_MAX {
                return Err(Error::new(ErrorKind::Corrupt, "an entry of the run is longer than it can be"));
            }
            match self.source.next_block().await? {
                Some(block) => {
                    self.buffer.drain(..self.given);
                    self.given = 0;
                    self.buffer.extend_from_slice(&block);
                }
                None if rest.is_empty() => return Ok(None),
                None => return Err(Error::new(ErrorKind::Corrupt, "the list of the run ends within an entry")),
            }
        }
    }
}

impl Source {
    async fn next_block(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::Manifest(pieces) => pieces.read_next().await,
            Self::Journal(files, segments) => {
                let Some(segment) = segments.try_next().await? else { return Ok(None) };
                let sealed = files.get(&segment.key).await?.bytes().await?;
                unseal_bytes(&segment.key, &sealed).map(Some)
            }
        }
    }
}
