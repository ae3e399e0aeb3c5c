//! An index that is kept up to date: what a run embeds, what it leaves, what is seen of it meanwhile, and answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use circle_core::ai::retrieval::{AnswerOptions, DocumentIndex, IngestEvent, Question, RetrieveOptions, Search, Skip};
use circle_core::ai::{Chunk, Splitter, SplitterByName};
use circle_core::memory::Memory;
use circle_core::prelude::*;
use circle_core::vector_store::{CollectionSpec, Record, VectorQuery, VectorStoreCapabilities, VectorStoreProvider as _};
use circle_core::{Environment, Result};
use circle_core_embedded::{EmbeddedAnswers, EmbeddedEmbeddings, EmbeddedEmbeddingsConfig, EmbeddedVectors, ScriptedModel};
use circle_core_testkit::{Counted, Decorated, Decoration, Interception, Mask, Masked, Plan, Traffic};

fn embedder() -> EmbeddingModel {
    EmbeddingModel::new(
        EmbeddedEmbeddings::with(&EmbeddedEmbeddingsConfig::new().dimensions(64), &Environment::default()).unwrap(),
    )
}

/// An index whose documents, ledger and vectors lie in one store, as another process opens it.
fn open(files: &ObjectStore) -> DocumentIndex {
    let vectors = VectorStore::new(EmbeddedVectors::over(files.clone()).unwrap());
    DocumentIndex::new(files.clone(), embedder(), vectors).unwrap()
}

async fn put(files: &ObjectStore, documents: &[(&str, &str)]) {
    for (source, text) in documents {
        files.put(format!("documents/{source}"), *text).await.unwrap();
    }
}

const TRAINS: (&str, &str) =
    ("trains.md", "# Riga\n\nTrains to Riga leave from platform four.\n\n# Vilnius\n\nTrains to Vilnius leave at six.");
const TICKETS: (&str, &str) = ("sub/tickets.txt", "Tickets are sold in the hall.");

/// What happened to which document.
async fn heard(index: &DocumentIndex) -> Vec<String> {
    let mut heard = Vec::new();
    let report = index
        .ingest_with(|event| match event {
            IngestEvent::Ingested { source, passages, replaced, .. } => heard.push(format!("{source} {passages} {replaced}")),
            IngestEvent::Unchanged { source, .. } => heard.push(format!("{source} unchanged")),
            IngestEvent::Removed { source, .. } => heard.push(format!("{source} removed")),
            IngestEvent::Skipped { source, why, .. } => heard.push(format!("{source} {why}")),
            IngestEvent::Anew { because, .. } => heard.push(format!("anew: {because}")),
            _ => {}
        })
        .await
        .unwrap();
    heard.push(report.to_string());
    heard.sort();
    heard
}

#[tokio::test]
async fn a_run_ingests_what_has_changed_and_takes_out_what_is_gone() {
    let files = ObjectStore::new(Memory::new());
    put(&files, &[TRAINS, TICKETS, ("empty.txt", "")]).await;
    assert_eq!(
        heard(&open(&files)).await,
        [
            "3 documents: 3 ingested in 3 passages, 0 unchanged, 0 removed, 0 skipped",
            "empty.txt 0 false",
            "sub/tickets.txt 1 false",
            "trains.md 2 false"
        ]
    );
    let unchanged = [
        "3 documents: 0 ingested, 3 unchanged, 0 removed, 0 skipped",
        "empty.txt unchanged",
        "sub/tickets.txt unchanged",
        "trains.md unchanged",
    ];
    assert_eq!(heard(&open(&files)).await, unchanged);
    let traffic = Traffic::new();
    let narrow = EmbeddedEmbeddings::with(&EmbeddedEmbeddingsConfig::new().dimensions(64), &Environment::default()).unwrap();
    let vectors = VectorStore::new(EmbeddedVectors::over(files.clone()).unwrap());
    let counted = DocumentIndex::new(files.clone(), EmbeddingModel::new(Counted::over(narrow, &traffic)), vectors).unwrap();
    assert_eq!((counted.ingest().await.unwrap().unchanged, traffic.calls()), (3, 1), "only which model it is");
    // The same content written anew is another version of the object, and the same document.
    put(&files, &[TRAINS]).await;
    assert_eq!(heard(&open(&files)).await, unchanged);

    put(&files, &[("trains.md", "# Riga\n\nTrains to Riga leave from platform nine.")]).await;
    files.delete("documents/sub/tickets.txt").await.unwrap();
    let index = open(&files);
    assert_eq!(
        heard(&index).await,
        [
            "2 documents: 1 ingested in 1 passage, 1 unchanged, 1 removed, 0 skipped",
            "empty.txt unchanged",
            "sub/tickets.txt removed",
            "trains.md 1 true"
        ]
    );
    let found = index.retrieve("Where do trains to Riga leave?").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&*found[0].text, found[0].place().as_str()), ("Trains to Riga leave from platform nine.", "trains.md > Riga"));
    assert_eq!(index_records(&files).await, 1, "nothing old is left");

    index.clear().await.unwrap();
    assert_eq!(index.retrieve("Riga").await.unwrap(), []);
    assert_eq!(heard(&index).await[0], "2 documents: 2 ingested in 1 passage, 0 unchanged, 0 removed, 0 skipped");
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_is_cleared_with_its_index() {
    let files = ObjectStore::new(Memory::new());
    put(&files, &[TRAINS, TICKETS]).await;
    let index = open(&files);
    index.ingest().await.unwrap();
    let records = index_records(&files).await;
    let ledgers: Vec<_> = files.list("ledgers/").all().await.unwrap();
    files.put(ledgers[0].key.clone(), "{ \"form").await.unwrap();

    let error = index.ingest().await.unwrap_err();
    assert!(error.is(ErrorKind::Corrupt) && error.message().contains("clear the index"), "{error}");
    index.clear().await.unwrap();
    assert_eq!(index_records(&files).await, 0);
    assert_eq!(index.ingest().await.unwrap().ingested, 2);
    assert_eq!(index_records(&files).await, records);
}

