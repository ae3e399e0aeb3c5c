//! The commands: each opens the archive, lets the engine work and prints what came of it.

use std::fmt;
use std::io;

use circle_core::{ErrorKind, Timestamp};
use circle_core_examples::archive::entry::{Entry, Kind};
use circle_core_examples::archive::observe::{Event, Observer};
use circle_core_examples::archive::prune::{PruneOptions, prune};
use circle_core_examples::archive::record::{FoundRun, State};
use circle_core_examples::archive::restore::restore;
use circle_core_examples::archive::run::{RunOptions, run};
use circle_core_examples::archive::tree_path::TreePath;
use circle_core_examples::archive::verify::verify;
use circle_core_examples::archive::walk::Exclude;
use circle_core_examples::bar::{count, size};

use crate::args::Command;
use crate::open::{Opened, open};
use crate::terminal::Terminal;

/// Done.
const DONE: u8 = 0;
/// Done, but something was skipped, changed while it was read or is damaged.
const PROBLEMS: u8 = 1;
/// Wrong usage.
pub(crate) const USAGE: u8 = 2;
/// Failed.
pub(crate) const FAILED: u8 = 3;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    Archive(circle_core::Error),
    Output(io::Error),
}

impl Failure {
    /// Whether nobody reads the output any more.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<circle_core::Error> for Failure {
    fn from(error: circle_core::Error) -> Self {
        Self::Archive(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(error) => error.fmt(f),
            Self::Output(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

/// Does what the command line says; gives the exit code.
pub(crate) async fn execute(command: Command) -> Result<u8, Failure> {
    let (terminal, opened, code) = match command {
        Command::Help(topic) => {
            let terminal = Terminal::new(crate::args::Output::default(), "");
            terminal.line(topic.text().trim_end());
            terminal.finish()?;
            return Ok(DONE);
        }
        Command::Run { folder, place, exclude, patience, output } => {
            let exclude = exclude.iter().try_fold(Exclude::new(), |exclude, pattern| exclude.pattern(pattern))?;
            let (terminal, opened) = (Terminal::new(output, "files"), open(&place, true).await?);
            let record = run(&opened.archive, &folder, RunOptions::new().exclude(exclude).patience(patience), &terminal).await?;
            let State::Finished(finished) = &record.state else { return Ok(FAILED) };
            let done = finished.summary;
            terminal.summary(&format!(
                "run {}: {}, {}; {} stored, {} unchanged, {}; {}, {}",
                record.id,
                count(done.files, "file"),
                size(done.bytes),
                done.stored,
                done.unchanged,
                count(done.problems, "problem"),
                count(done.added.chunks, "new chunk"),
                size(done.added.bytes)
            ));
            (terminal, opened, if done.problems == 0 { DONE } else { PROBLEMS })
        }
        Command::List { place, run, output } => {
            let (terminal, opened) = (Terminal::new(output, ""), open(&place, false).await?);
            let code = match run {
                Some(_) => list_entries(&opened, run.as_ref(), &terminal).await?,
                None => list_runs(&opened.archive.runs().await?, &terminal),
            };
            (terminal, opened, code)
        }
        Command::Verify { place, repair, output } => {
            let (terminal, opened) = (Terminal::new(output, "chunks"), open(&place, false).await?);
            let found = verify(&opened.archive, repair, &terminal).await?;
            terminal.summary(&format!(
                "verified {} and {}, {}: {}",
                count(found.runs, "run"),
                count(found.chunks, "chunk"),
                size(found.bytes),
                if found.damaged == 0 { "no damage".to_owned() } else { format!("{} of damage", count(found.damaged, "case")) }
            ));
            (terminal, opened, if found.damaged == 0 { DONE } else { PROBLEMS })
        }
        Command::Restore { place, folder, run, force, output } => {
            let (terminal, opened) = (Terminal::new(output, "files"), open(&place, false).await?);
            let record = opened.archive.run_or_latest(run.as_ref()).await?;
            if !matches!(record.state, State::Finished(_)) {
                let text = format!("run {} is unfinished; restoring what it had stored", record.id);
                terminal.event(Event::Note(&text));
            }
            let done = restore(&opened.archive, &record, &folder, force, &terminal).await?;
            terminal.summary(&format!(
                "restored run {}: {}, {}, {}, {}; {}",
                record.id,
                count(done.files, "file"),
                count(done.folders, "folder"),
                count(done.links, "link"),
                size(done.bytes),
                count(done.problems, "problem")
            ));
            (terminal, opened, if done.problems == 0 { DONE } else { PROBLEMS })
        }
        Command::Prune { place, keep, forget, patience, output } => {
            let (terminal, opened) = (Terminal::new(output, ""), open(&place, false).await?);
            let options = keep.into_iter().fold(PruneOptions::new().patience(patience), PruneOptions::keep);
            let options = forget.into_iter().fold(options, PruneOptions::forget);
            let done = prune(&opened.archive, &options, &terminal).await?;
            terminal.summary(&format!(
                "removed {} and {}, {}",
                count(done.runs, "run"),
                count(done.chunks, "chunk"),
                size(done.bytes)
            ));
            (terminal, opened, DONE)
        }
    };
    opened.close().await?;
    terminal.finish()?;
    Ok(code)
}

fn list_runs(runs: &[FoundRun], terminal: &Terminal) -> u8 {
    let mut code = DONE;
    for run in runs {
        let text = match &run.record {
            Err(error) => {
                code = PROBLEMS;
                format!("damaged     {}", error.message())
            }
            Ok(record) => {
                let source = TreePath::join(&TreePath::root(), std::os::unix::ffi::OsStrExt::from_bytes(&record.source));
                match &record.state {
                    State::Finished(finished) => {
                        let done = &finished.summary;
                        let (total, new) = (size(done.bytes), size(done.added.bytes));
                        format!("complete    {:>8} files  {total:>10}  {new:>10} new  {source}", done.files)
                    }
                    State::Running { .. } | State::Abandoned => format!("unfinished  {:>41}  {source}", ""),
                }
            }
        };
        terminal.line(&format!("{}  {text}", run.id));
    }
    code
}

async fn list_entries(
    opened: &Opened,
    run: Option<&circle_core_examples::archive::record::RunId>,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let record = opened.archive.run_or_latest(run).await?;
    let mut entries = opened.archive.entries(&record)?;
    let mut code = DONE;
    loop {
        match entries.try_next().await {
            Ok(Some(entry)) => terminal.line(&entry_line(&entry)),
            Ok(None) => return Ok(code),
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
                terminal.event(Event::Problem { path: None, text: error.message() });
                code = PROBLEMS;
                return Ok(code);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn entry_line(entry: &Entry) -> String {
    let (letter, size, rest) = match &entry.kind {
        Kind::Folder => ('d', String::new(), String::new()),
        Kind::File { content, .. } => ('-', content.size.to_string(), String::new()),
        Kind::Link { target } => {
            let target: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(target);
            ('l', String::new(), format!(" -> {}", TreePath::root().join(target)))
        }
    };
    let modified = Timestamp::from_unix(entry.modified.0, 0);
    format!("{letter}{:04o} {size:>12} {modified} {}{rest}", entry.mode, entry.path)
}
