//! Whether questions on this repository's documents find the passage that answers them: splitter, embeddings and vector
//! store together, without an account. The questions, with their answers' places, were written before anything was tuned.

use std::path::{Path, PathBuf};

use circle_core::Registry;
use circle_core::ai::retrieval::{DocumentIndex, Question, RetrieveOptions};
use circle_core::filesystem::Filesystem;
use circle_core::memory::Memory;
use circle_core::prelude::*;
use circle_core::vector_store::{CollectionSpec, Record};
use circle_core_embedded::{EmbeddedEmbeddings, EmbeddedVectors};

/// How many of the questions must find their answer first.
const FOUND_FIRST: usize = 13;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents for people who use or build Circle Core, by path.
fn documents() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from).into();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(repository().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "md") => paths.push(path),
                false => {}
            }
        }
    }
    paths.sort();
    let read = |path: PathBuf| (path.to_str().unwrap().to_owned(), std::fs::read_to_string(repository().join(&path)).unwrap());
    paths.into_iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_on_our_documents_find_their_answers() -> Result<(), Error> {
    let files = ObjectStore::new(Memory::new());
    for (path, text) in documents() {
        files.put(format!("documents/{path}"), text).await?;
    }
    let open = || -> Result<DocumentIndex, Error> {
        let embedder = EmbeddingModel::new(EmbeddedEmbeddings::new());
        let vectors = VectorStore::new(EmbeddedVectors::over(files.clone())?);
        DocumentIndex::new(files.clone(), embedder, vectors)
    };
    let report = open()?.ingest().await?;
    assert_eq!((report.ingested, report.skipped.len()), (documents().len() as u64, 0));

    // Asked of an index that was opened anew.
    let index = open()?;
    let questions = Question::table(include_str!("questions.json"))?;
    assert_eq!(questions.len(), 15);
    let evaluation = index.evaluate(&questions, RetrieveOptions::new()).await?;
    assert!(evaluation.found_first() >= FOUND_FIRST, "{evaluation:#}");
    Ok(())
}

/// The same by configuration: the index finds its object store by name, and what was put is there after a restart.
#[tokio::test]
async fn a_configured_index_survives_a_restart() -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let config = format!(
        "version = 1\n[services.documents]\nprovider = \"filesystem\"\nroot = {root:?}\n\
         [services.notes]\nprovider = \"embedded-vectors\"\nstore = \"documents\"\n\
         [services.scratch]\nprovider = \"embedded-vectors\"\n"
    );
    let path = folder.path().join("circle.toml");
    std::fs::write(&path, config).unwrap();
    let registry = || Registry::new().with::<Filesystem>().with::<EmbeddedVectors>();
    for (opening, expected) in [(0, 1), (1, 2)] {
        let hub = Hub::builder().file(&path).registry(registry()).build().await?;
        for (service, expected) in [("notes", expected), ("scratch", 1)] {
            let notes = hub.get::<VectorStore>(service)?.collection("notes");
            notes.ensure(CollectionSpec::new(2)).await?;
            notes.put(Record::new(format!("{opening}"), [1.0, 0.0])).await?;
            assert_eq!(notes.count().await?, expected, "{service} at opening {opening}");
        }
        hub.shutdown(Duration::from_secs(5)).await?;
    }
    assert!(root.join("vectors/notes/manifest").is_file());
    Ok(())
}