async fn index_records(files: &ObjectStore) -> u64 {
    VectorStore::new(EmbeddedVectors::over(files.clone()).unwrap()).collection("documents").count().await.unwrap()
}

#[tokio::test]
async fn what_is_no_text_or_too_large_is_skipped_and_taken_out() {
    let files = ObjectStore::new(Memory::new());
    put(&files, &[TRAINS, ("a.txt", "A text."), ("bom.md", "\u{feff}# Mark\n\nA mark.")]).await;
    let index = open(&files).document_max(ByteSize::bytes(500));
    index.ingest().await.unwrap();
    let found = index.retrieve("mark").await.unwrap();
    assert_eq!((found[0].heading(), found[0].range.clone()), (Some("Mark"), 8..15));

    files.put("documents/a.txt", &b"caf\xe9"[..]).await.unwrap();
    files.put("documents/b.txt", "x ".repeat(300)).await.unwrap();
    let report = index.ingest().await.unwrap();
    let skipped: BTreeMap<String, Skip> = report.skipped.into_iter().collect();
    assert!(matches!(skipped["a.txt"], Skip::NotUtf8 { at: 3, .. }), "{skipped:?}");
    assert_eq!(skipped["b.txt"].to_string(), "has 600 B, and a document may have 500 B");
    assert_eq!((report.unchanged, report.removed, report.ingested), (2, 1, 0));
}

/// Whoever uses the store after so many calls is killed: none of theirs is made any more.
#[derive(Clone)]
struct KilledAfter(Arc<AtomicU32>);

#[async_trait]
impl Decoration for KilledAfter {
    async fn before(&self, _: Interception<'_>) -> Result<Plan> {
        match self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Ok(Plan::Answer),
            Err(_) => Err(Error::new(ErrorKind::Closed, "killed")),
        }
    }
}

/// At every moment of a run: what others see is every document whole, as it was or as it is, and the next run ends it.
#[tokio::test]
async fn a_run_killed_at_any_call_leaves_no_half_document() {
    let sentences = |word: &str| (0..4).map(|at| format!("# Part {at}\n\nThe {word} of part {at}.\n\n")).collect::<String>();
    let (old, new) = (sentences("past"), sentences("future"));
    let mut finished = false;
    let mut kills = 0;
    while !finished {
        let memory = Memory::new();
        let files = ObjectStore::new(memory.clone());
        put(&files, &[("a.md", &old), ("b.md", &old), ("gone.md", &old)]).await;
        open(&files).ingest().await.unwrap();
        put(&files, &[("a.md", &new), ("b.md", &new), ("new.md", &new)]).await;
        files.delete("documents/gone.md").await.unwrap();

        let killed = ObjectStore::new(Decorated::new(memory, KilledAfter(Arc::new(AtomicU32::new(kills)))));
        finished = open(&killed).ingest().await.is_ok();
        kills += 1;

        let index = open(&files);
        let found = index.retrieve_with("part", RetrieveOptions::new().top_k(100)).await.unwrap();
        let mut documents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for passage in &found {
            documents.entry(&passage.source).or_default().insert(&passage.text);
        }
        for (source, texts) in &documents {
            let whole = |word: &str| (0..4).all(|at| texts.contains(format!("The {word} of part {at}.").as_str()));
            assert!(texts.len() == 4 && (whole("past") || whole("future")), "kill {kills}: {source} {texts:?}");
        }
        assert!(documents.contains_key("a.md") && documents.contains_key("b.md"), "kill {kills}: {documents:?}");

        let report = index.ingest().await.unwrap();
        assert_eq!((report.ingested + report.unchanged, report.skipped.len()), (3, 0), "kill {kills}");
        let found = index.retrieve_with("part", RetrieveOptions::new().top_k(100)).await.unwrap();
        assert!(found.len() == 12 && found.iter().all(|passage| passage.text.contains("future")), "kill {kills}: {found:?}");
        assert_eq!(index_records(&files).await, 12, "kill {kills}: nothing is left");
    }
    assert!(kills > 15, "the run has more calls than {kills}");
}

