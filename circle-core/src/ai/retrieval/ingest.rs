//! Brings the index up to date.

use std::collections::BTreeSet;
use std::fmt;

use circle_core_common::interfaces::embedding_model::EmbedUsage;
use circle_core_common::interfaces::vector_store::{CollectionSpec, Consistency};
use circle_core_common::{ErrorKind, Result, Version};
use tokio::task::JoinSet;

use super::DocumentIndex;
use super::group::{Draft, Group, joined};
use super::ledger::{Debris, Edition, Entry, Ledger, hash};
use super::read::{Listed, Read, Skip, read};

/// What is embedded to learn which model it is and how wide its embeddings are.
const PROBE: &str = "document";

/// What happens while documents are ingested.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IngestEvent<'a> {
    /// The documents are counted; each is heard of once more, below.
    #[non_exhaustive]
    Listed {
        /// How many there are.
        documents: u64,
        /// How many bytes they have.
        bytes: u64,
    },
    /// Everything is made anew, because what there is does not fit any more.
    #[non_exhaustive]
    Anew {
        /// Why.
        because: &'a str,
    },
    /// A document is as it was.
    #[non_exhaustive]
    Unchanged {
        /// The document.
        source: &'a str,
        /// How many bytes it has.
        bytes: u64,
    },
    /// A document is in the index from here on, however the run ends.
    #[non_exhaustive]
    Ingested {
        /// The document.
        source: &'a str,
        /// How many bytes it has.
        bytes: u64,
        /// How many passages it has.
        passages: u32,
        /// Whether it was in the index before, with other passages.
        replaced: bool,
    },
    /// A document is not in the index, and why.
    #[non_exhaustive]
    Skipped {
        /// The document.
        source: &'a str,
        /// How many bytes it has.
        bytes: u64,
        /// Why.
        why: &'a Skip,
    },
    /// A document is out of the index: it is gone, or is skipped now.
    #[non_exhaustive]
    Removed {
        /// The document.
        source: &'a str,
    },
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IngestReport {
    /// How many documents are new in the index, or there with other passages.
    pub ingested: u64,
    /// How many passages those have.
    pub passages: u64,
    /// How many documents are as they were.
    pub unchanged: u64,
    /// How many were taken out.
    pub removed: u64,
    /// What was left out, and why.
    pub skipped: Vec<(String, Skip)>,
    /// What embedding took.
    pub usage: EmbedUsage,
}

/// `20 documents: 2 ingested in 31 passages, 18 unchanged, 0 removed, 0 skipped`.
impl fmt::Display for IngestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ingested, passages, unchanged, removed, skipped, .. } = self;
        let documents = ingested + unchanged + skipped.len() as u64;
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        write!(f, "{documents} document{}: {ingested} ingested", plural(documents))?;
        if *ingested > 0 {
            write!(f, " in {passages} passage{}", plural(*passages))?;
        }
        write!(f, ", {unchanged} unchanged, {removed} removed, {} skipped", skipped.len())
    }
}

impl DocumentIndex {
    /// Brings the index up to date with the documents.
    ///
    /// # Errors
    /// As [`ingest_with`](Self::ingest_with).
    pub async fn ingest(&self) -> Result<IngestReport> {
        self.ingest_with(|_| {}).await
    }

