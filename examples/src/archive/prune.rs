//! Removes runs that are no longer wanted, and the chunks that no run needs.
//!
//! A prune and a run must not work at once: the run would rely on chunks that the prune is about to delete. Each shows
//! itself first and looks for the other then, so that at least one of them sees the other: a run waits for a prune, a
//! prune gives up before a run. Whoever is dead is found out by its silence (see [`lease`](super::lease)).

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use circle_core::{Error, ErrorKind, Result, Version};
use serde::{Deserialize, Serialize};

use super::Archive;
use super::chunk::{Area, ChunkId};
use super::content::{Content, Pieces};
use super::entry::Kind;
use super::lease::{DEAD_AFTER, Lease, Watched, observe};
use super::manifest::Journal;
use super::observe::{Event, Observer};
use super::record::{FoundRun, RunId, RunRecord, State, read_sealed, seal};

/// How many objects are deleted at once.
const BATCH: usize = 1000;

/// What to remove.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PruneOptions {
    /// How many of the latest complete runs of each folder stay; `None` keeps all. Unfinished runs go with the complete
    /// ones that are later.
    pub keep: Option<usize>,
    /// Runs to remove in any case, damaged ones too.
    pub forget: Vec<RunId>,
    /// How long an unfinished run, or another prune, must be silent to count as dead.
    pub patience: Duration,
}

impl Default for PruneOptions {
    fn default() -> Self {
        Self { keep: None, forget: Vec::new(), patience: DEAD_AFTER }
    }
}

impl PruneOptions {
    /// Removes no run, only what no run needs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps so many complete runs of each folder.
    #[must_use]
    pub fn keep(mut self, runs: usize) -> Self {
        self.keep = Some(runs.max(1));
        self
    }

    /// Removes this run.
    #[must_use]
    pub fn forget(mut self, run: RunId) -> Self {
        self.forget.push(run);
        self
    }

    /// Counts an unfinished run, or another prune, as dead after so much silence.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Runs.
    pub runs: u64,
    /// Chunks of files.
    pub chunks: u64,
    /// Bytes in all that was removed.
    pub bytes: u64,
}

/// The lock of a prune. It stays when the prune has ended, and says so.
#[derive(Serialize, Deserialize)]
struct Lock {
    held: bool,
    beat: u64,
}

/// Removes runs and chunks.
///
/// # Errors
/// `Conflict` when a run or another prune is at work; `Corrupt` when a run that stays is damaged, so that nobody can
/// tell what it needs: nothing is removed then.
pub async fn prune(archive: &Archive, options: &PruneOptions, observer: &dyn Observer) -> Result<Pruned> {
    let lease = lock(archive, options.patience, observer).await?;
    let pruned = Prune { archive, options, observer, lease: &lease }.all().await;
    let ended = lease.end(seal(&Lock { held: false, beat: 0 })?).await;
    let pruned = pruned?;
    ended?;
    Ok(pruned)
}

async fn lock(archive: &Archive, patience: Duration, observer: &dyn Observer) -> Result<Lease> {
    let (files, key) = (&archive.files, Archive::prune_key());
    let held = |beat| seal(&Lock { held: true, beat });
    let taken = match read_sealed::<Lock>(files, &key).await? {
        None => files.create(&key, held(0)?).await,
        Some((lock, version)) => {
            // A lock that cannot be read is treated as held: its holder shows whether it lives.
            if lock.is_ok_and(|lock| !lock.held) || is_silent(archive, &key, &version, patience, observer).await? {
                files.replace(&key, held(0)?, version).await
            } else {
                Err(Error::new(ErrorKind::Conflict, "held"))
            }
        }
    };
    match taken {
        Ok(meta) => Ok(Lease::hold(files.clone(), key, meta.version()?.clone(), held)),
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict) => {
            Err(Error::new(ErrorKind::Conflict, "another prune is at work; try again when it has ended"))
        }
        Err(error) => Err(error),
    }
}

async fn is_silent(
    archive: &Archive,
    key: &circle_core::object_store::ObjectKey,
    version: &Version,
    patience: Duration,
    observer: &dyn Observer,
) -> Result<bool> {
    let text = format!("`{key}` is held; watching for up to {} s whether its holder lives", patience.as_secs());
    observer.event(Event::Note(&text));
    Ok(observe(&archive.files, key, version, patience).await? == Watched::Silent)
}

