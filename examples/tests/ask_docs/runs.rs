//! Runs one behind the other: what is answered, what is ingested, what is skipped.

use std::fs;

use crate::program::Place;

const QUESTION: &str = "Where do trains to Riga leave?";

#[test]
fn the_second_run_ingests_nothing_and_answers_the_same() {
    let place = Place::with_documents();
    let first = place.ask(QUESTION).ok();
    assert_eq!(
        first.out,
        "2 documents: 2 ingested in 2 passages, 0 unchanged, 0 removed; 0 files skipped\n\
         #docs 1 | Where do trains to Riga leave?\n\
        \x20       |\n\
        \x20       | \"Trains to Riga leave from platform four.\" [1]\n\
        \x20       |\n\
        \x20       | Sources:\n\
        \x20       | [1] trains.md > Trains > Riga\n"
    );
    let second = place.ask(QUESTION).ok();
    assert_eq!(second.summary(), "2 documents: 0 ingested, 2 unchanged, 0 removed; 0 files skipped");
    let answer = |out: &str| out.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(answer(&second.out), answer(&first.out));

    // Everything is below `.circle`, and every call is in the audit trail: intent and outcome.
    let entries: Vec<_> = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(entries.len(), 2, "{entries:?}");
    let audit = fs::read_to_string(place.path(".circle/ask_docs/audit.jsonl")).unwrap();
    for operation in ["object_store.put", "vector_store.query", "embedding_model.embed", "chat_model.stream", "messenger.send"] {
        assert!(audit.contains(&format!("\"operation\":\"{operation}\"")), "{operation}");
    }
    assert_eq!(audit.matches("\"event\":\"intent\"").count(), audit.matches("\"event\":\"outcome\"").count());
    assert!(!audit.contains("platform four"), "no content");
}

#[test]
fn what_changed_is_ingested_and_what_is_gone_is_not_found() {
    let place = Place::with_documents();
    place.ask(QUESTION).ok();
    place.write("trains.md", "# Trains\n\n## Riga\n\nTrains to Riga leave from platform nine.\n");
    let changed = place.ask(QUESTION).ok();
    assert_eq!(changed.summary(), "2 documents: 1 ingested in 1 passage, 1 unchanged, 0 removed; 0 files skipped");
    assert!(changed.out.contains("platform nine") && !changed.out.contains("platform four"), "{}", changed.out);

    fs::remove_file(place.path("docs/trains.md")).unwrap();
    let gone = place.ask(QUESTION);
    assert_eq!(gone.summary(), "1 document: 0 ingested, 1 unchanged, 1 removed; 0 files skipped");
    assert!(!gone.out.contains("platform"), "{}", gone.out);
    assert_eq!((gone.code, gone.err.as_str()), (1, "ask_docs: the answer cites no document\n"));

    // Made anew from what is in the store.
    let anew = place.run(["docs", "Where are tickets sold?", "--anew"]).ok();
    assert_eq!(anew.summary(), "1 document: 1 ingested in 1 passage, 0 unchanged, 0 removed; 0 files skipped");
}

#[test]
fn what_is_no_document_is_reported_and_skipped() {
    let place = Place::with_documents();
    place.write("latin.txt", b"caf\xe9");
    place.write("huge.md", "x ".repeat(600_000));
    place.write("image.png", b"\x89PNG");
    let mut expected = vec![
        "ask_docs: huge.md: skipped: is larger than 1 MiB; --max-size allows more",
        "ask_docs: latin.txt: skipped: is not UTF-8 at byte 3",
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("absent", place.path("docs/lost.md")).unwrap();
        expected.push("ask_docs: lost.md: skipped: No such file or directory (os error 2)");
    }
    for ingested in [2, 0] {
        let done = place.ask(QUESTION);
        let mut lines: Vec<&str> = done.err.lines().collect();
        lines.sort_unstable();
        assert_eq!((done.code, lines), (1, expected.clone()), "{done:?}");
        assert!(done.summary().starts_with(&format!("2 documents: {ingested} ingested")), "{}", done.out);
        assert!(done.summary().ends_with(&format!("{} files skipped", expected.len())) && done.out.contains("platform four"));
    }
    let larger = place.run(["docs", QUESTION, "--max-size", "2048", "-q"]);
    assert!(!larger.err.contains("huge.md") && larger.out.starts_with("#docs 1 | "), "{larger:?}");
}

#[test]
fn folders_are_kept_apart_by_name() {
    let place = Place::with_documents();
    fs::create_dir(place.path("other")).unwrap();
    fs::write(place.path("other/boats.md"), "Boats to Riga leave at noon.").unwrap();
    place.ask(QUESTION).ok();
    let other = place.run(["other", "When do boats to Riga leave?", "--channel", "#travel"]).ok();
    assert!(other.out.contains("#travel 1 | ") && other.out.contains("[1] boats.md"), "{}", other.out);
    assert!(!other.out.contains("trains.md"), "{}", other.out);
    assert!(place.ask(QUESTION).ok().summary().contains("2 unchanged"));
    // Under the same name one takes the other's place.
    let same = place.run(["other", "When do boats to Riga leave?", "--name", "docs"]).ok();
    assert_eq!(same.summary(), "1 document: 1 ingested in 1 passage, 0 unchanged, 2 removed; 0 files skipped");
}