    /// Brings the index up to date with the documents, and tells how it goes on.
    ///
    /// What has not changed is not embedded again, and where the store names versions it is not even read. Whoever asks
    /// meanwhile, or after a run that broke off, finds each document whole: as it was, or as it is. The next run goes on
    /// where one broke off. When the embedding model is another one, or the collection has lost records, everything is
    /// made anew.
    ///
    /// # Errors
    /// `Conflict` when another run began after this one: that one goes on. `Corrupt` for a ledger that cannot be read; what
    /// embedder and stores say.
    pub async fn ingest_with(&self, mut heard: impl FnMut(IngestEvent<'_>) + Send) -> Result<IngestReport> {
        let mut run = Run::begin(self, &mut heard).await?;
        let listed = self.listed().await?;
        heard(IngestEvent::Listed { documents: listed.len() as u64, bytes: listed.iter().map(|listed| listed.meta.size).sum() });
        let mut gone: BTreeSet<String> = run.ledger.documents.keys().cloned().collect();
        let mut waiting = Vec::with_capacity(listed.len());
        for listed in listed {
            gone.remove(&listed.source);
            let version = listed.meta.version.clone();
            match run.ledger.documents.get(&listed.source) {
                Some(entry) if version.is_some() && entry.version == version && entry.shape == run.shape => {
                    run.report.unchanged += 1;
                    heard(IngestEvent::Unchanged { source: &listed.source, bytes: listed.meta.size });
                }
                _ => waiting.push(listed),
            }
        }
        let (mut waiting, mut reads, mut group) = (waiting.into_iter(), JoinSet::new(), Group::default());
        loop {
            while reads.len() < self.concurrency
                && let Some(next) = waiting.next()
            {
                reads.spawn(read(self.files.clone(), next, self.document_max));
            }
            let Some(done) = reads.join_next().await else { break };
            match run.look(joined(done)??, &mut heard) {
                Looked::Changed(draft) => group.push(draft),
                Looked::Unchanged => {}
                Looked::Skipped(source) if run.ledger.documents.contains_key(&source) => drop(gone.insert(source)),
                Looked::Skipped(_) => {}
            }
            if group.is_full() {
                run.put(std::mem::take(&mut group), &mut heard).await?;
            }
        }
        if !group.is_empty() {
            run.put(group, &mut heard).await?;
        }
        run.remove(gone, &mut heard).await?;
        run.end().await
    }

    /// Removes everything from the index; the documents stay.
    ///
    /// # Errors
    /// What the stores say.
    pub async fn clear(&self) -> Result<()> {
        // Nothing of a ledger that nobody can read is needed: all that it names goes with the collection.
        if self.ledger.read().await.is_err_and(|error| error.is(ErrorKind::Corrupt)) {
            self.files.delete(self.ledger.key().to_owned()).await?;
        }
        let mut run = Run::begin(self, &mut |_| {}).await?;
        run.start_anew().await?;
        run.end().await.map(drop)
    }

    async fn listed(&self) -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        let mut objects = self.files.list(&*self.prefix).stream();
        while let Some(meta) = objects.try_next().await? {
            if meta.key.as_str() == self.ledger.key() {
                continue;
            }
            if let Some(source) = meta.key.as_str().strip_prefix(&*self.prefix).filter(|source| !source.is_empty()) {
                listed.push(Listed { source: source.to_owned(), meta });
            }
        }
        Ok(listed)
    }
}

/// What a look at a document gave.
enum Looked {
    Changed(Draft),
    Unchanged,
    Skipped(String),
}

/// A run, and the ledger as it has written it or is going to.
struct Run<'a> {
    index: &'a DocumentIndex,
    ledger: Ledger,
    version: Option<Version>,
    /// What shapes the passages of this run.
    shape: String,
    model: String,
    dimensions: u32,
    /// Whether the ledger says that this run is at work.
    claimed: bool,
    /// Whether the ledger is to be written once more.
    dirty: bool,
    report: IngestReport,
}