#[tokio::test]
async fn of_two_runs_at_once_one_goes_on() {
    let files = ObjectStore::new(Memory::new());
    put(&files, &[TRAINS, TICKETS]).await;
    let (one, other) = (open(&files), open(&files));
    let results = [tokio::join!(one.ingest(), other.ingest())].map(|(one, other)| [one, other]).concat();
    let (done, failed): (Vec<_>, Vec<_>) = results.into_iter().partition(std::result::Result::is_ok);
    assert!(!done.is_empty());
    for error in failed.into_iter().map(std::result::Result::unwrap_err) {
        assert!(error.to_string().contains("another run ingests"), "{error}");
    }
    assert_eq!(open(&files).ingest().await.unwrap().unchanged, 2);
    assert_eq!(index_records(&files).await, 3);
}

#[tokio::test]
async fn another_model_or_a_lost_collection_is_made_anew_and_never_mixed() {
    let files = ObjectStore::new(Memory::new());
    put(&files, &[TRAINS]).await;
    open(&files).ingest().await.unwrap();
    let wider = EmbeddingModel::new(EmbeddedEmbeddings::new());
    let index =
        DocumentIndex::new(files.clone(), wider, VectorStore::new(EmbeddedVectors::over(files.clone()).unwrap())).unwrap();
    let error = index.retrieve("Riga").await.unwrap_err();
    assert!(error.is(ErrorKind::Conflict) && error.to_string().contains("ingest again"), "{error}");
    assert_eq!(heard(&index).await[1], "anew: the embedding model is `lexical-1` with 2048 numbers now");
    assert_eq!(index.retrieve("Riga").await.unwrap().len(), 2);

    VectorStore::new(EmbeddedVectors::over(files.clone()).unwrap()).drop_collection("documents").await.unwrap();
    assert_eq!(heard(&index).await[1], "anew: the collection has 0 records where 2 were put");
    assert_eq!(index.retrieve("Riga").await.unwrap().len(), 2);
}

/// Whole documents.
#[derive(Debug)]
struct Whole;

impl Splitter for Whole {
    fn split(&self, _: &str, document: &str) -> Vec<Chunk> {
        vec![Chunk::of(document, 0..document.len())]
    }

    fn settings(&self) -> String {
        "whole".to_owned()
    }
}

#[tokio::test]
async fn documents_that_would_be_split_otherwise_are_ingested_again() {
    let files = ObjectStore::new(Memory::new());
    put(&files, &[TRAINS, TICKETS]).await;
    open(&files).ingest().await.unwrap();
    let report = open(&files).splitter(Whole).ingest().await.unwrap();
    assert_eq!((report.ingested, report.passages), (2, 2));
    assert_eq!(open(&files).splitter(SplitterByName::new().max_bytes(35)).ingest().await.unwrap().passages, 4);
    assert_eq!(index_records(&files).await, 4);
}

#[tokio::test]
async fn words_are_searched_where_the_store_can_and_only_there() {
    let files = ObjectStore::new(Memory::new());
    put(&files, &[TRAINS, TICKETS]).await;
    let provider = EmbeddedVectors::over(files.clone()).unwrap();
    let capabilities = provider.capabilities().clone().without(VectorStoreCapabilities::HYBRID);
    let near = VectorStore::new(Masked::new(provider, Mask(capabilities)));
    let index = DocumentIndex::new(files.clone(), embedder(), near).unwrap();
    let error = index.retrieve("Riga").await.unwrap_err();
    assert!(error.is(ErrorKind::NotFound) && error.to_string().contains("ingest documents first"), "{error}");
    index.ingest().await.unwrap();
    let error = index.retrieve_with("Riga", RetrieveOptions::new().search(Search::Hybrid)).await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported), "{error}");
    assert!(index.retrieve("Riga").await.unwrap()[0].score > 0.05, "a nearness");
    let both = open(&files);
    assert!(both.retrieve("Riga").await.unwrap()[0].score < 0.05, "a sum of reciprocal ranks");
    let only = RetrieveOptions::new().filter(Filter::eq("source", TICKETS.0)).top_k(1);
    let found = both.retrieve_with("Riga", only).await.unwrap();
    assert_eq!((found.len(), found[0].source.as_str(), found[0].number), (1, TICKETS.0, 1));
}

