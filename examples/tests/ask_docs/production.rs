//! The profile `production`, against contract servers for the models and for Slack: the same program, another configuration.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::program::{Done, Place};
use crate::server::Server;
use crate::slack_server::{DOCS, POST, TOKEN};
use crate::{model_server, slack_server};

pub(crate) const QUESTION: &str = "Where do trains to Riga leave?";
pub(crate) const API_KEY: &str = "sk-contract";
/// What the message says, of the documents of [`Place::with_documents`].
pub(crate) const MESSAGE: &str =
    "Where do trains to Riga leave?\n\nFrom platform four [1].\n\nSources:\n[1] trains.md &gt; Trains &gt; Riga";

/// The services of the profile that listen on loopback here.
pub(crate) struct Servers {
    pub(crate) models: Server,
    pub(crate) slack: Server,
}

impl Servers {
    /// With a model that answers in these words, piece by piece.
    pub(crate) fn start(words: &'static [&'static str]) -> Self {
        Self { models: model_server::start(words), slack: slack_server::start() }
    }

    /// Sets where they are, and their secrets.
    pub(crate) fn configure(&self, command: &mut Command) {
        command.env("OPENAI_API_KEY", API_KEY).env("SLACK_BOT_TOKEN", TOKEN).env("CIRCLE_PROFILE", "production");
        for service in ["EMBEDDER", "ASSISTANT"] {
            command.env(format!("CIRCLE__SERVICES__{service}__ENDPOINT"), &self.models.origin);
            command.env(format!("CIRCLE__SERVICES__{service}__ALLOW_LOOPBACK"), "true");
        }
        command.env("CIRCLE__SERVICES__TEAM__API_BASE", format!("{}/api", self.slack.origin));
        command.env("CIRCLE__SERVICES__TEAM__ALLOW_LOOPBACK", "true");
    }
}

/// A command on these servers, and on a folder where the profile has S3.
fn command(place: &Place, servers: &Servers) -> Command {
    let mut command = place.command(["docs", QUESTION]);
    servers.configure(&mut command);
    command.env("CIRCLE__SERVICES__DOCUMENTS__PROVIDER", "filesystem").env("CIRCLE__SERVICES__DOCUMENTS__ROOT", "store");
    command
}

fn ask(place: &Place, servers: &Servers) -> Done {
    command(place, servers).output().unwrap().into()
}

/// How the audit trail says that calls ended, each as service, provider, operation and outcome; that no call lacks its end, and
/// that nothing in it is a secret or content.
pub(crate) fn audited(place: &Place) -> Vec<(String, String, String, String)> {
    let audit = fs::read_to_string(place.path(".circle/ask_docs/audit.jsonl")).unwrap();
    assert_eq!(audit.matches("\"event\":\"intent\"").count(), audit.matches("\"event\":\"outcome\"").count());
    no_secrets(&audit);
    assert!(!audit.contains("platform four"), "no content");
    let lines = audit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let field = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    lines
        .filter(|line| line["event"] == "outcome")
        .map(|line| (field(&line, "service"), field(&line, "provider"), field(&line, "operation"), field(&line, "outcome")))
        .collect()
}

/// How many calls ended like that.
pub(crate) fn calls(audited: &[(String, String, String, String)], like: [&str; 4]) -> usize {
    let is_like = |call: &&(String, String, String, String)| [&*call.0, &*call.1, &*call.2, &*call.3] == like;
    audited.iter().filter(is_like).count()
}