impl<'a> Run<'a> {
    async fn begin(index: &'a DocumentIndex, heard: &mut (dyn FnMut(IngestEvent<'_>) + Send)) -> Result<Self> {
        let probe = index.embedder.embed_all([PROBE], index.document_options()).await?;
        let (model, dimensions) = (probe.model.to_string(), probe.embeddings.dimensions());
        let weight = index.place_weight.to_bits().to_string();
        let shape = hash([&index.splitter.settings(), &model, &dimensions.to_string(), &weight])[..16].to_owned();
        let (version, ledger) = match index.ledger.read().await? {
            Some((version, ledger)) => (Some(version), Ledger::clone(&ledger)),
            None => (None, Ledger::default()),
        };
        let report = IngestReport { usage: EmbedUsage::tokens(0).plus(probe.usage), ..IngestReport::default() };
        let (claimed, dirty) = (false, version.is_none());
        let mut run = Self { index, ledger, version, shape, model, dimensions, claimed, dirty, report };
        if let Some(because) = run.outdated().await? {
            heard(IngestEvent::Anew { because: &because });
            run.start_anew().await?;
        } else if run.dirty || !run.ledger.debris.is_empty() {
            run.claim().await?;
        }
        Ok(run)
    }

    /// Why nothing of the index can be kept.
    async fn outdated(&self) -> Result<Option<String>> {
        let ledger = &self.ledger;
        if self.version.is_none() {
            return Ok(None);
        }
        if ledger.drop {
            return Ok(Some("a run that was to do so broke off".to_owned()));
        }
        if (ledger.model.as_str(), ledger.dimensions) != (&self.model, self.dimensions) {
            let (model, dimensions) = (&self.model, self.dimensions);
            return Ok(Some(format!("the embedding model is `{model}` with {dimensions} numbers now")));
        }
        let count = match self.index.collection().count().await {
            Err(error) if error.is(ErrorKind::NotFound) => 0,
            count => count?,
        };
        let certain = count == 0 || self.index.vectors.capabilities().consistency == Consistency::Strong;
        let lost = certain && count < ledger.passages();
        Ok(lost.then(|| format!("the collection has {count} records where {} were put", ledger.passages())))
    }

    async fn start_anew(&mut self) -> Result<()> {
        self.ledger = Ledger { drop: true, ..Ledger::default() };
        self.write_claim().await?;
        self.index.vectors.drop_collection(&*self.index.name).await?;
        self.ledger.drop = false;
        self.dirty = true;
        self.ensure().await
    }

    async fn ensure(&self) -> Result<()> {
        let spec = CollectionSpec::new(self.dimensions);
        let spec = if self.model.is_empty() { spec } else { spec.model(self.model.as_str()) };
        self.index.collection().ensure(spec).await
    }

    async fn write_claim(&mut self) -> Result<()> {
        self.ledger.run = format!("{:032x}", self.index.files.provider()?.environment().random().bits()?);
        (self.ledger.model, self.ledger.dimensions) = (self.model.clone(), self.dimensions);
        self.write().await?;
        self.claimed = true;
        Ok(())
    }

    async fn write(&mut self) -> Result<()> {
        self.version = Some(self.index.ledger.write(&mut self.ledger, self.version.as_ref()).await?);
        self.dirty = false;
        Ok(())
    }

    /// Says in the ledger that this run is at work, so that one before it stops, and clears away what that one left.
    async fn claim(&mut self) -> Result<()> {
        if self.claimed {
            return Ok(());
        }
        self.write_claim().await?;
        self.ensure().await?;
        self.clear_debris().await
    }

    /// Deletes the records of what is named as debris. The ledger forgets it with its next writing.
    async fn clear_debris(&mut self) -> Result<()> {
        // An edition may have been given up and taken up again.
        let Ledger { documents, debris, .. } = &self.ledger;
        let counts =
            |debris: &Debris| documents.get(&debris.source).is_some_and(|entry| entry.edition.hash == debris.edition.hash);
        let records: Vec<String> =
            debris.iter().filter(|debris| !counts(debris)).flat_map(|one| one.edition.record_ids(&one.source)).collect();
        if !records.is_empty() {
            self.index.collection().delete_many(records).await?;
        }
        self.dirty |= !self.ledger.debris.is_empty();
        self.ledger.debris.clear();
        Ok(())
    }

    fn look(&mut self, read: Read, heard: &mut (dyn FnMut(IngestEvent<'_>) + Send)) -> Looked {
        let Read { source, size, version, text } = read;
        let text = match text {
            Ok(text) => text,
            Err(why) => {
                heard(IngestEvent::Skipped { source: &source, bytes: size, why: &why });
                self.report.skipped.push((source.clone(), why));
                return Looked::Skipped(source);
            }
        };
        let hash = hash([&self.shape, &text]);
        if let Some(entry) = self.ledger.documents.get_mut(&source).filter(|entry| entry.edition.hash == hash) {
            self.dirty |= entry.version != version;
            entry.version = version;
            self.report.unchanged += 1;
            heard(IngestEvent::Unchanged { source: &source, bytes: size });
            return Looked::Unchanged;
        }
        let mut chunks = self.index.splitter.split(&source, &text);
        chunks.retain(|chunk| chunk.text.chars().any(char::is_alphanumeric));
        let edition = Edition { hash, passages: chunks.len() as u32 };
        let entry = Entry { edition, shape: self.shape.clone(), version };
        Looked::Changed(Draft { source, size, entry, chunks })
    }

    async fn put(&mut self, group: Group, heard: &mut (dyn FnMut(IngestEvent<'_>) + Send)) -> Result<()> {
        self.claim().await?;
        let (records, usage) = group.records(self.index).await?;
        self.report.usage = self.report.usage.plus(usage);
        self.ledger.debris.extend(group.debris());
        self.write().await?;
        self.index.collection().put_many(records).await?.all()?;
        // From here on the new editions count, all with this one writing.
        self.ledger.debris.clear();
        let mut replaced = Vec::with_capacity(group.drafts.len());
        for draft in &group.drafts {
            let old = self.ledger.documents.insert(draft.source.clone(), draft.entry.clone());
            replaced.push(old.is_some());
            self.ledger.debris.extend(old.map(|old| Debris { source: draft.source.clone(), edition: old.edition }));
        }
        self.write().await?;
        for (draft, replaced) in group.drafts.iter().zip(replaced) {
            let passages = draft.entry.edition.passages;
            self.report.ingested += 1;
            self.report.passages += u64::from(passages);
            heard(IngestEvent::Ingested { source: &draft.source, bytes: draft.size, passages, replaced });
        }
        self.clear_debris().await
    }

    async fn remove(&mut self, gone: BTreeSet<String>, heard: &mut (dyn FnMut(IngestEvent<'_>) + Send)) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        self.claim().await?;
        for source in &gone {
            let entry = self.ledger.documents.remove(source);
            self.ledger.debris.extend(entry.map(|entry| Debris { source: source.clone(), edition: entry.edition }));
        }
        self.write().await?;
        for source in &gone {
            self.report.removed += 1;
            heard(IngestEvent::Removed { source });
        }
        self.clear_debris().await
    }

    async fn end(mut self) -> Result<IngestReport> {
        if self.dirty {
            self.write().await?;
        }
        Ok(self.report)
    }
}