#[tokio::test]
async fn records_that_no_ledger_names_are_not_seen() {
    let files = ObjectStore::new(Memory::new());
    put(&files, &[TRAINS]).await;
    let index = open(&files);
    index.ingest().await.unwrap();
    let collection = VectorStore::new(EmbeddedVectors::over(files.clone()).unwrap()).collection("documents");
    collection.ensure(CollectionSpec::new(64).model("lexical-1")).await.unwrap();
    let asked = embedder().embed("Riga").await.unwrap();
    let kept = collection.query(VectorQuery::near(&asked).top_k(1).with_vectors()).await.unwrap().remove(0);
    for at in 0..20 {
        let mut record = Record::new(format!("other-{at}"), kept.vector.clone().unwrap());
        record.fields = kept.fields.clone();
        record.text = Some("trains.md > Riga\nTrains to Riga".into());
        collection.put(record.field("edition", "another")).await.unwrap();
    }
    let found = index.retrieve_with("Riga", RetrieveOptions::new().top_k(2)).await.unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|passage| passage.text.contains("leave")), "{found:?}");
}

#[tokio::test]
async fn an_answer_has_its_sources_and_what_it_was_not_given_is_flagged() {
    let files = ObjectStore::new(Memory::new());
    put(&files, &[TRAINS, TICKETS]).await;
    let index = open(&files);
    index.ingest().await.unwrap();
    let question = "Where do the trains to Riga leave?";

    let quoting = ChatModel::new(EmbeddedAnswers::new());
    let answer = index.answer(&quoting, question).await.unwrap();
    assert!(answer.text.starts_with("\"Trains to Riga leave from platform four.\" [1]"), "{}", answer.text);
    assert_eq!((answer.citations[0].to_string().as_str(), answer.is_grounded()), ("[1] trains.md > Riga", true));

    let model = ScriptedModel::new().reply("Platform four [1]; the hall [7].").reply("I do not know.");
    let mut stream = index.stream_answer(&ChatModel::new(model.clone()), question, AnswerOptions::new()).await.unwrap();
    assert_eq!(stream.passages().len(), 3);
    let mut text = String::new();
    while let Some(more) = stream.try_next().await.unwrap() {
        text += &more;
    }
    let answer = stream.finish().await.unwrap();
    assert_eq!((answer.text.as_str(), answer.unknown.as_slice()), (text.as_str(), &[7][..]));
    assert!(answer.citations.len() == 1 && !answer.is_grounded());
    let options = AnswerOptions::new().retrieve(RetrieveOptions::new().top_k(1)).instructions("Be kind.").max_output_tokens(50);
    let answer = index.answer_with(&ChatModel::new(model.clone()), question, options).await.unwrap();
    assert!(!answer.is_grounded() && answer.unknown.is_empty() && answer.passages.len() == 1);

    let asked = model.requests();
    let written = serde_json::to_value(&asked[1]).unwrap().to_string();
    for part in ["Be kind.", "[1] Trains to Riga leave", "Passage 1 is from trains.md > Riga", question] {
        assert!(written.contains(part), "{part}: {written}");
    }
    files.delete_many(["documents/trains.md", "documents/sub/tickets.txt"]).await.unwrap().all().unwrap();
    index.ingest().await.unwrap();
    let error = index.answer(&quoting, question).await.unwrap_err();
    assert!(error.is(ErrorKind::NotFound), "{error}");
}

#[tokio::test]
async fn questions_measure_an_index() {
    let files = ObjectStore::new(Memory::new());
    put(&files, &[TRAINS, TICKETS]).await;
    let index = open(&files);
    index.ingest().await.unwrap();
    let table = r#"[{ "question": "Where are tickets sold?", "source": "sub/tickets.txt" },
        { "question": "Where do trains to Riga leave?", "source": "trains.md", "heading": "Vilnius" },
        { "question": "Where do trains to Riga leave?", "source": "absent.md" }]"#;
    let questions = Question::table(table).unwrap();
    assert_eq!(questions[1], Question::new("Where do trains to Riga leave?", "trains.md").heading("Vilnius"));
    let evaluation = index.evaluate(&questions, RetrieveOptions::new()).await.unwrap();
    assert_eq!(evaluation.to_string(), "1 of 3 found first, 2 among 6; mean reciprocal rank 0.50");
    assert_eq!(evaluation.findings[1].rank, Some(2));
    assert!(format!("{evaluation:#}").contains("expected absent.md > any heading\n  1 "), "{evaluation:#}");
    let error = Question::table("[\n{ \"question\": 1 }]").unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput) && error.to_string().contains("line 2"), "{error}");
}
