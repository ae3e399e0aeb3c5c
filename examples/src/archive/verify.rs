//! Reads everything in an archive again and says what is damaged, and which files that costs.

use std::collections::{HashMap, HashSet};

use circle_core::{Error, ErrorKind, Result};
use tokio::task::JoinSet;

use super::Archive;
use super::chunk::{Area, ChunkId, Chunks};
use super::content::{Content, Pieces, joined};
use super::entry::Kind;
use super::observe::{Event, Observer};
use super::record::{FoundRun, RunRecord, State};
use super::tree_path::TreePath;

/// How many chunks are read at once; each has at most 4 MiB.
const CHUNKS: usize = 8;

/// How often a run is followed that changes meanwhile.
const ATTEMPTS: u32 = 3;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Runs looked at, unfinished ones included.
    pub runs: u64,
    /// Chunks read.
    pub chunks: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// What is missing or damaged: each chunk, record and list once, and each file that needs one of them in each run.
    pub damaged: u64,
}

/// Reads every chunk once and follows every run to its last chunk.
///
/// Runs and prunes may go on meanwhile. With `repair`, damaged chunks are deleted: nothing can be restored from them, and
/// as long as they are there a run takes them for what they were.
///
/// # Errors
/// What the store says. Damage is no error: it is told to the observer and counted.
pub async fn verify(archive: &Archive, repair: bool, observer: &dyn Observer) -> Result<Verified> {
    let mut verify = Verify { archive, observer, found: Verified::default(), good: HashMap::new() };
    for area in Area::ALL {
        let damaged = verify.read_all(area).await?;
        if repair {
            archive.chunks(area).delete(&damaged).await?;
        }
    }
    for run in archive.runs().await? {
        verify.run(run).await?;
    }
    Ok(verify.found)
}

struct Verify<'a> {
    archive: &'a Archive,
    observer: &'a dyn Observer,
    found: Verified,
    /// Every chunk that was looked at, and whether it is what was stored.
    good: HashMap<ChunkId, bool>,
}

impl Verify<'_> {
    /// Reads all chunks of an area; gives those that are damaged.
    async fn read_all(&mut self, area: Area) -> Result<Vec<ChunkId>> {
        let chunks = self.archive.chunks(area);
        let (mut all, mut bytes) = (Vec::new(), 0);
        let mut ids = chunks.ids();
        while let Some((id, size)) = ids.try_next().await? {
            all.push(id);
            bytes += size;
        }
        self.observer.event(Event::Total { items: all.len() as u64, bytes });
        let (mut reading, mut damaged) = (JoinSet::new(), Vec::new());
        for id in all {
            if reading.len() >= CHUNKS
                && let Some(read) = reading.join_next().await
            {
                damaged.extend(self.count(joined(read)?)?);
            }
            let chunks = chunks.clone();
            reading.spawn(async move { Ok((id, chunks.get(id).await.map(|bytes| bytes.len() as u64))) });
        }
        while let Some(read) = reading.join_next().await {
            damaged.extend(self.count(joined(read)?)?);
        }
        Ok(damaged)
    }

    /// Takes note of a chunk that was read; gives it back if it is damaged.
    fn count(&mut self, (id, read): (ChunkId, Result<u64>)) -> Result<Option<ChunkId>> {
        match read {
            Ok(bytes) => {
                self.good.insert(id, true);
                self.found.chunks += 1;
                self.found.bytes += bytes;
                self.observer.event(Event::Done { items: 1, bytes });
            }
            // Deleted between list and read: a prune may do so. A run that needs it will tell.
            Err(error) if error.is(ErrorKind::NotFound) => {}
            Err(error) if error.is(ErrorKind::Corrupt) => {
                self.good.insert(id, false);
                self.damage(None, error.message());
                return Ok(Some(id));
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    fn damage(&mut self, path: Option<&TreePath>, text: &str) {
        self.found.damaged += 1;
        self.observer.event(Event::Problem { path, text });
    }

    /// Follows a run. What is wrong with one that was removed or has ended meanwhile is no damage.
    async fn run(&mut self, mut run: FoundRun) -> Result<()> {
        for attempt in 1.. {
            let problems = self.problems(&run).await?;
            let now = if problems.is_empty() { None } else { super::record::run(&self.archive.files, &run.id).await? };
            match now {
                Some(now) if now.version != run.version && attempt < ATTEMPTS => run = now,
                None if !problems.is_empty() => break,
                _ => {
                    self.found.runs += 1;
                    for (path, text) in problems {
                        self.damage(path.as_ref(), &format!("run {}: {text}", run.id));
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    async fn problems(&mut self, run: &FoundRun) -> Result<Vec<(Option<TreePath>, String)>> {
        let mut problems = Vec::new();
        match &run.record {
            Err(error) => problems.push((None, error.message().to_owned())),
            Ok(record) => match self.entries(record, &mut problems).await {
                Err(error) if is_damage(&error) => {
                    problems.push((None, format!("what it holds cannot be told: {}", error.message())));
                }
                result => result?,
            },
        }
        Ok(problems)
    }

    async fn entries(&mut self, record: &RunRecord, problems: &mut Vec<(Option<TreePath>, String)>) -> Result<()> {
        if let State::Finished(finished) = &record.state {
            let chunks = self.archive.chunks(Area::Manifests);
            if let Some(lost) = self.lost(&chunks, &finished.manifest).await? {
                return Err(Error::new(ErrorKind::Corrupt, lost));
            }
        }
        let chunks = self.archive.chunks(Area::Files);
        let mut entries = self.archive.entries(record)?;
        while let Some(entry) = entries.try_next().await? {
            if let Kind::File { content, .. } = &entry.kind
                && let Some(lost) = self.lost(&chunks, content).await?
            {
                problems.push((Some(entry.path), lost));
            }
        }
        Ok(())
    }

    /// What a content lacks, if it lacks anything.
    async fn lost(&mut self, chunks: &Chunks, content: &Content) -> Result<Option<String>> {
        let mut reported = HashSet::new();
        let mut texts = Vec::new();
        let follow = async {
            let mut pieces = Pieces::new(chunks.clone(), content)?;
            while let Some(piece) = pieces.try_next().await? {
                let id = piece.id();
                let good = match self.good.get(&id) {
                    Some(good) => Some(*good),
                    // Stored since the chunks were listed, or missing.
                    None => match chunks.get(id).await {
                        Ok(_) => Some(true),
                        Err(error) if error.is(ErrorKind::NotFound) => None,
                        Err(error) if error.is(ErrorKind::Corrupt) => Some(false),
                        Err(error) => return Err(error),
                    },
                };
                if let Some(good) = good {
                    self.good.insert(id, good);
                }
                if good != Some(true) && reported.insert(id) {
                    texts.push(format!("chunk {id} is {}", if good.is_some() { "damaged" } else { "missing" }));
                }
            }
            Ok(())
        };
        match follow.await {
            // The list that could not be read is among what was reported.
            Err(error) if is_damage(&error) && texts.is_empty() => texts.push(error.message().to_owned()),
            Err(error) if !is_damage(&error) => return Err(error),
            _ => {}
        }
        Ok((!texts.is_empty()).then(|| texts.join(", ")))
    }
}

fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound)
}
