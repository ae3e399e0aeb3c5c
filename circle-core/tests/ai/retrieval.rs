//! Whether questions on this repository's documents find the passage that answers them: splitter, embeddings and vector
//! store together, without an account. The questions, with their answers' places, were written before anything was tuned.

use std::path::{Path, PathBuf};

use circle_core::ai::{Chunk, MarkdownSplitter};
use circle_core::embedding_model::EmbedOptions;
use circle_core::filesystem::Filesystem;
use circle_core::prelude::*;
use circle_core::vector_store::{CollectionSpec, Record, VectorQuery};
use circle_core::{Environment, Registry};
use circle_core_embedded::{EmbeddedEmbeddings, EmbeddedEmbeddingsConfig, EmbeddedVectors};

/// How many of the questions must find their answer first.
const FOUND_FIRST: usize = 13;

/// How much the place of a piece counts, where its text counts 1.
const PLACE_WEIGHT: f32 = 1.0;

#[derive(serde::Deserialize)]
struct Question {
    question: String,
    source: String,
    heading: String,
}

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
    let folder = tempfile::tempdir().unwrap();
    let embedder = EmbeddingModel::new(EmbeddedEmbeddings::with(
        &EmbeddedEmbeddingsConfig::new().dimensions(4096),
        &Environment::default(),
    )?);
    let open = || Ok::<_, Error>(VectorStore::new(EmbeddedVectors::over(ObjectStore::new(Filesystem::open(folder.path())?))?));
    let pieces: Vec<(String, Chunk)> = documents()
        .into_iter()
        .flat_map(|(path, text)| {
            MarkdownSplitter::new().max_bytes(600).split(&text).into_iter().map(move |chunk| (path.clone(), chunk))
        })
        .collect();
    // Of every piece the text and, for every piece again, its place.
    let texts = pieces.iter().map(|(_, chunk)| chunk.text.clone());
    let places = pieces.iter().map(|(path, chunk)| chunk.place(path));
    let embeddings = embedder.embed_many_with(texts.chain(places), EmbedOptions::new().document()).await?.all()?;
    let (texts, places) = embeddings.split_at(pieces.len());
    let blended = texts.iter().zip(places).map(|(text, place)| text.blend(place, PLACE_WEIGHT));
    let embeddings = blended.collect::<Result<Vec<_>, Error>>()?;
    let records = pieces.iter().zip(&embeddings).enumerate().map(|(at, ((path, chunk), embedding))| {
        let record = Record::new(format!("{path}#{at}"), embedding).field("source", path.as_str()).text(chunk.text.as_str());
        record.field("heading", chunk.heading().unwrap_or_default())
    });
    let documents = open()?.collection("documents");
    documents.ensure(CollectionSpec::new(embedder.capabilities().dimensions).model("lexical-1")).await?;
    documents.put_many(records).await?.all()?;

    // Asked of a store that was opened anew.
    let documents = open()?.collection("documents");
    let questions: Vec<Question> = serde_json::from_str(include_str!("questions.json")).unwrap();
    assert_eq!(questions.len(), 15);
    let mut missed = Vec::new();
    for Question { question, source, heading } in &questions {
        let asked = embedder.embed_with(question, EmbedOptions::new().query()).await?;
        let found = documents.query(VectorQuery::near(&asked).top_k(3)).await?;
        let places: Vec<String> = found
            .iter()
            .map(|found| format!("{:.3} {} {}", found.score, found.fields["source"], found.fields["heading"]))
            .collect();
        let first = &found[0].fields;
        if (first["source"].as_str(), first["heading"].as_str()) != (Some(source), Some(heading)) {
            missed.push(format!("{question}\n  expected {source} {heading:?}\n  found    {}", places.join("\n           ")));
        }
    }
    let first = questions.len() - missed.len();
    assert!(first >= FOUND_FIRST, "{first} of {} found first; missed:\n{}", questions.len(), missed.join("\n"));
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
