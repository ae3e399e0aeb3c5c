//! The index and how it is set up.

use std::fmt;
use std::sync::Arc;

use circle_core_common::interfaces::embedding_model::{EmbedOptions, EmbeddingModel, EmbeddingModelCapabilities};
use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreCapabilities};
use circle_core_common::interfaces::vector_store::{Collection, VectorStore};
use circle_core_common::{ByteSize, Result};

use super::ledger::LedgerFile;
use crate::ai::{Splitter, SplitterByName};

/// An index of documents: they lie in an object store, their passages in a vector store, and a ledger beside them says
/// what is in the index. Cheap to clone.
///
/// What is set here holds for all who use the index; where something that shapes passages is set otherwise, the next
/// [`ingest`](Self::ingest) makes them anew.
#[derive(Clone)]
pub struct DocumentIndex {
    pub(super) files: ObjectStore,
    pub(super) embedder: EmbeddingModel,
    pub(super) vectors: VectorStore,
    pub(super) name: Arc<str>,
    pub(super) prefix: Arc<str>,
    pub(super) splitter: Arc<dyn Splitter>,
    pub(super) place_weight: f32,
    pub(super) dimensions: Option<u32>,
    pub(super) document_max: ByteSize,
    pub(super) concurrency: usize,
    pub(super) ledger: Arc<LedgerFile>,
}

impl DocumentIndex {
    /// The index `documents` of what lies in `files` below `documents/`, split by [`SplitterByName`].
    ///
    /// # Errors
    /// `Unsupported` when `files` cannot put on conditions (`put_if_absent`, `put_if_match`), which the ledger needs.
    pub fn new(files: ObjectStore, embedder: EmbeddingModel, vectors: VectorStore) -> Result<Self> {
        let files = files.require([ObjectStoreCapabilities::PUT_IF_ABSENT, ObjectStoreCapabilities::PUT_IF_MATCH])?;
        let name: Arc<str> = "documents".into();
        Ok(Self {
            ledger: Arc::new(LedgerFile::new(files.clone(), &name)),
            files,
            embedder,
            vectors,
            name,
            prefix: "documents/".into(),
            splitter: Arc::new(SplitterByName::new()),
            place_weight: 1.0,
            dimensions: None,
            document_max: ByteSize::mib(1),
            concurrency: 4,
        })
    }

    /// Sets the name: of the collection in the vector store, and of the ledger, `ledgers/<name>.json`.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self.ledger = Arc::new(LedgerFile::new(self.files.clone(), &self.name));
        self
    }

    /// Sets what the keys of the documents begin with; the rest of a key is the document's source.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<Arc<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets what splits the documents.
    #[must_use]
    pub fn splitter(mut self, splitter: impl Splitter) -> Self {
        self.splitter = Arc::new(splitter);
        self
    }

    /// Sets how much a passage's place (source and headings) counts in its embedding, where its text counts 1; 1 by
    /// default. With 0 places are not embedded.
    #[must_use]
    pub fn place_weight(mut self, weight: f32) -> Self {
        self.place_weight = weight.max(0.0);
        self
    }

    /// Sets how many numbers an embedding has, where the model lets choose; the model's own width by default.
    #[must_use]
    pub fn dimensions(mut self, dimensions: u32) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// Sets how large a document is at most; larger ones are skipped. 1 MiB by default.
    #[must_use]
    pub fn document_max(mut self, size: ByteSize) -> Self {
        self.document_max = size;
        self
    }

    /// Sets how many documents are read, and how many calls embed, at once; 4 by default.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }

    pub(super) fn collection(&self) -> Collection {
        self.vectors.collection(&*self.name)
    }

    fn embed_options(&self) -> EmbedOptions {
        let options = EmbedOptions::new();
        self.dimensions.into_iter().fold(options, EmbedOptions::dimensions)
    }

    fn knows_kinds(&self) -> bool {
        EmbeddingModelCapabilities::KINDS.is_on(self.embedder.capabilities())
    }

    pub(super) fn document_options(&self) -> EmbedOptions {
        if self.knows_kinds() { self.embed_options().document() } else { self.embed_options() }
    }

    pub(super) fn query_options(&self) -> EmbedOptions {
        if self.knows_kinds() { self.embed_options().query() } else { self.embed_options() }
    }
}

/// `DocumentIndex(documents: documents/ in ObjectStore(…))`.
impl fmt::Debug for DocumentIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentIndex({}: {} in {:?})", self.name, self.prefix, self.files)
    }
}