/// Waits until no prune is at work; frees the lock of one that died.
pub(super) async fn wait_for_prune(archive: &Archive, patience: Duration, observer: &dyn Observer) -> Result<()> {
    let (files, key) = (&archive.files, Archive::prune_key());
    while let Some((lock, version)) = read_sealed::<Lock>(files, &key).await? {
        if lock.is_ok_and(|lock| !lock.held) {
            return Ok(());
        }
        if is_silent(archive, &key, &version, patience, observer).await? {
            match files.replace(&key, seal(&Lock { held: false, beat: 0 })?, version).await {
                Err(error) if !error.is(ErrorKind::Conflict) => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

struct Prune<'a> {
    archive: &'a Archive,
    options: &'a PruneOptions,
    observer: &'a dyn Observer,
    lease: &'a Lease,
}

impl Prune<'_> {
    async fn all(&self) -> Result<Pruned> {
        let mut runs = self.archive.runs().await?;
        self.end_dead_runs(&mut runs).await?;
        let (kept, removed) = self.choose(runs)?;
        // Everything that must stay is known before anything goes.
        let needed = self.needed(&kept).await?;
        let mut pruned = Pruned { runs: removed.len() as u64, ..Pruned::default() };
        self.lease.beat().await?;
        self.archive.files.delete_many(removed.iter().map(RunId::key)).await?.all()?;
        self.delete_journals(&kept).await?;
        for (area, needed) in Area::ALL.iter().zip(&needed) {
            self.delete_chunks(*area, needed, &mut pruned).await?;
        }
        let known = |content: &Content| content.chunks.iter().all(|id| needed[0].contains(id));
        self.archive.index.retain(known).await?;
        Ok(pruned)
    }

    /// Ends runs that were killed; refuses while one lives.
    async fn end_dead_runs(&self, runs: &mut [FoundRun]) -> Result<()> {
        let alive = |id: &RunId| Error::new(ErrorKind::Conflict, format!("run {id} is at work; prune when it has ended"));
        let text = format!("unfinished runs; watching for up to {} s whether they live", self.options.patience.as_secs());
        let mut patience = self.options.patience;
        let mut told = false;
        let running = |run: &&mut FoundRun| matches!(&run.record, Ok(RunRecord { state: State::Running { .. }, .. }));
        for run in runs.iter_mut().filter(running) {
            if !std::mem::replace(&mut told, true) {
                self.observer.event(Event::Note(&text));
            }
            if observe(&self.archive.files, &run.id.key(), &run.version, patience).await? == Watched::Alive {
                return Err(alive(&run.id));
            }
            // All of them were silent for the same time; the others need but one more look.
            patience = Duration::ZERO;
            if let Ok(record) = &mut run.record {
                record.state = State::Abandoned;
                match self.archive.files.replace(run.id.key(), record.to_bytes()?, &run.version).await {
                    Ok(meta) => run.version = meta.version()?.clone(),
                    Err(error) if error.is(ErrorKind::Conflict) => return Err(alive(&run.id)),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn choose(&self, runs: Vec<FoundRun>) -> Result<(Vec<RunRecord>, Vec<RunId>)> {
        let (mut kept, mut removed) = (Vec::new(), Vec::new());
        let mut complete: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for id in &self.options.forget {
            if !runs.iter().any(|run| run.id == *id) {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no run {id}")));
            }
        }
        for run in runs.into_iter().rev() {
            if self.options.forget.contains(&run.id) {
                removed.push(run.id);
                continue;
            }
            let record = run.record.map_err(|error| {
                error.context(format_args!("nothing is removed, because nobody can tell what run {} needs", run.id))
            })?;
            let later = complete.entry(record.source.clone()).or_default();
            if self.options.keep.is_some_and(|keep| *later >= keep) {
                removed.push(record.id);
                continue;
            }
            *later += usize::from(matches!(record.state, State::Finished(_)));
            kept.push(record);
        }
        Ok((kept, removed))
    }

    /// The chunks that these runs need, of each area in the order of [`Area::ALL`].
    async fn needed(&self, runs: &[RunRecord]) -> Result<[HashSet<ChunkId>; 2]> {
        let mut needed = [HashSet::new(), HashSet::new()];
        for run in runs {
            let unknown = |error: Error| {
                error.context(format_args!("nothing is removed, because nobody can tell what run {} needs", run.id))
            };
            if let State::Finished(finished) = &run.state {
                self.add(Area::Manifests, &finished.manifest, &mut needed[1]).await.map_err(unknown)?;
            }
            let mut entries = self.archive.entries(run)?;
            while let Some(entry) = entries.try_next().await.map_err(unknown)? {
                if let Kind::File { content, .. } = entry.kind {
                    self.add(Area::Files, &content, &mut needed[0]).await.map_err(unknown)?;
                }
            }
        }
        Ok(needed)
    }

    async fn add(&self, area: Area, content: &Content, needed: &mut HashSet<ChunkId>) -> Result<()> {
        let mut pieces = Pieces::new(self.archive.chunks(area), content)?;
        while let Some(piece) = pieces.try_next().await? {
            needed.insert(piece.id());
        }
        Ok(())
    }

    async fn delete_journals(&self, kept: &[RunRecord]) -> Result<()> {
        let unfinished: HashSet<&RunId> =
            kept.iter().filter(|run| !matches!(run.state, State::Finished(_))).map(|run| &run.id).collect();
        let mut keys = Vec::new();
        let mut segments = self.archive.files.list(Journal::PREFIX).stream();
        while let Some(segment) = segments.try_next().await? {
            if Journal::run_of(&segment.key).is_some_and(|run| !unfinished.contains(&run)) {
                keys.push(segment.key);
            }
        }
        self.archive.files.delete_many(keys).await?.all()?;
        Ok(())
    }

    async fn delete_chunks(&self, area: Area, needed: &HashSet<ChunkId>, pruned: &mut Pruned) -> Result<()> {
        let chunks = self.archive.chunks(area);
        let mut ids = chunks.ids();
        let mut batch = Vec::new();
        loop {
            let next = ids.try_next().await?;
            if let Some((id, size)) = next
                && !needed.contains(&id)
            {
                batch.push((id, size));
            }
            if batch.len() >= BATCH || (next.is_none() && !batch.is_empty()) {
                // A prune that slept so long that it counts as dead must not delete what runs rely on by now.
                self.lease.beat().await?;
                chunks.delete(&batch.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await?;
                pruned.bytes += batch.iter().map(|(_, size)| size).sum::<u64>();
                pruned.chunks += if area == Area::Files { batch.len() as u64 } else { 0 };
                batch.clear();
            }
            if next.is_none() {
                return Ok(());
            }
        }
    }
}