/// That a text holds none of the secrets that the program was given.
pub(crate) fn no_secrets(text: &str) {
    for secret in [API_KEY, TOKEN, "SKTEST"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

#[test]
fn a_streamed_answer_arrives_at_slack_with_the_sources_that_it_cites() {
    let servers = Servers::start(&["From ", "platform", " four", " [1", "]."]);
    let place = Place::with_documents();
    let done = ask(&place, &servers).ok();
    assert_eq!(done.out, "2 documents: 2 ingested in 2 passages, 0 unchanged, 0 removed; 0 files skipped\nanswered in #docs\n");
    no_secrets(&done.out);
    let message = slack_server::posted(&servers.slack);
    assert_eq!((&message["channel"], &message["text"]), (&DOCS.into(), &MESSAGE.into()), "{message}");

    let asked = servers.models.asked("/v1/chat/completions");
    assert_eq!((asked.len(), &*asked[0].authorization), (1, "Bearer sk-contract"));
    let body = model_server::body(&asked[0]);
    assert_eq!((&body["model"], &body["stream"]), (&"gpt-5-mini".into(), &true.into()));
    let messages = body["messages"].to_string();
    for part in ["[1] Trains to Riga leave from platform four.", "trains.md > Trains > Riga", QUESTION, "numbered passages"] {
        assert!(messages.contains(part), "{part}: {messages}");
    }
    let embedded = servers.models.asked("/v1/embeddings");
    let models = embedded.iter().map(|asked| model_server::body(asked)["model"].clone());
    assert!(models.clone().all(|model| model == "text-embedding-3-small"), "{:?}", models.collect::<Vec<_>>());

    // Every call that left the process is in the trail.
    let audited = audited(&place);
    assert_eq!(calls(&audited, ["assistant", "openai", "chat_model.stream", "ok"]), asked.len());
    assert_eq!(calls(&audited, ["embedder", "openai", "embedding_model.embed", "ok"]), embedded.len());
    assert_eq!(calls(&audited, ["team", "slack", "messenger.send", "ok"]), 1);

    // Nothing but the question, and which model it is, is embedded again.
    let again = ask(&place, &servers).ok();
    assert!(again.summary().contains(" 0 ingested") && again.summary().contains(" 2 unchanged"), "{}", again.out);
    assert_eq!(servers.models.asked("/v1/embeddings").len(), embedded.len() + 2);
}

#[test]
fn an_answer_that_cites_what_it_was_not_given_is_flagged() {
    let servers = Servers::start(&["From platform nine [9]."]);
    let done = ask(&Place::with_documents(), &servers);
    assert_eq!((done.code, done.err.as_str()), (1, "ask_docs: the answer cites [9], which it was not given\n"));
    let text = slack_server::posted(&servers.slack)["text"].to_string();
    assert!(text.contains("Careful: the answer cites [9]"), "{text}");
}

#[test]
fn an_answer_that_breaks_off_is_sent_to_nobody() {
    let servers = Servers { models: model_server::start_broken(&["From ", "platform"]), slack: slack_server::start() };
    let place = Place::with_documents();
    ask(&place, &servers).failed(3, &["chat_model.stream on assistant (openai)"]);
    assert!(servers.slack.asked(POST).is_empty());
    let audited = audited(&place);
    assert_eq!(calls(&audited, ["assistant", "openai", "chat_model.stream", "ok"]), 0, "{audited:?}");
}

#[test]
fn an_answer_that_slack_does_not_take_is_printed() {
    let servers = Servers::start(&["Four [1]."]);
    let place = Place::with_documents();
    for (channel, why) in [("#finance", "invite it"), ("#absent", "no `#absent`"), ("C0ABSENT1", "channel_not_found")] {
        let done: Done = command(&place, &servers).args(["--channel", channel]).output().unwrap().into();
        assert!(done.out.ends_with("Four [1].\n\nSources:\n[1] trains.md > Trains > Riga\n"), "{done:?}");
        no_secrets(&done.err);
        done.failed(3, &["messenger.send on team (slack)", why]);
    }
}

#[test]
fn an_index_of_another_model_is_made_anew() {
    let place = Place::with_documents();
    let mut first = place.command(["docs", QUESTION]);
    first.env("CIRCLE__SERVICES__DOCUMENTS__ROOT", "store");
    assert!(first.output().unwrap().status.success());
    let done = ask(&place, &Servers::start(&["Four [1]."]));
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.err.contains("made anew: the embedding model is `text-embedding-3-small`"), "{done:?}");
    assert!(done.summary().contains(" 2 ingested"), "{}", done.out);
}

#[test]
fn all_that_is_missing_is_said_before_anything_is_done() {
    let place = Place::with_documents();
    let missing = ["documents", "AWS_ACCESS_KEY_ID", "embedder", "assistant", "OPENAI_API_KEY", "team", "SLACK_BOT_TOKEN"];
    place.run(["docs", QUESTION, "--profile", "production"]).failed_in(5, 3, &missing);

    let servers = Servers::start(&[]);
    let mut refused = command(&place, &servers);
    refused.env("SLACK_BOT_TOKEN", "xoxb-revoked");
    Done::from(refused.output().unwrap()).failed(3, &["team", "invalid_auth"]);
    assert!(servers.models.asked("/v1/embeddings").is_empty());
}
