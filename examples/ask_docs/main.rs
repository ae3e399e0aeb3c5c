//! Answers questions from a folder of documents: `ask_docs --help`.
//!
//! The work is in `src/ask_docs/` and in `circle_core::ai::retrieval`; here are the command line and what it prints.

mod args;
mod help;
mod terminal;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use circle_core::ai::retrieval::{IngestEvent, IngestReport};
use circle_core::console::Console;
use circle_core::hub::HubBuilder;
use circle_core::prelude::*;
use circle_core_examples::ask_docs::ask::{text, warning};
use circle_core_examples::ask_docs::folder::ENDINGS;
use circle_core_examples::ask_docs::stock::{self, stock};
use circle_core_examples::ask_docs::{AskDocs, name_of};
use circle_core_examples::bar::count;

use args::{Ask, Command};
use terminal::{Terminal, report};

/// Answered, from the documents.
const ANSWERED: u8 = 0;
/// Answered, but not from all files, or not from what was given.
const PROBLEMS: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;
/// Failed.
const FAILED: u8 = 3;

/// The services, where no other file is named.
const CONFIG: &str = include_str!("circle.toml");

fn main() -> ExitCode {
    let command = match args::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(error) => {
            report(&format!("{error}; see --help"));
            return ExitCode::from(USAGE);
        }
    };
    let ask = match command {
        Command::Ask(ask) => ask,
        Command::Help => {
            return match write!(io::stdout(), "{}", help::HELP) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(FAILED),
                _ => ExitCode::from(ANSWERED),
            };
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(ask)));
    result.map(ExitCode::from).unwrap_or_else(|error| {
        report(&error.to_string());
        ExitCode::from(FAILED)
    })
}

/// The profile of the built-in config whose providers are built in with the feature of the same name.
const PRODUCTION: &str = "production";

async fn run(ask: Ask) -> Result<u8, Box<dyn std::error::Error>> {
    let profile = ask.profile.clone().or_else(|| std::env::var("CIRCLE_PROFILE").ok());
    if cfg!(not(feature = "production")) && ask.config.is_none() && profile.as_deref() == Some(PRODUCTION) {
        let how = "cargo run -p circle-core-examples --features production --example ask_docs -- …";
        return Err(format!("the profile `{PRODUCTION}` runs on providers that this program was built without: {how}").into());
    }
    let builder = Hub::builder();
    let builder = match &ask.config {
        Some(config) => builder.file(config),
        None => builder.toml(CONFIG, "the built-in circle.toml"),
    };
    let builder = builder.environment("CIRCLE");
    let hub = ask.profile.iter().fold(builder, HubBuilder::profile).build().await?;
    let code = answer(&hub, &ask).await;
    // What the work failed with says more than that the end was not clean after it.
    let closed = hub.shutdown(Duration::from_secs(10)).await;
    let code = code?;
    closed?;
    Ok(code)
}

async fn answer(hub: &Hub, ask: &Ask) -> Result<u8, Box<dyn std::error::Error>> {
    let folder: PathBuf = std::fs::canonicalize(&ask.folder).unwrap_or_else(|_| ask.folder.clone());
    let name = ask.name.clone().unwrap_or_else(|| name_of(&folder));
    let docs = AskDocs::of(hub, &name, ask.max_size)?;
    let mut terminal = Terminal::new(ask.quiet);

    let mut heard = |event: stock::Event<'_>| match event {
        stock::Event::Found(files) => terminal.begin("files", Some((files, 0))),
        stock::Event::Looked(_) => terminal.advance(1, 0),
        stock::Event::Skipped { path, why } => terminal.problem(&format!("{path}: skipped: {why}")),
    };
    let stocked = stock(&docs.files, &folder, &name, ask.max_size, &mut heard).await?;
    if ask.anew {
        docs.index.clear().await?;
    }
    let ingested = ingest(&docs, &mut terminal).await?;
    let skipped = stocked.skipped + ingested.skipped.len() as u64;
    terminal.summary(&summary(&ingested, skipped))?;
    if ingested.ingested + ingested.unchanged == 0 {
        let endings = ENDINGS.map(|ending| format!(".{ending}")).join(", ");
        let folder = folder.display();
        return Err(format!("the folder {folder} holds no document: files of UTF-8 text that end in {endings}").into());
    }

    terminal.begin("pieces of the answer", None);
    let answer = docs.answer(&ask.question, &mut |more| terminal.advance(1, more.len() as u64)).await?;
    terminal.clear();
    if let Err(error) = docs.send(&ask.channel, &ask.question, &answer).await {
        // It was worked for, and maybe paid for.
        let _ = writeln!(io::stdout(), "{}", text(&ask.question, &answer));
        return Err(error.into());
    }
    if docs.team.native::<Console>().is_none() {
        terminal.summary(&format!("answered in {}", ask.channel))?;
    }
    let warning = warning(&answer);
    if let Some(warning) = &warning {
        terminal.problem(warning);
    }
    Ok(if skipped == 0 && warning.is_none() { ANSWERED } else { PROBLEMS })
}

async fn ingest(docs: &AskDocs, terminal: &mut Terminal) -> Result<IngestReport, Error> {
    let heard = |event: IngestEvent<'_>| match event {
        IngestEvent::Listed { documents, bytes, .. } => terminal.begin("documents", Some((documents, bytes))),
        IngestEvent::Unchanged { bytes, .. } | IngestEvent::Ingested { bytes, .. } => terminal.advance(1, bytes),
        IngestEvent::Skipped { source, bytes, why, .. } => {
            terminal.problem(&format!("{source}: skipped: {why}"));
            terminal.advance(1, bytes);
        }
        IngestEvent::Anew { because, .. } => terminal.problem(&format!("the index is made anew: {because}")),
        _ => {}
    };
    docs.index.ingest_with(heard).await
}

/// As the report says it, with the files that never came into the store.
fn summary(report: &IngestReport, skipped: u64) -> String {
    let IngestReport { ingested, passages, unchanged, removed, .. } = report;
    let documents = count(ingested + unchanged, "document");
    let passages = if *ingested == 0 { String::new() } else { format!(" in {}", count(*passages, "passage")) };
    format!(
        "{documents}: {ingested} ingested{passages}, {unchanged} unchanged, {removed} removed; {} skipped",
        count(skipped, "file")
    )
}
