//! The profile `production`, against a contract server for the models: the same program, another configuration.

use std::process::Command;

use crate::model_server::ModelServer;
use crate::program::{Done, Place};

const QUESTION: &str = "Where do trains to Riga leave?";

/// Sets where the models of the profile are.
pub(crate) fn with_models(command: &mut Command, server: &ModelServer) {
    command.env("OPENAI_API_KEY", "sk-contract").env("CIRCLE_PROFILE", "production");
    for service in ["EMBEDDER", "ASSISTANT"] {
        command.env(format!("CIRCLE__SERVICES__{service}__ENDPOINT"), &server.origin);
        command.env(format!("CIRCLE__SERVICES__{service}__ALLOW_LOOPBACK"), "true");
    }
}

/// Asks with the models of the profile, and a folder where it has S3.
fn ask(place: &Place, server: &ModelServer) -> Done {
    let mut command = place.command(["docs", QUESTION]);
    with_models(&mut command, server);
    command.env("CIRCLE__SERVICES__DOCUMENTS__PROVIDER", "filesystem").env("CIRCLE__SERVICES__DOCUMENTS__ROOT", "store");
    command.output().unwrap().into()
}

#[test]
fn a_streamed_answer_is_sent_with_the_sources_that_it_cites() {
    let server = ModelServer::start(&["From ", "platform", " four", " [1", "]."]);
    let place = Place::with_documents();
    let done = ask(&place, &server).ok();
    assert!(done.out.contains("| From platform four [1].\n"), "{}", done.out);
    assert!(done.out.contains("| Sources:\n        | [1] trains.md > Trains > Riga\n"), "{}", done.out);

    let asked = server.asked("/v1/chat/completions");
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].authorization.as_str(), &asked[0].body["model"]), ("Bearer sk-contract", &"gpt-5-mini".into()));
    let messages = asked[0].body["messages"].to_string();
    for part in ["[1] Trains to Riga leave from platform four.", "trains.md > Trains > Riga", QUESTION, "numbered passages"] {
        assert!(messages.contains(part), "{part}: {messages}");
    }
    let embedded = server.asked("/v1/embeddings");
    assert!(embedded.iter().all(|asked| asked.body["model"] == "text-embedding-3-small"), "{embedded:?}");

    // Nothing but the question, and which model it is, is embedded again.
    let again = ask(&place, &server).ok();
    assert!(again.summary().contains(" 0 ingested") && again.summary().contains(" 2 unchanged"), "{}", again.out);
    assert_eq!(server.asked("/v1/embeddings").len(), embedded.len() + 2);
}

#[test]
fn an_answer_that_cites_what_it_was_not_given_is_flagged() {
    let server = ModelServer::start(&["From platform nine [9]."]);
    let done = ask(&Place::with_documents(), &server);
    assert_eq!((done.code, done.err.as_str()), (1, "ask_docs: the answer cites [9], which it was not given\n"));
    assert!(done.out.contains("Careful: the answer cites [9]"), "{}", done.out);
}

#[test]
fn an_index_of_another_model_is_made_anew() {
    let place = Place::with_documents();
    let mut first = place.command(["docs", QUESTION]);
    first.env("CIRCLE__SERVICES__DOCUMENTS__ROOT", "store");
    assert!(first.output().unwrap().status.success());
    let done = ask(&place, &ModelServer::start(&["Four [1]."]));
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.err.contains("made anew: the embedding model is `text-embedding-3-small`"), "{done:?}");
    assert!(done.summary().contains(" 2 ingested"), "{}", done.out);
}

#[test]
fn what_is_missing_is_one_line() {
    let place = Place::with_documents();
    place.run(["docs", QUESTION, "--profile", "production"]).failed(3, &["documents (s3)", "AWS_ACCESS_KEY_ID"]);
    let mut command = place.command(["docs", QUESTION, "--profile", "production"]);
    command.env("CIRCLE__SERVICES__DOCUMENTS__PROVIDER", "filesystem").env("CIRCLE__SERVICES__DOCUMENTS__ROOT", "store");
    Done::from(command.output().unwrap()).failed(3, &["OPENAI_API_KEY"]);
}
